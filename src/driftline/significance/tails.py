"""Exact logarithmic tails of the hypergeometric distribution, accurate at 10⁻¹² and far beyond, and Student's tail."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

Floats: TypeAlias = npt.NDArray[np.float64]

_TERMS = 64
"""Terms of a tail summed at a time, per element: a tail within 9 standard deviations of 7 needs one round."""
_NEGLIGIBLE = 1e-17
"""A term this small beside the sum changes no digit of it."""


def student_tail(tail: float, degrees_of_freedom: float | None) -> float:
    """Tail of Student's t at the normal score of a tail: the correction for an estimated variance.

    Parameters
    ----------
    tail : float in [0, 1]
    degrees_of_freedom : float greater than 0, or None
        Degrees of freedom of the estimate; None or infinite where the variance is known: the tail is then unchanged.

    Examples
    --------
    >>> round(student_tail(0.001, 20.0), 4), student_tail(0.001, None), student_tail(0.0, 20.0)
    (0.0029, 0.001, 0.0)
    """
    if degrees_of_freedom is None or math.isinf(degrees_of_freedom):
        return tail
    return float(special.stdtr(degrees_of_freedom, special.ndtri(tail)))


def log_choose(n: Floats, k: Floats) -> Floats:
    """Logarithm of the binomial coefficient, accurate for large n, where differences of log-gammas are not.

    Parameters
    ----------
    n, k : NDArray[float64], equal shapes, whole numbers, 0 ≤ k ≤ n

    Returns
    -------
    NDArray[float64], same shape, at least 0
    """
    result: Floats = -np.log1p(n) - special.betaln(n - k + 1, k + 1)
    return result


def hypergeometric_log_tail(x: Floats, draws: Floats, successes: Floats, total: Floats) -> tuple[Floats, Floats]:
    """Logarithms of P(X = x) and P(X > x) for the number X of successes drawn without replacement.

    Parameters
    ----------
    x, draws, successes, total : NDArray[float64], shape (m,), whole numbers
        Observed successes, at or above their mean draws × successes / total; size of the draw, successes in the
        population and its size, with x ≤ min(draws, successes). For x below the mean mirror the law: `draws` − x of
        `total` − `successes`.

    Returns
    -------
    tuple of NDArray[float64], shape (m,) each, at most 0
        log P(X = x) and log P(X > x); the latter is −∞ where x is the largest possible.

    Notes
    -----
    The tail is P(X = x) times the sum of the products of successive ratios of probabilities, so nothing is lost to
    cancellation. Cost: about 9 standard deviations' worth of terms per element.

    Source: Johnson, Kemp and Kotz (2005), doi:10.1002/0471715816, section 6.2, for the ratio. Deviations: none.

    Oracle: exact fractions of Python's integers.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones(1)
    >>> log_mass, log_beyond = hypergeometric_log_tail(3 * one, 5 * one, 4 * one, 10 * one)
    >>> round(float(np.exp(log_mass[0])), 6), round(float(np.exp(log_beyond[0])), 6)  # 60/252 and 6/252
    (0.238095, 0.02381)
    """
    log_mass = log_choose(successes, x) + log_choose(total - successes, draws - x) - log_choose(total, draws)
    sums = np.zeros_like(x)
    last = np.ones_like(x)
    j = x[:, None] + np.arange(_TERMS)
    d, s, t = draws[:, None], successes[:, None], total[:, None]
    active = np.arange(x.size)
    while active.size:
        ratio = np.maximum((s - j) * (d - j) / ((j + 1) * (t - s - d + j + 1)), 0.0)
        terms = last[active, None] * np.cumprod(ratio, axis=1)
        sums[active] += terms.sum(axis=1)
        last[active] = terms[:, -1]
        going = last[active] > _NEGLIGIBLE * (1 + sums[active])
        active = active[going]
        j, d, s, t = j[going] + _TERMS, d[going], s[going], t[going]
    with np.errstate(divide="ignore"):  # the logarithm of an empty tail is −∞, as documented
        return log_mass, np.minimum(log_mass + np.log(sums), 0.0)
