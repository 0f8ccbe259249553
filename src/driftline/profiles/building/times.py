"""Event times of reference rows: epoch milliseconds, from dates, numbers or RFC 3339 as events have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import narwhals as nw
import numpy as np

from driftline.errors import EventError, ProfileError
from driftline.events.prediction import Timestamp
from driftline.events.times import EARLIEST_MS, LATEST_MS, epoch_ms
from driftline.profiles.task import NO_TIME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

EXPECTED: Final = "times: dates, epoch milliseconds or RFC 3339"


def times_of_series(series: nw.Series[Any], at: str) -> NDArray[np.int64]:
    """Return the times of a frame's column, shape (n,); ``NO_TIME`` where there is none.

    Raises
    ------
    ProfileError
        When a value is no time; says which.
    """
    dtype = series.dtype
    if isinstance(dtype, nw.Date):
        series = series.cast(nw.Datetime("ms"))
    if isinstance(series.dtype, nw.Datetime):
        absent = series.is_null().to_numpy()
        whole = series.dt.timestamp("ms").fill_null(0).to_numpy()
        return _checked(np.where(absent, NO_TIME, whole.astype(np.int64)), at)
    if dtype.is_numeric() and not isinstance(dtype, nw.Decimal):
        numbers = np.asarray(series.cast(nw.Float64).to_numpy(), dtype=np.float64)
        finite = np.isfinite(numbers)
        rounded = np.rint(np.where(finite & (np.abs(numbers) <= LATEST_MS), numbers, LATEST_MS + 1.0))
        return _checked(np.where(finite, rounded.astype(np.int64), NO_TIME), at)
    return times_of(series.to_list(), at)


def times_of(values: Sequence[object], at: str) -> NDArray[np.int64]:
    """Return times given as JSON has them, shape (n,); None has no time.

    Raises
    ------
    ProfileError
        When a value is no time; says which.

    Examples
    --------
    >>> times_of([1000, "1970-01-01T00:00:02Z"], "x.csv").tolist()
    [1000, 2000]
    """
    times = np.full(len(values), NO_TIME)
    for row, value in enumerate(values):
        if value is None or value != value:  # noqa: PLR0124  # not-a-number is missing, as in every column of a frame
            continue
        try:
            times[row] = epoch_ms(msgspec.convert(value, Timestamp))
        except (msgspec.ValidationError, EventError, OverflowError) as error:
            message = f"Expected {EXPECTED}, got {value!r} in row {row + 1} - at `{at}`"
            raise ProfileError(message) from error
    return times


def or_none(times_ms: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Return the times, or None where no row has one."""
    return times_ms if bool((times_ms != NO_TIME).any()) else None


def _checked(times_ms: NDArray[np.int64], at: str) -> NDArray[np.int64]:
    wrong = (times_ms != NO_TIME) & ((times_ms < EARLIEST_MS) | (times_ms > LATEST_MS))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        message = f"Expected {EXPECTED} of the years 1000 to 9998, got another in row {row + 1} - at `{at}`"
        raise ProfileError(message)
    return times_ms
