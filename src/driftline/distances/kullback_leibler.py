"""Kullback-Leibler divergence of the window from its profile."""

from __future__ import annotations

import math

import numpy as np

from driftline.distances.base import register
from driftline.distances.sides import Counts, DistanceResult, prepare


@register("kullback_leibler", reads="shares", on="groups", lower=0.0, upper=math.inf, log_base="e", symmetric=False)
def kullback_leibler(current: Counts, reference: Counts, *, dispersion: float = 1.0) -> DistanceResult | None:
    """Kullback-Leibler divergence of the window from the profile in nats: what coding the one for the other costs.

    With smoothed shares p (window) and q (profile) over B bins::

        KL        = Σ pᵢ ln(pᵢ / qᵢ)
        corrected = KL − λ̄ (B − 1) (1/n + 1/N) / 2

    Parameters
    ----------
    current, reference : NDArray[int64], shape (B,), unit events, each at least 0
        Counts of the window and of the profile over the same bins, in any order.
    dispersion : float, greater than 0
        λ̄, the mean eigenvalue of the counts' covariance relative to independent data.

    Returns
    -------
    DistanceResult or None
        `raw` in [0, ∞) nats; `corrected` may be negative; `error_bound` is None, for it is defined on bins.
        None where either side counted nothing.

    Raises
    ------
    ParameterError
        Counts that are no counts, or of unequal shape.

    Notes
    -----
    State: none. Cost: O(B). Zero bins: the rule of :mod:`driftline.distances.base`. Null distribution: to first order
    Σλⱼ (1/n + 1/N) χ²₁ / 2. With the sides exchanged it is another number; PSI is the sum of both.
    The correction is first order: within 12 % of the raw mean from ten expected events a bin, of 20 % from five, as
    the half counts draw small bins together.

    Source: Kullback and Leibler (1951), doi:10.1214/aoms/1177729694, equation 2.4; the bias: Kupperman (1957), in Pardo
    (2005), doi:10.1201/9781420034813, with Σλⱼ for the degrees of freedom. Deviations: the half count.

    Oracle: ``scipy.special.rel_entr`` of SciPy 1.17.1, summed.

    Examples
    --------
    >>> import numpy as np
    >>> result = kullback_leibler(np.array([30, 40, 30]), np.array([1000, 1000, 1000]))
    >>> round(result.raw, 4), round(result.corrected, 4)
    (0.0094, -0.0009)
    """
    sides = prepare(current, reference, dispersion)
    if sides is None:
        return None
    p, q = sides.smoothed()
    raw = max(0.0, math.fsum(p * np.log(p / q)))
    return sides.result(raw, raw - sides.null_chi_squared(dispersion) / 2)
