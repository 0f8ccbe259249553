"""Event time of one source partition: its running maximum, and what is late against it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BEGINNING: Final = -(1 << 62)
"""Before any event time; far enough from int64's end to be added to."""


class Arrivals(NamedTuple):
    """How n events of one source partition stand to its clock, in the order of their offsets."""

    late: NDArray[np.bool_]
    """The event's pane may be closed already."""
    pane_ms: NDArray[np.int64]
    """Start of the event's pane; for a late event, of the pane that was newest when it came."""
    effective_ms: NDArray[np.int64]
    """The event's time, or the watermark it came under where that is later: never before anything that was closed."""

    def chosen(self, rows: NDArray[np.int64]) -> Arrivals:
        """Return some of them."""
        return Arrivals(self.late[rows], self.pane_ms[rows], self.effective_ms[rows])


class SourceClock:
    """Running maximum of one partition's event times.

    Whether an event is late is decided by the events before it in its own partition, so neither batch sizes nor other
    partitions change the answer.

    ``running_max_ms`` comes from the metadata of the committed offset.
    """

    __slots__ = ("_lateness_ms", "_pane_ms", "running_max_ms")

    def __init__(self, pane_ms: int, lateness_ms: int, running_max_ms: int | None = None) -> None:
        self._pane_ms = pane_ms
        self._lateness_ms = lateness_ms
        self.running_max_ms = running_max_ms

    @property
    def watermark_ms(self) -> int | None:
        """No event before this counts any more; None before the first event."""
        return None if self.running_max_ms is None else self.running_max_ms - self._lateness_ms

    def advance_to(self, watermark_ms: int) -> None:
        """Let the watermark be here at least, where no event brought it."""
        running_max_ms = watermark_ms + self._lateness_ms
        self.running_max_ms = (
            running_max_ms if self.running_max_ms is None else max(self.running_max_ms, running_max_ms)
        )

    def advance(self, times_ms: NDArray[np.int64]) -> Arrivals:
        """Take in events in the order of their offsets.

        Examples
        --------
        >>> clock = SourceClock(pane_ms=10, lateness_ms=20)
        >>> clock.advance(np.array([100, 80, 79, 120])).late.tolist()
        [False, False, True, False]
        >>> clock.watermark_ms
        100
        """
        start = BEGINNING if self.running_max_ms is None else self.running_max_ms
        running = np.maximum.accumulate(np.concatenate([[start], times_ms]))
        before, at = running[:-1], running[1:]
        pane = times_ms - times_ms % self._pane_ms
        late = pane + self._pane_ms <= before - self._lateness_ms
        newest = before - before % self._pane_ms
        if times_ms.size:
            self.running_max_ms = int(at[-1])
        return Arrivals(late, np.where(late, newest, pane), np.maximum(times_ms, at - self._lateness_ms))
