"""What events of different origins were counted as: a small table that merges in any order.

A table has a row for each value of one dimension, such as a partition or a header. Of more than :data:`MAX_VALUES` it
keeps those that come first by a hash: a value among the first of the whole is among the first of every part that has
it, so what is kept is counted in full however flushes were cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
import xxhash
from msgspec import Struct
from msgspec.structs import replace

from driftline.sketches.packed import NO_CELLS, Sparse
from driftline.sketches.sparse import cells, combine, pack_cells, runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

V = TypeVar("V")

MAX_VALUES: Final = 32
"""Values of one dimension that are told apart in one table."""
PARTITION: Final = "partition"
"""The dimension of source partitions; its values are their numbers as text."""
FIELD: Final = "field "
"""What the names of dimensions begin with that are fields of records."""
NONE: Final = "(none)"
"""Value of records without the header, field or schema."""
OTHERS: Final = "(others)"
"""Stands for the values that are not told apart."""


class OriginTable(Struct, frozen=True, array_like=True, gc=False):
    """Counts by value of one dimension; see the module.

    *State*: at most 32 rows of some twenty cells a column, packed without the empty ones.
    """

    n_cells: int
    """Coarse cells of a row (:class:`driftline.sketches.origin_cells.OriginCells`); the first is all events."""
    values: list[str]
    """In the order of their rank."""
    partitions: list[int]
    """Source partitions of the events, ascending."""
    counts: Sparse
    """Of cells, shape (len(values), n_cells)."""
    firsts: Sparse
    """The smallest offset, shape (len(values), len(partitions), n_cells): of all events, and of those in odd cells."""

    def rows(self) -> NDArray[np.int64]:
        """Return the counts, shape (len(values), n_cells)."""
        dense = np.zeros(len(self.values) * self.n_cells, dtype=np.int64)
        indices, values = cells(self.counts)
        dense[indices] = values
        return dense.reshape(len(self.values), self.n_cells)

    def first_offsets(self, value: str, wanted: NDArray[np.bool_]) -> dict[int, int]:
        """Return the smallest offset of a value's events in one of the wanted cells, shape (n_cells,), by partition."""
        if value not in self.values:
            return {}
        row = self.values.index(value)
        indices, offsets = cells(self.firsts)
        places, cell = np.divmod(indices, self.n_cells)
        rows, numbers = np.divmod(places, len(self.partitions))
        chosen = np.flatnonzero((rows == row) & wanted[cell])
        found: dict[int, int] = {}
        for number, offset in zip(numbers[chosen].tolist(), offsets[chosen].tolist(), strict=True):
            partition = self.partitions[number]
            found[partition] = min(offset, found.get(partition, offset))
        return found


OriginTables = dict[str, OriginTable]
"""Dimension to its table."""


def rank_of(dimension: str, value: str) -> tuple[int, str]:
    """Return the order in which values are kept: partitions by number, all others by a hash.

    Examples
    --------
    >>> sorted(["10", "9"], key=lambda value: rank_of(PARTITION, value))
    ['9', '10']
    """
    return (int(value) if dimension == PARTITION else xxhash.xxh3_64_intdigest(value.encode())), value


def kept_values(dimension: str, values: Mapping[str, V]) -> dict[str, V]:
    """Return the values that are kept of one dimension, in the order of their rank."""
    kept = sorted(values, key=lambda value: rank_of(dimension, value))[:MAX_VALUES]
    return {value: values[value] for value in kept}


def merge_origins(parts: Iterable[Mapping[str, OriginTable]]) -> OriginTables:
    """Return the tables of all parts merged, by dimension."""
    found: dict[str, list[OriginTable]] = {}
    for part in parts:
        for dimension, table in part.items():
            found.setdefault(dimension, []).append(table)
    return {dimension: merge_tables(dimension, tables) for dimension, tables in sorted(found.items())}


def merge_tables(dimension: str, tables: Sequence[OriginTable]) -> OriginTable:
    """Return tables of one dimension and of one grid merged."""
    if len(tables) == 1:
        return tables[0]
    n_cells, values, partitions = tables[0].n_cells, tables[0].values, tables[0].partitions
    if all(table.values == values and table.partitions == partitions for table in tables):
        counts, firsts = [table.counts for table in tables], [table.firsts for table in tables]
        return _merged(n_cells, values, partitions, counts, firsts)
    values = [*kept_values(dimension, {value: None for table in tables for value in table.values})]
    row_of = {value: row for row, value in enumerate(values)}
    kept = [(table, np.array([row_of.get(value, -1) for value in table.values], np.int64)) for table in tables]
    partitions = sorted({number for table in tables for number in table.partitions})
    column_of = {number: column for column, number in enumerate(partitions)}
    counts, firsts = [], []
    for table, rows in kept:
        indices, found = cells(table.counts)
        row, cell = np.divmod(indices, n_cells)
        counts.append(_moved(rows[row] * n_cells + cell, found, rows[row] >= 0))
        indices, found = cells(table.firsts)
        place, cell = np.divmod(indices, n_cells)
        row, column = np.divmod(place, max(len(table.partitions), 1))
        columns = np.array([column_of[number] for number in table.partitions], dtype=np.int64)
        moved = (rows[row] * len(partitions) + columns[column]) * n_cells + cell if found.size else indices
        firsts.append(_moved(moved, found, rows[row] >= 0))
    return _merged(n_cells, values, partitions, counts, firsts)


def _merged(
    n_cells: int, values: list[str], partitions: list[int], counts: list[Sparse], firsts: list[Sparse]
) -> OriginTable:
    return OriginTable(n_cells, values, partitions, combine(counts, np.add, 0), combine(firsts, np.minimum, -1))


def _moved(indices: NDArray[np.int64], values: NDArray[np.int64], kept: NDArray[np.bool_]) -> Sparse:
    return pack_cells(indices[kept], values[kept])


def split_origins(tables: OriginTables, n_bytes: int) -> list[OriginTables]:
    """Return tables that merge to these, each with at most about ``n_bytes`` of counts; at least one."""
    parts: list[OriginTables] = [{}]
    size = 0
    for dimension, table in tables.items():
        counts, firsts = runs(table.counts, n_bytes), runs(table.firsts, n_bytes)
        for number in range(max(len(counts), len(firsts))):
            count = counts[number] if number < len(counts) else NO_CELLS
            first = firsts[number] if number < len(firsts) else NO_CELLS
            n = sum(map(len, (count.indices, count.values, first.indices, first.values)))
            if dimension in parts[-1] or (size and size + n > n_bytes):
                parts.append({})
                size = 0
            parts[-1][dimension] = replace(table, counts=count, firsts=first)
            size += n
    return parts
