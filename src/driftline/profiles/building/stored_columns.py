"""Columns of reference rows by name, which stand in a store until they are looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from driftline.profiles.building.coded_values import CodedValues, NumberValues

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from driftline.profiles.building.array_store import ArrayPlace, ArrayStore
    from driftline.profiles.building.coded_values import Values


class _Numbers(NamedTuple):
    place: ArrayPlace
    whole: bool | None
    """None of an array, otherwise as :class:`NumberValues` has it."""


class _Codes(NamedTuple):
    place: ArrayPlace
    different: tuple[object, ...]


_Kept: TypeAlias = "Sequence[object] | _Numbers | _Codes"


class StoredColumns(Mapping[str, "Values"]):
    """The n values of each column: what :meth:`keep` is given is given back, read from the store.

    Parameters
    ----------
    store : ArrayStore
        Keeps numbers and codes; lists stay in memory.
    """

    def __init__(self, store: ArrayStore) -> None:
        self._kept: dict[str, _Kept] = {}
        self._store = store

    def keep(self, name: str, values: Values) -> None:
        """Keep the values of a column, in the place of those that it had."""
        if isinstance(values, np.ndarray):
            self._kept[name] = _Numbers(self._place_of(values), None)
        elif isinstance(values, NumberValues):
            self._kept[name] = _Numbers(self._place_of(values.numbers), values.whole)
        elif isinstance(values, CodedValues):
            self._kept[name] = _Codes(self._place_of(values.codes), values.different)
        else:
            self._kept[name] = values

    def only(self, names: Iterable[str]) -> StoredColumns:
        """Return some of the columns."""
        chosen = StoredColumns(self._store)
        chosen._kept = {name: self._kept[name] for name in names}
        return chosen

    def part(self, name: str, rows: slice) -> Values:
        """Return the values of some rows of a column, ``rows`` with a beginning and an end."""
        kept = self._kept[name]
        if isinstance(kept, _Numbers | _Codes):
            return self._read(kept, rows.start, rows.stop)
        return kept[rows]

    def __getitem__(self, name: str) -> Values:
        kept = self._kept[name]
        return self._read(kept) if isinstance(kept, _Numbers | _Codes) else kept

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, name: object) -> bool:
        return name in self._kept

    def _place_of(self, values: NDArray[Any]) -> ArrayPlace:
        place = self._store.reserve(values.size, values.dtype)
        self._store.write(place, 0, values)
        return place

    def _read(self, kept: _Numbers | _Codes, start: int = 0, stop: int | None = None) -> Values:
        values = self._store.read(kept.place, start, stop)
        if isinstance(kept, _Codes):
            return CodedValues(kept.different, values)
        return values if kept.whole is None else NumberValues(values, whole=kept.whole)


def some_of(columns: Mapping[str, Values], names: Iterable[str]) -> Mapping[str, Values]:
    """Return some of the columns, which may be in a store."""
    if isinstance(columns, StoredColumns):
        return columns.only(names)
    return {name: columns[name] for name in names}


def part_of(columns: Mapping[str, Values], name: str) -> Callable[[slice], Values]:
    """Return what reads the values of some rows of a column."""
    if isinstance(columns, StoredColumns):
        return lambda rows: columns.part(name, rows)
    values = columns[name]
    return lambda rows: values[rows]
