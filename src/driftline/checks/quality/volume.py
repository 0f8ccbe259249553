"""Events a minute: a window beside the same hour of the weeks before it.

The reference does not serve here: a training file is often a sample of the traffic, and its rate says nothing of the
stream's. What the stream itself did a week ago does, at the same hour of the week, so that nights and weekends are no
change. With r the logarithm of a window's rate, and r̃ the median of those 1 to 4 weeks before it, the residual is
e = r - r̃. How far residuals of unchanged traffic spread is estimated by those of the windows before, and is never less
than counting alone gives (Poisson). As the hours of one day have much in common, the estimate has only as many degrees
of freedom as there were days, less one: the test is Student's, and wants a great deal after a week, little after four.
"""

from __future__ import annotations

import math
from statistics import median
from typing import Final

from msgspec import Struct
from scipy import stats

from driftline.checks.contract.closed_window import VolumeReference

HOUR_MS: Final = 3_600_000
WEEK_HOURS: Final = 168
WEEKS: Final = 4
"""Weeks that are looked back on."""
MIN_RESIDUALS: Final = 20
"""Windows with a week before them that there must have been; and as many of another day as make 2 days."""
_MINUTE_MS: Final = 60_000


class VolumeEntry(Struct, frozen=True, array_like=True):
    """One window: its events, its length, and how far its log rate lay from what was expected."""

    n: int
    span_ms: int
    residual: float | None
    whole: bool = True
    """Whether the stream had begun when the window did; with another it is no measure for later weeks."""


VolumeState = dict[int, VolumeEntry]
"""By the hour since the epoch in which the window begins."""


class WindowVolumes:
    """The volume of the windows of one size over the last four weeks.

    Windows shorter than an hour are looked at once an hour, the first of each: what minute of the hour it is matters,
    and four weeks of five minutes each would be 8,000 windows.

    Notes
    -----
    *State*: at most 672 windows, some 12 KB. It depends on no profile, so a new one does not begin it anew.
    """

    def __init__(self) -> None:
        self._entries: VolumeState = {}

    def reference(self, start_ms: int, end_ms: int, n: int) -> VolumeReference | None:
        """Return what a window's volume is held against; None while too little is known, or it is not looked at."""
        hour = start_ms // HOUR_MS
        peers = self._peers(hour)
        before = [(key, entry.residual) for key, entry in self._entries.items() if entry.residual is not None]
        n_days = len({key // 24 for key, _ in before})
        if hour in self._entries or n < 1 or end_ms <= start_ms or not peers:
            return None
        if len(before) < MIN_RESIDUALS or n_days < 2:  # noqa: PLR2004  # a spread takes two
            return None
        rate = math.exp(median(_log_rate(entry.n, entry.span_ms) for entry in peers))
        expected = max(1.0, rate * (end_ms - start_ms) / _MINUTE_MS)
        counting = 1 / expected + 1 / sum(entry.n for entry in peers)
        seen = math.fsum(residual * residual for _, residual in sorted(before)) / len(before)
        return VolumeReference(
            rate=rate,
            n=sum(entry.n for entry in peers),
            weeks=len(peers),
            spread=math.sqrt(max(seen, counting)),
            degrees_of_freedom=n_days - 1,
        )

    def add(self, start_ms: int, end_ms: int, n: int) -> None:
        """Remember a window, whatever came of it; the first one is none that later weeks are compared with."""
        hour = start_ms // HOUR_MS
        if hour in self._entries or n < 1 or end_ms <= start_ms:
            return
        peers = self._peers(hour)
        log_rate = _log_rate(n, end_ms - start_ms)
        residual = log_rate - median(_log_rate(each.n, each.span_ms) for each in peers) if peers else None
        # The first window of a stream begins before the stream does: its rate is that of a part of it.
        self._entries[hour] = VolumeEntry(n, end_ms - start_ms, residual, whole=bool(self._entries))
        oldest = hour - WEEKS * WEEK_HOURS
        self._entries = {key: entry for key, entry in self._entries.items() if key >= oldest}

    def _peers(self, hour: int) -> list[VolumeEntry]:
        weeks = (self._entries.get(hour - week * WEEK_HOURS) for week in range(1, WEEKS + 1))
        return [entry for entry in weeks if entry is not None and entry.whole]

    @property
    def state(self) -> VolumeState:
        """What is kept: windows by the hour since the epoch in which they begin, ascending."""
        return dict(sorted(self._entries.items()))

    @classmethod
    def of(cls, state: VolumeState) -> WindowVolumes:
        """Return the watch with a state."""
        watch = cls()
        watch._entries = state  # its own
        return watch


def volume_p_value(reference: VolumeReference, n: int, span_ms: int) -> float:
    """Return the two-sided p-value of n events in so many milliseconds.

    Examples
    --------
    >>> usual = VolumeReference(rate=100.0, n=24_000, weeks=4, spread=0.1, degrees_of_freedom=20)
    >>> volume_p_value(usual, 5_700, HOUR_MS) > 0.5, volume_p_value(usual, 1_500, HOUR_MS) < 1e-9
    (True, True)
    """
    off = _log_rate(n, span_ms) - math.log(reference.rate)
    return min(1.0, 2 * float(stats.t.sf(abs(off) / reference.spread, reference.degrees_of_freedom)))


def _log_rate(n: int, span_ms: int) -> float:
    return math.log(n) - math.log(span_ms / _MINUTE_MS)
