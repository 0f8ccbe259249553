"""Tails of a count where events come in bursts: its variance is λ times the binomial one.

Two distributions have that variance. *Effective counts* treat k / λ of n / λ events as binomial, with the incomplete
beta function. They are exact for bursts of λ equal values and nearly keep the level for bursts of unequal bounded size;
their lower tail always keeps it; but their upper tail is too light where burst sizes are unbounded. The *beta-binomial*
distribution has the right upper tail, and a lower tail that is far too light. So the upper tail here is the larger of
the two, and the lower tail that of the effective counts. Rejections over the level, computed exactly (Panjer's
recursion, compound Poisson counts), for m expected marked events, effective counts / beta-binomial:

==================  ====  =====  ===========  ===========  ===========  =================
bursts              λ     m      upper 0.05   upper 10⁻³   upper 10⁻⁵   lower 10⁻⁵
==================  ====  =====  ===========  ===========  ===========  =================
5                   5     100    0.69 / 1.05  0.80 / 0.42  0.54 / 0.11  0.32 / 7.19
20                  20    100    0.64 / 0.64  0.70 / 0.23  0.54 / 0.01  0.00 / 674
1 to 20, evenly     13.7  20     0.62 / 0.89  0.68 / 0.10  0.90 / 0.00  0.00 / 0.00
1 to 20, evenly     13.7  1,000  0.91 / 0.95  0.90 / 0.65  0.96 / 0.31  0.56 / 3.48
geometric, mean 5   9     20     0.72 / 0.89  1.48 / 0.42  4.53 / 0.11  0.00 / 0.00
geometric, mean 5   9     1,000  0.93 / 0.97  1.05 / 0.82  1.44 / 0.63  0.36 / 1.63
==================  ====  =====  ===========  ===========  ===========  =================

The profile's share is an estimate, from counts as overdispersed as the window's. Its confidence distribution is a beta
distribution of its effective counts, and the window's tail is averaged over it. Without overdispersion that equals
Fisher's exact test to the last digit.

Source: Altham (1969), doi:10.1111/j.2517-6161.1969.tb00842.x, for Fisher's test as such an average; Rao and Scott
(1992), doi:10.2307/2532311, for effective counts; Skellam (1948), doi:10.1111/j.2517-6161.1948.tb00014.x, for the
beta-binomial law.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from driftline.significance.tails import Floats

_HARDLY = 1e-3
"""Overdispersion up to which the beta-binomial distribution equals that of the effective counts."""
_REACH = 12.0
"""Standard deviations of the profile's log-odds that are searched on each side."""
_SEARCHED, _MOST_NODES = 400, 4_096
_STEP = 0.25
"""Nodes are this many widths of the integrand apart: the trapezoidal rule is then right to 10⁻¹⁰."""
_NEGLIGIBLE = -36.0
"""Terms smaller than the peak by this logarithm are left out."""
_TERMS = 64
_SMALL = 1e-16


def tails_of_known_share(k: int, n: int, share: float, dispersion: float) -> tuple[float, float]:
    """P(X ≤ k) and P(X ≥ k) for the count of an overdispersed share that is known.

    Parameters
    ----------
    k, n : int, unit events, 0 ≤ k ≤ n, n at least 1
    share : float in [0, 1]
    dispersion : float, at least 1
        λ, the variance of the count over the binomial one.

    Returns
    -------
    tuple of float, in [0, 1]
    """
    at = np.array([share])
    lower, upper = _effective_lower(k, n, at, dispersion), _effective_upper(k, n, at, dispersion)
    if k > n * share > 0:
        upper = np.maximum(upper, _beta_binomial_upper(k, n, at, dispersion))
    return float(lower[0]), float(upper[0])


def tails_of_estimated_share(
    k: int, n: int, k_reference: float, n_reference: float, dispersion: float
) -> tuple[float, float]:
    """P(X ≤ k) and P(X ≥ k) for a window's count, averaged over the confidence distribution of the profile's share.

    Parameters
    ----------
    k, n : int, unit events, 0 ≤ k ≤ n, n at least 1
    k_reference, n_reference : float, unit events, 0 ≤ K ≤ N, N at least 1
        Whole numbers where they were counted.
    dispersion : float, at least 1
        λ, the variance of both counts over the binomial one.

    Returns
    -------
    tuple of float, in [0, 1]
    """
    marked, others = k_reference / dispersion, (n_reference - k_reference) / dispersion
    # mirrored, the lower tail is the upper one of the other events
    lower = _average_upper(n - k, n, others + 1, marked, dispersion, effective_only=True)
    upper = _average_upper(k, n, marked + 1, others, dispersion, effective_only=k * n_reference <= n * k_reference)
    return lower, upper


def _average_upper(k: int, n: int, a: float, b: float, dispersion: float, *, effective_only: bool) -> float:
    """Return the mean of P(X ≥ k | π) over a share π of the Beta(a, b) distribution, a at least 1."""
    if k == 0 or b == 0:
        return 1.0
    centre = float(special.digamma(a) - special.digamma(b))
    spread = float(np.sqrt(special.polygamma(1, a) + special.polygamma(1, b)))
    here = float(np.log((k + 0.5) / (n - k + 0.5)))
    of_window = float(np.sqrt(dispersion * (1 / (k + 0.5) + 1 / (n - k + 0.5))))
    width = 1 / np.sqrt(spread**-2 + of_window**-2)
    x = np.linspace(centre - _REACH * spread, max(centre + _REACH * spread, here), _SEARCHED)
    with np.errstate(divide="ignore"):  # the logarithm of a tail below 10⁻³⁰⁰ is −∞
        log_integrand = _log_density(x, a, b) + np.log(_effective_upper(k, n, special.expit(x), dispersion))
    relevant = np.flatnonzero(log_integrand > log_integrand.max() + _NEGLIGIBLE)
    if not relevant.size:
        return 0.0
    low, high = x[max(relevant[0] - 1, 0)], x[min(relevant[-1] + 1, x.size - 1)]
    nodes = min(_MOST_NODES, int((high - low) / (_STEP * width)) + 32)
    x, step = np.linspace(low, high, nodes, retstep=True)
    density, share = np.exp(_log_density(x, a, b)), special.expit(x)
    average = float((density * _effective_upper(k, n, share, dispersion)).sum() * step)
    if not effective_only:
        average = max(average, float((density * _beta_binomial_upper(k, n, share, dispersion)).sum() * step))
    return min(average, 1.0)


def _log_density(x: Floats, a: float, b: float) -> Floats:
    """Return the logarithm of the density of the log-odds of a Beta(a, b) share."""
    result: Floats = a * special.log_expit(x) + b * special.log_expit(-x) - special.betaln(a, b)
    return result


def _effective_upper(k: int, n: int, share: Floats, dispersion: float) -> Floats:
    """Return P(X ≥ k) of the effective counts."""
    if k == 0:
        return np.ones_like(share)
    result: Floats = special.betainc(k / dispersion, (n - k) / dispersion + 1, share)
    return result


def _effective_lower(k: int, n: int, share: Floats, dispersion: float) -> Floats:
    """Return P(X ≤ k) of the effective counts."""
    return _effective_upper(n - k, n, 1 - share, dispersion)


def _beta_binomial_upper(k: int, n: int, share: Floats, dispersion: float) -> Floats:
    """Return P(X ≥ k) of the beta-binomial distribution; 0 where that is nearly binomial."""
    if dispersion < 1 + _HARDLY or k == 0:
        return np.zeros_like(share)
    size = max((n - dispersion) / (dispersion - 1), _SMALL)
    a, b = np.maximum(size * share, _SMALL), np.maximum(size * (1 - share), _SMALL)
    outer = n * share < k
    result = np.empty_like(share)
    result[outer] = _beta_binomial_outer(k, n, a[outer], b[outer])
    result[~outer] = 1 - _beta_binomial_outer(n - k + 1, n, b[~outer], a[~outer])
    return result


def _beta_binomial_outer(k: int, n: int, a: Floats, b: Floats) -> Floats:
    """Return P(X ≥ k) for k at least near the mean n a / (a + b), summed term by term."""
    log_mass = special.betaln(k + a, n - k + b) - special.betaln(a, b)
    log_mass -= np.log1p(n) + special.betaln(n - k + 1, k + 1)
    sums, last = np.ones_like(a), np.ones_like(a)
    for start in range(k, n, _TERMS):
        j = np.arange(start, min(start + _TERMS, n), dtype=np.float64)[None, :]
        ratios = (n - j) * (j + a[:, None]) / ((j + 1) * (n - j - 1 + b[:, None]))
        terms = last[:, None] * np.cumprod(ratios, axis=1)
        sums += terms.sum(axis=1)
        last = terms[:, -1]
        if (last * (n - start) < _SMALL * sums).all():
            break
    result: Floats = np.minimum(sums * np.exp(log_mass), 1.0)
    return result
