"""Anderson-Darling distance: Cramér-von Mises' with the tails as heavy as the middle."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from driftline.distances.base import register
from driftline.distances.null_expectation import variances
from driftline.distances.sides import Counts, DistanceResult, prepare

if TYPE_CHECKING:
    from driftline.distances.support import Support


@register("anderson_darling", reads="order", on="grid", lower=0.0, upper=4.0)
def anderson_darling(
    current: Counts,
    reference: Counts,
    support: Support | None = None,  # noqa: ARG001 - the interface of all that reads the order
    *,
    dispersion: float = 1.0,
) -> DistanceResult | None:
    """Anderson-Darling distance: mean square difference of the distribution functions, each in units of its variance.

    With distribution functions F (window) and G (profile) at the bins' upper edges, hᵢ = (pᵢ + qᵢ) / 2,
    H = (F + G) / 2, and H* the pooled function::

        A²        = Σ hᵢ (Fᵢ − Gᵢ)² / (Hᵢ (1 − Hᵢ)), over the bins below the last
        corrected = A² − λ̄ (1/n + 1/N) Σ hᵢ H*ᵢ (1 − H*ᵢ) / (Hᵢ (1 − Hᵢ))

    Parameters
    ----------
    current, reference : NDArray[int64], shape (B,), unit events, each at least 0
        Counts of the window and of the profile over the same bins, **in the order of the values**.
    support : Support, of B bins, optional
        Part of the common interface; it changes nothing.
    dispersion : float, greater than 0
        λ̄, the mean eigenvalue of the counts' covariance relative to independent data.

    Returns
    -------
    DistanceResult or None
        `raw` in [0, 4]; `corrected` may be negative; `error_bound` is None: in the tails no bound is known that says
        more than the range.
        None where either side counted nothing.

    Raises
    ------
    ParameterError
        Counts that are no counts, or of unequal shape.

    Notes
    -----
    State: none. Cost: O(B). Zero bins: no logarithm, so nothing is added. Both sides weigh one half whatever their
    sizes, so that the value does not depend on them. The correction is exact for independent data, to first order in
    the weights. Null distribution: λ̄ (1/n + 1/N) times the limit of A², a weighted sum of χ²₁ with weights 1/(j(j +
    1)).

    Source: Pettitt (1976), doi:10.1093/biomet/63.1.161; Scholz and Stephens (1987),
    doi:10.1080/01621459.1987.10478517, equation 3 with k = 2, divided by nN/(n + N). Deviations: the
    sides' equal weights, which for n = N are theirs; ties by bin.

    Oracle: ``scipy.stats.anderson_ksamp`` of SciPy 1.17.1 with right-continuous functions, its standardisation undone,
    for equal sizes.

    Examples
    --------
    >>> import numpy as np
    >>> result = anderson_darling(np.array([10, 10, 80]), np.array([100, 100, 100]))
    >>> round(result.raw, 4), round(result.corrected, 4)
    (0.2617, 0.2553)
    """
    sides = prepare(current, reference, dispersion)
    if sides is None:
        return None
    p, q = sides.shares()
    at_upper, at_upper_reference = (distribution[:-1] for distribution in sides.cumulative())
    mixed = (at_upper + at_upper_reference) / 2
    weights = (p + q)[:-1] / 2 / (mixed * (1 - mixed))
    raw = min(4.0, math.fsum(weights * (at_upper - at_upper_reference) ** 2))
    pooled = np.cumsum(sides.pooled())[:-1].clip(0, 1)
    return sides.result(raw, raw - math.fsum(weights * variances(sides, pooled, dispersion)))
