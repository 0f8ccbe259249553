"""Test by a classifier of window against reference: the area under its ROC curve on events held out from training."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec import Struct
from scipy import stats

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_ROWS: Final = 100
"""Least number of rows per side for a test."""
RIDGE: Final = 0.1
"""Added to the variances of the standardised inputs, so that few rows and many columns fit."""


class DomainScore(Struct, frozen=True, kw_only=True):
    """How well the classifier separates the two samples.

    Parameters
    ----------
    auc : float
        Mean area under the curve of both folds, in [0, 1]; 0.5 where the samples cannot be separated.
    p_value : float
        One-sided, in [0, 1].
    column : int
        Position of the column that weighs most in the discriminant.
    """

    auc: float
    p_value: float
    column: int


def domain_score(
    current: NDArray[np.float64], reference: NDArray[np.float64], design_effect: float = 1.0
) -> DomainScore | None:
    """Return how well a regularised linear discriminant of z and z² separates a window's rows from the reference's.

    Parameters
    ----------
    current, reference : ndarray of float64, shape (k, p) and (K, p)
        Rows in standard deviations, in an order that does not depend on them.
    design_effect : float, at least 1
        Factor by which dependence between the rows inflates the variance of means.

    Returns
    -------
    DomainScore or None
        None with fewer than ``MIN_ROWS`` rows a side.

    Notes
    -----
    Rows at even positions train the discriminant that scores those at odd ones, and the other way round. With nothing
    changed each area is Mann and Whitney's statistic of rows that did not train it: mean 1/2, variance
    (k + K + 1)/(12 k K) less what ties take off. Their mean is taken as normal, and they as fully correlated: to first
    order both are the same product of the two folds' differences.

    *Cost*: O((k + K) p² + p³).

    *Source*: Friedman (1989), doi:10.1080/01621459.1989.10478752, for the discriminant; Mann and Whitney (1947),
    doi:10.1214/aoms/1177730491; Lopez-Paz and Oquab (2017), "Revisiting classifier two-sample tests", for the idea.
    *Deviation*: both folds are used.

    *Oracle*: SciPy ``stats.mannwhitneyu``, scikit-learn ``roc_auc_score``.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> result = domain_score(rng.normal(1.0, 1, (200, 2)), rng.normal(0.0, 1, (400, 2)))
    >>> result.auc > 0.7, result.p_value < 1e-9
    (True, True)
    """
    if min(len(current), len(reference)) < MIN_ROWS:
        return None
    areas, variances, weights = [], [], np.zeros(current.shape[1])
    for train, test in ((0, 1), (1, 0)):
        direction = discriminant(_inputs(current[train::2]), _inputs(reference[train::2]))
        here, there = (_inputs(rows[test::2]) @ direction for rows in (current, reference))
        area, variance = area_under_curve(here, there)
        areas.append(area)
        variances.append(variance)
        weights += np.abs(direction).reshape(2, -1).sum(axis=0)
    spread = math.sqrt(design_effect) * sum(map(math.sqrt, variances)) / 2
    auc = sum(areas) / 2
    p_value = float(stats.norm.sf((auc - 0.5) / spread)) if spread > 0 else 1.0
    return DomainScore(auc=auc, p_value=p_value, column=int(np.argmax(weights)))


def discriminant(here: NDArray[np.float64], there: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the direction S⁻¹(μ − μ₀), S the pooled covariance plus a ridge, shape (q,)."""
    scatter = sum((rows - rows.mean(axis=0)).T @ (rows - rows.mean(axis=0)) for rows in (here, there))
    pooled = np.asarray(scatter, dtype=np.float64) / (len(here) + len(there) - 2)
    pooled += RIDGE * np.diag(np.maximum(pooled.diagonal(), RIDGE))
    direction: NDArray[np.float64] = np.linalg.solve(pooled, here.mean(axis=0) - there.mean(axis=0))
    return direction


def area_under_curve(here: NDArray[np.float64], there: NDArray[np.float64]) -> tuple[float, float]:
    """Return the area under the curve and its variance where nothing differs, ties taken into account.

    Examples
    --------
    >>> area_under_curve(np.array([2.0, 3.0]), np.array([1.0, 2.0]))[0]
    0.875
    """
    k, n = len(here), len(here) + len(there)
    both = np.concatenate([here, there])
    area = (float(stats.rankdata(both)[:k].sum()) - k * (k + 1) / 2) / (k * (n - k))
    _, ties = np.unique(both, return_counts=True)
    tie_correction = float((ties.astype(np.float64) ** 3 - ties).sum()) / (n * (n - 1))
    return area, (n + 1 - tie_correction) / (12 * k * (n - k))


def _inputs(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([rows, rows * rows], axis=1)
