"""The exact partition of a 2 × B table: a chi-squared statistic with an accurate tail from ten events a bin on.

Pearson's statistic is too often large where bins are small: each bin's count is skewed, which the chi-squared tail
ignores. Here the table is split into B − 1 two-by-two tables, bin i against the bins after it. With both margins fixed
and no change, the count of each table is exactly hypergeometric *given the tables before it*. A count x covers an
interval of its distribution function, from P(X < x) to P(X ≤ x); a point drawn uniformly from that interval would be
exactly uniform, its normal score Z exactly standard normal, and the sum of the Z² exactly chi-squared with B − 1
degrees of freedom.

No random numbers are drawn. Each table contributes the *mean* of Z² over its interval (a, b) in normal scores::

    E[Z² | a < Z < b] = 1 + (a φ(a) − b φ(b)) / P(X = x)

The sum Q of these is the conditional expectation, given the data, of a variable that is exactly chi-squared. Hence E
Q is exactly B − 1, and Q is below chi-squared in the convex order: E max(0, Q − c) ≤ E max(0, χ² − c) for every c,
for any counts, any shares and any level. Rejections of unchanged windows over the level (2,000,000 windows a cell,
``benchmarks/small_sample_pearson.py``), Pearson's statistic / the partition's:

=======  =======  ==  ==================  ===========  ===========  ===========  ===========
n        N        B   least expected      10⁻²         10⁻³         10⁻⁴         10⁻⁵
=======  =======  ==  ==================  ===========  ===========  ===========  ===========
100      200      10  10                  0.92 / 0.93  0.79 / 0.84  0.70 / 0.77  0.70 / 0.85
200      4,096    20  10                  1.00 / 0.93  1.09 / 0.93  -            2.00 / 1.00
200      100,000  20  10                  1.02 / 0.95  1.10 / 0.90  -            1.60 / 0.65
500      20,000   50  10                  1.02 / 0.95  1.07 / 0.90  1.12 / 0.84  1.65 / 1.00
1,000    20,000   20  10 (one bin 81 %)   1.17 / 0.93  1.52 / 0.90  2.26 / 0.83  3.40 / 1.00
1,000    100,000  50  20                  1.01 / 0.97  1.05 / 0.95  -            1.05 / 0.70
200      4,096    5   40                  0.98 / 0.98  0.96 / 0.93  0.91 / 0.90  0.65 / 0.35
1,000    4,096    20  50                  0.99 / 0.99  0.97 / 0.98  -            0.90 / 0.90
100,000  4,096    50  82                  1.01 / 1.00  0.99 / 0.98  0.98 / 0.92  1.15 / 1.00
4,000    20,000   20  200                 1.01 / 1.01  1.02 / 1.01  -            1.10 / 0.95
=======  =======  ==  ==================  ===========  ===========  ===========  ===========

The column of 10⁻⁵ rests on 20 expected rejections, so its ratios are good to about ±0.25, that of 10⁻⁴ to ±0.07. With
fewer events a bin the partition keeps its level too, but is conservative: at 5 expected 0.20 to 0.35 at 10⁻⁵.

Source: the partition: Lancaster (1949), doi:10.1093/biomet/36.1-2.117, and Irwin (1949),
doi:10.1093/biomet/36.1-2.130; the mean scores of intervals: this module; the convex order: Jensen's inequality.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from driftline.significance.tails import Floats, hypergeometric_log_tail

_LOG_SQRT_TAU = math.log(2 * math.pi) / 2


def partition_statistic(current: Floats, reference: Floats) -> Floats:
    """Sum of the squared normal scores of the table's partition, below chi-squared in the convex order.

    Parameters
    ----------
    current, reference : NDArray[float64], shape (windows, B), whole numbers of events, each at least 0
        One table a row; no bin may be empty on both sides.

    Returns
    -------
    NDArray[float64], shape (windows,), at least 0
        To be compared with chi-squared at B − 1 degrees of freedom.

    Notes
    -----
    Cost: per bin about 9 standard deviations' worth of terms, at least 64. Asymptotically equal to Pearson's
    statistic. Bins are taken from first to last; another order gives another, equally valid value. A bin whose count
    the margins leave no choice contributes exactly 1, as it does on average.

    Examples
    --------
    >>> import numpy as np
    >>> alike = partition_statistic(np.array([[10.0, 10, 10]]), np.array([[100.0, 100, 100]]))
    >>> different = partition_statistic(np.array([[2.0, 8, 20]]), np.array([[100.0, 100, 100]]))
    >>> round(float(alike[0]), 2), round(float(different[0]), 2)
    (0.03, 15.3)
    """
    both = current + reference
    draws = _from_here_on(current)[:, :-1].ravel()
    total = _from_here_on(both)[:, :-1].ravel()
    x, successes = current[:, :-1].ravel(), both[:, :-1].ravel()
    squares = squared_normal_score(x, draws, successes, total)
    result: Floats = squares.reshape(current.shape[0], -1).sum(axis=1)
    return result


def squared_normal_score(x: Floats, draws: Floats, successes: Floats, total: Floats) -> Floats:
    """Mean of the squared normal score over the interval that a hypergeometric count covers; its expectation is 1.

    Parameters
    ----------
    x, draws, successes, total : NDArray[float64], shape (m,)
        As in :func:`driftline.significance.tails.hypergeometric_log_tail`.

    Returns
    -------
    NDArray[float64], shape (m,), at least 0
    """
    below = x * total < draws * successes
    # x successes among the drawn are `draws - x` failures: the lower tail is the upper tail of the mirrored law.
    log_mass, log_beyond = hypergeometric_log_tail(
        np.where(below, draws - x, x), draws, np.where(below, total - successes, successes), total
    )
    log_from = np.minimum(np.logaddexp(log_mass, log_beyond), 0.0)
    squares: Floats = np.maximum(1 + _edge(log_from, log_mass) - _edge(log_beyond, log_mass), 0.0)
    return squares


def _edge(log_tail: Floats, log_mass: Floats) -> Floats:
    """Return a φ(a) / P(X = x) for the normal score a that has this upper tail; 0 where a is infinite."""
    a = -special.ndtri_exp(log_tail)
    inner = np.isfinite(a)
    a = np.where(inner, a, 0.0)
    result: Floats = a * np.exp(np.where(inner, -a * a / 2 - _LOG_SQRT_TAU - log_mass, 0.0))
    return result


def _from_here_on(counts: Floats) -> Floats:
    """Return the events of each bin and of those after it, per row."""
    result: Floats = np.cumsum(counts[:, ::-1], axis=1)[:, ::-1]
    return result
