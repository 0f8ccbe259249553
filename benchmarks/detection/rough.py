"""Rough p-values of many windows at once: which ones are worth an exact look."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from benchmarks.calibration_tests import SPARED_ABOVE, merged_groups
from driftline.significance.partition import partition_statistic
from driftline.significance.pearson import LEAST_EXPECTED, LEAST_EXPECTED_FOR_CHI_SQUARED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.checks.references.column_reference import ColumnReference
    from driftline.significance.dispersion import Dispersion


def rough_p_values(
    held: ColumnReference,
    there: NDArray[np.float64],
    bins: NDArray[np.int64],
    *,
    ordered: bool,
) -> NDArray[np.float64]:
    """Return rough p-values of the distribution of one column in windows of one size, shape (windows,).

    Those of Satterthwaite's approximation, with the mean number of events of the windows for their own.
    """
    width, rows = held.grouping.n_groups, len(bins)
    keys = (np.array(held.grouping.groups) + np.arange(rows)[:, None] * width).ravel()
    here = np.bincount(keys, bins.ravel(), rows * width).reshape(rows, width)
    n, n_reference = here.sum(axis=1, keepdims=True), there.sum(axis=1, keepdims=True)
    known: Dispersion | None = held.dispersion
    alone = known is None or known.independent
    factors = np.ones((rows, width))
    if not alone and known is not None:
        of_sizes, which = np.unique(n, return_inverse=True)
        factors = np.maximum([known.design_effects(float(size)) for size in of_sizes], 1.0)[which.ravel()]
    expected = (here + there) * np.minimum(n, n_reference) / (n + n_reference) / factors
    groups = merged_groups(expected, LEAST_EXPECTED) if ordered else _unordered(expected)
    # Where no two groups suffice, the most frequent is held against all others.
    too_few = np.flatnonzero(groups.max(axis=1) == 0)
    pooled = (here + there)[too_few]
    groups[too_few] = pooled.sum(axis=1, keepdims=True) > pooled.max(axis=1, keepdims=True)
    groups[too_few, pooled.argmax(axis=1)] = 0
    keys = (groups + np.arange(rows)[:, None] * width).ravel()
    c = np.bincount(keys, here.ravel(), rows * width).reshape(rows, width)
    r = np.bincount(keys, there.ravel(), rows * width).reshape(rows, width)
    statistic = ((c / n - r / n_reference) ** 2 / np.maximum(c + r, 1e-300)).sum(axis=1)
    statistic *= ((n + n_reference) / (1 / n + 1 / n_reference))[:, 0]
    n_groups = groups.max(axis=1) + 1
    modes = first = np.maximum(n_groups - 1.0, 1e-9)
    if not alone and known is not None:
        distinct, inverse = np.unique(groups.astype(np.int8), axis=0, return_inverse=True)
        sizes = (float(n.mean()), float(n_reference.mean()))
        moments = np.array([_moments(known, tuple(found), sizes) for found in distinct.tolist()])
        first, modes = moments[inverse.ravel()].T
    p: NDArray[np.float64] = special.chdtrc(modes, statistic * modes / first)
    # The exact partition of small tables, as dispersed_pearson has it; of whole tables at once.
    mean = np.maximum(first / np.maximum(n_groups - 1, 1), 1.0)
    inside = np.arange(width) < n_groups[:, None]
    smaller = (np.minimum(n, n_reference) / (n + n_reference))[:, 0]
    least = np.where(inside, c + r, np.inf).min(axis=1) * smaller / mean
    small = (least < LEAST_EXPECTED_FOR_CHI_SQUARED) & (p < SPARED_ABOVE) & (n_groups > 1)
    for size in np.unique(n_groups[small]).tolist():
        rows_here = np.flatnonzero(small & (n_groups == size))
        over = mean[rows_here, None]
        found = partition_statistic(np.rint(c[rows_here, :size] / over), np.rint(r[rows_here, :size] / over))
        p[rows_here] = special.chdtrc(modes[rows_here], found * mean[rows_here] * modes[rows_here] / first[rows_here])
    return np.where(n_groups > 1, p, 1.0)


def _moments(known: Dispersion, groups: tuple[int, ...], sizes: tuple[float, float]) -> tuple[float, float]:
    """Return the sum of the weights, and how many equal ones they are worth."""
    if max(groups) == 0:
        return 1.0, 1.0
    covariance, excess = known.standardised(groups)
    n, n_reference = sizes
    matrix = (covariance / n + excess + (covariance + excess * known.window_events) / n_reference) / (
        1 / n + 1 / n_reference
    )
    # The least eigenvalue is 0 and adds to neither.
    first, second = float(np.trace(matrix)), float((matrix**2).sum())
    return first, first**2 / second


def _unordered(expected: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return :func:`driftline.significance.merging.merge_unordered` of every row."""
    kept = expected >= LEAST_EXPECTED
    rest = np.where(kept, 0.0, expected).sum(axis=1)
    short = (rest < LEAST_EXPECTED) & kept.any(axis=1) & ~kept.all(axis=1)
    least = np.where(kept, expected, np.inf).argmin(axis=1)
    kept[short, least[short]] = False
    numbers = np.cumsum(kept, axis=1) - 1
    return np.where(kept, numbers, kept.sum(axis=1, keepdims=True))


def correlations(p: int, cells: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the correlations of all pairs, by rows of the strict upper triangle; shape (rows, p(p - 1)/2)."""
    n = cells[:, :1].astype(np.float64)
    means = cells[:, 1 : 1 + p] / n
    a, b = np.triu_indices(p)
    covariances = cells[:, 1 + p : 1 + p + a.size] / n - means[:, a] * means[:, b]
    spreads = np.sqrt(covariances[:, a == b])
    c, d = np.triu_indices(p, 1)
    found: NDArray[np.float64] = covariances[:, a != b] / (spreads[:, c] * spreads[:, d])
    return found
