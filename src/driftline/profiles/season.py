"""Hours of the week: so that Monday 09:00 can be compared with Monday 09:00."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.profiles.weighting import combined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.profiles.profile import Profile

HOUR_MS: Final = 3_600_000
HOURS: Final = 168
"""Slots of a week; the first is Monday 00:00 to 01:00 UTC."""
_EPOCH_SLOT: Final = 72
"""1 January 1970 was a Thursday."""


def week_and_slot(times_ms: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the week and the hour of the week of each time, in UTC; both of the times' shape.

    Examples
    --------
    >>> monday_9 = 1_767_603_600_000  # 2026-01-05T09:00:00Z
    >>> [part.tolist() for part in week_and_slot(np.array([monday_9, monday_9 + 168 * HOUR_MS]))]
    [[2923, 2924], [9, 9]]
    """
    week, slot = np.divmod(times_ms // HOUR_MS + _EPOCH_SLOT, HOURS)
    return week, slot


def overlaps(start_ms: int, end_ms: int) -> dict[int, int]:
    """Return how many milliseconds of each slot lie in [start_ms, end_ms).

    Examples
    --------
    >>> overlaps(1_767_603_600_000, 1_767_607_200_000 + 60_000)
    {9: 3600000, 10: 60000}
    """
    weeks = max(0, end_ms - start_ms) // (HOURS * HOUR_MS)
    found = dict.fromkeys(range(HOURS), weeks * HOUR_MS) if weeks else {}
    start_ms += weeks * HOURS * HOUR_MS
    hours = range(start_ms // HOUR_MS, -(-end_ms // HOUR_MS)) if start_ms < end_ms else ()
    for hour in hours:
        inside = min(end_ms, (hour + 1) * HOUR_MS) - max(start_ms, hour * HOUR_MS)
        slot = (hour + _EPOCH_SLOT) % HOURS
        found[slot] = found.get(slot, 0) + inside
    return found


class SeasonCounts(NamedTuple):
    """The reference of a stretch of the week.

    Attributes
    ----------
    counts : ndarray of int64, shape (base groups,)
    n : int
        Their sum, which is the effective number of values where the slots weigh differently.
    weeks : int
        Weeks in which the least known slot of those that the stretch covers was seen.
    """

    counts: NDArray[np.int64]
    n: int
    weeks: int


def season_counts(profile: Profile, column: int, start_ms: int, end_ms: int) -> SeasonCounts | None:
    """Return the reference counts of the hours of the week that a window covers.

    Parameters
    ----------
    profile : Profile
    column : int
        Index of the column.
    start_ms, end_ms : int
        The window, milliseconds since the epoch.

    Returns
    -------
    SeasonCounts or None
        Each slot counts as often as it comes in the window, by the values that it held on average in a week it was
        seen in. A window that lies in one slot, or covers slots equally often, gets the plain sum of their counts;
        otherwise counts are scaled to their effective number (:mod:`driftline.profiles.weighting`). None without a
        history, or where a slot of the window was never seen.

    Notes
    -----
    *Cost*: one pass over the slots' base groups, 54 KB at most.
    """
    history = profile.history
    if history is None or end_ms <= start_ms:
        return None
    covered = overlaps(start_ms, end_ms)
    weeks = history.weeks.unpacked()
    slots = sorted(covered)
    seen = [int(weeks[slot]) for slot in slots]
    if min(seen) == 0:
        return None
    multiple = math.lcm(*seen)
    weights = [covered[slot] * (multiple // n) for slot, n in zip(slots, seen, strict=True)]
    divisor = math.gcd(*weights)
    counts, n = combined(history.season(column)[slots], [weight // divisor for weight in weights])
    return SeasonCounts(counts, n, min(seen))
