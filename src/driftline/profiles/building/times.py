"""Event times of reference rows: epoch milliseconds, from dates, numbers or RFC 3339 as events have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import narwhals as nw
import numpy as np

from driftline.errors import EventError, ProfileError
from driftline.events.dead_letter import IMPLAUSIBLE_TIME
from driftline.events.times import (
    EARLIEST_MS,
    LATEST_MS,
    MILLISECONDS,
    MS_PER_UNIT,
    UNIT_NAMES,
    YEAR_1971_MS,
    YEAR_2100_MS,
    TimeForm,
    likely_unit,
    read_time,
)
from driftline.profiles.building.frame_values import json_values
from driftline.profiles.task import NO_TIME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_EXACT: Final = 1 << 53
EXPECTED: Final = "times: dates, epoch milliseconds or RFC 3339"


def times_of_series(series: nw.Series[Any], at: str, form: TimeForm = MILLISECONDS) -> NDArray[np.int64]:
    """Return the times of a frame's column, shape (n,); ``NO_TIME`` where there is none.

    ``form`` says in which unit numbers are, and how texts are written.

    Raises
    ------
    ProfileError
        When a value is no time, or must be in another unit; says which.
    """
    dtype = series.dtype
    if isinstance(dtype, nw.Date):
        series = series.cast(nw.Datetime("ms"))
    if isinstance(series.dtype, nw.Datetime):
        absent = series.is_null().to_numpy()
        whole = series.dt.timestamp("ms").fill_null(0).to_numpy()
        return _checked(np.where(absent, NO_TIME, whole.astype(np.int64)), at)
    if dtype.is_integer() and not _fit_float(series):
        return times_of(json_values(series), at, form)
    if dtype.is_numeric() and not isinstance(dtype, nw.Decimal):
        numbers = np.asarray(series.cast(nw.Float64).to_numpy(), dtype=np.float64)
        finite = np.isfinite(numbers)
        _require_unit(numbers, form, at)
        scaled = numbers * MS_PER_UNIT[form.unit]
        rounded = np.rint(np.where(finite & (np.abs(scaled) <= LATEST_MS), scaled, LATEST_MS + 1.0))
        return _checked(np.where(finite, rounded.astype(np.int64), NO_TIME), at)
    return times_of(json_values(series), at, form)


def times_of(values: Sequence[object], at: str, form: TimeForm = MILLISECONDS) -> NDArray[np.int64]:
    """Return times given as JSON has them, shape (n,); None has no time.

    ``form`` says in which unit numbers are, and how texts are written.

    Raises
    ------
    ProfileError
        When a value is no time, or must be in another unit; says which.

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
            times[row] = read_time(value, form)
        except EventError as error:
            message = f"Expected {EXPECTED}, got {value!r} in row {row + 1} - at `{at}`"
            if error.reason == IMPLAUSIBLE_TIME:
                message = _other_unit(float(str(value)), row, form, at)
            raise ProfileError(message) from error
    return times


def _fit_float(series: nw.Series[Any]) -> bool:
    """Whether all whole numbers of a column are exact as float64; those of nanoseconds are not."""
    found = series.drop_nulls()
    return len(found) == 0 or (found.min() >= -_EXACT and found.max() <= _EXACT)


def _require_unit(numbers: NDArray[np.float64], form: TimeForm, at: str) -> None:
    """Check that no number is plausible only in another unit."""
    usual = np.isnan(numbers) | ((numbers >= YEAR_1971_MS) & (numbers <= YEAR_2100_MS) & (form.unit == "ms"))
    for row in np.flatnonzero(~usual).tolist():
        if likely_unit(float(numbers[row]), form.unit, -1) is not None:
            raise ProfileError(_other_unit(float(numbers[row]), row, form, at))


def _other_unit(number: float, row: int, form: TimeForm, at: str) -> str:
    other = likely_unit(number, form.unit, -1)
    return (
        f"Expected times in {UNIT_NAMES[form.unit]}, got {number:.15g} in row {row + 1}, a time of our days in "
        f"{UNIT_NAMES[other or form.unit]} - at `{at}`. Give `--time-unit {other}`, or the unit in the configuration: "
        f"`ts: {{{form.shown}, unit: {other}}}`"
    )


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
