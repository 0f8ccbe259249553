"""Metrics that are neither shares nor means: how often unchanged ones are significant, and that changes are found."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from driftline.checks.contract.closed_window import PerformanceBaseline, PerformanceCase
from driftline.checks.labels.interval_tests import interval_test
from driftline.checks.labels.performance_check import examine_performance
from driftline.config.model import ModelSettings, PerformanceSettings, TestedMetric
from driftline.performance import measure
from driftline.profiles.task import Task
from driftline.sketches.joined import LabelledPairs, add_joined
from driftline.sketches.scores import PREDICTED
from tests.support.windows import budget_of
from tests.unit.checks.labels.test_performance_check import PROFILE, cut_of
from tests.unit.checks.labels.test_performance_tests import of_task

BINARY, NUMBERS = PROFILE.task, Task("regression", (), 10.0)
N_WINDOWS = 300


def drawn(task: Task, n: int, rng: np.random.Generator, noise: float = 1.0, shift: float = 0.0) -> np.ndarray:
    """Return the vector of n labelled predictions; noise makes all metrics worse, a shift makes positives rarer."""
    scores = np.full(n, np.nan)
    if task.kind == "binary":
        logit = rng.normal(-shift, 2, n)
        actual = (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(float)
        scores = 1 / (1 + np.exp(-(logit + rng.normal(0, noise, n))))
        predicted = (scores >= 0.5).astype(float)
    else:
        actual = 20 + rng.normal(0, 3, n)
        predicted = actual + rng.normal(0, noise, n)
    vector = np.zeros(task.performance_layout.n_cells, dtype=np.int64)
    add_joined(task.performance_layout, LabelledPairs(predicted, actual, scores, np.ones(n, dtype=np.int64)), vector)
    vector[PREDICTED] = n
    return vector


def case_of(task: Task, now: np.ndarray, before: np.ndarray) -> PerformanceCase:
    baseline = PerformanceBaseline(vector=before, origin="reference")
    return PerformanceCase(of_task(task), cut_of(now), baseline, ModelSettings())


@pytest.mark.parametrize(
    ("task", "metrics"),
    [
        (BINARY, ("auc", "f1", "average_precision", "lift")),
        pytest.param(NUMBERS, ("rmse", "rmsle", "mape", "pinball"), marks=pytest.mark.slow),
    ],
    ids=lambda each: each.kind if isinstance(each, Task) else "",
)
def test_unchanged_metrics_are_seldom_significant(task: Task, metrics: tuple[str, ...]) -> None:
    """At a level of 0.05, in both directions, of windows of 300 labels and a reference of 3,000."""
    rng = np.random.default_rng(len(metrics))
    hits = {(metric, better): 0 for metric in metrics for better in (False, True)}
    for _ in range(N_WINDOWS):
        case = case_of(task, drawn(task, 300, rng), drawn(task, 3_000, rng))
        for metric, better in hits:
            found = interval_test(case, metric, 1.0, None, better=better)
            assert found is not None
            hits[metric, better] += found.p_value <= 0.05
    most = binom.ppf(0.9995, N_WINDOWS, 0.06)
    assert max(hits.values()) <= most, hits
    least = min(
        max(hits[metric, False], hits[metric, True])
        for metric in metrics
        if metric not in {"average_precision", "lift"}
    )
    assert least >= binom.ppf(0.0005, N_WINDOWS, 0.03), f"it is not merely cautious: {hits}"


@pytest.mark.parametrize(("task", "metric"), [(BINARY, "auc"), (BINARY, "f1"), (NUMBERS, "rmse"), (NUMBERS, "mape")])
def test_a_metric_that_is_worse_is_found(task: Task, metric: TestedMetric) -> None:
    rng = np.random.default_rng(1)
    now, before = drawn(task, 2_000, rng, noise=2.0), drawn(task, 20_000, rng)
    settings = ModelSettings(performance=PerformanceSettings(metrics=(metric,)))
    baseline = PerformanceBaseline(vector=before, origin="reference")
    verdict = examine_performance(of_task(task), cut_of(now), baseline, budget_of(settings))
    (finding,) = (each for each in verdict.findings if each.check.startswith("performance."))
    current, reference = (measure(task, side).metrics[metric] for side in (now, before))
    assert (finding.check, finding.statistic.name) == (f"performance.{metric}", "interval_quantile")
    assert finding.effect is not None
    assert (finding.effect.current, finding.effect.reference) == (current, reference)
    assert finding.effect.corrected >= finding.effect.gate
    assert finding.statistic.p_value is not None
    assert finding.statistic.p_value < 1e-4


def test_the_quantile_is_that_of_the_interval_that_ends_at_0() -> None:
    rng = np.random.default_rng(3)
    case = case_of(NUMBERS, drawn(NUMBERS, 500, rng, noise=1.2), drawn(NUMBERS, 5_000, rng))
    found = interval_test(case, "mae", 1.0, None, better=False)
    assert found is not None
    now, before = (measure(NUMBERS, side) for side in (case.revision.vector, case.baseline.vector))
    errors = [np.ptp(each.intervals["mae"]) / 2 / 1.959964 for each in (now, before)]
    assert found.quantile == pytest.approx((found.current - found.reference) / np.hypot(*errors), rel=0.01)


@pytest.mark.parametrize(
    "metric", ["auc", *(pytest.param(each, marks=pytest.mark.slow) for each in ("f1", "average_precision"))]
)
def test_unchanged_metrics_of_rare_positives_are_not_significant_far_out(metric: str) -> None:
    """One positive in twenty, 200 labels: at a level of one in a thousand, few of a thousand windows."""
    rng = np.random.default_rng(5)
    before, n_windows = drawn(BINARY, 20_000, rng, shift=5.0), 1_000
    p_values = []
    for _ in range(n_windows):
        found = interval_test(
            case_of(BINARY, drawn(BINARY, 200, rng, shift=5.0), before), metric, 1.0, None, better=False
        )
        p_values.append(1.0 if found is None else found.p_value)
    assert np.sum(np.array(p_values) <= 1e-3) <= binom.ppf(0.999, n_windows, 1e-3)


def test_few_labels_are_not_tested() -> None:
    rng = np.random.default_rng(6)
    settings = ModelSettings(performance=PerformanceSettings(metrics=("auc",)))
    baseline = PerformanceBaseline(vector=drawn(BINARY, 20_000, rng), origin="reference")
    verdict = examine_performance(
        of_task(BINARY), cut_of(drawn(BINARY, 49, rng, noise=9.0)), baseline, budget_of(settings)
    )
    assert verdict.findings == ()
