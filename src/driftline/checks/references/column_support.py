"""Which values a column's bins hold, in the column's unit: for the distances that are measured in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from driftline.distances.support import Support
from driftline.sketches.numeric_encoding import TAIL_LIMIT, TAIL_SCALE
from driftline.sketches.tails import tail_extremes, tail_sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.sketches.columns import NumericColumn
    from driftline.sketches.grouping import Grouping
    from driftline.sketches.layout import Place
    from driftline.sketches.pane_sketch import PaneSketch


def grid_support(column: NumericColumn, place: Place, sketch: PaneSketch, reference: PaneSketch) -> Support:
    """Return the support of a numeric column's grid, with what the tails of a window and of its profile hold."""
    lowest, highest = _ends(column, place, sketch, reference)
    return Support.of_grid(
        column.edges,
        spread=column.spread,
        lowest=lowest,
        highest=highest,
        current_sums=_sums(column, place, sketch),
        reference_sums=_sums(column, place, reference),
    )


def group_support(
    column: NumericColumn, place: Place, sketch: PaneSketch, reference: PaneSketch, grouping: Grouping
) -> Support:
    """Return the support of groups of neighbouring bins of a numeric column's grid."""
    lowest, highest = _ends(column, place, sketch, reference)
    edges: NDArray[np.float64] = column.edges[np.flatnonzero(np.diff(grouping.index))]
    return Support.of_grid(edges, spread=column.spread, lowest=lowest, highest=highest)


def _sums(column: NumericColumn, place: Place, sketch: PaneSketch) -> NDArray[np.float64]:
    """Return the sum of each tail bin's values; not-a-number where a value was too far away to be summed."""
    sums = tail_sums(column, place, sketch.counts, sketch.tail_sums)
    sums[place.tail_bins[sketch.tail_extremes[place.tails] == TAIL_LIMIT * TAIL_SCALE]] = np.nan
    return sums


def _ends(column: NumericColumn, place: Place, *sketches: PaneSketch) -> tuple[float, float]:
    """Return the least and the greatest value of all sketches, and of the reference's range."""
    beyond = np.concatenate([tail_extremes(column, place, sketch.tail_extremes) for sketch in sketches])
    lowest = np.fmin.reduce(beyond, initial=column.minimum)
    highest = np.fmax.reduce(beyond, initial=column.maximum)
    return float(lowest), float(highest)
