"""Limits of what was counted, and of means."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import special, stats

if TYPE_CHECKING:
    from collections.abc import Sequence


def upper_limit(counts: Sequence[int]) -> float:
    """Return the 95 % upper limit of the mean of counts: the larger of a Poisson count's and Student's.

    The first holds where counts are few; the second sees it where models differ.

    Examples
    --------
    >>> round(upper_limit([0] * 100), 3)
    0.03
    """
    n, total = len(counts), sum(counts)
    poisson = float(special.chdtri(2 * (total + 1), 0.05)) / 2 / n
    if n < 2:
        return poisson
    error = float(np.std(counts, ddof=1)) / math.sqrt(n)
    return max(poisson, total / n + float(stats.t.isf(0.05, n - 1)) * error)


def limits_of_count(count: int) -> tuple[float, float]:
    """Return the 95 % limits of a Poisson count's expectation.

    Examples
    --------
    >>> [round(limit, 2) for limit in limits_of_count(10)]
    [4.8, 18.39]
    """
    low = float(special.chdtri(2 * count, 0.975)) / 2 if count else 0.0
    return low, float(special.chdtri(2 * count + 2, 0.025)) / 2


def limits_of_share(count: int, n: int) -> tuple[float, float]:
    """Return Wilson's 95 % limits of a share.

    Examples
    --------
    >>> [round(limit, 2) for limit in limits_of_share(10, 20)]
    [0.3, 0.7]
    """
    z = 1.959964
    middle = (count + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * math.sqrt(count * (n - count) / n + z * z / 4)
    return max(0.0, middle - half), min(1.0, middle + half)


def limits_of_mean(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % limits of a mean, by Student's t."""
    mean, n = float(np.mean(values)), len(values)
    half = float(stats.t.isf(0.025, n - 1)) * float(np.std(values, ddof=1)) / math.sqrt(n) if n > 1 else math.inf
    return mean - half, mean + half
