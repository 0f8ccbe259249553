"""Wasserstein-1 distance divided by the reference's standard deviation: comparable between columns."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from msgspec.structs import replace

from driftline.distances.base import register
from driftline.distances.support import at_most_greatest
from driftline.distances.wasserstein import wasserstein

if TYPE_CHECKING:
    from driftline.distances.sides import Counts, DistanceResult
    from driftline.distances.support import Support


@register("wasserstein_normed", reads="values", on="grid", lower=0.0, upper=math.inf)
def wasserstein_normed(
    current: Counts, reference: Counts, support: Support, *, dispersion: float = 1.0
) -> DistanceResult | None:
    """Wasserstein-1 distance in standard deviations of the reference; a shift of the mean by δ deviations shows as δ.

    All of :func:`~driftline.distances.wasserstein.wasserstein`, divided by the standard deviation, or by 1 where the
    reference has none::

        raw = W / s

    Parameters
    ----------
    current, reference : NDArray[int64], shape (B,), unit events, each at least 0
        Counts of the window and of the profile over the same bins, **in the order of the values**.
    support : Support, of B bins
        Which values the bins hold; sums where they are known.
    dispersion : float, greater than 0
        λ̄, the mean eigenvalue of the counts' covariance relative to independent data.

    Returns
    -------
    DistanceResult or None
        `raw` in [0, ∞), without unit; `corrected` may be negative; the value on the unbinned events lies within
        `error_bound` of `raw`.
        None where either side counted nothing.

    Raises
    ------
    ParameterError
        Counts that are no counts, or of unequal shape; a support of another number of bins.

    Notes
    -----
    State: none. Cost: O(B log B). Bound, correction and null distribution are those of the raw distance, divided. The
    standard deviation is the profile's and does not move with the window.

    Source: Vallender (1974), doi:10.1137/1118101. Deviations: the division; binned values.

    Oracle: ``scipy.stats.wasserstein_distance`` of SciPy 1.17.1 on standardised events, before they were binned.

    Examples
    --------
    >>> import numpy as np
    >>> from driftline.distances.support import Support
    >>> support = Support(np.array([0.0, 10.0, 20.0]), np.array([10.0, 20.0, 30.0]), spread=8.0)
    >>> result = wasserstein_normed(np.array([10, 10, 80]), np.array([100, 100, 100]), support)
    >>> round(result.raw, 4), round(result.corrected, 4), round(result.error_bound, 4)
    (0.875, 0.7661, 1.25)
    """
    result = wasserstein(current, reference, support, dispersion=dispersion)
    if result is None or support.spread in {0.0, 1.0}:
        return result
    return replace(
        result,
        raw=at_most_greatest(result.raw / support.spread),
        corrected=at_most_greatest((result.corrected or 0.0) / support.spread),
        error_bound=None if result.error_bound is None else at_most_greatest(result.error_bound / support.spread),
    )
