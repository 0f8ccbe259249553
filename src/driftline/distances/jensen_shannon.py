"""Jensen-Shannon distance: the square root of the divergence in bits, a metric between 0 and 1."""

from __future__ import annotations

import math

from msgspec import structs

from driftline.distances.base import register
from driftline.distances.jensen_shannon_divergence import jensen_shannon_divergence
from driftline.distances.sides import Counts, DistanceResult, signed_root


@register("jensen_shannon", reads="shares", on="groups", lower=0.0, upper=1.0, log_base="2")
def jensen_shannon(current: Counts, reference: Counts, *, dispersion: float = 1.0) -> DistanceResult | None:
    """Jensen-Shannon distance with logarithms to base 2, raw and with its bias removed under the root.

    With smoothed shares p and q, and m = (p + q) / 2::

        D         = ½ Σ pᵢ log₂(pᵢ / mᵢ) + ½ Σ qᵢ log₂(qᵢ / mᵢ)
        raw       = √D
        corrected = ±√|D − λ̄ (B − 1) (1/n + 1/N) / (8 ln 2)|, with the sign of what is under the root

    Parameters
    ----------
    current, reference : NDArray[int64], shape (B,), unit events, each at least 0
        Counts of the window and of the profile over the same bins, in any order.
    dispersion : float, greater than 0
        λ̄, the mean eigenvalue of the counts' covariance relative to independent data.

    Returns
    -------
    DistanceResult or None
        `raw` in [0, 1], `corrected` in [-1, 1], the square root of bits; `error_bound` is None, for the distance is
        defined on bins. None where either side counted nothing.

    Raises
    ------
    ParameterError
        Counts that are no counts, or of unequal shape.

    Notes
    -----
    State: none. Cost: O(B). Zero bins: the rule of :mod:`driftline.distances.base`, so 1 is approached, not reached.
    Null distribution: to first order D is Σλⱼ (1/n + 1/N) χ²₁ / (8 ln 2). D itself is `jensen_shannon_divergence`.

    The bias: to second order in p − q, D = Σ (pᵢ − qᵢ)² / πᵢ / (8 ln 2) about any common π, and when nothing has
    changed the sum's expectation is λ̄ (B − 1)(1/n + 1/N).

    Source: Lin (1991), doi:10.1109/18.61115, equation 4.1; that its root is a metric: Endres and Schindelin (2003),
    doi:10.1109/TIT.2003.813506; the bias: Grosse et al. (2002), doi:10.1103/PhysRevE.65.041905, with weights of one
    half. Deviations: the half count.

    Oracle: ``scipy.spatial.distance.jensenshannon(..., base=2)`` of SciPy 1.17.1.

    Examples
    --------
    >>> import numpy as np
    >>> result = jensen_shannon(np.array([30, 40, 30]), np.array([1000, 1000, 1000]))
    >>> round(result.raw, 4), round(result.corrected, 4)
    (0.0579, -0.0193)
    """
    divergence = jensen_shannon_divergence(current, reference, dispersion=dispersion)
    if divergence is None:
        return None
    corrected = None if divergence.corrected is None else signed_root(divergence.corrected)
    return structs.replace(divergence, raw=math.sqrt(divergence.raw), corrected=corrected)
