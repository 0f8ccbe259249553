"""Novelty index: the share of the window where the reference has next to nothing."""

from __future__ import annotations

from typing import Final

from driftline.distances.base import register
from driftline.distances.sides import Counts, DistanceResult, prepare

NEXT_TO_NOTHING: Final = 0.001
"""A bin is new where the reference has at most this share of its events there. Not a
smoothing constant: it defines what is counted, and the correction takes off what the same rule counts in unchanged
windows."""


@register("novelty", reads="shares", on="grid", lower=0.0, upper=1.0, symmetric=False)
def novelty(current: Counts, reference: Counts, *, dispersion: float = 1.0) -> DistanceResult | None:
    """Novelty index: the share of the window's events in bins where the reference has next to none of its own.

    With counts c (window) and r (profile), and k = ⌊N / 1000⌋::

        raw       = Σ cᵢ / n, over the bins with rᵢ ≤ k
        corrected = raw − Σ rᵢ / N, over the bins with rᵢ ≤ k + 1

    Parameters
    ----------
    current, reference : NDArray[int64], shape (B,), unit events, each at least 0
        Counts of the window and of the profile over the same bins, in any order.
    dispersion : float, greater than 0
        λ̄, the mean eigenvalue of the counts' covariance relative to independent data.

    Returns
    -------
    DistanceResult or None
        `raw` in [0, 1]; `corrected` in [-1, 1]; `error_bound` is None, for it is defined on bins.
        None where either side counted nothing.

    Raises
    ------
    ParameterError
        Counts that are no counts, or of unequal shape.

    Notes
    -----
    State: none. Cost: O(B). Not a distance: it looks one way, and is not zero for equal counts. It is meant for all
    bins of a column, where values beyond the reference's range and categories that it does not list have bins of their
    own. Zero bins: nothing is added. That the correction counts one event more than the index is Turing's formula: bins
    are chosen for few events of the reference, so its own share of them is too small; Σ πᵢ P(rᵢ ≤ k) is the mean of Σ
    rᵢ/N over rᵢ ≤ k + 1. It does not depend on `dispersion`. Null distribution: given the bins, a binomial share,
    overdispersed by λ̄.

    Source: Good (1953), doi:10.1093/biomet/40.3-4.237, equation 9 summed. Deviations: none.

    Oracle: NumPy: the share of the window's events outside the reference's range, where all others are common.

    Examples
    --------
    >>> import numpy as np
    >>> result = novelty(np.array([30, 40, 30]), np.array([5000, 5000, 2]))
    >>> round(result.raw, 4), round(result.corrected, 4)
    (0.3, 0.2998)
    """
    sides = prepare(current, reference, dispersion)
    if sides is None:
        return None
    most = int(sides.n_reference * NEXT_TO_NOTHING)
    raw = int(sides.current[sides.reference <= most].sum()) / sides.n
    expected = int(sides.reference[sides.reference <= most + 1].sum()) / sides.n_reference
    return sides.result(raw, raw - expected)
