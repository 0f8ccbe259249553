"""What retraining can win back, by labels and by estimates, and why nothing is said."""

from __future__ import annotations

import numpy as np
import pytest

from driftline.checks.contract.closed_window import PerformanceBaseline
from driftline.config.model import PerformanceSettings
from driftline.monitoring.retraining.losses import NO_BASELINE, NO_INTERVAL, losses_of
from driftline.performance.metric_estimate import MetricEstimate
from tests.support.retraining import profile, vector

TASK = profile().task
BASELINE = PerformanceBaseline(vector=vector(1, 20_000), origin="reference")
SETTINGS = PerformanceSettings()
NOTHING = np.zeros_like(BASELINE.vector)


def test_labels_and_estimates_each_say_how_much_worse_the_model_is() -> None:
    estimates = {"accuracy": MetricEstimate(0.70, 0.003, 0.004), "auc": None}
    found, missing = losses_of(TASK, BASELINE, vector(2, 4_000, threshold=0.9), (estimates, 5_000), SETTINGS)
    assert missing is None
    assert [(loss.basis, loss.metric, loss.n) for loss in found] == [
        ("realised", "accuracy", 4_000),
        ("estimated", "accuracy", 5_000),
    ]
    realised, estimated = found
    assert realised.loss == pytest.approx(realised.reference - realised.current)
    assert realised.lower < realised.loss < realised.upper
    assert estimated.loss == pytest.approx(estimated.reference - 0.70)
    assert (estimated.lower, estimated.upper) == pytest.approx((estimated.loss - 0.015, estimated.loss + 0.015))


def test_a_rise_of_a_loss_is_for_the_worse_too() -> None:
    settings = PerformanceSettings(metrics=("log_loss",))
    (loss,), _ = losses_of(TASK, BASELINE, vector(2, 4_000, slope=0.3), None, settings)
    assert 0 < loss.lower < loss.loss == pytest.approx(loss.current - loss.reference)


def test_a_model_that_is_as_good_shows_no_loss() -> None:
    (loss,), _ = losses_of(TASK, BASELINE, vector(3, 4_000), None, SETTINGS)
    assert loss.lower < 0 < loss.upper


def test_where_nothing_can_be_said_the_reason_is() -> None:
    assert losses_of(TASK, None, vector(2, 4_000), None, SETTINGS) == ([], NO_BASELINE)
    assert losses_of(TASK, BASELINE, NOTHING, None, SETTINGS) == ([], NO_INTERVAL)
    regression_alone = PerformanceSettings(metrics=("mae",))
    found, missing = losses_of(TASK, BASELINE, vector(2, 4_000), None, regression_alone)
    assert (found, "performance.metrics" in str(missing)) == ([], True)
