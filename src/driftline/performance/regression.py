"""Metrics of numbers, from the exact sums of their errors."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

from driftline.config.model import PerformanceSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from driftline.performance.confusion import Metrics
    from driftline.sketches.scores import PerformanceLayout

NAMES = ("mae", "mse", "rmse", "rmsle", "mape", "r2", "pinball", "bias")
DEFAULTS = PerformanceSettings()


def regression_metrics(
    layout: PerformanceLayout, vector: NDArray[np.int64], settings: PerformanceSettings = DEFAULTS
) -> Metrics:
    """Return the metrics of numbers, in the unit of the prediction or its square.

    Parameters
    ----------
    layout : PerformanceLayout
        Of a regression: ``n_classes`` 0.
    vector : ndarray of int64, shape (layout.n_cells,)
    settings : PerformanceSettings
        Contain the quantile of the pinball loss.

    Returns
    -------
    dict of str to float or None
        ``mae``, ``mse``, ``rmse``, ``rmsle``, ``mape``, ``pinball`` (all at least 0), ``r2`` (at most 1) and ``bias``,
        the mean of prediction less label. None without labels; ``rmsle`` also where a prediction or label is -1 or
        less, ``r2`` where all labels are the same.

    Notes
    -----
    *Cost*: O(1). All are None where a prediction or label is beyond ``VALUE_LIMIT`` spreads of the reference's
    predictions, or a relative error beyond its range: the sums are then not exact; the event says how many there are.

    *Oracle*: scikit-learn 1.9: ``mean_absolute_error``, ``mean_squared_error``, ``root_mean_squared_log_error``,
    ``mean_absolute_percentage_error``, ``r2_score``, ``mean_pinball_loss``; to 10⁻⁹ of their value.
    """
    n = exact_weight(layout, vector)
    if n <= 0 or layout.n_clipped(vector):
        return dict.fromkeys(NAMES)
    error, absolute, square = (layout.sum_of(vector, name) / n for name in ("error", "absolute", "square"))
    label = layout.sum_of(vector, "actual") / n
    variance = layout.sum_of(vector, "actual_square") / n - label * label
    quantile, spread = Fraction(settings.quantile), layout.spread
    pinball = (quantile * (absolute - error) + (1 - quantile) * (absolute + error)) / 2
    has_logs = layout.n_below_log(vector) == 0
    return {
        "mae": positive(absolute) * spread,
        "mse": positive(square) * spread * spread,
        "rmse": math.sqrt(positive(square)) * spread,
        "rmsle": math.sqrt(positive(layout.sum_of(vector, "log_square") / n)) if has_logs else None,
        "mape": positive(layout.sum_of(vector, "ratio") / n),
        "r2": 1 - float(square / variance) if variance > 0 else None,
        "pinball": positive(pinball) * spread,
        "bias": float(error) * spread,
    }


def exact_weight(layout: PerformanceLayout, vector: NDArray[np.int64]) -> Fraction:
    """Return the number of labels, or the sum of their weights."""
    return Fraction(layout.weight_of(vector))


def positive(value: Fraction) -> float:
    """Return a number, or 0 where it is below zero, which occurs only after an idle mark."""
    return max(float(value), 0.0)
