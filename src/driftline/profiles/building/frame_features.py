"""The features that the columns of a frame make: kept one at a time, so that no two need be in memory together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import narwhals as nw
import numpy as np

from driftline.events.features import MAX_DEPTH
from driftline.profiles.building.coded_values import different
from driftline.profiles.building.date_build import date_remark, hold_dates, is_date_kind
from driftline.profiles.building.flattening import first_of, holds_objects, list_remark, no_embedding, objects_opened
from driftline.profiles.building.frame_values import (
    category_texts,
    coded_values,
    floats,
    holds_json,
    json_values,
    type_name,
)
from driftline.profiles.building.stored_columns import StoredColumns
from driftline.profiles.building.vectors import vectors_of_series

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from driftline.config.model import ColumnKind
    from driftline.profiles.building.array_store import ArrayStore
    from driftline.profiles.building.coded_values import Values
    from driftline.profiles.building.flattening import Kinds
    from driftline.profiles.building.vectors import Vectors

_OPENED: Final = (dict, list, tuple, np.ndarray)
"""What may become columns of its own: objects, and lists that may be vectors."""


class FrameFeatures:
    """Features by name, as a frame's columns are added.

    Parameters
    ----------
    store : ArrayStore
        Keeps their values.
    configured : mapping of str to ColumnKind or None

    Attributes
    ----------
    vectors : dict of str to Vectors
        Those that are embeddings.
    """

    def __init__(self, store: ArrayStore, configured: Kinds) -> None:
        self.vectors: dict[str, Vectors] = {}
        self._columns = StoredColumns(store)
        self._objects: dict[str, list[object]] = {}
        self._configured = configured

    def add(self, series: nw.Series[Any]) -> str | None:
        """Add a column that is no struct; return why it is left out, if it holds nothing to watch."""
        found, kind = vectors_of_series(series), self._configured.get(series.name)
        values = _feature(series, kind)
        if found is not None and found.is_embedding(kind):
            self.vectors[series.name] = found
        elif values is None:
            return _reason(series, kind, is_list=found is not None)
        elif isinstance(values, list) and holds_objects(values):
            self._objects[series.name] = values
        else:
            self._keep(series.name, values)
        return None

    def columns(self, drop: Collection[str]) -> StoredColumns:
        """Return the columns, and after them those within objects, without the names in ``drop``.

        Of columns with one name the first that has a value counts, row by row.
        """
        for name, values in objects_opened(self._objects, drop).items():
            self._keep(name, values)
        return self._columns

    def _keep(self, name: str, values: Values) -> None:
        self._columns.keep(name, first_of(self._columns[name], values) if name in self._columns else values)


def opened(name: str, series: nw.Series[Any]) -> list[nw.Series[Any]]:
    """Return the columns within a struct under their path, or the series itself where it is none."""
    return list(_fields(name, series))


def names_within(name: str, dtype: nw.dtypes.DType, depth: int = 1) -> Iterator[str]:
    """Yield the names of the columns that :func:`opened` returns."""
    if not isinstance(dtype, nw.Struct) or depth == MAX_DEPTH:
        yield name
        return
    for field in dtype.fields:
        inner = field.dtype() if isinstance(field.dtype, type) else field.dtype
        yield from names_within(f"{name}.{field.name}", inner, depth + 1)


def _fields(name: str, series: nw.Series[Any], depth: int = 1) -> Iterator[nw.Series[Any]]:
    dtype = series.dtype
    if not isinstance(dtype, nw.Struct) or depth == MAX_DEPTH:
        yield series.alias(name)
        return
    for field in dtype.fields:
        yield from _fields(f"{name}.{field.name}", series.struct.field(field.name), depth + 1)


def _feature(series: nw.Series[Any], kind: ColumnKind | None) -> Values | None:
    """Return the values of a feature, objects among them, or None where they are nothing that an event could hold."""
    dtype = series.dtype
    if dtype.is_numeric():
        return floats(series)
    if isinstance(dtype, nw.Categorical | nw.Enum):
        values: Sequence[object] = category_texts(series)
    elif isinstance(dtype, nw.String | nw.Boolean):
        return coded_values(series)
    elif isinstance(dtype, nw.Object | nw.Unknown):
        values = json_values(series)
        if is_date_kind(kind):
            return values
    elif is_date_kind(kind):
        return json_values(series)
    else:
        return None
    return values if holds_json(values) or any(isinstance(value, _OPENED) for value in different(values)) else None


def _reason(series: nw.Series[Any], kind: ColumnKind | None, *, is_list: bool) -> str:
    """Return why a column is left out that holds nothing to watch."""
    if kind == "embedding":
        return no_embedding(series.name)
    if is_list:
        return list_remark(series.name)
    if isinstance(series.dtype, nw.Date | nw.Datetime) or hold_dates(json_values(series)):
        return date_remark(series.name)
    return (
        f"column `{series.name}` is of type {type_name(series)}, which events do not hold: it is left out; make it a "
        "number or a text to keep it"
    )
