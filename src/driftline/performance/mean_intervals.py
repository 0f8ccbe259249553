"""Intervals of means of losses and errors, from their exact sums and those of their squares."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

from driftline.performance.intervals import normal
from driftline.performance.probability import scored_weight
from driftline.performance.regression import exact_weight

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from driftline.performance.confusion import Metrics
    from driftline.performance.intervals import Interval, Intervals
    from driftline.sketches.scores import PerformanceLayout


def probability_intervals(layout: PerformanceLayout, vector: NDArray[np.int64], size: float) -> Intervals:
    """Return the normal intervals of log loss and Brier score.

    Parameters
    ----------
    layout : PerformanceLayout
        Of a binary task.
    vector : ndarray of int64, shape (layout.n_cells,)
    size : float
        Effective number of labels with a score.

    Notes
    -----
    The calibration error gets none: small bins bias it upwards, and it is not approximately normal.
    """
    n = scored_weight(layout, vector)
    if not n or size <= 1:
        return {}
    intervals = {}
    for name in ("log_loss", "brier"):
        mean = layout.sum_of(vector, name) / n
        intervals[name] = _of_mean(mean, layout.sum_of(vector, f"{name}_square") / n, size, 1.0, least=0.0)
    return intervals


def regression_intervals(
    layout: PerformanceLayout, vector: NDArray[np.int64], metrics: Metrics, quantile: float, part: float = 1.0
) -> Intervals:
    """Return the normal intervals of the means of errors; R² gets none.

    Parameters
    ----------
    layout : PerformanceLayout
        Of a regression.
    vector : ndarray of int64, shape (layout.n_cells,)
    metrics : dict of str to float or None
        Of the vector.
    quantile : float
        Of the pinball loss.
    part : float, above 0
        What each label counts for.
    """
    n, size = exact_weight(layout, vector), part * effective_size(layout, vector)
    if size <= 1 or layout.n_clipped(vector):
        return {}
    spread = layout.spread

    def mean_of(name: str) -> Fraction:
        return layout.sum_of(vector, name) / n

    error, absolute, square = mean_of("error"), mean_of("absolute"), mean_of("square")
    over, under = (square + mean_of("signed_square")) / 2, (square - mean_of("signed_square")) / 2
    share = Fraction(quantile)
    pinball = max(float((share * (absolute - error) + (1 - share) * (absolute + error)) / 2), 0.0)
    pinball_square = quantile * quantile * float(under) + (1 - quantile) ** 2 * float(over)
    intervals: Intervals = {
        "mae": _of_mean(absolute, square, size, spread, least=0.0),
        "mse": _of_mean(square, mean_of("fourth"), size, spread * spread, least=0.0),
        "mape": _of_mean(mean_of("ratio"), mean_of("ratio_square"), size, 1.0, least=0.0),
        "pinball": normal(pinball * spread, (pinball_square - pinball**2) / (size - 1) * spread**2, least=0.0),
        "bias": _of_mean(error, square, size, spread, least=-math.inf),
    }
    intervals["rmse"] = _roots(intervals["mse"])
    if metrics["rmsle"] is not None:
        logs = _of_mean(mean_of("log_square"), mean_of("log_fourth"), size, 1.0, least=0.0)
        intervals["rmsle"] = _roots(logs)
    return intervals


def effective_size(layout: PerformanceLayout, vector: NDArray[np.int64]) -> float:
    """Return the effective number of labels of a regression."""
    weight = layout.weight_of(vector)
    if not layout.weighted:
        return weight
    squares = float(layout.squared_weights(vector)[0, 0])
    return weight * weight / squares if squares else 0.0


def _of_mean(mean: Fraction, square: Fraction, size: float, unit: float, *, least: float) -> Interval:
    """Return the normal interval of a mean in a unit, from the mean of squares."""
    variance = max(float(square - mean * mean), 0.0) / (size - 1)
    return normal(max(float(mean), least) * unit, variance * unit * unit, least=least)


def _roots(interval: Interval) -> Interval:
    return math.sqrt(interval[0]), math.sqrt(interval[1])
