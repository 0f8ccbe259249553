"""Intervals of ranking metrics, from score histograms by class."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from driftline.performance.intervals import of_difference, on_logit_scale, wilson
from driftline.performance.ranking import DECILE, cut_of_class_distance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.performance.confusion import Metrics
    from driftline.performance.intervals import Interval, Intervals


def ranking_intervals(histograms: NDArray[np.int64], sizes: tuple[float, float], metrics: Metrics) -> Intervals:
    """Return the intervals of AUC, Gini, Kolmogorov-Smirnov, average precision and lift.

    Parameters
    ----------
    histograms : ndarray of int64, shape (2, B)
        As in :func:`driftline.performance.ranking.ranking_metrics`.
    sizes : tuple of float
        Effective numbers of labels 0 and 1.
    metrics : dict of str to float or None
        Metrics of the histograms.

    Notes
    -----
    AUC and Gini: DeLong's variance on the scale of log-odds; with perfect separation Wilson's interval for the number
    of labels of the rarer class. Average precision: log-odds with variance 1 / (n AP (1 - AP)) for n positive labels,
    widened by the error of binning. Kolmogorov-Smirnov: a difference of two shares. Lift: a share of the positive
    labels. Both at a threshold that is treated as fixed, although it comes from the same labels. The intervals cover
    sampling only; AUC has its error of binning beside it.

    *Source*: DeLong, DeLong and Clarke-Pearson (1988), doi:10.2307/2531595; Boyd, Eng and Page (2013),
    doi:10.1007/978-3-642-40994-3_29.
    """
    area, precision, distance, top = (metrics[name] for name in ("auc", "average_precision", "ks", "lift"))
    if area is None or precision is None or distance is None or top is None:
        return {}
    low, high = area_interval(histograms, sizes, area)
    return {
        "auc": (low, high),
        "gini": (2 * low - 1, 2 * high - 1),
        "ks": _distance_interval(histograms, sizes),
        "average_precision": _precision_interval(metrics, sizes[1]),
        "lift": _lift_interval(top, sizes[1]),
    }


def area_variance(histograms: NDArray[np.int64], sizes: tuple[float, float], area: float) -> float:
    """Return DeLong's variance of the area under the ROC curve; 0 where either class has a single label."""
    if min(sizes) <= 1:
        return 0.0
    negative, positive = histograms.astype(np.float64)
    n_negative, n_positive = float(negative.sum()), float(positive.sum())
    won = (np.cumsum(negative) - negative / 2) / n_negative
    lost = 1 - (np.cumsum(positive) - positive / 2) / n_positive
    of_positive = float((positive * (won - area) ** 2).sum()) / n_positive
    of_negative = float((negative * (lost - area) ** 2).sum()) / n_negative
    return of_positive / (sizes[1] - 1) + of_negative / (sizes[0] - 1)


def area_interval(histograms: NDArray[np.int64], sizes: tuple[float, float], area: float) -> Interval:
    """Return the interval of the area under the ROC curve."""
    variance = area_variance(histograms, sizes, area)
    if variance > 0 and 0 < area < 1:
        return on_logit_scale(area, variance)
    return wilson(area, min(sizes))


def _distance_interval(histograms: NDArray[np.int64], sizes: tuple[float, float]) -> Interval:
    totals = histograms.sum(axis=1).tolist()
    below = cut_of_class_distance(histograms)
    shares = sorted(((part / total, n) for part, total, n in zip(below, totals, sizes, strict=True)), reverse=True)
    (larger, n_larger), (smaller, n_smaller) = shares
    low, high = of_difference(larger, wilson(larger, n_larger), smaller, wilson(smaller, n_smaller))
    return max(0.0, low), min(1.0, high)


def _precision_interval(metrics: Metrics, n_positive: float) -> Interval:
    value, lowest, highest = (
        metrics[name] or 0.0 for name in ("average_precision", "average_precision_low", "average_precision_high")
    )
    if 0 < value < 1 and n_positive > 0:
        low, high = on_logit_scale(value, value * (1 - value) / n_positive)
    else:
        low, high = wilson(value, n_positive)
    return max(0.0, low - (value - lowest)), min(1.0, high + (highest - value))


def _lift_interval(top: float, n_positive: float) -> Interval:
    low, high = wilson(min(1.0, top * DECILE), n_positive)
    return low / DECILE, high / DECILE if math.isfinite(high) else high
