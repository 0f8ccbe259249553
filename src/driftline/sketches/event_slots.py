"""What several sketches of one layout count of encoded events: each quantity for all sketches with one call to NumPy.

Events are told apart by their *slot*, the number of the sketch that they belong to.
"""

from __future__ import annotations

import itertools
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.sketches.fixed_point import carry, split
from driftline.sketches.joint import count_joint
from driftline.sketches.kept_names import UNKNOWN, name_hash, shown_name, unseen_names
from driftline.sketches.layout import EVENTS
from driftline.sketches.numeric_encoding import blocks
from driftline.sketches.slot_cells import SlotCells
from driftline.sketches.tails import NO_EXTREME, count_tails

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from driftline.sketches.encoding import EncodedColumns
    from driftline.sketches.joint import JointCount
    from driftline.sketches.layout import Layout
    from driftline.sketches.origin_parts import Parts
    from driftline.sketches.tails import TailCounts

_DENSE: Final = 4
"""Cells per key up to which counting into one dense array is cheaper than sorting the keys."""
_NO_MINIMUM: Final = np.iinfo(np.int64).max


class EventSlots:
    """n encoded events in ``n_slots`` sketches.

    The methods return what the events of one slot add to an empty sketch, in arrays of their own. Slots are asked for
    in ascending order: a quantity that is as long as the layout is made for one slot at a time.

    ``slots``, shape (n,), says which sketch each event belongs to, in [0, n_slots); ``parts`` where they come from.
    ``more`` are cells of the count vector to which so much of each slot is added, shape (n_slots,) each.

    Attributes
    ----------
    part_counts : ndarray of int64, shape (p, layout.n_cells), or None
        The count vector of each part, where that cost nothing; complete with the counts of the first slot.
    """

    def __init__(
        self,
        layout: Layout,
        columns: EncodedColumns,
        slots: NDArray[np.int64],
        n_slots: int,
        parts: Parts | None = None,
        more: Sequence[tuple[int, NDArray[np.int64]]] = (),
    ) -> None:
        self.layout, self.columns, self.slots, self.n_slots = layout, columns, slots, n_slots
        self._parts = parts
        self._more = [(cell, added) for cell, added in more if added.any()]
        self.part_counts: NDArray[np.int64] | None = None
        self._counts = self._count_vectors()
        self._joints = iter(()) if layout.joint is None else count_joint(layout.joint, layout.numeric, columns, slots)
        self._joint = next(self._joints, None)

    def counts(self, slot: int) -> NDArray[np.int64]:
        """Return the count vector, shape (layout.n_cells,)."""
        counts = next(self._counts)
        for cell, added in self._more:
            counts[cell] += added[slot]
        return counts

    def all_counts(self) -> SlotCells:
        """Return what is counted of all slots, without a vector of any."""
        n_cells = self.layout.n_cells
        keys, counts = np.unique(self._keys(self.slots).ravel(), return_counts=True)
        if self._more:
            filled = [(np.flatnonzero(added), cell, added) for cell, added in self._more]
            keys = np.concatenate([keys, *(slots * n_cells + cell for slots, cell, _ in filled)])
            counts = np.concatenate([counts, *(added[slots] for slots, _, added in filled)])
            keys, place = np.unique(keys, return_inverse=True)
            sums = np.zeros(keys.size, dtype=np.int64)
            np.add.at(sums, place, counts)
            keys, counts = keys[sums != 0], sums[sums != 0]
        return SlotCells(keys, counts, n_cells)

    def all_sums(self) -> NDArray[np.int64]:
        """Return the words of Σz, Σz² and clips of all slots, shape (2, n_slots, layout.n_numeric, 3)."""
        return self._moments[0]

    def all_extremes(self) -> NDArray[np.int64]:
        """Return -min z and max z of all slots, shape (n_slots, layout.n_numeric, 2)."""
        return self._moments[1]

    def sums(self, slot: int) -> NDArray[np.int64]:
        """Return the words of Σz, Σz² and clips, shape (2, layout.n_numeric, 3)."""
        words: NDArray[np.int64] = self._moments[0][:, slot].copy()
        return words

    def extremes(self, slot: int) -> NDArray[np.int64]:
        """Return -min z and max z, shape (layout.n_numeric, 2)."""
        extremes: NDArray[np.int64] = self._moments[1][slot].copy()
        return extremes

    def tail_sums(self, slot: int) -> NDArray[np.int64] | None:
        """Return the words of the tail bins' sums, shape (2, layout.n_tails); None where no value is in a tail."""
        at = self._tails.of_slot(slot)
        if at.start == at.stop:
            return None
        sums = np.zeros((2, self.layout.n_tails), dtype=np.int64)
        sums[:, self._tails.cells[at]] = self._tails.words[:, at]
        return sums

    def all_tail_sums(self) -> SlotCells:
        """Return the words of the tail bins' sums of all slots, the high ones before the low ones."""
        tails, n = self._tails, self.layout.n_tails
        words = carry(tails.words)
        keys = np.concatenate([tails.slots * 2 * n + tails.cells, tails.slots * 2 * n + n + tails.cells])
        values = words.ravel()
        order = np.argsort(keys, kind="stable")
        order = order[values[order] != 0]
        return SlotCells(keys[order], values[order], 2 * n)

    def tail_extremes(self, slot: int) -> NDArray[np.int64] | None:
        """Return the tail bins' outermost values, shape (layout.n_tails,); None where no value is in a tail."""
        at = self._tails.of_slot(slot)
        if at.start == at.stop:
            return None
        extremes = np.full(self.layout.n_tails, NO_EXTREME, dtype=np.int64)
        extremes[self._tails.cells[at]] = self._tails.extremes[at]
        return extremes

    def all_tail_extremes(self) -> SlotCells:
        """Return the tail bins' outermost values of all slots."""
        tails, n = self._tails, self.layout.n_tails
        return SlotCells(tails.slots * n + tails.cells, tails.extremes, n)

    def unseen(self, slot: int) -> dict[int, dict[int, tuple[str, int]]]:
        """Return all names that no cell is for: column, or ``UNKNOWN``, to (hash of the name to (name, count))."""
        return self._unseen.get(slot, {})

    def joint(self, slot: int) -> JointCount | None:
        """Return what is kept of several columns together; None where no event of the slot is complete."""
        while self._joint is not None and self._joint.slot < slot:
            self._joint = next(self._joints, None)
        return self._joint if self._joint is not None and self._joint.slot == slot else None

    def _count_vectors(self) -> Iterator[NDArray[np.int64]]:
        """Yield the count vector of each slot."""
        n_cells, parts = self.layout.n_cells, self._parts
        size = (self.columns.bins.shape[0] + 1) * self.slots.size
        if parts is not None and parts.n * n_cells <= _DENSE * size:
            table = np.bincount(self._keys(parts.of_row).ravel(), minlength=parts.n * n_cells)
            self.part_counts = table.reshape(parts.n, n_cells)
            bounds = np.searchsorted(parts.slots, np.arange(self.n_slots + 1)).tolist()
            for start, stop in itertools.pairwise(bounds):
                yield self.part_counts[start:stop].sum(axis=0)
            return
        flat = self._keys(self.slots).ravel()
        if self.n_slots * n_cells <= _DENSE * size:
            for counts in np.bincount(flat, minlength=self.n_slots * n_cells).reshape(self.n_slots, n_cells):
                yield counts.copy()
            return
        distinct, n_distinct = np.unique(flat, return_counts=True)
        bounds = np.searchsorted(distinct, np.arange(self.n_slots + 1) * n_cells).tolist()
        for slot, (start, stop) in enumerate(itertools.pairwise(bounds)):
            counts = np.zeros(n_cells, dtype=np.int64)
            counts[distinct[start:stop] - slot * n_cells] = n_distinct[start:stop]
            yield counts

    def cells(self) -> NDArray[np.int64]:
        """Return the cell of each value, and that of each event in the last row, shape (k + 1, n)."""
        return self._keys(np.zeros(self.slots.size, dtype=np.int64))

    def _keys(self, vectors: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the cell of each value, and that of each event in the last row, where its count vector lies behind
        ``vectors``, shape (n,), others; shape (k + 1, n).
        """
        layout, bins = self.layout, self.columns.bins
        base = vectors * layout.n_cells
        keys = np.empty((bins.shape[0] + 1, vectors.size), dtype=np.int64)
        keys[-1] = base + EVENTS
        for block in blocks(*bins.shape):
            part, starts = bins[block], layout.bin_starts[block]
            cells = (
                part + starts
                if part.min(initial=0) >= 0
                else np.where(part >= 0, part + starts, layout.quality_starts[block] - 1 - part)
            )
            np.add(cells, base, out=keys[block])
        return keys

    @cached_property
    def _moments(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Words of the sums, shape (2, n_slots, n_numeric, 3), and extremes, shape (n_slots, n_numeric, 2)."""
        columns, slots, n_numeric = self.columns, self.slots, self.columns.z.shape[0]
        sums = np.zeros((self.n_slots, n_numeric, 3), dtype=np.int64)
        extremes = np.full((self.n_slots, n_numeric, 2), NO_EXTREME, dtype=np.int64)
        if slots.size == 0:
            return split(sums), extremes
        in_order = self.n_slots == 1 or bool((slots[1:] >= slots[:-1]).all())
        order: NDArray[np.int64] | slice = slice(None) if in_order else np.argsort(slots, kind="stable")
        present, starts = np.unique(slots[order], return_index=True)
        for block in blocks(n_numeric, slots.size):
            z = columns.z[block][:, order]
            clipped = columns.clipped[block]
            sums[present, block, 0] = np.add.reduceat(z, starts, axis=1).T
            sums[present, block, 1] = np.add.reduceat(columns.squares[block][:, order], starts, axis=1).T
            if clipped.any():
                sums[present, block, 2] = np.add.reduceat(clipped[:, order], starts, axis=1, dtype=np.int64).T
            absent = columns.bins[self.layout.numeric[block]][:, order] < 0
            some_absent = absent.any()
            low = np.minimum.reduceat(np.where(absent, _NO_MINIMUM, z) if some_absent else z, starts, axis=1)
            high = np.maximum.reduceat(np.where(absent, NO_EXTREME, z) if some_absent else z, starts, axis=1)
            extremes[present, block, 0] = np.where(low <= high, -low, NO_EXTREME).T
            extremes[present, block, 1] = high.T
        return split(sums), extremes

    @cached_property
    def _tails(self) -> TailCounts:
        """The tail cells that a value fell in."""
        numeric, rows, units = self.columns.tails
        bins = self.columns.bins[self.layout.numeric[numeric], rows]
        binned = bins >= 0
        cells = self.layout.tail_cells(numeric[binned], bins[binned])
        return count_tails(cells, units[binned], self.layout.tail_signs[cells], self.slots[rows[binned]])

    @cached_property
    def _unseen(self) -> dict[int, dict[int, dict[int, tuple[str, int]]]]:
        """By slot and column, the names that no cell is for."""
        unseen: dict[int, dict[int, dict[int, tuple[str, int]]]] = {}
        for column, unlisted in self.columns.unlisted.items():
            rare = self.columns.rare.get(column)
            for slot, names in unseen_names(unlisted, self.slots, None if rare is None else rare.key).items():
                unseen.setdefault(slot, {})[column] = names
        for name, rows in self.columns.unknown.items():
            slots, counts = np.unique(self.slots[rows], return_counts=True)
            for slot, n in zip(slots.tolist(), counts.tolist(), strict=True):
                unseen.setdefault(slot, {}).setdefault(UNKNOWN, {})[name_hash(name)] = (shown_name(name), n)
        return unseen
