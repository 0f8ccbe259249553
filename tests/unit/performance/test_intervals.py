from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from driftline.config.model import PerformanceSettings
from driftline.performance.intervals import differences, of_difference, wilson
from driftline.performance.measurement import measure
from driftline.performance.ranking_intervals import area_variance
from driftline.profiles.task import Task
from driftline.sketches.joined import LabelledPairs, add_joined

if TYPE_CHECKING:
    from collections.abc import Callable

Rows = tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None]
"""Predicted, actual, scores and weights in units."""
SETTINGS = PerformanceSettings(values={"1": {"1": 100.0, "0": -20.0}})
CONSERVATIVE = {"average_precision", "lift"}


def vector_of(task: Task, rows: Rows) -> np.ndarray:
    predicted, actual, scores, units = rows
    layout = task.performance_layout
    vector = np.zeros(layout.n_cells, dtype=np.int64)
    given = np.full(actual.size, np.nan) if scores is None else scores
    signs = np.ones(actual.size, dtype=np.int64)
    add_joined(layout, LabelledPairs(predicted.astype(float), actual.astype(float), given, signs, units), vector)
    return vector


def binary(rng: np.random.Generator, n: int) -> Rows:
    actual = (rng.random(n) < 0.3).astype(int)
    scores = 1 / (1 + np.exp(-rng.normal(np.where(actual == 1, 0.2, -1.8), 1.4)))
    return (scores > 0.5).astype(int), actual, scores, None


def weighted(rng: np.random.Generator, n: int) -> Rows:
    predicted, actual, scores, _ = binary(rng, n)
    return predicted, actual, scores, rng.lognormal(6.9, 0.7, n).astype(np.int64)


def multiclass(rng: np.random.Generator, n: int) -> Rows:
    actual = rng.choice(5, n, p=[0.5, 0.2, 0.15, 0.1, 0.05])
    return np.where(rng.random(n) < 0.7, actual, rng.integers(0, 5, n)), actual, None, None


def regression(rng: np.random.Generator, n: int) -> Rows:
    actual = rng.lognormal(0, 1, n) / 2
    return actual + rng.exponential(0.5, n) + rng.uniform(-0.45, -0.05, n), actual, None, None


@pytest.mark.parametrize(
    ("task", "rows"),
    [
        (Task("binary", ("0", "1")), binary),
        (Task("binary", ("0", "1"), weighted=True), weighted),
        (Task("multiclass", ("0", "1", "2", "3", "4")), multiclass),
        (Task("regression", (), 2.0), regression),
    ],
    ids=["binary", "weighted", "multiclass", "regression"],
)
def test_nineteen_of_twenty_intervals_hold_the_truth(
    task: Task, rows: Callable[[np.random.Generator, int], Rows]
) -> None:
    rng = np.random.default_rng(1)
    truth = measure(task, vector_of(task, rows(rng, 1_000_000)), SETTINGS).metrics
    hits: Counter[str] = Counter()
    n_windows = 400
    for _ in range(n_windows):
        for name, (low, high) in measure(task, vector_of(task, rows(rng, 1_000)), SETTINGS).intervals.items():
            value = truth[name]
            assert value is not None
            hits[name] += low <= value <= high
    for name, n in hits.items():
        least, most = 0.915, 1.0 if name in CONSERVATIVE else 0.98  # 3 standard errors of 400 windows are 3.3 %
        assert least <= n / n_windows <= most, name


def test_wilson_is_what_scipy_says() -> None:
    for k, n in ((0, 10), (3, 10), (10, 10), (950, 1_000)):
        expected = stats.binomtest(k, n).proportion_ci(method="wilson")
        assert wilson(k / n, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_variance_of_the_area_is_delongs() -> None:
    rng = np.random.default_rng(3)
    negative, positive = rng.integers(0, 8, 60), rng.integers(2, 10, 50)
    histograms = np.zeros((2, 12), dtype=np.int64)
    np.add.at(histograms[0], negative + 1, 1)
    np.add.at(histograms[1], positive + 1, 1)
    pairs = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    exact = pairs.mean(axis=1).var(ddof=1) / positive.size + pairs.mean(axis=0).var(ddof=1) / negative.size
    assert area_variance(histograms, (60.0, 50.0), float(pairs.mean())) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("right", [0, 1, 2])
def test_unanimous_labels_leave_room_for_others(right: int) -> None:
    task = Task("binary", ("0", "1"))
    actual = np.arange(40) % 2
    predicted = {0: 1 - actual, 1: actual, 2: np.zeros(40)}[right]
    measured = measure(task, vector_of(task, (predicted, actual, None, None)))
    for name, (low, high) in measured.intervals.items():
        value = measured.metrics[name]
        assert value is not None
        assert low <= value <= high, name
        assert high - low > 0.01, name
        assert low >= -1, name
        assert high <= 1, name


@pytest.mark.parametrize("n", [0, 1, 2])
@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_hardly_any_labels(kind: str, n: int) -> None:
    task = {"binary": Task("binary", ("0", "1")), "multiclass": Task("multiclass", ("a", "b", "c"))}.get(
        kind, Task("regression", ())
    )
    rows = (np.ones(n), np.arange(n) % 2, np.full(n, 0.7), None)
    measured = measure(task, vector_of(task, rows))
    for name, (low, high) in measured.intervals.items():
        value = measured.metrics[name]
        assert value is not None
        assert low <= value <= high, name


def test_weights_are_worth_fewer_labels() -> None:
    task = Task("binary", ("0", "1"), weighted=True)
    predicted, actual, scores, _ = binary(np.random.default_rng(1), 1_000)
    even = measure(task, vector_of(task, (predicted, actual, scores, np.full(1_000, 5_000))))
    uneven = measure(task, vector_of(task, (predicted, actual, scores, np.arange(1_000) + 1)))
    assert even.n_effective == pytest.approx(1_000)
    assert uneven.n_effective == pytest.approx(1_000 * 1_001 * 1_001 / 4 * 6 / (1_001 * 2_001))
    for name, (low, high) in even.intervals.items():
        assert uneven.intervals[name][1] - uneven.intervals[name][0] > (high - low) * 0.95, name


def test_differences_of_what_is_known_on_both_sides() -> None:
    found = differences(
        {"accuracy": 0.8, "f1": 0.5, "auc": 0.7},
        {"accuracy": (0.7, 0.9), "f1": (0.4, 0.6)},
        {"accuracy": 0.6, "f1": None, "auc": 0.6},
        {"accuracy": (0.5, 0.7)},
    )
    assert found == {"accuracy": (0.8 - 0.6, *of_difference(0.8, (0.7, 0.9), 0.6, (0.5, 0.7)))}
