"""Dates as numbers: how long before the event they lie, and when in the day or week they are."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftline.errors import EventError
from driftline.events.dead_letter import IMPLAUSIBLE_TIME
from driftline.events.times import (
    EARLIEST_MS,
    LATEST_MS,
    SMALL,
    YEAR_1971_MS,
    YEAR_2100_MS,
    TimeForm,
    likely_unit,
    read_time,
)
from driftline.sketches.columns import INFINITE, MISSING, NOT_A_NUMBER, WRONG_TYPE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.sketches.columns import DateMeasure

DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000
_MONDAY: Final = 3
"""Days from the Monday before it to the first of January 1970."""
_NUMBERS: Final = frozenset((int, float))
_PLAIN: Final = re.compile(r"(?:\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d:\d\d(?:\.\d{1,3})?Z?)?\n)*", re.ASCII)
"""Texts that NumPy reads as driftline does, one a line: RFC 3339 to the millisecond in UTC, and dates."""


def date_times(values: Sequence[Any]) -> tuple[NDArray[np.float64], list[tuple[int, int]]]:
    """Return n dates or times in milliseconds since the epoch, and the row and quality code of each that is none.

    Values are those that :func:`driftline.events.times.read_time` reads: dates, texts and epoch milliseconds. A number
    that is a time of our days in another unit alone is read in that unit. Not-a-number stands where there is none,
    without a code where the value is None. What is returned of a value does not depend on the others.

    Examples
    --------
    >>> date_times(["1970-01-02", None, 86_400_000, "soon"])
    (array([86400000.,       nan, 86400000.,       nan]), [(3, 3)])
    """
    times = np.full(len(values), np.nan)
    rows = [row for row, value in enumerate(values) if value is not None]
    present = [value for value in values if value is not None] if len(rows) < len(values) else values
    together = _together(present)
    if together is not None:
        times[rows] = together
        return times, []
    exceptions = []
    for row, value in zip(rows, present, strict=True):
        times[row], code = _one(value)
        if code is not None:
            exceptions.append((row, code))
    return times, exceptions


def date_numbers(
    measure: DateMeasure, times_ms: NDArray[np.float64], events_ms: NDArray[np.int64] | None
) -> NDArray[np.float64]:
    """Return what is measured of n dates, shape (n,), not-a-number where there is none.

    Parameters
    ----------
    measure : {"age", "hour", "weekday"}
        Days from the date to the event, hour of the day, or day of the week from 0, Monday; in UTC.
    times_ms : ndarray of float64, shape (n,)
        The dates, milliseconds since the epoch.
    events_ms : ndarray of int64, shape (n,), optional
        Start of each event's pane, of which an age needs to know.
    """
    if measure == "hour":
        hours: NDArray[np.float64] = np.mod(times_ms, DAY_MS) / HOUR_MS
        return hours
    if measure == "weekday":
        weekdays: NDArray[np.float64] = np.mod(np.floor_divide(times_ms, DAY_MS) + _MONDAY, 7.0)
        return weekdays
    events = np.nan if events_ms is None else events_ms.astype(np.float64)
    ages: NDArray[np.float64] = (events - times_ms) / DAY_MS
    return ages


def _together(values: Sequence[Any]) -> NDArray[np.float64] | None:
    """Return times that need no closer look, shape (n,), or None where one does."""
    kinds = set(map(type, values))
    if kinds <= _NUMBERS:
        return _of_numbers(values)
    if kinds == {str} and _PLAIN.fullmatch(text := "\n".join((*values, ""))) is not None:
        return _of_texts(text)
    return None


def _of_numbers(values: Sequence[float]) -> NDArray[np.float64] | None:
    try:
        numbers = np.array(values, dtype=np.float64)
    except OverflowError:  # a whole number beyond 1.8e308
        return None
    in_ms = (numbers >= YEAR_1971_MS) & (numbers <= YEAR_2100_MS)
    in_ms |= (numbers >= EARLIEST_MS) & (numbers <= SMALL)
    return np.rint(numbers) + 0.0 if bool(in_ms.all()) else None  # no negative zero


def _of_texts(lines: str) -> NDArray[np.float64] | None:
    try:
        times = np.array(lines.replace("Z\n", "\n").split("\n")[:-1], dtype="datetime64[ms]").astype(np.int64)
    except ValueError:  # no such day or hour
        return None
    return times.astype(np.float64) if bool(((times >= EARLIEST_MS) & (times <= LATEST_MS)).all()) else None


def _one(value: object) -> tuple[float, int | None]:
    if isinstance(value, str) and not value.strip():
        return math.nan, MISSING
    if isinstance(value, float) and not math.isfinite(value):
        return math.nan, NOT_A_NUMBER if math.isnan(value) else INFINITE
    try:
        return float(_time_ms(value)), None
    except (EventError, ValueError, OverflowError):  # a decimal that signals is no number
        return math.nan, WRONG_TYPE


def _time_ms(value: object) -> int:
    try:
        return read_time(value)
    except EventError as error:
        if error.reason != IMPLAUSIBLE_TIME or isinstance(value, dict):
            raise
        unit = likely_unit(float(str(value)), "ms", -1)
        if unit is None:
            raise
        return read_time(value, TimeForm(unit))
