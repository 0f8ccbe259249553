"""Counting encoded columns into sketches: all columns and all panes of a model with one call to NumPy each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.sketches.encoding import Encoded, unseen_names
from driftline.sketches.fixed_point import split
from driftline.sketches.layout import EVENTS, Layout
from driftline.sketches.pane_sketch import NO_EXTREME, PaneSketch, merge_unseen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_DENSE: Final = 4
"""Cells per key up to which counting into one dense array is cheaper than sorting the keys."""


def count(layout: Layout, columns: Sequence[Encoded], slots: NDArray[np.int64], n_slots: int) -> list[PaneSketch]:
    """Count n events into one sketch per slot.

    Parameters
    ----------
    layout : Layout
    columns : sequence of Encoded
        One per column of the layout, each of n events.
    slots : ndarray of int64, shape (n,)
        Which sketch each event belongs to, in [0, n_slots).
    n_slots : int

    Returns
    -------
    list of PaneSketch
        One per slot.
    """
    sketches = [PaneSketch(layout) for _ in range(n_slots)]
    _count_cells(layout, columns, slots, sketches)
    for index, (encoded, place) in enumerate(zip(columns, layout.places, strict=True)):
        if encoded.z is not None:
            _sum_moments(encoded, slots, sketches, place.moments)
        elif encoded.unlisted:
            for slot, names in unseen_names(encoded, slots).items():
                merge_unseen(sketches[slot].unseen, {index: names})
    return sketches


def _count_cells(
    layout: Layout, columns: Sequence[Encoded], slots: NDArray[np.int64], sketches: list[PaneSketch]
) -> None:
    base = slots * layout.n_cells
    keys = np.empty((len(columns) + 1, slots.size), dtype=np.int64)
    keys[-1] = base + EVENTS
    for row, (encoded, place) in enumerate(zip(columns, layout.places, strict=True)):
        bins = encoded.bins
        cells = np.where(bins >= 0, bins + place.bins.start, place.quality.start - 1 - bins)
        np.add(base, cells, out=keys[row])
    n_cells = len(sketches) * layout.n_cells
    flat = keys.ravel()
    if n_cells <= _DENSE * flat.size:
        table = np.bincount(flat, minlength=n_cells).reshape(len(sketches), layout.n_cells)
        for sketch, counts in zip(sketches, table, strict=True):
            sketch.counts += counts
        return
    found, counts = np.unique(flat, return_counts=True)
    for key, n in zip(found.tolist(), counts.tolist(), strict=True):
        sketches[key // layout.n_cells].counts[key % layout.n_cells] += n


def _sum_moments(encoded: Encoded, slots: NDArray[np.int64], sketches: list[PaneSketch], row: int) -> None:
    assert encoded.z is not None  # noqa: S101  # numeric columns have all three
    assert encoded.squares is not None  # noqa: S101
    assert encoded.clipped is not None  # noqa: S101
    z, squares, present = encoded.z, encoded.squares, encoded.bins >= 0
    order: NDArray[np.int64] | slice
    if len(sketches) == 1:
        order, bounds = slice(None), [0, slots.size]
    else:
        order = np.argsort(slots, kind="stable")
        bounds = np.searchsorted(slots[order], np.arange(len(sketches) + 1)).tolist()
    z, squares, clipped, present = z[order], squares[order], encoded.clipped[order], present[order]
    for sketch, start, stop in zip(sketches, bounds[:-1], bounds[1:], strict=True):
        if not present[start:stop].any():
            continue
        part = z[start:stop]
        sums = np.array([part.sum(), squares[start:stop].sum(), clipped[start:stop].sum()], dtype=np.int64)
        sketch.sums[:, row] += split(sums)
        inside = present[start:stop]
        low = int(part.min(where=inside, initial=np.iinfo(np.int64).max))
        high = int(part.max(where=inside, initial=NO_EXTREME))
        sketch.extremes[row] = np.maximum(sketch.extremes[row], (-low, high))
