"""Reference rows whose values stand within objects: which columns they make, and which of these are none."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from driftline.events.features import flattened, is_within, outer_names
from driftline.profiles.building.coded_values import different
from driftline.profiles.building.column_values import ColumnValues, without_nan
from driftline.profiles.building.date_build import date_remark, hold_dates, is_date_kind
from driftline.profiles.building.stored_columns import some_of
from driftline.profiles.building.vectors import FEWEST_CONFIGURED, FEWEST_NUMBERS, Vectors, vectors_of
from driftline.profiles.remark import Contradiction
from driftline.sketches.embeddings import MAX_LENGTH

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from driftline.config.model import ColumnKind
    from driftline.profiles.building.coded_values import Values

Kinds = Mapping[str, "ColumnKind | None"]
"""Kind of each column that the configuration names; None where it names the column and no kind."""
NO_KINDS: Final[Kinds] = MappingProxyType({})
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


def holds_objects(values: Sequence[object]) -> bool:
    """Return whether objects are among values."""
    return any(isinstance(value, dict) for value in values)


def objects_opened(columns: Mapping[str, Sequence[object]], drop: Collection[str]) -> dict[str, list[object]]:
    """Return the columns within those that hold objects by name, without the names in ``drop``."""
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    within = columns_of_rows(flat_rows(rows))
    return {name: without_nan(values) for name, values in within.items() if not is_within(name, drop)}


def first_of(values: Values, others: Values) -> Values:
    """Return values, and where there is none the other ones."""
    if isinstance(values, np.ndarray) and isinstance(others, np.ndarray):
        return np.where(np.isnan(values), others, values)
    pairs = zip(ColumnValues(values).listed, ColumnValues(others).listed, strict=True)
    return [other if value is None else value for value, other in pairs]


class ColumnsByUse(NamedTuple):
    """Columns of a reference by what they can be used for."""

    features: Mapping[str, Values]
    """Those that hold numbers, texts or truth values, or no value at all."""
    vectors: dict[str, Vectors]
    """Embeddings."""
    left_out: dict[str, str]
    """Why each of the others is left out: they hold other lists, objects too deep to be opened, dates or bytes."""


def without_nested(columns: Mapping[str, Values], kinds: Kinds = NO_KINDS) -> ColumnsByUse:
    """Return the columns that can be watched, and why the others cannot; ``kinds`` are those that are configured."""
    kept: list[str] = []
    vectors: dict[str, Vectors] = {}
    left_out: dict[str, str] = {}
    for name, values in columns.items():
        kind = kinds.get(name)
        found = vectors_of(values) if isinstance(values, list) else None
        if found is not None and found.is_embedding(kind):
            vectors[name] = found
        elif is_date_kind(kind):
            kept.append(name)
        elif kind == "embedding" and not _is_empty(values):
            left_out[name] = no_embedding(name)
        elif isinstance(values, np.ndarray) or not _is_nested(values):
            kept.append(name)
        else:
            left_out[name] = list_remark(name) if found is not None else _other_remark(name, values)
    return ColumnsByUse(some_of(columns, kept), vectors, left_out)


def no_embedding(name: str) -> Contradiction:
    """Return the remark on a column that is configured as an embedding and is none."""
    return Contradiction(
        f"column `{name}` is configured as an embedding and holds no lists of {FEWEST_CONFIGURED} to {MAX_LENGTH:,} "
        "numbers: it is left out; mend its values, or its `kind`"
    )


def list_remark(name: str) -> str:
    """Return the remark on a column of lists that is left out."""
    return (
        f"column `{name}` holds lists that are not taken for embeddings: it is left out; lists of one length of "
        f"{FEWEST_NUMBERS} numbers or more are watched, and others with `columns.{name}.kind: embedding`"
    )


def nested_remark(name: str) -> str:
    """Return the remark on a column that is left out for what it holds, whatever that is."""
    return f"column `{name}` holds lists or other values that are neither numbers nor text: it is left out"


def _other_remark(name: str, values: Sequence[object]) -> str:
    return date_remark(name) if hold_dates(values) else nested_remark(name)


def droppable(names: Iterable[str], drop: Collection[str]) -> list[str]:
    """Return what is to be dropped of flattened columns and of the objects that these are in."""
    found = {each for name in names for each in (name, *outer_names(name))}
    return [name for name in drop if name in found]


def chosen_names(names: Iterable[str], chosen: Collection[str]) -> list[str]:
    """Return the names that are chosen, or are within an object that is."""
    return [name for name in names if is_within(name, chosen)]


def _is_empty(values: Values) -> bool:
    return all(value is None for value in different(values))


def _is_nested(values: Sequence[object]) -> bool:
    some = False
    for value in different(values):
        if isinstance(value, _SCALARS):
            return False
        some = some or value is not None
    return some
