"""Whole columns of event times: what needs no closer look is taken together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftline.events.times import (
    EARLIEST_MS,
    FAR_MS,
    LATEST_MS,
    SMALL,
    TRUSTED_MS,
    YEAR_1971_MS,
    YEAR_2100_MS,
    likely_unit,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.config.field_places import TimeUnit

_LARGEST: Final = 1 << 62


def are_plausible(times_ms: NDArray[np.int64], stamps_ms: NDArray[np.int64]) -> bool:
    """Whether none of n times in milliseconds is plausible only in another unit; both of shape (n,).

    Examples
    --------
    >>> now = np.array([1_772_366_400_000])
    >>> [are_plausible(now, now), are_plausible(now // 1000, now), are_plausible(now // 1000, now * 0 - 1)]
    [True, False, False]
    """
    usual = _usual(times_ms, stamps_ms) | (np.abs(times_ms) <= SMALL)
    if usual.all():
        return True
    unusual = np.flatnonzero(~usual)
    pairs = zip(times_ms[unusual].tolist(), stamps_ms[unusual].tolist(), strict=True)
    return not any(likely_unit(time, "ms", stamp) for time, stamp in pairs)


def whole_times(values: Sequence[Any], unit: TimeUnit, stamps_ms: Sequence[int]) -> Sequence[int] | None:
    """Return whole numbers since the epoch in milliseconds; None where one needs a closer look."""
    if set(map(type, values)) != {int} or min(values) < -_LARGEST or max(values) > _LARGEST:
        return None
    numbers, stamps = np.array(values, dtype=np.int64), np.array(stamps_ms, dtype=np.int64)
    if unit == "ms":
        inside = numbers.min() >= EARLIEST_MS and numbers.max() <= LATEST_MS
        return values if inside and are_plausible(numbers, stamps) else None
    if unit == "s" and np.abs(numbers).max() > LATEST_MS // 1000:
        return None
    by = {"us": 1_000, "ns": 1_000_000}.get(unit, 1)
    times = numbers * 1_000 if unit == "s" else (numbers + by // 2) // by
    found: list[int] = times.tolist()
    return found if _usual(times, stamps).all() else None


def _usual(times_ms: NDArray[np.int64], stamps_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which times are near the Kafka timestamps, or where there is none in years that events are of."""
    told = stamps_ms >= TRUSTED_MS
    usual: NDArray[np.bool_] = told & (np.abs(times_ms - stamps_ms) <= FAR_MS)
    if not usual.all():
        usual |= ~told & (times_ms >= YEAR_1971_MS) & (times_ms <= YEAR_2100_MS)
    return usual
