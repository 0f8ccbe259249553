"""The tested quantities of a performance vector: counts of wrong decisions, and means of losses."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.performance.classification import confusion_counts
from driftline.performance.mean_intervals import effective_size
from driftline.performance.measurement import class_sizes
from driftline.performance.probability import scored_weight
from driftline.performance.regression import exact_weight

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from driftline.config.model import TestedMetric
    from driftline.profiles.task import Task
    from driftline.sketches.scores import PerformanceLayout

_OF_TASK: Final = {
    "binary": (
        "accuracy",
        "precision",
        "recall",
        "specificity",
        "f1",
        "f_beta",
        "balanced_accuracy",
        "cohen_kappa",
        "matthews_correlation",
        "auc",
        "average_precision",
        "lift",
        "log_loss",
        "brier",
    ),
    "multiclass": (
        "accuracy",
        "precision",
        "recall",
        "f1",
        "f_beta",
        "f1_weighted",
        "balanced_accuracy",
        "cohen_kappa",
        "matthews_correlation",
    ),
    "regression": ("mae", "mse", "rmse", "rmsle", "mape", "pinball"),
}
_LOSSES: Final = frozenset({"log_loss", "brier", *_OF_TASK["regression"]})
_NO_FRACTION: Final = _LOSSES | {"lift"}
_SHARES: Final = frozenset({"accuracy", "precision", "recall", "specificity"})
_OF_CONFUSION: Final = frozenset({"f_beta", "f1_weighted", "balanced_accuracy", "cohen_kappa", "matthews_correlation"})
_SUMS: Final = {
    "log_loss": ("log_loss", "log_loss_square"),
    "brier": ("brier", "brier_square"),
    "mae": ("absolute", "square"),
    "mse": ("square", "fourth"),
}


class ErrorCount(NamedTuple):
    """Number of wrong decisions among the decisions of a metric.

    Attributes
    ----------
    k, n : int, 0 ≤ k ≤ n
        For weighted labels, effective numbers, rounded down.
    """

    k: int
    n: int


class Loss(NamedTuple):
    """Mean and variance of a loss.

    Attributes
    ----------
    mean, variance : float
        For regressions in the prediction's unit, or its square.
    n : float
        Effective number of labels.
    """

    mean: float
    variance: float
    n: float


def watched_metrics(task: Task, chosen: Iterable[TestedMetric]) -> tuple[TestedMetric, ...]:
    """Return the chosen metrics that a task has, each once.

    Examples
    --------
    >>> from driftline.profiles.task import Task
    >>> watched_metrics(Task("regression", ()), ("accuracy", "mae"))
    ('mae',)
    """
    return tuple(name for name in dict.fromkeys(chosen) if name in _OF_TASK[task.kind])


def is_loss(metric: str) -> bool:
    """Return whether less of a metric is better."""
    return metric in _LOSSES


def is_fraction(metric: str) -> bool:
    """Return whether a metric is at most 1, so that changes of it are differences; of others they are relative."""
    return metric not in _NO_FRACTION


def is_share(metric: str, task: Task) -> bool:
    """Return whether a tested metric is the share of right decisions among some decisions; averages of such are not."""
    return metric in _SHARES if task.kind == "binary" else metric == "accuracy"


def is_of_confusion(metric: str, task: Task) -> bool:
    """Return whether a tested metric is a function of the confusion matrix, but no share."""
    return metric in _OF_CONFUSION or (task.kind == "multiclass" and metric != "accuracy")


def is_mean_loss(metric: str) -> bool:
    """Return whether a metric is the mean of a loss whose squares are known."""
    return metric in _SUMS


def wrong_decisions(layout: PerformanceLayout, vector: NDArray[np.int64], metric: str) -> ErrorCount:
    """Return the number of wrong decisions for accuracy, precision, recall or specificity."""
    confusion, sizes = confusion_counts(layout, vector), class_sizes(layout, vector)
    if metric == "accuracy":
        right, whole, size = int(np.trace(confusion)), int(confusion.sum()), sizes.all
    elif metric == "precision":
        right, whole, size = int(confusion[1, 1]), int(confusion[1].sum()), float(sizes.predicted[1])
    else:
        code = 1 if metric == "recall" else 0
        right, whole, size = int(confusion[code, code]), int(confusion[:, code].sum()), float(sizes.actual[code])
    if not layout.weighted or not whole:
        return ErrorCount(whole - right, whole)
    n = math.floor(size)
    return ErrorCount(math.floor((whole - right) / whole * n), n)


def mean_loss(layout: PerformanceLayout, vector: NDArray[np.int64], metric: str) -> Loss | None:
    """Return the mean of log loss, Brier score, absolute or squared error; None without labels or exact sums."""
    name, square = _SUMS[metric]
    if layout.binary:
        n, sizes = scored_weight(layout, vector), class_sizes(layout, vector)
        whole = Fraction(int(confusion_counts(layout, vector).sum()), layout.unit)
        size = sizes.all * float(n / whole) if whole else 0.0
        unit = 1.0
    else:
        n, size = exact_weight(layout, vector), effective_size(layout, vector)
        unit = layout.spread if metric == "mae" else layout.spread**2
    if n <= 0 or layout.n_clipped(vector):
        return None
    mean = layout.sum_of(vector, name) / n
    variance = max(float(layout.sum_of(vector, square) / n - mean * mean), 0.0)
    return Loss(float(mean) * unit, variance * unit * unit, size)
