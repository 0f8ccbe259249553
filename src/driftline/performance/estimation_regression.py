"""Direct loss estimation of a regression's performance, from a loss model's expected loss of each event."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from driftline.performance.metric_estimate import MetricEstimate
from driftline.sketches.estimates import LOSS_BLOCKS, VALUE_SCALE

if TYPE_CHECKING:
    from driftline.performance.metric_estimate import Estimates
    from driftline.profiles.loss_estimator import LossEstimator
    from driftline.sketches.estimates import EstimateTotals


def loss_estimates(totals: EstimateTotals, estimator: LossEstimator, spread: float) -> Estimates:
    """Return the expected mean absolute error, mean squared error and root mean squared error.

    Parameters
    ----------
    totals : EstimateTotals
        In the layout of the estimator.
    estimator : LossEstimator
        The loss model behind the totals.
    spread : float, greater than 0
        The unit of errors.

    Returns
    -------
    dict of str to MetricEstimate, or None
        ``mae`` and ``rmse`` in the unit of the prediction, ``mse`` in its square; None without events.

    Notes
    -----
    The estimate is the mean of the expected losses. In group b of expected loss, losses vary about their expectation
    with variance s_b, measured on held-out rows; the group has m_b of the n events of the window and N_b labelled rows.
    The sampling error of the realised mean has the variance Σ m_b s_b / n². The model error, as each expectation is
    estimated from N_b rows, has the variance Σ (m_b / n)² s_b / N_b. The delta method gives both errors of the root. A
    bias of the model where the reference has hardly any rows is in neither.

    *Source*: NannyML's DLE. Deviations: the model, see :mod:`driftline.profiles.loss_trees`; the band.

    *Oracle*: NannyML 0.13.1, ``DLE``; docs/estimation.md says how near.
    """
    mae = _mean(totals, estimator, 0)
    mse = _mean(totals, estimator, 1)
    if mae is None or mse is None:
        return {"mae": None, "mse": None, "rmse": None}
    rmse = math.sqrt(mse.value)
    slope = 0.5 / rmse if rmse > 0 else 0.0
    return {
        "mae": _scaled(mae, spread),
        "mse": _scaled(mse, spread * spread),
        "rmse": _scaled(MetricEstimate(rmse, mse.sampling_error * slope, mse.model_error * slope), spread),
    }


def _mean(totals: EstimateTotals, estimator: LossEstimator, loss: int) -> MetricEstimate | None:
    groups = estimator.groups[loss]
    counts = totals.counts[0, loss * LOSS_BLOCKS : (loss + 1) * LOSS_BLOCKS]
    n = int(counts.sum())
    if n == 0:
        return None
    variances = np.array(groups.variances)
    shares = counts / n
    model = shares * shares * variances / np.maximum(np.array(groups.rows), 1)
    value = int(totals.sums[0, loss, 0]) / VALUE_SCALE / n
    return MetricEstimate(value, math.sqrt(float((shares * variances).sum()) / n), math.sqrt(float(model.sum())))


def _scaled(estimate: MetricEstimate, factor: float) -> MetricEstimate:
    return MetricEstimate(estimate.value * factor, estimate.sampling_error * factor, estimate.model_error * factor)
