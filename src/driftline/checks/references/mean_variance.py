"""How much more the mean of a score varies than that of independent values: what e-detectors must know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from driftline.sketches.grid import representatives

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.significance.dispersion import Dispersion
    from driftline.sketches.columns import NumericColumn
    from driftline.sketches.grouping import Grouping


def score_ratio(scores: NDArray[np.float64], dispersion: Dispersion) -> float:
    """Return how much more the mean of a score of the groups varies than that of independent values, at least 1.

    Parameters
    ----------
    scores : ndarray of float64, shape (G,)
        Of each group that the dispersion is of.

    Returns
    -------
    float
        With x the scores: xᵀ Σ x / xᵀ (diag π − ππᵀ) x, where Σ is the covariance of the groups' counts per event, and
        what windows vary beyond it counts in full, as a detector runs over many of them.
    """
    shares = dispersion.shares
    x = scores - float(shares @ scores)
    plain = float((shares * x * x).sum())
    whole = dispersion.covariance + dispersion.excess * dispersion.window_events
    return max(1.0, nine_digits(float(x @ whole @ x) / plain)) if plain > 0 else 1.0


def nine_digits(value: float) -> float:
    """Return a value to as many digits as matrix products have on every machine.

    Examples
    --------
    >>> nine_digits(1.0000000000000002), nine_digits(12.345678912345)
    (1.0, 12.3456789)
    """
    return float(f"{value:.9g}")


def group_centres(column: NumericColumn, grouping: Grouping) -> NDArray[np.float64]:
    """Return a typical value of each group of a numeric column, the mean of its bins' middles; shape (groups,)."""
    sums, sizes = np.zeros(grouping.n_groups), np.zeros(grouping.n_groups)
    np.add.at(sums, grouping.index, representatives(column.edges))
    np.add.at(sizes, grouping.index, 1.0)
    centres: NDArray[np.float64] = sums / sizes
    return centres
