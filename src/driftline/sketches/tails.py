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

from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.sketches.fixed_point import join, split
from driftline.sketches.numeric_encoding import TAIL_SCALE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from driftline.sketches.columns import NumericColumn
    from driftline.sketches.layout import Place

NO_EXTREME: Final = np.iinfo(np.int64).min
"""Stands for the extreme of no value."""


def count_tails(
    cells: NDArray[np.int64], units: NDArray[np.int64], signs: NDArray[np.int64], slots: NDArray[np.int64]
) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Yield slot, distinct cells of shape (k,), words of their sums of shape (2, k) and their extremes of shape (k,).

    Each of t values, in ``units``, has a tail cell and a sign: -1 below the reference's range, 1 above, so that an
    extreme is the greatest sign × units. Only slots that hold a value are yielded, ascending.
    """
    if not cells.size:
        return
    width = int(cells.max()) + 1
    keys, inverse = np.unique(slots * width + cells, return_inverse=True)
    words = np.zeros((2, keys.size), dtype=np.int64)
    for word, part in zip(words, split(units), strict=True):
        np.add.at(word, inverse, part)
    extremes = np.full(keys.size, NO_EXTREME, dtype=np.int64)
    np.maximum.at(extremes, inverse, units * signs)
    present, starts = np.unique(keys // width, return_index=True)
    for slot, start, stop in zip(present.tolist(), starts, [*starts[1:], keys.size], strict=True):
        at = slice(start, stop)
        yield slot, keys[at] % width, words[:, at], extremes[at]


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
