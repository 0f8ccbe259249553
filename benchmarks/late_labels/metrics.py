"""Each window's performance by scikit-learn on its rows, and what an event may differ from it by."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from sklearn import metrics as sk

from benchmarks.late_labels.traffic import BINARY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from benchmarks.late_labels.rules import Truth
    from benchmarks.late_labels.traffic import Traffic

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Metrics = dict[str, float | None]

EXACT: Final = 1e-9
"""Greatest relative difference of what is computed from whole numbers."""
AUC_TOLERANCE: Final = 1e-3
ROUNDING: Final = 1e-12


class Expected(NamedTuple):
    """What the last revision of a window must say.

    Attributes
    ----------
    n_predictions, n_labelled, duplicates : int
    confusion : list of list of int, or None
        Rows predicted, columns actual; None for regression.
    metrics : dict of str to float or None
    """

    n_predictions: int
    n_labelled: int
    duplicates: int
    confusion: list[list[int]] | None
    metrics: Metrics


def windows(traffic: Traffic, truth: Truth, size_ms: int, until_ms: int) -> dict[tuple[int, int], Expected]:
    """Return what must be said of each window that starts before a time, by model and start."""
    predictions = traffic.predictions
    model, time_ms = traffic.model[predictions.number], predictions.time_ms
    start_ms = time_ms - time_ms % size_ms
    key = start_ms * 2 + model
    repeated = dict(zip(*(a.tolist() for a in np.unique(key[truth.duplicates], return_counts=True)), strict=True))
    found = {}
    order = np.argsort(key[truth.stored], kind="stable")
    keys, first = np.unique(key[truth.stored][order], return_index=True)
    for each, rows in zip(keys.tolist(), np.split(order, first[1:]), strict=True):
        if each // 2 < until_ms:
            value, actual = predictions.value[truth.stored[rows]], truth.actual[rows]
            found[each % 2, each // 2] = _expected(each % 2, value, actual, repeated.pop(each, 0))
    assert all(each // 2 >= until_ms for each in repeated), "a duplicate lies in the window of its prediction"
    return found


def _expected(model: int, value: Floats, actual: Floats, duplicates: int) -> Expected:
    known = ~np.isnan(actual)
    n, labelled = known.size, int(known.sum())
    value, actual = value[known], actual[known]
    if model != BINARY:
        return Expected(n, labelled, duplicates, None, _rounded(_regression(value, actual)))
    matrix = sk.confusion_matrix(actual, value >= 0.5, labels=[0, 1]).T.tolist()
    return Expected(n, labelled, duplicates, matrix, _rounded(_binary(value, actual)))


def _rounded(values: dict[str, float]) -> Metrics:
    """Return plain numbers; None where a metric is undefined."""
    return {name: float(value) if math.isfinite(value) else None for name, value in values.items()}


def _binary(score: Floats, actual: Floats) -> dict[str, float]:
    predicted = score >= 0.5
    area = sk.roc_auc_score(actual, score)
    false_rate, true_rate, _ = sk.roc_curve(actual, score, drop_intermediate=False)
    return {
        "accuracy": sk.accuracy_score(actual, predicted),
        "balanced_accuracy": sk.balanced_accuracy_score(actual, predicted),
        "cohen_kappa": sk.cohen_kappa_score(actual, predicted),
        "matthews_correlation": sk.matthews_corrcoef(actual, predicted),
        "precision": sk.precision_score(actual, predicted),
        "recall": sk.recall_score(actual, predicted),
        "specificity": sk.recall_score(actual, predicted, pos_label=0),
        "f1": sk.f1_score(actual, predicted),
        "f_beta": sk.fbeta_score(actual, predicted, beta=2.0),
        "log_loss": sk.log_loss(actual, score, labels=[0, 1]),
        "brier": sk.brier_score_loss(actual, score, labels=[0, 1]),
        "ece": _calibration_error(score, actual),
        "auc": area,
        "gini": 2 * area - 1,
        "ks": float((true_rate - false_rate).max()),
        "average_precision": sk.average_precision_score(actual, score),
    }


def _calibration_error(score: Floats, actual: Floats) -> float:
    """Return the expected calibration error by ten bins of equal width, which scikit-learn has no function for."""
    index = np.searchsorted(np.arange(1, 10) / 10, score, side="left")
    gaps = [abs((score[index == each] - actual[index == each]).sum()) for each in range(10)]
    return math.fsum(gaps) / score.size


def _regression(predicted: Floats, actual: Floats) -> dict[str, float]:
    has_logs = min(predicted.min(), actual.min()) > -1
    return {
        "mae": sk.mean_absolute_error(actual, predicted),
        "mse": sk.mean_squared_error(actual, predicted),
        "rmse": sk.root_mean_squared_error(actual, predicted),
        "rmsle": sk.root_mean_squared_log_error(actual, predicted) if has_logs else math.nan,
        "mape": sk.mean_absolute_percentage_error(actual, predicted),
        "r2": sk.r2_score(actual, predicted),
        "pinball": sk.mean_pinball_loss(actual, predicted, alpha=0.5),
        "bias": math.fsum((predicted - actual).tolist()) / actual.size,
    }


def _near(name: str) -> Callable[[Metrics, Metrics], float]:
    """Return how far a metric of binned scores is off: by a thousandth, and by its own bound, at most."""

    def off(found: Metrics, expected: Metrics) -> float:
        distance = abs(_value(found, name) - _value(expected, name))
        factor = 2 if name == "gini" else 1
        return max(distance / factor / AUC_TOLERANCE, distance / factor / (_value(found, "auc_error_bound") + ROUNDING))

    return off


def _ks(found: Metrics, expected: Metrics) -> float:
    low, high = _value(found, "ks"), _value(found, "ks") + _value(found, "ks_error_bound")
    return 0.0 if low - ROUNDING <= _value(expected, "ks") <= high + ROUNDING else math.inf


def _average_precision(found: Metrics, expected: Metrics) -> float:
    low, high = _value(found, "average_precision_low"), _value(found, "average_precision_high")
    return 0.0 if low - ROUNDING <= _value(expected, "average_precision") <= high + ROUNDING else math.inf


def _bias(found: Metrics, expected: Metrics) -> float:
    """Errors of both signs cancel in a bias: it is as exact as the absolute errors are."""
    return abs(_value(found, "bias") - _value(expected, "bias")) / (EXACT * _value(expected, "mae"))


def _value(metrics: Metrics, name: str) -> float:
    value = metrics[name]
    assert value is not None, name
    return value


SPECIAL: Final[dict[str, Callable[[Metrics, Metrics], float]]] = {
    "auc": _near("auc"),
    "gini": _near("gini"),
    "ks": _ks,
    "average_precision": _average_precision,
    "bias": _bias,
}


def misfits(expected: Expected, event: dict[str, Any]) -> Iterator[str]:
    """Yield what a performance event says that it must not."""
    said = {"n_predictions": event["n_predictions"], "n_labelled": event["n"], "duplicates": event["duplicates"]}
    for name, value in said.items():
        if value != getattr(expected, name):
            yield f"{name}: expected {getattr(expected, name)}, got {value}"
    if expected.confusion is not None:
        counts = event["confusion"]["counts"]
        if [row[:2] for row in counts[:2]] != expected.confusion or any(counts[2]) or any(row[2] for row in counts):
            yield f"confusion: expected {expected.confusion}, got {counts}"
    for name, off in deviations(expected, event["metrics"]).items():
        if off > 1:
            wanted, got = expected.metrics[name], event["metrics"][name]
            yield f"{name}: expected {wanted!r}, got {got!r}, {off:.3g} times what is allowed"


def deviations(expected: Expected, found: Metrics) -> dict[str, float]:
    """Return how far each metric is off, as a part of what is allowed."""
    return {name: _deviation(name, expected.metrics, found) for name in expected.metrics}


def _deviation(name: str, expected: Metrics, found: Metrics) -> float:
    value, other = expected[name], found[name]
    if value is None or other is None:
        return 0.0 if value is other else math.inf
    if name in SPECIAL:
        return SPECIAL[name](found, expected)
    return abs(other - value) / (EXACT * abs(value))
