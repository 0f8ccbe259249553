"""Metrics of the confusion matrix that are watched: averages over classes, kappa and Matthews' correlation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import binom

from driftline.checks.contract.closed_window import PerformanceBaseline, PerformanceCase
from driftline.checks.contract.error_budget import ErrorBudget
from driftline.checks.labels.confusion_tests import confusion_test
from driftline.checks.labels.performance_check import examine_performance
from driftline.config.model import CheckSettings, ModelSettings, PerformanceSettings, TestedMetric
from driftline.config.settings import Settings
from driftline.performance import measure
from driftline.performance.losses import is_of_confusion, watched_metrics
from driftline.profiles.error_spread import ErrorSpread, SpreadOfMetric
from driftline.profiles.task import Task
from driftline.sketches.joined import LabelledPairs, add_joined
from driftline.sketches.scores import PREDICTED
from tests.support.windows import HOUR, KEY, budget_of
from tests.unit.checks.labels.test_performance_check import cut_of
from tests.unit.checks.labels.test_performance_tests import of_task

if TYPE_CHECKING:
    from driftline.events.finding import FindingEvent

CLASSES = Task("multiclass", ("a", "b", "c", "d"))
BINARY = Task("binary", ("0", "1"))
METRICS: tuple[TestedMetric, ...] = (
    "balanced_accuracy",
    "precision",
    "recall",
    "f1",
    "f_beta",
    "f1_weighted",
    "cohen_kappa",
    "matthews_correlation",
)
OF_BINARY: tuple[TestedMetric, ...] = ("balanced_accuracy", "f_beta", "cohen_kappa", "matthews_correlation")
SHARES, RIGHT = np.array([0.6, 0.3, 0.09, 0.01]), np.array([0.95, 0.9, 0.8, 0.7])
"""Of labels, by class: the last is rare."""


def cells_of(task: Task, right: np.ndarray = RIGHT) -> np.ndarray:
    """Return the chances of each predicted and actual class."""
    k = len(task.classes)
    shares, chances = SHARES[:k] / SHARES[:k].sum(), right[:k]
    cells: np.ndarray = np.where(np.eye(k, dtype=bool), chances, (1 - chances) / (k - 1)) * shares
    return cells


def vector_of(task: Task, confusion: np.ndarray, units: int | None = None) -> np.ndarray:
    """Return the vector of a confusion matrix; the code after the last is of classes that the task does not know."""
    layout = task.performance_layout
    predicted, actual = (np.repeat(each.ravel(), confusion.ravel()) for each in np.indices(confusion.shape))
    vector = np.zeros(layout.n_cells, dtype=np.int64)
    n = predicted.size
    weights = None if units is None else np.full(n, units, dtype=np.int64)
    codes = predicted.astype(float), actual.astype(float)
    add_joined(layout, LabelledPairs(*codes, np.full(n, np.nan), np.ones(n, dtype=np.int64), weights), vector)
    vector[PREDICTED] = n
    return vector


def drawn(task: Task, n: int, seed: int, right: np.ndarray = RIGHT) -> np.ndarray:
    cells = cells_of(task, right)
    return vector_of(task, np.random.default_rng(seed).multinomial(n, cells.ravel()).reshape(cells.shape))


def findings(
    task: Task,
    now: np.ndarray,
    before: np.ndarray,
    metrics: tuple[TestedMetric, ...],
    errors: ErrorSpread | None = None,
) -> tuple[FindingEvent, ...]:
    settings = ModelSettings(performance=PerformanceSettings(metrics=metrics))
    baseline = PerformanceBaseline(vector=before, origin="reference")
    return examine_performance(of_task(task, errors), cut_of(now), baseline, budget_of(settings)).findings


@pytest.mark.parametrize(
    ("task", "metric"), [*((CLASSES, each) for each in METRICS), *((BINARY, each) for each in OF_BINARY)]
)
def test_a_metric_that_is_worse_is_found_and_one_that_is_better_is_information(
    task: Task, metric: TestedMetric
) -> None:
    now, before = drawn(task, 3_000, 1, RIGHT - 0.2), drawn(task, 20_000, 2)
    (worse,), (better,) = findings(task, now, before, (metric,)), findings(task, before, now, (metric,))
    current, reference = (measure(task, side).metrics[metric] for side in (now, before))
    assert current is not None
    assert reference is not None
    for found, check, change in ((worse, "performance", "drop"), (better, "improvement", "rise")):
        assert (found.check, found.statistic.name) == (f"{check}.{metric}", "sampled_score_quantile")
        assert found.effect is not None
        assert found.effect.name == f"{metric}_{change}"
        assert found.effect.corrected == pytest.approx(reference - current)
        assert found.statistic.p_value is not None
        assert found.statistic.p_value < 1e-6
    assert worse.message.startswith(f"{metric.replace('_', ' ')} {100 * reference:.1f} % -> {100 * current:.1f} %")
    assert (worse.severity, better.severity) == ("critical", "info")
    assert (worse.n, worse.n_reference) == (3_000, 20_000)


@pytest.mark.parametrize(
    ("n", "n_windows"),
    [(200, 150), *(pytest.param(n, 2_000, marks=pytest.mark.slow) for n in (200, 1_000))],
)
def test_unchanged_metrics_are_seldom_significant_far_out_where_a_class_is_rare(n: int, n_windows: int) -> None:
    """Two labels in a window are of the rare class: at a level of one in a thousand, in either direction."""
    before, p_values = drawn(CLASSES, 20_000, 3), []
    for seed in range(n_windows):
        baseline = PerformanceBaseline(vector=before, origin="reference")
        case = PerformanceCase(of_task(CLASSES), cut_of(drawn(CLASSES, n, 10 + seed)), baseline, ModelSettings())
        for better in (False, True):
            for metric in ("balanced_accuracy", "f1", "cohen_kappa"):
                found = confusion_test(case, metric, 1.0, None, better=better)
                assert found is not None
                p_values.append((metric, better, found.test.p_value))
    for metric, better in {each[:2] for each in p_values}:
        of_metric = np.array([p for *about, p in p_values if about == [metric, better]])
        for level in (0.05, 0.001):
            assert np.sum(of_metric <= level) <= binom.ppf(0.9995, n_windows, level), (metric, better, level)


def test_a_change_below_its_gate_is_none() -> None:
    now, before = drawn(CLASSES, 100_000, 1, RIGHT - 0.015), drawn(CLASSES, 200_000, 2)
    assert findings(CLASSES, now, before, ("f1_weighted",)) == ()
    settings = ModelSettings(
        checks=CheckSettings(min_accuracy_drop=0.001), performance=PerformanceSettings(metrics=("f1_weighted",))
    )
    baseline = PerformanceBaseline(vector=before, origin="reference")
    assert len(examine_performance(of_task(CLASSES), cut_of(now), baseline, budget_of(settings)).findings) == 1


def test_errors_that_come_in_bursts_are_no_finding() -> None:
    settings = ModelSettings(performance=PerformanceSettings(metrics=("cohen_kappa",)))
    cut = cut_of(drawn(CLASSES, 1_000, 1, RIGHT - 0.05))
    baseline = PerformanceBaseline(vector=drawn(CLASSES, 20_000, 2), origin="reference")
    context = ErrorBudget.of(Settings(defaults=settings), KEY.model)
    (alone,) = examine_performance(of_task(CLASSES), cut, baseline, context).findings
    assert alone.severity == "critical"
    for dispersion, n_findings in ((1.5, 1), (20.0, 0)):
        spread = ErrorSpread(HOUR, {"accuracy": SpreadOfMetric(dispersion, 200, 1_000.0)})
        found = examine_performance(of_task(CLASSES, spread), cut, baseline, context).findings
        assert len(found) == n_findings
        for each in found:
            assert each.dispersion is not None
            assert (each.dispersion.lambda_bar, each.dispersion.degrees_of_freedom) == (dispersion, 199.0)


def test_few_labels_and_metrics_that_are_withheld_are_not_tested() -> None:
    before = drawn(CLASSES, 20_000, 2)
    few = vector_of(CLASSES, np.array([[0, 10, 5, 1], [20, 0, 2, 1], [5, 4, 0, 0], [1, 0, 0, 0]]))
    assert findings(CLASSES, few, before, ("cohen_kappa",)) == ()
    unknown = np.zeros((5, 5), dtype=np.int64)
    unknown[0, 1], unknown[4, 4] = 500, 1
    other = vector_of(CLASSES, unknown)
    assert measure(CLASSES, other).metrics["f1"] is None
    assert findings(CLASSES, other, before, ("f1",)) == ()
    assert len(findings(CLASSES, other, before, ("accuracy",))) == 1


def test_weighted_labels_count_at_their_effective_number() -> None:
    weighted = replace(CLASSES, weighted=True)
    worse = np.random.default_rng(4).multinomial(2_000, cells_of(CLASSES, RIGHT - 0.1).ravel()).reshape(4, 4)
    usual = np.rint(20_000 * cells_of(CLASSES)).astype(np.int64)
    (expected,) = findings(CLASSES, vector_of(CLASSES, worse), vector_of(CLASSES, usual), ("f1",))
    (found,) = findings(weighted, vector_of(weighted, worse, 4_096), vector_of(weighted, usual, 512), ("f1",))
    assert found.statistic.p_value == pytest.approx(expected.statistic.p_value, rel=1e-6)


def test_which_metrics_a_task_has() -> None:
    every: tuple[TestedMetric, ...] = ("accuracy", *METRICS, "specificity", "auc", "mae")
    assert watched_metrics(CLASSES, every) == ("accuracy", *METRICS)
    of_confusion = [each for each in watched_metrics(BINARY, every) if is_of_confusion(each, BINARY)]
    assert sorted(of_confusion) == sorted(OF_BINARY)
    assert not is_of_confusion("precision", BINARY)
