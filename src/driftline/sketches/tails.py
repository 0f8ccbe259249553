"""Tail bins keep the sum and the extreme of their values: without them a distance has no bound beyond the grid.

The bins beyond the reference's range widen, and the outermost are open, so their counts alone say nothing of how far
away their values lie. Each tail bin therefore sums its values, standardised as the moments are but *not* clipped at
±256: up to :data:`TAIL_LIMIT` spreads from the reference's mean, in units of 2⁻²⁰ (:data:`TAIL_SCALE`), as whole
numbers.

*Bounds*: a value's rounding is at most 2⁻²¹ spreads. A value further than 2⁴⁰ spreads from the mean counts as 2⁴⁰
spreads, and then the bin's extreme is exactly 2⁴⁰, so that a sum that is only a lower bound can be told. Sums are kept
in two words (:func:`driftline.sketches.fixed_point.split`), exact for 2³¹ values a bin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.sketches.fixed_point import join, split
from driftline.sketches.numeric_encoding import TAIL_SCALE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.sketches.columns import NumericColumn
    from driftline.sketches.layout import Place

NO_EXTREME: Final = np.iinfo(np.int64).min
"""Stands for the extreme of no value."""


class TailCounts(NamedTuple):
    """Tail cells that a value fell in, k of them, by slot and cell."""

    slots: NDArray[np.int64]
    cells: NDArray[np.int64]
    """Both of shape (k,)."""
    words: NDArray[np.int64]
    """Of their sums, shape (2, k)."""
    extremes: NDArray[np.int64]
    """Shape (k,)."""

    def of_slot(self, slot: int) -> slice:
        """Return where the cells of a slot stand."""
        start, stop = np.searchsorted(self.slots, [slot, slot + 1]).tolist()
        return slice(start, stop)


def count_tails(
    cells: NDArray[np.int64], units: NDArray[np.int64], signs: NDArray[np.int64], slots: NDArray[np.int64]
) -> TailCounts:
    """Return the tail cells of t values.

    Each value, in ``units``, has a slot, a tail cell and a sign: -1 below the reference's range, 1 above, so that an
    extreme is the greatest sign × units. All arrays have the shape (t,).
    """
    width = int(cells.max(initial=0)) + 1
    keys, inverse = np.unique(slots * width + cells, return_inverse=True)
    words = np.zeros((2, keys.size), dtype=np.int64)
    for word, part in zip(words, split(units), strict=True):
        np.add.at(word, inverse, part)
    extremes = np.full(keys.size, NO_EXTREME, dtype=np.int64)
    np.maximum.at(extremes, inverse, units * signs)
    return TailCounts(*np.divmod(keys, width), words, extremes)


def tail_sums(
    column: NumericColumn, place: Place, counts: NDArray[np.int64], words: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the sum of the values of each tail bin of a sketch, in the column's unit, shape (column.n_bins,).

    Not-a-number for the bins inside the reference's range, which keep no sum; 0 where a tail bin is empty.
    """
    sums = np.full(column.n_bins, np.nan)
    spread = column.spread if column.spread > 0 else 1.0
    bins = place.tail_bins
    z = np.array(join(words[:, place.tails]), dtype=np.float64) / TAIL_SCALE
    with np.errstate(over="ignore"):
        sums[bins] = counts[place.bins][bins] * column.mean + spread * z
    return sums


def tail_extremes(column: NumericColumn, place: Place, extremes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the outermost value of each tail bin of a sketch, in the column's unit, shape (column.n_bins,).

    Not-a-number for bins inside the reference's range and for empty ones.
    """
    values = np.full(column.n_bins, np.nan)
    spread = column.spread if column.spread > 0 else 1.0
    outermost = extremes[place.tails]
    z = np.where(outermost == NO_EXTREME, np.nan, outermost / TAIL_SCALE)
    z[: place.n_low] *= -1
    with np.errstate(over="ignore"):
        values[place.tail_bins] = column.mean + spread * z
    return values
