"""The groups of a numeric column that e-detectors bet on, and what a column of such values can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.detectors.mixture.directions import numeric_directions
from driftline.detectors.mixture.growth import growth_of
from driftline.sketches.outer_groups import outer_groups

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from driftline.detectors.mixture.directions import Direction
    from driftline.sketches.columns import NumericColumn
    from driftline.sketches.grouping import Grouping


class ValueGroups:
    """Groups of a numeric column, the outermost ones finer than those of its distribution test.

    Parameters
    ----------
    column : NumericColumn
    reference : ndarray of int64, shape (column.n_bins,)
        The profile's counts.
    grouping : Grouping
        Of the column's distribution test.

    Attributes
    ----------
    grouping : Grouping
    parents : tuple of int
        Of each group, that of the distribution test which it is a part of.
    """

    def __init__(self, column: NumericColumn, reference: NDArray[np.int64], grouping: Grouping) -> None:
        self._outer = outer_groups(column, reference, grouping)
        self.grouping, self.parents = self._outer.grouping, self._outer.parents
        self._growth = growth_of(column.edges, reference, self.grouping.groups, column.mean, column.spread)

    def split(self, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return counts of the distribution test's groups, divided as those of the reference are; shape (G,)."""
        return self._outer.split(counts)

    def directions(self, shares: NDArray[np.float64], missing: float) -> tuple[Direction, ...]:
        """Return what the column can do, as :func:`~driftline.detectors.mixture.directions.numeric_directions`."""
        return numeric_directions(shares, missing, self._growth)
