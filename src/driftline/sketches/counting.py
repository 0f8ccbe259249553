"""Counting encoded columns into sketches: all columns and all panes of a model with one call to NumPy each."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.sketches.encoding import Encoded, EncodedColumns, unseen_names
from driftline.sketches.fixed_point import split
from driftline.sketches.joint import count_joint
from driftline.sketches.layout import EVENTS, Layout
from driftline.sketches.numeric_encoding import blocks
from driftline.sketches.pane_sketch import PaneSketch, merge_unseen
from driftline.sketches.tails import NO_EXTREME, count_tails

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_DENSE: Final = 4
"""Cells per key up to which counting into one dense array is cheaper than sorting the keys."""
_NO_MINIMUM: Final = np.iinfo(np.int64).max


def count(layout: Layout, columns: Sequence[Encoded], slots: NDArray[np.int64], n_slots: int) -> list[PaneSketch]:
    """Count n events, encoded column by column, into one sketch per slot; otherwise as :func:`count_each`."""
    return list(count_each(layout, EncodedColumns.of(columns, slots.size), slots, n_slots))


def count_each(layout: Layout, columns: EncodedColumns, slots: NDArray[np.int64], n_slots: int) -> Iterator[PaneSketch]:
    """Count n events into one sketch per slot, and yield them one by one.

    Parameters
    ----------
    layout : Layout
    columns : EncodedColumns
        The columns of the layout, of n events.
    slots : ndarray of int64, shape (n,)
        Which sketch each event belongs to, in [0, n_slots).
    n_slots : int

    Yields
    ------
    PaneSketch
        In the order of the slots.

    Notes
    -----
    *Cost*: where slots are many and events few, a sketch is only as large as its layout while it is looked at: the
    counts of all are kept by key until then.
    """
    sums, extremes = _moments(layout, columns, slots, n_slots)
    words = split(sums)
    unseen, tails = _unseen(columns, slots), _tails(layout, columns, slots)
    joint = iter(()) if layout.joint is None else count_joint(layout.joint, layout.numeric, columns, slots)
    together = next(joint, None)
    for slot, counts in enumerate(_counts(layout, columns.bins, slots, n_slots)):
        sketch = PaneSketch(layout)
        sketch.counts += counts
        sketch.sums += words[:, slot]
        np.maximum(sketch.extremes, extremes[slot], out=sketch.extremes)
        if slot in tails:
            cells, tail_words, tail_extremes = tails[slot]
            sketch.tail_sums[:, cells] = tail_words
            sketch.tail_extremes[cells] = tail_extremes
        if together is not None and together.slot == slot:
            sketch.joint += split(together.cells)
            sketch.rows = together.rows
            together = next(joint, None)
        for index, names in unseen.get(slot, ()):
            merge_unseen(sketch.unseen, {index: names})
        yield sketch


def _counts(
    layout: Layout, bins: NDArray[np.int64], slots: NDArray[np.int64], n_slots: int
) -> Iterator[NDArray[np.int64]]:
    """Yield the count vector of each slot."""
    base = slots * layout.n_cells
    keys = np.empty((bins.shape[0] + 1, slots.size), dtype=np.int64)
    keys[-1] = base + EVENTS
    for block in blocks(*bins.shape):
        part, starts = bins[block], layout.bin_starts[block]
        cells = (
            part + starts
            if part.min(initial=0) >= 0
            else np.where(part >= 0, part + starts, layout.quality_starts[block] - 1 - part)
        )
        np.add(cells, base, out=keys[block])
    flat = keys.ravel()
    n_cells = n_slots * layout.n_cells
    if n_cells <= _DENSE * flat.size:
        yield from np.bincount(flat, minlength=n_cells).reshape(n_slots, layout.n_cells)
        return
    found, n_found = np.unique(flat, return_counts=True)
    bounds = np.searchsorted(found, np.arange(n_slots + 1) * layout.n_cells).tolist()
    for slot, (start, stop) in enumerate(itertools.pairwise(bounds)):
        counts = np.zeros(layout.n_cells, dtype=np.int64)
        counts[found[start:stop] - slot * layout.n_cells] = n_found[start:stop]
        yield counts


def _moments(
    layout: Layout, columns: EncodedColumns, slots: NDArray[np.int64], n_slots: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return sums, shape (n_slots, n_numeric, 3), and extremes, shape (n_slots, n_numeric, 2)."""
    n_numeric = columns.z.shape[0]
    sums = np.zeros((n_slots, n_numeric, 3), dtype=np.int64)
    extremes = np.full((n_slots, n_numeric, 2), NO_EXTREME, dtype=np.int64)
    if slots.size == 0:
        return sums, extremes
    in_order = n_slots == 1 or bool((slots[1:] >= slots[:-1]).all())
    order: NDArray[np.int64] | slice = slice(None) if in_order else np.argsort(slots, kind="stable")
    present, starts = np.unique(slots[order], return_index=True)
    for block in blocks(n_numeric, slots.size):
        z = columns.z[block][:, order]
        clipped = columns.clipped[block]
        sums[present, block, 0] = np.add.reduceat(z, starts, axis=1).T
        sums[present, block, 1] = np.add.reduceat(columns.squares[block][:, order], starts, axis=1).T
        if clipped.any():
            sums[present, block, 2] = np.add.reduceat(clipped[:, order], starts, axis=1, dtype=np.int64).T
        absent = columns.bins[layout.numeric[block]][:, order] < 0
        some_absent = absent.any()
        low = np.minimum.reduceat(np.where(absent, _NO_MINIMUM, z) if some_absent else z, starts, axis=1)
        high = np.maximum.reduceat(np.where(absent, NO_EXTREME, z) if some_absent else z, starts, axis=1)
        extremes[present, block, 0] = np.where(low <= high, -low, NO_EXTREME).T
        extremes[present, block, 1] = high.T
    return sums, extremes


def _tails(
    layout: Layout, columns: EncodedColumns, slots: NDArray[np.int64]
) -> dict[int, tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Return, by slot, the tail cells that hold a value, the words of their sums and their extremes."""
    numeric, rows, units = columns.tails
    if not rows.size:
        return {}
    bins = columns.bins[layout.numeric[numeric], rows]
    held = bins >= 0
    cells = layout.tail_cells(numeric[held], bins[held])
    found = count_tails(cells, units[held], layout.tail_signs[cells], slots[rows[held]])
    return {slot: (at, words, extremes) for slot, at, words, extremes in found}


def _unseen(
    columns: EncodedColumns, slots: NDArray[np.int64]
) -> dict[int, list[tuple[int, dict[int, tuple[str, int]]]]]:
    """Return, by slot, the unlisted categories of each column that has any."""
    found: dict[int, list[tuple[int, dict[int, tuple[str, int]]]]] = {}
    for index, unlisted in columns.unlisted.items():
        for slot, names in unseen_names(unlisted, slots).items():
            found.setdefault(slot, []).append((index, names))
    return found
