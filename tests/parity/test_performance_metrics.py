"""Metrics from performance vectors against scikit-learn on the events behind them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from driftline.performance import classification_metrics, regression_metrics
from driftline.sketches.joined import Joined, add_joined
from driftline.sketches.scores import PerformanceLayout


def vector_of(layout: PerformanceLayout, predicted: object, actual: object, scores: object = None) -> np.ndarray:
    predicted, actual = np.asarray(predicted, dtype=np.float64), np.asarray(actual, dtype=np.float64)
    given = np.full(predicted.size, np.nan) if scores is None else np.asarray(scores, dtype=np.float64)
    vector = np.zeros(layout.n_cells, dtype=np.int64)
    add_joined(layout, Joined(predicted, actual, given, np.ones(predicted.size, dtype=np.int64)), vector)
    return vector


@pytest.mark.parametrize("positives", [0.5, 0.1, 0.01])
@pytest.mark.parametrize("seed", [0, 1])
def test_binary(positives: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    actual = (rng.random(20_000) < positives).astype(int)
    logits = rng.normal(np.where(actual == 1, 1.0, -1.0) + np.log(positives / (1 - positives)), 1.4)
    scores = 1 / (1 + np.exp(-logits))
    predicted = (scores > np.quantile(scores, 1 - positives)).astype(int)
    layout = PerformanceLayout(2, binary=True)
    ours = classification_metrics(layout, vector_of(layout, predicted, actual, scores))
    precision, recall, f1, _ = sk.precision_recall_fscore_support(actual, predicted, average="binary")
    expected = {"accuracy": sk.accuracy_score(actual, predicted), "precision": precision, "recall": recall, "f1": f1}
    for name, value in expected.items():
        assert ours[name] == pytest.approx(value, abs=1e-12), name
    exact = sk.roc_auc_score(actual, scores)
    assert ours["auc"] == pytest.approx(exact, abs=0.001)
    assert ours["auc"] is not None
    assert ours["auc_error_bound"] is not None
    assert abs(ours["auc"] - exact) <= ours["auc_error_bound"] + 1e-12


def test_auc_of_a_few_distinct_scores_with_zero_and_one_among_them_is_exact() -> None:
    rng = np.random.default_rng(3)
    scores = rng.choice([0.0, 0.1, 0.5, 0.9, 1.0], 3_000)
    actual = (rng.random(3_000) < scores * 0.8 + 0.1).astype(int)
    layout = PerformanceLayout(2, binary=True)
    ours = classification_metrics(layout, vector_of(layout, scores > 0.3, actual, scores))
    assert ours["auc"] == pytest.approx(sk.roc_auc_score(actual, scores), abs=1e-12)


@pytest.mark.parametrize("n_classes", [3, 7, 40])
@pytest.mark.parametrize("n", [5, 200, 5_000])
def test_multiclass_macro_averages(n_classes: int, n: int) -> None:
    rng = np.random.default_rng(n_classes + n)
    # The last code stands for all classes that the profile does not know.
    actual = rng.integers(0, n_classes + 1, n)
    predicted = np.where(rng.random(n) < 0.6, actual, rng.integers(0, n_classes + 1, n))
    layout = PerformanceLayout(n_classes, binary=False)
    ours = classification_metrics(layout, vector_of(layout, predicted, actual))
    precision, recall, f1, _ = sk.precision_recall_fscore_support(actual, predicted, average="macro", zero_division=0)
    expected = {"accuracy": sk.accuracy_score(actual, predicted), "precision": precision, "recall": recall, "f1": f1}
    assert ours.keys() == expected.keys()
    for name, value in expected.items():
        assert ours[name] == pytest.approx(value, abs=1e-12), name


def test_binary_with_classes_nobody_knows() -> None:
    rng = np.random.default_rng(5)
    actual, predicted = rng.integers(0, 3, 2_000), rng.integers(0, 3, 2_000)
    layout = PerformanceLayout(2, binary=True)
    ours = classification_metrics(layout, vector_of(layout, predicted, actual))
    precision, recall, f1, _ = sk.precision_recall_fscore_support(actual, predicted, labels=[1], average=None)
    assert ours["accuracy"] == pytest.approx(sk.accuracy_score(actual, predicted), abs=1e-12)
    assert ours["precision"] == pytest.approx(precision[0], abs=1e-12)
    assert ours["recall"] == pytest.approx(recall[0], abs=1e-12)
    assert ours["f1"] == pytest.approx(f1[0], abs=1e-12)


@pytest.mark.parametrize("spread", [1.0, 1e-6, 25_000.0])
def test_regression(spread: float) -> None:
    rng = np.random.default_rng(9)
    actual = rng.normal(3, 1, 5_000) * spread
    predicted = actual + rng.normal(0.2, 0.5, 5_000) * spread
    layout = PerformanceLayout(0, binary=False)
    ours = regression_metrics(layout, vector_of(layout, predicted / spread, actual / spread), spread)
    assert ours["mae"] == pytest.approx(sk.mean_absolute_error(actual, predicted), abs=spread * 2**-24)
    assert ours["rmse"] == pytest.approx(sk.root_mean_squared_error(actual, predicted), abs=spread * 2**-16)
    assert ours["bias"] == pytest.approx(float((predicted - actual).mean()), abs=spread * 2**-24)
