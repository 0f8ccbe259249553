"""Upper tail of Σ λⱼ χ²₁, the null distribution of a quadratic statistic on dependent data, exact in the deep tail.

Each mode of a stream's histogram has its own dispersion, so Pearson's statistic is not a multiple of chi-squared but a
weighted sum. Where the weights are estimated with ν degrees of freedom, the sum is divided by χ²_ν / ν, as in Student's
t.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from driftline.errors import ParameterError
from driftline.significance.contour import contour_tail

if TYPE_CHECKING:
    from driftline.significance.tails import Floats

_EXTREME = 1e100
"""Statistics are clipped to this ratio of the largest weight, so that squares stay finite: the tail there is 1 or 0."""


def weighted_chi_squared_tail(x: float, weights: npt.NDArray[np.float64], denominator: float | None = None) -> float:
    """P(Σ λⱼ χ²₁ⱼ ≥ x), or P(Σ λⱼ χ²₁ⱼ / (χ²_ν / ν) ≥ x), to a relative error of 10⁻⁷ down to 10⁻³⁰⁰.

    Parameters
    ----------
    x : float
        Observed statistic; at or below 0 the tail is 1.
    weights : NDArray[float64], shape (m,), each at least 0, finite
        The λⱼ, in any order; zeros change nothing. With none above 0 the tail is 0 for every x above 0.
    denominator : float greater than 0, or None
        ν, the degrees of freedom of the estimate that the weights rest on; None or infinite where they are known.

    Returns
    -------
    float in [0, 1]

    Raises
    ------
    ParameterError
        An x that is no number, a weight below 0 or not finite, a ν not above 0.

    Notes
    -----
    State: none. Cost: 0.3 ms with one weight, 0.6 ms with 40.

    Measured relative errors: 5 × 10⁻¹² against closed forms for two pairs of weights; 4 × 10⁻⁹ against chi-squared and
    F with 1 to 39 equal weights; 2 × 10⁻⁹ against four times as many nodes for geometric and autoregressive weights,
    known or estimated, from p = 1 down to 10⁻²⁹⁰. One weight beside hundreds of a thousandth of it or less: 10⁻⁷, and
    10⁻⁵ where p is above 0.99.

    Source: Imhof (1961), doi:10.1093/biomet/48.3-4.419, for the integral; Rice (1980), doi:10.1137/0901033, for the
    contour through the saddlepoint. Deviations: the contour is a hyperbola (:mod:`driftline.significance.contour`).

    Oracle: ``scipy.stats.chi2.sf`` and ``scipy.stats.f.sf`` of SciPy 1.17.1 for equal weights; Imhof's integral and
    closed forms for unequal ones.

    Examples
    --------
    >>> import numpy as np
    >>> f"{weighted_chi_squared_tail(18.307038, np.ones(10)):.6f}"
    '0.050000'
    >>> weights = np.array([18.0, 8, 4, 2, 1])
    >>> f"{weighted_chi_squared_tail(400, weights):.3e}", f"{weighted_chi_squared_tail(400, weights, 60):.3e}"
    ('4.148e-06', '2.576e-05')
    """
    nu = None if denominator is None else np.array([denominator], dtype=np.float64)
    return float(saddlepoint_tail(np.array([x], dtype=np.float64), np.atleast_2d(weights), nu)[0])


def saddlepoint_tail(
    x: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
    denominator: npt.NDArray[np.float64] | None = None,
) -> npt.NDArray[np.float64]:
    """The tails of :func:`weighted_chi_squared_tail`, many at a time; a row's result depends on that row alone.

    Parameters
    ----------
    x : NDArray[float64], shape (k,)
        Observed statistics.
    weights : NDArray[float64], shape (k, m), each at least 0, finite
        The λⱼ of each row, filled up with zeros.
    denominator : NDArray[float64], shape (k,), greater than 0, or None
        ν of each row, infinite where its weights are known; None where all are.

    Returns
    -------
    NDArray[float64], shape (k,), in [0, 1]

    Raises
    ------
    ParameterError
        As for one tail, and shapes that do not fit.

    Notes
    -----
    State: none. Cost: 6 µs a row with one weight, 20 µs with 20, 40 µs to 60 µs with 39, in batches of 2,000 rows.

    Examples
    --------
    >>> import numpy as np
    >>> tails = saddlepoint_tail(np.array([50.0, 50.0]), np.array([[3.0, 1.0], [5.0, 0.0]]))
    >>> [f"{tail:.4e}" for tail in tails]
    ['5.5364e-05', '1.5654e-03']
    """
    x, weights = np.asarray(x, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    nu = np.full(x.shape, np.inf) if denominator is None else np.asarray(denominator, dtype=np.float64)
    _check(x, weights, nu)
    result = np.where(x <= 0, 1.0, 0.0)
    if not weights.size:
        return result
    largest = weights.max(axis=1)
    rows = np.flatnonzero((x > 0) & (x < np.inf) & (largest > 0))
    if not rows.size:
        return result
    with np.errstate(over="ignore"):
        scaled: Floats = np.clip(x[rows] / largest[rows], 1 / _EXTREME, _EXTREME)
    estimated = np.isfinite(nu[rows])
    freedom = np.where(estimated, nu[rows], 1.0)
    result[rows] = contour_tail(
        np.where(estimated, 0.0, scaled),
        weights[rows] / largest[rows, None],
        np.where(estimated, scaled / freedom, 0.0),
        freedom,
    )
    return result


def _check(x: Floats, weights: Floats, nu: Floats) -> None:
    """Validate statistics, weights and degrees of freedom."""
    if x.ndim != 1 or weights.ndim != 2 or len(weights) != x.size:  # noqa: PLR2004 - two dimensions: rows, weights
        raise ParameterError(f"weights of shape ({x.size}, m)", weights.shape, "$.weights")
    if nu.shape != x.shape:
        raise ParameterError(f"degrees of freedom of shape ({x.size},)", nu.shape, "$.denominator")
    for at, wrong, expected, values in (
        ("$.x", np.isnan(x), "a statistic that is a number", x),
        ("$.weights", ~((weights >= 0) & (weights < np.inf)), "finite weights of at least 0", weights),
        ("$.denominator", ~(nu > 0), "degrees of freedom above 0", nu),
    ):
        if wrong.any():
            raise ParameterError(expected, float(values[wrong][0]), at)
