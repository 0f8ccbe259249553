"""Events by where they come from: which events of a slot share the partition and all other origins.

Such a set is a *part*. Sketches count by part what they count by slot, and the table of each dimension is a sum over
parts; so a further dimension costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from driftline.sketches.origin_table import MAX_VALUES, PARTITION, rank_of
from driftline.sketches.packed import RowOrigin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_NOT_KEPT = -1


class Dimension(NamedTuple):
    """One of the origins of n events."""

    name: str
    codes: NDArray[np.int64]
    """A number for each value, shape (n,)."""
    texts: Sequence[str]
    """The values by their number."""


class RowOrigins(NamedTuple):
    """Where n events come from, those of one partition in the order of their offsets."""

    partitions: NDArray[np.int64]
    offsets: NDArray[np.int64]
    """Both of shape (n,)."""
    dimensions: tuple[Dimension, ...]
    """Beside the partition."""
    by_partition: bool = True
    """Whether events are counted by partition too."""

    def chosen(self, rows: NDArray[np.int64]) -> RowOrigins:
        """Return some of the events."""
        dimensions = tuple(each._replace(codes=each.codes[rows]) for each in self.dimensions)
        return RowOrigins(self.partitions[rows], self.offsets[rows], dimensions, self.by_partition)

    def of_row(self, row: int) -> RowOrigin:
        """Return where one of the events comes from."""
        values = tuple((each.name, each.texts[int(each.codes[row])]) for each in self.dimensions)
        return RowOrigin(int(self.partitions[row]), int(self.offsets[row]), values, self.by_partition)

    @classmethod
    def of_rows(cls, rows: Sequence[RowOrigin]) -> RowOrigins:
        """Return where events come from, given that of each, of the same dimensions and in the order of offsets."""
        names = [name for name, _ in rows[0].values] if rows else []
        dimensions = []
        for place, name in enumerate(names):
            texts = sorted({row.values[place][1] for row in rows})
            number = {text: code for code, text in enumerate(texts)}
            codes = np.array([number[row.values[place][1]] for row in rows], dtype=np.int64)
            dimensions.append(Dimension(name, codes, texts))
        partitions = np.array([row.partition for row in rows], dtype=np.int64)
        offsets = np.array([row.offset for row in rows], dtype=np.int64)
        return cls(partitions, offsets, tuple(dimensions), all(row.by_partition for row in rows))


class Parts(NamedTuple):
    """The parts of n events, p of them, in the order of their slots."""

    of_row: NDArray[np.int64]
    """Shape (n,)."""
    slots: NDArray[np.int64]
    partitions: NDArray[np.int64]
    """Both of shape (p,)."""
    dimensions: tuple[Dimension, ...]
    """The values of the parts: codes of shape (p,), -1 where a value is not kept."""
    offsets: NDArray[np.int64]
    """Of the events, shape (n,)."""
    firsts: NDArray[np.int64]
    """The smallest offset of each part, shape (p,)."""

    @property
    def n(self) -> int:
        """How many parts there are."""
        return int(self.slots.size)


def parts_of(origins: RowOrigins, slots: NDArray[np.int64]) -> Parts:
    """Return the parts of n events, n >= 1; ``slots``, shape (n,), are the sketches that they belong to."""
    parts, codes = _numbered(slots)
    columns = [codes]
    dimensions = [_bounded(dimension, slots) for dimension in origins.dimensions]
    for of_row in (origins.partitions, *(dimension.codes for dimension in dimensions)):
        numbers, distinct = _numbered(of_row)
        joined, present = _numbered(parts * distinct.size + numbers)
        before, here = np.divmod(present, distinct.size)
        columns = [*(column[before] for column in columns), distinct[here]]
        parts = joined
    of_slots, partitions, *others = columns
    shown = [dimension._replace(codes=column) for dimension, column in zip(dimensions, others, strict=True)]
    if origins.by_partition:
        shown.insert(0, _by_partition(partitions, of_slots))
    firsts = np.empty(of_slots.size, dtype=np.int64)
    firsts[parts[::-1]] = origins.offsets[::-1]  # of several the last one stands: the smallest offset
    return Parts(parts, of_slots, partitions, tuple(shown), origins.offsets, firsts)


def _numbered(values: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return whole numbers, n >= 1, as their places among the distinct ones, ascending, and these."""
    low, high = int(values.min()), int(values.max())
    if low == high:
        return np.zeros(values.size, dtype=np.int64), np.array([low], dtype=np.int64)
    if high - low > 4 * values.size:
        distinct, places = np.unique(values, return_inverse=True)
        return places.astype(np.int64, copy=False), distinct
    moved = values - low if low else values
    is_there = np.zeros(high - low + 1, dtype=np.bool_)
    is_there[moved] = True
    distinct = np.flatnonzero(is_there)
    if distinct.size == is_there.size:
        return moved, distinct + low
    places = np.empty(is_there.size, dtype=np.int64)
    places[distinct] = np.arange(distinct.size)
    return places[moved], distinct + low


def _bounded(dimension: Dimension, slots: NDArray[np.int64]) -> Dimension:
    """Return a dimension with ``MAX_VALUES`` values a slot at most: those of the lowest ranks."""
    if len(dimension.texts) <= MAX_VALUES:
        return dimension
    numbers, present = _numbered(dimension.codes)
    if present.size <= MAX_VALUES:
        return dimension
    ranks = _ranks(dimension, present)
    pairs, distinct = _numbered(slots * present.size + ranks[numbers])
    of_slots = distinct // present.size
    begins = np.searchsorted(of_slots, of_slots)
    kept = np.arange(distinct.size) - begins < MAX_VALUES
    return dimension._replace(codes=np.where(kept[pairs], dimension.codes, _NOT_KEPT))


def _ranks(dimension: Dimension, codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the places of distinct values, given by code, in the order in which values are kept."""
    texts = [dimension.texts[code] for code in codes.tolist()]
    order = sorted(range(len(texts)), key=lambda place: rank_of(dimension.name, texts[place]))
    ranks = np.empty(codes.size, dtype=np.int64)
    ranks[order] = np.arange(codes.size)
    return ranks


def _by_partition(partitions: NDArray[np.int64], slots: NDArray[np.int64]) -> Dimension:
    codes, distinct = _numbered(partitions)
    return _bounded(Dimension(PARTITION, codes, [str(number) for number in distinct.tolist()]), slots)
