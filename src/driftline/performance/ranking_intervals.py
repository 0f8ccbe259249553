"""Intervals of metrics of the scores' order, from histograms by class."""

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
        How many labels of equal weight the labels 0 and 1 are worth.
    metrics : dict of str to float or None
        Of the histograms.

    Notes
    -----
    AUC and Gini: DeLong's variance on the scale of log-odds; Wilson's interval of as many labels as the rarer class has
    where classes are told apart without fault. Average precision: log-odds with variance 1 / (n AP (1 - AP)) of the n
    positive labels, widened by what the bins leave open. Kolmogorov-Smirnov, and lift, as the difference of two shares,
    and as a share of the positive labels, at a threshold that is taken for given, though it was found in the same
    labels. Of the sample only: what the bins can put AUC off by stands beside it.

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
