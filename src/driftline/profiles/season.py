"""Hours of the week: so that Monday 09:00 can be compared with Monday 09:00."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


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


def slot_of(time_ms: int) -> int:
    """Return the hour of the week of one time, in UTC.

    Examples
    --------
    >>> slot_of(1_767_603_600_000)  # 2026-01-05T09:00:00Z, a Monday
    9
    """
    return (time_ms // HOUR_MS + _EPOCH_SLOT) % HOURS


def overlaps_of_slot(slot: int, length_ms: int) -> dict[int, int]:
    """Return how many milliseconds of each slot lie in a stretch that begins with a slot.

    Examples
    --------
    >>> overlaps_of_slot(167, HOUR_MS + 60_000)
    {167: 3600000, 0: 60000}
    """
    start_ms = (slot - _EPOCH_SLOT) * HOUR_MS
    return overlaps(start_ms, start_ms + length_ms)


def overlaps(start_ms: int, end_ms: int) -> dict[int, int]:
    """Return how many milliseconds of each slot lie in [start_ms, end_ms).

    Examples
    --------
    >>> overlaps(1_767_603_600_000, 1_767_607_200_000 + 60_000)
    {9: 3600000, 10: 60000}
    """
    weeks = max(0, end_ms - start_ms) // (HOURS * HOUR_MS)
    inside_ms = dict.fromkeys(range(HOURS), weeks * HOUR_MS) if weeks else {}
    start_ms += weeks * HOURS * HOUR_MS
    hours = range(start_ms // HOUR_MS, -(-end_ms // HOUR_MS)) if start_ms < end_ms else ()
    for hour in hours:
        inside = min(end_ms, (hour + 1) * HOUR_MS) - max(start_ms, hour * HOUR_MS)
        slot = (hour + _EPOCH_SLOT) % HOURS
        inside_ms[slot] = inside_ms.get(slot, 0) + inside
    return inside_ms
