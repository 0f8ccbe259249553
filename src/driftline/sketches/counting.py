"""Counting encoded columns into sketches: all columns and all panes of a model with one call to NumPy each."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.sketches.encoding import Encoded, unseen_names
from driftline.sketches.fixed_point import split
from driftline.sketches.layout import EVENTS, Layout
from driftline.sketches.pane_sketch import NO_EXTREME, PaneSketch, merge_unseen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_DENSE: Final = 4
"""Cells per key up to which counting into one dense array is cheaper than sorting the keys."""
_NO_MINIMUM: Final = np.iinfo(np.int64).max


def count(layout: Layout, columns: Sequence[Encoded], slots: NDArray[np.int64], n_slots: int) -> list[PaneSketch]:
    """Count n events into one sketch per slot; parameters as of :func:`count_each`."""
    return list(count_each(layout, columns, slots, n_slots))


def count_each(
    layout: Layout, columns: Sequence[Encoded], slots: NDArray[np.int64], n_slots: int
) -> Iterator[PaneSketch]:
    """Count n events into one sketch per slot, and yield them one by one.

    Parameters
    ----------
    layout : Layout
    columns : sequence of Encoded
        One per column of the layout, each of n events.
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
    unseen = _unseen(columns, slots)
    for slot, counts in enumerate(_counts(layout, columns, slots, n_slots)):
        sketch = PaneSketch(layout)
        sketch.counts += counts
        sketch.sums += split(sums[slot])
        np.maximum(sketch.extremes, extremes[slot], out=sketch.extremes)
        for index, names in unseen.get(slot, ()):
            merge_unseen(sketch.unseen, {index: names})
        yield sketch


def _counts(
    layout: Layout, columns: Sequence[Encoded], slots: NDArray[np.int64], n_slots: int
) -> Iterator[NDArray[np.int64]]:
    """Yield the count vector of each slot."""
    base = slots * layout.n_cells
    keys = np.empty((len(columns) + 1, slots.size), dtype=np.int64)
    keys[-1] = base + EVENTS
    for row, (encoded, place) in enumerate(zip(columns, layout.places, strict=True)):
        bins = encoded.bins
        cells = np.where(bins >= 0, bins + place.bins.start, place.quality.start - 1 - bins)
        np.add(base, cells, out=keys[row])
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
    layout: Layout, columns: Sequence[Encoded], slots: NDArray[np.int64], n_slots: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return sums, shape (n_slots, n_numeric, 3), and extremes, shape (n_slots, n_numeric, 2)."""
    sums = np.zeros((n_slots, layout.n_numeric, 3), dtype=np.int64)
    extremes = np.full((n_slots, layout.n_numeric, 2), NO_EXTREME, dtype=np.int64)
    if slots.size == 0:
        return sums, extremes
    order: NDArray[np.int64] | slice = slice(None) if n_slots == 1 else np.argsort(slots, kind="stable")
    present, starts = np.unique(slots[order], return_index=True)
    for encoded, place in zip(columns, layout.places, strict=True):
        if encoded.z is None or encoded.squares is None or encoded.clipped is None:
            continue
        row, z, inside = place.moments, encoded.z[order], encoded.bins[order] >= 0
        sums[present, row, 0] = np.add.reduceat(z, starts)
        sums[present, row, 1] = np.add.reduceat(encoded.squares[order], starts)
        sums[present, row, 2] = np.add.reduceat(encoded.clipped[order].astype(np.int64), starts)
        low = np.minimum.reduceat(np.where(inside, z, _NO_MINIMUM), starts)
        high = np.maximum.reduceat(np.where(inside, z, NO_EXTREME), starts)
        some = low <= high
        extremes[present[some], row] = np.stack([-low[some], high[some]], axis=1)
    return sums, extremes


def _unseen(
    columns: Sequence[Encoded], slots: NDArray[np.int64]
) -> dict[int, list[tuple[int, dict[int, tuple[str, int]]]]]:
    """Return, by slot, the unlisted categories of each column that has any."""
    found: dict[int, list[tuple[int, dict[int, tuple[str, int]]]]] = {}
    for index, encoded in enumerate(columns):
        if encoded.unlisted:
            for slot, names in unseen_names(encoded, slots).items():
                found.setdefault(slot, []).append((index, names))
    return found
