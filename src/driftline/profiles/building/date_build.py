"""Reference columns that hold dates, and are watched as numbers where the configuration says which."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Final, TypeGuard

import numpy as np

from driftline.errors import ProfileError
from driftline.profiles.building.coded_values import different
from driftline.profiles.building.column_values import ColumnValues, numeric_column
from driftline.profiles.task import NO_TIME
from driftline.sketches.columns import DateColumn, DateMeasure
from driftline.sketches.date_values import date_numbers, date_times
from driftline.sketches.encoding import EncodedColumn, encode_numeric

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

DATE_KINDS: Final = ("age", "hour", "weekday")
_DATE: Final = re.compile(r"\s*\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.*)?\s*", re.ASCII)


def is_date_kind(kind: str | None) -> TypeGuard[DateMeasure]:
    """Return whether a column of this kind holds dates."""
    return kind in DATE_KINDS


def date_column(
    name: str,
    measure: DateMeasure,
    values: NDArray[np.float64] | Sequence[object],
    events_ms: NDArray[np.int64] | None,
) -> DateColumn:
    """Return the column that n dates make.

    Parameters
    ----------
    name : str
    measure : {"age", "hour", "weekday"}
    values : ndarray or sequence, shape (n,)
        Dates, as :func:`driftline.sketches.date_values.date_times` reads them.
    events_ms : ndarray of int64, shape (n,), optional
        Start of the pane of each row's event time; ``NO_TIME`` where a row has none.

    Raises
    ------
    ProfileError
        When ages are asked for and no row has an event time.
    """
    if measure == "age" and events_ms is None:
        message = (
            f"column `{name}` is configured as an age, which is counted to each row's event time, and the rows have no "
            f"times: name their column with --time-column, or configure `columns.{name}.kind: ignore`"
        )
        raise ProfileError(message)
    numbers, _ = _numbers(measure, values, events_ms)
    grid = numeric_column(name, "feature", numbers[np.isfinite(numbers)])
    return DateColumn(name, "feature", grid.edge_bytes, grid.mean, grid.spread, grid.minimum, grid.maximum, measure)


def encode_date(
    column: DateColumn, values: NDArray[np.float64] | Sequence[object], events_ms: NDArray[np.int64] | None
) -> EncodedColumn:
    """Return the bins of n dates in a column."""
    return encode_numeric(column, *_numbers(column.measure, values, events_ms))


def pane_starts(times_ms: NDArray[np.int64] | None, pane_ms: int) -> NDArray[np.int64] | None:
    """Return the start of the pane of each event time, shape (n,); ``NO_TIME`` stays."""
    if times_ms is None:
        return None
    return np.where(times_ms == NO_TIME, NO_TIME, times_ms // pane_ms * pane_ms)


def date_remark(name: str) -> str:
    """Return the remark on a column of dates that is left out."""
    return (
        f"column `{name}` holds dates: it is left out, as dates move on by themselves; `columns.{name}.kind: age` "
        "watches how many days before the event they are, `kind: hour` and `kind: weekday` when they are"
    )


def hold_dates(values: Sequence[object]) -> bool:
    """Return whether values are dates, as objects or in text, and at least one is.

    Examples
    --------
    >>> hold_dates(["2026-03-01", None]), hold_dates(["2026-03-01", "soon"]), hold_dates([None])
    (True, False, False)
    """
    some = False
    for value in different(values):
        if value is not None:
            if not isinstance(value, date) and not (isinstance(value, str) and _DATE.fullmatch(value)):
                return False
            some = True
    return some


def _numbers(
    measure: DateMeasure, values: NDArray[np.float64] | Sequence[object], events_ms: NDArray[np.int64] | None
) -> tuple[NDArray[np.float64], list[tuple[int, int]]]:
    times, exceptions = date_times(ColumnValues(values).listed)
    numbers = date_numbers(measure, times, events_ms)
    if measure == "age" and events_ms is not None:
        numbers[events_ms == NO_TIME] = np.nan
    return numbers, exceptions
