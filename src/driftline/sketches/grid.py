"""Numeric grid: half-open bins whose edges are the reference's quantiles, with atoms and widening tails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

QUANTILE_BINS: Final = 200
"""Bins between the reference's quantiles; divides into 10, 20, 40 and 50."""
TAIL_BINS: Final = 8
"""Bins beyond each end of the reference's range; each twice as wide as the one before, the last one open."""
MAX_ATOMS: Final = 128
"""A column with at most this many distinct reference values is discrete: each gets a bin of its own."""


def build_edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the bin edges for a numeric column, from its finite reference values.

    Bin ``i`` is ``[edges[i-1], edges[i])``; the first and the last are open. A value that carries much mass
    (an atom) is a bin one unit in the last place wide, so that one search serves atoms and intervals alike.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        Finite values, n >= 1.

    Returns
    -------
    ndarray of float64, shape (B - 1,)
        Strictly increasing; B is at most 2 * MAX_ATOMS + 2 * TAIL_BINS + 1 for discrete columns and
        2 * QUANTILE_BINS + 2 * TAIL_BINS + 1 otherwise.

    Raises
    ------
    ParameterError
        When there is no value, or one that is not finite.

    Notes
    -----
    *Guarantee*: on the reference itself no interval between two atoms holds more than ``1 / QUANTILE_BINS`` of the
    mass, and the mass of one value more, which is less than ``1 / QUANTILE_BINS`` as well (or it would be an atom); a
    distribution function read off the grid is at most that far from the exact one, and exact at the edges.

    Examples
    --------
    >>> edges = build_edges(np.array([0.0, 0.0, 1.0]))
    >>> [int(i) for i in np.searchsorted(edges, [-1.0, 0.0, 0.5, 1.0, 2.0], side="right")]
    [5, 8, 9, 10, 13]
    """
    if values.size == 0 or not np.isfinite(values).all():
        raise ParameterError("at least one value, all finite", f"{values.size} values", "$.values")
    ordered = np.sort(values) + 0.0
    distinct, counts = np.unique(ordered, return_counts=True)
    if distinct.size <= MAX_ATOMS:
        atoms, inner = distinct, np.empty(0)
    else:
        ranks = np.ceil(np.arange(1, QUANTILE_BINS) * (ordered.size / QUANTILE_BINS)).astype(np.int64) - 1
        inner = np.unique(ordered[ranks])
        atoms = distinct[counts * QUANTILE_BINS >= ordered.size]
    low, high = ordered[0], ordered[-1]
    with np.errstate(over="ignore"):  # an edge beyond the greatest number is left out below
        after_high, after_atoms = np.nextafter(high, np.inf), np.nextafter(atoms, np.inf)
        steps = _tail_width(ordered) * (2.0 ** np.arange(1, TAIL_BINS) - 1.0)
        tails = np.concatenate([low - steps, after_high + steps])
    core = np.concatenate([[low], inner, atoms, after_atoms, [after_high]])
    edges = np.unique(np.concatenate([core, tails]))
    finite: NDArray[np.float64] = edges[np.isfinite(edges)]
    return finite


def _tail_width(ordered: NDArray[np.float64]) -> float:
    """Return the width of the innermost tail bin: half a standard deviation, or a thousandth of the value's size."""
    scale = float(np.abs(ordered[[0, -1]]).max())
    with np.errstate(over="ignore", invalid="ignore"):
        spread = float(ordered.std())
    if not np.isfinite(spread) or spread <= scale * 1e-12:
        return scale * 1e-3 if scale > 0 else 1.0
    return spread / 2


def bin_of(edges: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return each value's bin, shape (n,), in [0, len(edges)]; infinities fall in the open bins."""
    return np.searchsorted(edges, values, side="right")


def representatives(edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return one value inside each bin, shape (B,): its middle, and the edge for the two open bins."""
    if edges.size == 0:
        return np.zeros(1)
    low, high = edges[:-1], edges[1:]
    middle = np.maximum(low / 2 + high / 2, low)
    middle = np.where(middle < high, middle, low)  # between neighbouring numbers there is no middle
    return np.concatenate([edges[:1], middle, edges[-1:]])
