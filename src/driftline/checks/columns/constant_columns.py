"""Columns that the reference knows one value of: detectors see the share of values that are another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from driftline.sketches.columns import NumericColumn
from driftline.sketches.grid import bin_of

if TYPE_CHECKING:
    from driftline.sketches.columns import Column


def constant_bin(column: Column) -> int | None:
    """Return the bin of the only value that a column's reference has; None where it has several, or none.

    Without a spread there is no unit in which a mean could be said to have moved: standardised by 1, a constant of
    0.02 that becomes 0.03 would be a hundredth of a standard deviation. The grid knows the value exactly.
    """
    if not isinstance(column, NumericColumn) or column.spread > 0 or not column.edges.size:
        return None
    if column.minimum != column.maximum:
        return None
    return int(bin_of(column.edges, np.array([column.minimum]))[0])
