"""Reference rows whose values stand within objects: which columns they make, and which of these are none."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftline.events.features import flattened, is_within, outer_names
from driftline.profiles.building.column_values import ColumnValues, without_nan

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

_SCALARS: Final = (str, int, float, bool, Decimal)


def flat_rows(rows: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Return rows flattened (:func:`driftline.events.features.flattened`), with the same columns in whatever order.

    A name that some row has a value for other than an object is a column of its own, and is opened in no row: its
    objects are of a wrong type.

    Examples
    --------
    >>> flat_rows([{"user": {"age": 41}, "x": 1}, {"user": {"age": 35}, "x": {"y": 2}}])
    [{'x': 1, 'user.age': 41}, {'x': {'y': 2}, 'user.age': 35}]
    """
    opened = [flattened(row) for row in rows]
    if all(flat is row for flat, row in zip(opened, rows, strict=True)):
        return rows
    names = {name for row in opened for name in row}
    plain = {name for row in opened for name, value in row.items() if value is not None and not isinstance(value, dict)}
    outer = {each for name in names for each in outer_names(name)}
    opened = [flattened(row, names - (outer - plain)) for row in rows]
    within = {each for row in opened for name in row for each in outer_names(name)}
    return [{name: value for name, value in row.items() if value is not None or name not in within} for row in opened]


def columns_of_rows(rows: Sequence[Mapping[str, Any]]) -> dict[str, Sequence[object]]:
    """Return the values of each name in rows that are flat, None where a row lacks it; names in order of appearance."""
    return {name: [row.get(name) for row in rows] for name in dict.fromkeys(name for row in rows for name in row)}


def with_objects_opened(
    columns: Sequence[tuple[str, NDArray[np.float64] | Sequence[object]]], drop: Collection[str]
) -> dict[str, NDArray[np.float64] | Sequence[object]]:
    """Return columns by name where those that hold objects are flattened, without the names in ``drop``.

    Of columns with one name the first that has a value counts, row by row.
    """
    found: dict[str, NDArray[np.float64] | Sequence[object]] = {}
    objects = {}
    for name, values in columns:
        if not isinstance(values, np.ndarray) and any(isinstance(value, dict) for value in values):
            objects[name] = values
        else:
            found[name] = _first_of(found[name], values) if name in found else values
    rows = [dict(zip(objects, row, strict=True)) for row in zip(*objects.values(), strict=True)]
    for name, values in columns_of_rows(flat_rows(rows)).items():
        if not is_within(name, drop):
            listed = without_nan(values)
            found[name] = _first_of(found[name], listed) if name in found else listed
    return found


def _first_of(
    values: NDArray[np.float64] | Sequence[object], others: NDArray[np.float64] | Sequence[object]
) -> NDArray[np.float64] | Sequence[object]:
    """Return values, and where there is none the other ones."""
    if isinstance(values, np.ndarray) and isinstance(others, np.ndarray):
        return np.where(np.isnan(values), others, values)
    pairs = zip(ColumnValues(values).listed, ColumnValues(others).listed, strict=True)
    return [other if value is None else value for value, other in pairs]


def without_nested(
    columns: Mapping[str, NDArray[np.float64] | Sequence[object]],
) -> tuple[dict[str, NDArray[np.float64] | Sequence[object]], tuple[str, ...]]:
    """Return the columns that hold numbers, texts or truth values, and the names of those that hold nothing of these.

    What a column that is left out holds are lists, objects too deep to be opened, dates or bytes. A column without any
    value is not left out.
    """
    kept = {}
    left_out = []
    for name, values in columns.items():
        if isinstance(values, np.ndarray) or not _is_nested(values):
            kept[name] = values
        else:
            left_out.append(name)
    return kept, tuple(left_out)


def nested_remarks(left_out: Iterable[str]) -> tuple[str, ...]:
    """Return the remark on each column that :func:`without_nested` left out."""
    return tuple(
        f"column `{name}` holds lists or other values that are neither numbers nor text: it is left out"
        for name in left_out
    )


def droppable(names: Iterable[str], drop: Collection[str]) -> list[str]:
    """Return what is to be dropped of flattened columns and of the objects that these are in."""
    found = {each for name in names for each in (name, *outer_names(name))}
    return [name for name in drop if name in found]


def chosen_names(names: Iterable[str], chosen: Collection[str]) -> list[str]:
    """Return the names that are chosen, or are within an object that is."""
    return [name for name in names if is_within(name, chosen)]


def _is_nested(values: Sequence[object]) -> bool:
    some = False
    for value in values:
        if isinstance(value, _SCALARS):
            return False
        some = some or value is not None
    return some
