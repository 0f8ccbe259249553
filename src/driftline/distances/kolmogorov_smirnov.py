"""Kolmogorov-Smirnov distance on a grid, with a bound on what the grid hides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from driftline.distances.base import register
from driftline.distances.null_expectation import largest_difference
from driftline.distances.sides import Counts, DistanceResult, prepare
from driftline.distances.support import single_valued

if TYPE_CHECKING:
    from driftline.distances.support import Support


@register("kolmogorov_smirnov", reads="order", on="grid", lower=0.0, upper=1.0)
def kolmogorov_smirnov(
    current: Counts, reference: Counts, support: Support | None = None, *, dispersion: float = 1.0
) -> DistanceResult | None:
    """Largest difference of the two distribution functions at the bins' edges; the true one is at most `error_bound`
    above.

    With shares p and q, and Dᵢ = Σ_{j≤i} (pⱼ − qⱼ)::

        raw         = max |Dᵢ|
        corrected   = raw − √(λ̄ (1/n + 1/N)) E max |b(Hᵢ)|,  b a Brownian bridge, H the pooled function at the edges
        error_bound = max over bins of several values of max(Dᵢ₋₁ + pᵢ, qᵢ − Dᵢ₋₁), less raw, at least 0

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
        `raw` in [0, 1]; the distance of the unbinned events lies in [raw, raw + error_bound]; `corrected` may be
        negative. None where either side counted nothing.

    Raises
    ------
    ParameterError
        Counts that are no counts, or of unequal shape.

    Notes
    -----
    State: none. Cost: O(B) and the expectation's. Zero bins: no logarithm, so nothing is added.

    The bound: inside bin i the window's function is at most that at its upper edge and the profile's at least that at
    its lower edge, so their difference is at most Dᵢ₋₁ + pᵢ; and the other way round. It is never above the largest
    max(pᵢ, qᵢ), and a bin of which `support` says that it holds a single value (an atom) adds nothing to it.

    Null distribution: of the largest value of that bridge, Kolmogorov's for ever finer bins; by Monte Carlo. Its
    expectation is a mean over fixed draws (:func:`~driftline.distances.null_expectation.largest_difference`), within
    6 % of the raw mean from 200 events.

    Source: Smirnov (1939), in Feller (1948), doi:10.1214/aoms/1177730243. Deviations: edges only.

    Oracle: ``scipy.stats.ks_2samp`` of SciPy 1.17.1, on the events before they were binned.

    Examples
    --------
    >>> import numpy as np
    >>> result = kolmogorov_smirnov(np.array([10, 10, 80]), np.array([100, 100, 100]))
    >>> round(result.raw, 4), round(result.error_bound, 4)
    (0.4667, 0.3333)
    """
    sides = prepare(current, reference, dispersion)
    if sides is None:
        return None
    p, q = sides.shares()
    at_upper_edge = np.subtract(*sides.cumulative())
    at_lower_edge = np.concatenate(([0.0], at_upper_edge[:-1]))
    raw = float(np.abs(at_upper_edge).max())
    hidden = np.maximum(at_lower_edge + p, q - at_lower_edge)[~single_valued(support, sides)]
    largest = float(hidden.max(initial=raw))
    corrected = raw - largest_difference(sides, dispersion, cumulative=True)
    return sides.result(raw, corrected, largest - raw)
