"""Cramér-von Mises distance: the mean square difference of the two distribution functions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from driftline.distances.base import register
from driftline.distances.null_expectation import variances
from driftline.distances.sides import Counts, DistanceResult, prepare
from driftline.distances.support import single_valued

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.distances.support import Support


@register("cramer_von_mises", reads="order", on="grid", lower=0.0, upper=2 / 3)
def cramer_von_mises(
    current: Counts, reference: Counts, support: Support | None = None, *, dispersion: float = 1.0
) -> DistanceResult | None:
    """Cramér-von Mises distance ω²: the two distribution functions' mean square difference over both sides' events.

    With distribution functions F (window) and G (profile) at the bins' upper edges, hᵢ = (pᵢ + qᵢ) / 2, and H the
    pooled function::

        ω²        = Σ hᵢ (Fᵢ − Gᵢ)²
        corrected = ω² − λ̄ (1/n + 1/N) Σ hᵢ Hᵢ (1 − Hᵢ)
        error     = Σ hᵢ max |x² − (Fᵢ − Gᵢ)²|,  x any difference of the two that bin i can hide

    Parameters
    ----------
    current, reference : NDArray[int64], shape (B,), unit events, each at least 0
        Counts of the window and of the profile over the same bins, **in the order of the values**.
    support : Support, of B bins, optional
        Which bins hold a single value, and so hide nothing.
    dispersion : float, greater than 0
        λ̄, the mean eigenvalue of the counts' covariance relative to independent data.

    Returns
    -------
    DistanceResult or None
        `raw` in [0, 2/3], and at most 1/3 where no bin holds much; `corrected` may be negative; the value on the
        unbinned events lies within `error_bound` of `raw`. None where either side counted nothing.

    Raises
    ------
    ParameterError
        Counts that are no counts, or of unequal shape.

    Notes
    -----
    State: none. Cost: O(B). Zero bins: no logarithm, so nothing is added. Both sides weigh one half whatever their
    sizes, so that the value does not depend on them. Inside bin i the difference lies between Dᵢ₋₁ − qᵢ and Dᵢ₋₁ + pᵢ,
    with D = F − G; an atom that `support` tells of hides nothing. The correction is exact for independent
    data. Null distribution: λ̄ (1/n + 1/N) times the limit of Smirnov's ω², a weighted sum of χ²₁ with weights 1/(jπ)².

    Source: Anderson (1962), doi:10.1214/aoms/1177704477, equation 3, divided by nN/(n + N). Deviations: the
    sides' equal weights, which for n = N are Anderson's; ties by bin.

    Oracle: ``scipy.stats.cramervonmises_2samp`` of SciPy 1.17.1, for equal sizes and events without ties.

    Examples
    --------
    >>> import numpy as np
    >>> result = cramer_von_mises(np.array([10, 10, 80]), np.array([100, 100, 100]))
    >>> round(result.raw, 4), round(result.corrected, 4), round(result.error_bound, 4)
    (0.059, 0.0577, 0.4183)
    """
    sides = prepare(current, reference, dispersion)
    if sides is None:
        return None
    p, q = sides.shares()
    weights = (p + q) / 2
    at_upper, at_upper_reference = sides.cumulative()
    squares = (at_upper - at_upper_reference) ** 2
    raw = math.fsum(weights * squares)
    null = math.fsum(weights * variances(sides, np.cumsum(sides.pooled()).clip(0, 1), dispersion))
    least, greatest = hidden_squares(at_upper - at_upper_reference, p, q)
    hidden = np.where(single_valued(support, sides), 0.0, np.maximum(greatest - squares, squares - least))
    bound = math.fsum(weights * hidden)
    return sides.result(raw, raw - null, bound)


def hidden_squares(
    at_upper: NDArray[np.float64], p: NDArray[np.float64], q: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the least and the greatest square difference of two distribution functions inside each bin.

    Parameters
    ----------
    at_upper : ndarray of float64, shape (B,)
        Their difference at the bins' upper edges.
    p, q : ndarray of float64, shape (B,)
        Their shares of the bins.
    """
    at_lower = np.concatenate([[0.0], at_upper[:-1]])
    low, high = at_lower - q, at_lower + p
    least = np.where((low <= 0) & (high >= 0), 0.0, np.minimum(np.abs(low), np.abs(high))) ** 2
    return least, np.maximum(np.abs(low), np.abs(high)) ** 2
