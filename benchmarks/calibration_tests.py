"""The tests of the calibration table, many windows at once where events are independent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from driftline.significance.partition import partition_statistic
from driftline.significance.pearson import LEAST_EXPECTED, LEAST_EXPECTED_FOR_CHI_SQUARED, pearson

if TYPE_CHECKING:
    from benchmarks.streams import Counts, Floats

SPARED_ABOVE = 0.25
"""Where Pearson's statistic is chi-squared above this, the exact partition is not looked at: nothing is rejected."""


def independent_p_values(current: Counts, reference: Counts) -> tuple[Floats, Counts]:
    """Return the p-values of :func:`driftline.significance.pearson.pearson` of ordered groups, and the groups tested.

    Large p-values are those of Pearson's statistic instead of the partition's. Rows with fewer than two groups after
    merging are left to the function itself.
    """
    n, n_reference = current.sum(axis=1, keepdims=True), reference.sum(axis=1, keepdims=True)
    expected = (current + reference) * np.minimum(n, n_reference) / (n + n_reference)
    groups = merged_groups(expected, LEAST_EXPECTED)
    rows, width = groups.shape
    flat = (groups + np.arange(rows)[:, None] * width).ravel()
    c = np.bincount(flat, current.ravel(), rows * width).reshape(rows, width).astype(np.float64)
    r = np.bincount(flat, reference.ravel(), rows * width).reshape(rows, width).astype(np.float64)
    n_groups = groups[:, -1] + 1
    both = np.maximum(c + r, 1e-300)
    statistic = ((c / n - r / n_reference) ** 2 / both).sum(axis=1) * (n + n_reference)[:, 0]
    statistic /= (1 / n + 1 / n_reference)[:, 0]
    p: Floats = special.chdtrc(np.maximum(n_groups - 1, 1), statistic)
    inside = np.arange(width) < n_groups[:, None]
    least = np.where(inside, both, np.inf).min(axis=1) * (np.minimum(n, n_reference) / (n + n_reference))[:, 0]
    small = (least < LEAST_EXPECTED_FOR_CHI_SQUARED) & (p < SPARED_ABOVE) & (n_groups > 1)
    for size in np.unique(n_groups[small]):
        here = np.flatnonzero(small & (n_groups == size))
        for chunk in np.array_split(here, max(1, here.size // 5_000)):
            p[chunk] = special.chdtrc(size - 1, partition_statistic(c[chunk, :size], r[chunk, :size]))
    for row in np.flatnonzero(n_groups == 1):
        result = pearson(current[row], reference[row], ordered=True)
        p[row] = 1.0 if result is None else result.p_value
    return p, n_groups


def merged_groups(expected: Floats, least: float) -> Counts:
    """Return :func:`driftline.significance.merging.merge_ordered` of every row."""
    rows, width = expected.shape
    tail = np.full(rows, width)
    held = np.zeros(rows)
    for at in range(width - 1, -1, -1):
        more = held < least
        tail[more] = at
        held[more] += expected[more, at]
    groups = np.zeros((rows, width), dtype=np.int64)
    group, start, held = np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.int64), np.zeros(rows)
    for at in range(width):
        inner = at < tail
        groups[inner, at] = group[inner]
        held[inner] += expected[inner, at]
        full = inner & (held >= least)
        group[full] += 1
        held[full] = 0.0
        start[full] = at + 1
    left = np.arange(width) >= start[:, None]
    groups[left] = np.broadcast_to(group[:, None], groups.shape)[left]
    return groups


def widened_p_values(p: Floats, n_groups: Counts, freedom: Floats) -> Floats:
    """Return the p-values of :func:`driftline.significance.dispersed_pearson.dispersed_pearson` of data found alike."""
    modes = np.maximum(n_groups - 1, 1)
    value = special.chdtri(modes, p)
    widened = special.fdtrc(modes, freedom * modes, value / modes)
    return np.where((p > 0) & (p < 1), np.maximum(p, widened), p)
