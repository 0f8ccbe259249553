"""How many events and names of the window the reference would not have had, when nothing has changed.

A reference of N events does not list every category that there is: those that are rare it may have missed. So a window
of n unchanged events has unseen ones too, about as many as the reference has categories of one event times n / N
(Good-Turing). Against a count of 0 they would look like a change.

Take all n + N events together, m of them of category c. When nothing has changed, any n of them could have been the
window; all m are among those n with probability h(m) = C(n, m) / C(n + N, m), and then c is one that the reference does
not have. Hence the number of unseen events is S = Σ m B, with B of mean h(m), one for each category of both samples.
The B are functions of disjoint parts of a sample without replacement, hence
negatively associated, and Chernoff's bound holds with the B as if they were independent::

    P(S ≥ s) ≤ inf over θ ≥ 0 of exp(−θ s) Π (1 − h + h exp(θ m))

Source: negative association: Joag-Dev and Proschan (1983), doi:10.1214/aos/1176346079, section 3.2; the estimate that
it replaces: Good (1953), doi:10.1093/biomet/40.3-4.237.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.significance.tails import log_choose

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LARGEST_SLOPE: Final = 50.0
"""θ up to which the sharpest bound is looked for; at e⁵⁰ nothing is left to gain."""
_STEPS: Final = 60
"""Bisections for θ; the bound holds for every θ, the best one is merely the sharpest."""


def log_chances(sizes: NDArray[np.float64], n: int, n_reference: int) -> NDArray[np.float64]:
    """Return log h(m): the chance that all m events of a category of both samples are the window's.

    Parameters
    ----------
    sizes : ndarray of float64, shape (c,), whole numbers, at least 1

    Examples
    --------
    >>> np.exp(log_chances(np.array([1.0, 2.0]), 2, 3)).round(6).tolist()
    [0.4, 0.1]
    """
    result = np.full(sizes.shape, -np.inf)
    fits = sizes <= n
    m = sizes[fits]
    total = np.full(m.shape, float(n + n_reference))
    result[fits] = log_choose(np.full(m.shape, float(n)), m) - log_choose(total, m)
    at_most_one: NDArray[np.float64] = np.minimum(result, 0.0)
    return at_most_one


def log_tail_bound(
    log_chance: NDArray[np.float64], weights: NDArray[np.float64], times: NDArray[np.float64], threshold: float
) -> float:
    """Return the logarithm of Chernoff's bound on P(Σ weight · B ≥ threshold).

    Parameters
    ----------
    log_chance, weights, times : ndarray of float64, shape (c,)
        Log of the mean of B, what it counts, and how many of its kind there are.
    threshold : float, at least 0

    Returns
    -------
    float, at most 0

    Examples
    --------
    >>> bound = log_tail_bound(np.log([0.5]), np.ones(1), np.array([4.0]), 4)  # four of four, each with 1/2
    >>> round(float(np.exp(bound)), 4)
    0.0625
    """
    if threshold <= 0 or not weights.size:
        return 0.0
    chance = np.exp(log_chance)
    if float((chance * weights * times).sum()) >= threshold:
        return 0.0
    with np.errstate(divide="ignore"):
        log_rest = np.log1p(-np.minimum(chance, 1.0))
    low, high = 0.0, _LARGEST_SLOPE
    for _ in range(_STEPS):
        theta = (low + high) / 2
        here = log_chance + theta * weights
        share = np.exp(here - np.logaddexp(log_rest, here))
        if float((share * weights * times).sum()) < threshold:
            low = theta
        else:
            high = theta
    value = float((times * np.logaddexp(log_rest, log_chance + low * weights)).sum()) - low * threshold
    return min(0.0, value)
