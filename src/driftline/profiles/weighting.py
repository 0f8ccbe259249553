"""Counts of unequal weight as counts of equal weight: scaled to their effective number, in whole numbers.

Tests take a reference's counts for counts of independent events of equal weight. Of events with weights wᵢ, shares
have the variance of ``(Σw)² / Σw²`` events of equal weight (Kish's effective sample size); counts that are scaled to
that total may be tested as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def effective_scale(sizes: Sequence[int], weights: Sequence[int]) -> tuple[int, int]:
    """Return the factor, as numerator and denominator, that scales weighted sums to the effective number.

    Parameters
    ----------
    sizes : sequence of int
        Events of each weight.
    weights : sequence of int
        At or above zero.

    Returns
    -------
    tuple of int
        ``Σnw`` and ``Σnw²``; their quotient times ``Σnw`` is the effective number. (0, 1) where nothing weighs.

    Notes
    -----
    *Source*: L. Kish, Survey Sampling, Wiley 1965, section 11.7.

    Examples
    --------
    >>> effective_scale([100, 100], [2, 1])
    (300, 500)
    """
    total = sum(n * w for n, w in zip(sizes, weights, strict=True))
    squares = sum(n * w * w for n, w in zip(sizes, weights, strict=True))
    return (total, squares) if squares else (0, 1)


def scaled_total(total: int, numerator: int, denominator: int) -> int:
    """Return ``total`` times the factor, rounded to the nearest whole number, halves up."""
    return (2 * total * numerator + denominator) // (2 * denominator)


def apportioned(weighted: Sequence[int], numerator: int, denominator: int, total: int) -> NDArray[np.int64]:
    """Return weighted counts times the factor as whole numbers with the given sum.

    Each is rounded down, and what is missing to the sum goes to those that lost most by it, of equal ones to the first
    (Hamilton's rule): none is off by one or more.

    Parameters
    ----------
    weighted : sequence of int, shape (k,)
    numerator, denominator : int
        The factor.
    total : int
        At least the sum of the counts rounded down, and at most k more.

    Examples
    --------
    >>> apportioned([5, 3, 2], 1, 3, 3).tolist()
    [2, 1, 0]
    """
    scaled = [divmod(count * numerator, denominator) for count in weighted]
    counts = np.array([whole for whole, _ in scaled], dtype=np.int64)
    missing = total - int(counts.sum())
    order = sorted(range(len(scaled)), key=lambda i: (-scaled[i][1], i))
    counts[order[:missing]] += 1
    return counts


def combined(counts: NDArray[np.int64], weights: Sequence[int]) -> tuple[NDArray[np.int64], int]:
    """Return the weighted sum of count vectors, scaled to the effective number, and that number.

    Parameters
    ----------
    counts : ndarray of int64, shape (s, k)
        One row a stratum.
    weights : sequence of int, length s
        At or above zero. Where those of all rows that hold something are equal, the sum is the plain one.

    Examples
    --------
    >>> combined(np.array([[60, 40], [20, 80]]), [1, 1])
    (array([ 80, 120]), 200)
    >>> combined(np.array([[60, 40], [20, 80]]), [2, 1])
    (array([84, 96]), 180)
    """
    sizes = [int(n) for n in counts.sum(axis=1)]
    used = {w for w, n in zip(weights, sizes, strict=True) if n}
    if len(used) <= 1 and 0 not in used:
        return counts.sum(axis=0), sum(sizes)
    numerator, denominator = effective_scale(sizes, weights)
    weighted = [
        sum(int(count) * weight for count, weight in zip(column, weights, strict=True)) for column in counts.T.tolist()
    ]
    total = scaled_total(sum(weighted), numerator, denominator)
    return apportioned(weighted, numerator, denominator, total), total
