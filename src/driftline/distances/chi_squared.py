"""Pearson's chi-squared divergence: the test's statistic per event, which does not grow with the window."""

from __future__ import annotations

import math

from driftline.distances.base import register
from driftline.distances.sides import Counts, DistanceResult, prepare


@register("chi_squared", reads="shares", on="groups", lower=0.0, upper=math.inf, symmetric=False)
def chi_squared(current: Counts, reference: Counts, *, dispersion: float = 1.0) -> DistanceResult | None:
    """Pearson's chi-squared divergence of the window from the profile; its root is Cohen's effect size w.

    With smoothed shares p (window) and q (profile) over B bins::

        φ²        = Σ (pᵢ − qᵢ)² / qᵢ
        corrected = φ² − λ̄ (B − 1) (1/n + 1/N)

    Parameters
    ----------
    current, reference : NDArray[int64], shape (B,), unit events, each at least 0
        Counts of the window and of the profile over the same bins, in any order.
    dispersion : float, greater than 0
        λ̄, the mean eigenvalue of the counts' covariance relative to independent data.

    Returns
    -------
    DistanceResult or None
        `raw` in [0, ∞); `corrected` may be negative; `error_bound` is None, for it is defined on bins.
        None where either side counted nothing.

    Raises
    ------
    ParameterError
        Counts that are no counts, or of unequal shape.

    Notes
    -----
    State: none. Cost: O(B). Zero bins: the rule of :mod:`driftline.distances.base`. Null distribution: to first order
    Σλⱼ (1/n + 1/N) χ²₁. A bin that the profile hardly holds weighs most: where one is new, φ² runs ahead of PSI.
    The correction is first order: within 12 % of the raw mean from ten expected events a bin, of 20 % from five, as
    the half counts draw small bins together.

    Source: Pearson (1900), doi:10.1080/14786440009463897; as an effect size: Cohen (1988),
    doi:10.4324/9780203771587, equation 7.2.1. Deviations: the half count.

    Oracle: ``scipy.stats.chisquare`` of SciPy 1.17.1 on the smoothed shares.

    Examples
    --------
    >>> import numpy as np
    >>> result = chi_squared(np.array([30, 40, 30]), np.array([1000, 1000, 1000]))
    >>> round(result.raw, 4), round(result.corrected, 4)
    (0.0194, -0.0013)
    """
    sides = prepare(current, reference, dispersion)
    if sides is None:
        return None
    p, q = sides.smoothed()
    raw = math.fsum((p - q) ** 2 / q)
    return sides.result(raw, raw - sides.null_chi_squared(dispersion))
