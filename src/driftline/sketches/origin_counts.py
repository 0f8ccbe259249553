"""Counts encoded events by where they come from: for each slot, a table of each dimension."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from driftline.sketches.layout import UNEXPECTED
from driftline.sketches.origin_cells import EVENT_CELL
from driftline.sketches.origin_table import OriginTable, OriginTables, rank_of
from driftline.sketches.sparse import pack_groups

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from driftline.sketches.event_slots import EventSlots
    from driftline.sketches.origin_cells import OriginCells
    from driftline.sketches.origin_parts import Dimension, Parts

    Ints = NDArray[np.int64]


def count_origins(
    cells: OriginCells, parts: Parts, events: EventSlots, unexpected: NDArray[np.bool_], n_slots: int
) -> list[OriginTables]:
    """Return what the events of each slot were counted as, by dimension.

    Parameters
    ----------
    events : EventSlots
        Of the same parts; all of its sketches have been taken.
    unexpected : ndarray of bool, shape (n,)
        Events with features that the profile does not know.

    Notes
    -----
    *Cost*: O(cells of the parts), and a few microseconds a slot; events are looked at only where they are odd.
    """
    counted = _counted(cells, parts, events, unexpected)
    seen = _seen(cells, parts, events, unexpected)
    tables: list[OriginTables] = [{} for _ in range(n_slots)]
    for dimension in parts.dimensions:
        for slot, table in _tables(cells.n, parts, dimension, counted, seen):
            tables[slot][dimension.name] = table
    return tables


def _counted(
    cells: OriginCells, parts: Parts, events: EventSlots, unexpected: NDArray[np.bool_]
) -> tuple[Ints, Ints, Ints]:
    """Return part, cell and count of all cells that something was counted in, by part and cell."""
    if events.part_counts is None:
        keys = parts.of_row * cells.n + cells.of_cell[events.cells()]
        distinct, counts = np.unique(keys, return_counts=True)
        part, cell = np.divmod(distinct, cells.n)
    else:
        coarse = cells.of_counts(events.part_counts)
        part, cell = np.nonzero(coarse)
        counts = coarse[part, cell]
    if not unexpected.any():
        return part, cell, counts
    n = np.bincount(parts.of_row[unexpected], minlength=parts.n)
    at = np.flatnonzero(n)
    keys = np.concatenate([part * cells.n + cell, at * cells.n + UNEXPECTED])
    order = np.argsort(keys, kind="stable")
    return (*np.divmod(keys[order], cells.n), np.concatenate([counts, n[at]])[order])


def _seen(
    cells: OriginCells, parts: Parts, events: EventSlots, unexpected: NDArray[np.bool_]
) -> tuple[Ints, Ints, Ints]:
    """Return part, cell and smallest offset of the part's events in it: of all events, and of the odd cells."""
    rows, odd = _odd(cells, events)
    rows = np.concatenate([rows, np.flatnonzero(unexpected)])
    odd = np.concatenate([odd, np.full(rows.size - odd.size, UNEXPECTED, dtype=np.int64)])
    keys, firsts = _first(parts.of_row[rows] * cells.n + odd, parts.offsets[rows], parts.n * cells.n)
    part, cell = np.divmod(keys, cells.n)
    every = np.arange(parts.n)
    return (
        np.concatenate([every, part]),
        np.concatenate([np.full(parts.n, EVENT_CELL), cell]),
        np.concatenate([parts.firsts, firsts]),
    )


def _odd(cells: OriginCells, events: EventSlots) -> tuple[Ints, Ints]:
    """Return the row and the coarse cell of all values in odd cells, those of one cell by row."""
    columns, layout = events.columns, events.layout
    column, rows = np.nonzero(columns.bins < 0) if columns.bins.min(initial=0) < 0 else _NOTHING
    starts = layout.quality_starts[:, 0]
    found = [(rows, starts[column] - 1 - columns.bins[column, rows])]
    numeric, rows, _ = columns.tails
    if rows.size:
        column = layout.numeric[numeric]
        bins = columns.bins[column, rows]
        binned = bins >= 0
        found.append((rows[binned], layout.bin_starts[column[binned], 0] + bins[binned]))
    for number, unlisted in columns.unlisted.items():
        place = layout.places[number]
        if place.moments < 0:  # texts among numbers have a quality code
            at = np.array([row for row, _ in unlisted], dtype=np.int64)
            found.append((at, np.full(at.size, place.bins.stop - 1)))
    return (
        np.concatenate([at for at, _ in found]),
        cells.of_cell[np.concatenate([cell for _, cell in found]).astype(np.int64)],
    )


_NOTHING = (np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))


def _first(keys: Ints, offsets: Ints, n_keys: int) -> tuple[Ints, Ints]:
    """Return the distinct keys of k events, ascending, and the smallest offset of each."""
    if n_keys > 4 * keys.size:
        order = np.lexsort((offsets, keys))
        distinct, starts = np.unique(keys[order], return_index=True)
        return distinct, offsets[order][starts]
    least = np.full(n_keys, np.iinfo(np.int64).max)
    np.minimum.at(least, keys, offsets)
    distinct = np.flatnonzero(least != np.iinfo(np.int64).max)
    return distinct, least[distinct]


def _tables(
    n_cells: int,
    parts: Parts,
    dimension: Dimension,
    counted: tuple[Ints, Ints, Ints],
    seen: tuple[Ints, Ints, Ints],
) -> Iterator[tuple[int, OriginTable]]:
    """Yield the table of each slot that has events of a value that is kept."""
    group_of, slots, values = _groups(parts, dimension)
    present, begins = np.unique(slots, return_index=True)
    bounds = [*begins.tolist(), slots.size]
    row_of = np.arange(slots.size) - np.repeat(begins, np.diff(bounds))
    place_of, partitions = _places(parts, present)
    n_partitions = np.array([len(each) for each in partitions], dtype=np.int64)

    part, cell, counts = (each[group_of[counted[0]] >= 0] for each in counted)
    group = group_of[part]
    key, sums = _combined(group * n_cells + cell, counts, np.add)
    group, cell = np.divmod(key, n_cells)
    ends = np.searchsorted(slots[group], present, side="right")
    packed = pack_groups(row_of[group] * n_cells + cell, sums, ends)

    part, cell, offsets = (each[group_of[seen[0]] >= 0] for each in seen)
    group = group_of[part]
    most = int(n_partitions.max(initial=1))
    key, firsts = _combined((group * most + place_of[part]) * n_cells + cell, offsets, np.minimum)
    place, cell = np.divmod(key, n_cells)
    group, number = np.divmod(place, most)
    at = np.searchsorted(present, slots[group])
    ends = np.searchsorted(at, np.arange(present.size), side="right")
    seen_packed = pack_groups((row_of[group] * n_partitions[at] + number) * n_cells + cell, firsts, ends)

    spans = itertools.pairwise(bounds)
    for slot, (begin, end), own, cells, first in zip(
        present.tolist(), spans, partitions, packed, seen_packed, strict=True
    ):
        yield slot, OriginTable(n_cells, values[begin:end], own, cells, first)


def _places(parts: Parts, present: Ints) -> tuple[Ints, list[list[int]]]:
    """Return the place of each part's partition among those of its slot, and the partitions of each slot.

    Parts are in the order of slots and partitions. ``present`` are the slots that are asked for.
    """
    is_new = np.append(True, (np.diff(parts.slots) != 0) | (np.diff(parts.partitions) != 0))
    starts, numbers = np.flatnonzero(is_new), np.cumsum(is_new) - 1
    begins = np.searchsorted(parts.slots[starts], parts.slots)
    of_slots, partitions = parts.slots[starts], parts.partitions[starts].tolist()
    low, high = (np.searchsorted(of_slots, present, side=side).tolist() for side in ("left", "right"))
    return numbers - begins, [partitions[start:stop] for start, stop in zip(low, high, strict=True)]


def _groups(parts: Parts, dimension: Dimension) -> tuple[Ints, Ints, list[str]]:
    """Return the group of each part, -1 where its value is not kept, then the slot and the value of each group.

    A group is a value in a slot; groups are in the order of slots and ranks.
    """
    codes = np.unique(dimension.codes[dimension.codes >= 0])
    texts = [dimension.texts[code] for code in codes.tolist()]
    order = sorted(range(len(texts)), key=lambda place: rank_of(dimension.name, texts[place]))
    ranks = np.zeros(int(codes.max(initial=0)) + 1, dtype=np.int64)
    ranks[codes[order]] = np.arange(codes.size)
    kept = np.flatnonzero(dimension.codes >= 0)
    n = max(codes.size, 1)
    distinct, found = np.unique(parts.slots[kept] * n + ranks[dimension.codes[kept]], return_inverse=True)
    group_of = np.full(parts.n, -1, dtype=np.int64)
    group_of[kept] = found
    slots, rank = np.divmod(distinct, n)
    ordered = [texts[place] for place in order]
    return group_of, slots, [ordered[place] for place in rank.tolist()]


def _combined(keys: Ints, values: Ints, both: np.ufunc) -> tuple[Ints, Ints]:
    """Return distinct keys, ascending, and what the values of each combine to."""
    if keys.size == 0:
        return keys, values
    if not bool((keys[1:] > keys[:-1]).all()):
        order = np.argsort(keys, kind="stable")
        keys, values = keys[order], values[order]
    starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    return keys[starts], both.reduceat(values, starts)
