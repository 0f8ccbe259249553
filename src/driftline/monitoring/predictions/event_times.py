"""When the latest events were: dates "so many events ago", finely for what is near, coarsely for what is long ago."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

PER_LEVEL: Final = 12
"""Spans of one level; with more, the two oldest become one of the next level."""


class EventSpan(Struct, frozen=True, array_like=True):
    """A span of panes, in the order of time."""

    start_ms: int
    level: int
    """It holds at most 2 to the power of this panes."""
    n_events: int


class EventTimes(Struct, array_like=True):
    """Spans of event time and how many events each holds.

    Notes
    -----
    *State*: at most 12 spans for each factor of 2 in the number of panes. What lies n panes back is dated to n / 6.

    Examples
    --------
    >>> times = EventTimes()
    >>> for start_ms in range(0, 1_000, 10):
    ...     times.add(start_ms, 5)
    >>> [times.start_of(n) for n in (1, 5, 7, 8, 25, 10_000)]
    [990, 990, 990, 980, 950, 0]
    """

    spans: list[EventSpan] = []

    def add(self, start_ms: int, n_events: int) -> None:
        """Note a pane; panes come in the order of time."""
        self.spans.append(EventSpan(start_ms, 0, n_events))
        level, last = 0, len(self.spans)
        while True:
            first = next(i for i, span in enumerate(self.spans) if span.level <= level)
            if last - first <= PER_LEVEL:
                return
            older, newer = self.spans[first : first + 2]
            self.spans[first : first + 2] = [EventSpan(older.start_ms, level + 1, older.n_events + newer.n_events)]
            level, last = level + 1, first + 1

    def start_of(self, n_back: float) -> int:
        """Return the start of the span from which on there have been about ``n_back`` events, at least one span."""
        newer_ms = self.spans[-1].start_ms
        for span in reversed(self.spans):
            if n_back < span.n_events / 2:
                return newer_ms
            n_back -= span.n_events
            newer_ms = span.start_ms
        return newer_ms
