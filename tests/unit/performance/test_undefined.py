from __future__ import annotations

import numpy as np
import pytest

from driftline.performance import hits, metrics_of
from driftline.profiles.task import Task, TaskKind
from driftline.sketches.joined import LabelledPairs, add_joined
from driftline.sketches.scores import PerformanceLayout

CLASSES = {
    *("accuracy", "balanced_accuracy", "cohen_kappa", "matthews_correlation"),
    *("precision", "recall", "f1", "f_beta"),
}
AVERAGES = {f"{name}_{kind}" for name in ("precision", "recall", "f1", "f_beta") for kind in ("micro", "weighted")}
RANKING = {
    *("auc", "auc_error_bound", "gini", "ks", "ks_error_bound", "lift", "lift_error_bound"),
    *("average_precision", "average_precision_low", "average_precision_high"),
}


def vector_of(layout: PerformanceLayout, pairs: list[tuple[float, float, float]], sign: int = 1) -> np.ndarray:
    vector = np.zeros(layout.n_cells, dtype=np.int64)
    predicted, actual, scores = np.array(pairs, dtype=np.float64).T
    add_joined(layout, LabelledPairs(predicted, actual, scores, np.full(len(pairs), sign, dtype=np.int64)), vector)
    return vector


@pytest.mark.parametrize(
    ("kind", "classes", "names"),
    [
        ("binary", ("0", "1"), CLASSES | {"specificity"} | RANKING | {"log_loss", "brier", "ece"}),
        ("multiclass", ("a", "b", "c"), CLASSES | AVERAGES),
        ("regression", (), {"mae", "mse", "rmse", "rmsle", "mape", "r2", "pinball", "bias"}),
    ],
)
def test_without_labels_nothing_is_defined(kind: TaskKind, classes: tuple[str, ...], names: set[str]) -> None:
    task = Task(kind, classes)
    metrics = metrics_of(task, np.zeros(task.performance_layout.n_cells, dtype=np.int64))
    assert metrics == dict.fromkeys(names)


def test_nothing_predicted_positive_and_nothing_positive() -> None:
    layout = PerformanceLayout(2, binary=True)
    task = Task("binary", ("0", "1"))
    never_predicted = metrics_of(task, vector_of(layout, [(0, 0, 0.1), (0, 1, 0.2)]))
    assert (never_predicted["precision"], never_predicted["recall"], never_predicted["f1"]) == (None, 0.0, 0.0)
    assert never_predicted["auc"] == 1.0
    never_positive = metrics_of(task, vector_of(layout, [(0, 0, 0.1), (1, 0, 0.8)]))
    assert (never_positive["precision"], never_positive["recall"], never_positive["auc"]) == (0.0, None, None)
    assert never_positive["accuracy"] == 0.5


def test_labels_taken_back_leave_nothing() -> None:
    layout = PerformanceLayout(2, binary=True)
    pairs = [(1.0, 0.0, 0.7), (0.0, 0.0, 0.2)]
    vector = vector_of(layout, pairs) + vector_of(layout, pairs, sign=-1)
    assert set(metrics_of(Task("binary", ("0", "1")), vector).values()) == {None}


def test_cells_below_zero_count_as_none() -> None:
    layout = PerformanceLayout(2, binary=True)
    vector = vector_of(layout, [(1, 1, 0.9)]) + vector_of(layout, [(0, 0, 0.1)], sign=-1)
    assert hits(layout, vector).n == 1
    assert metrics_of(Task("binary", ("0", "1")), vector)["accuracy"] == 1.0
