"""Confidence-based estimation of a multiclass task's performance, from calibrated probabilities of each event."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from driftline.performance.metric_estimate import MetricEstimate
from driftline.sketches.estimates import VALUE_SCALE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from driftline.performance.metric_estimate import Estimates
    from driftline.sketches.estimates import EstimateTotals


class _Metric(NamedTuple):
    """A value, and its derivative by each cell of the expected confusion matrix."""

    value: float
    slopes: NDArray[np.float64]


def multiclass_estimates(totals: EstimateTotals, n_labelled: int) -> Estimates:
    """Return the expected accuracy, and the expected macro averages of precision, recall, specificity and F1.

    Parameters
    ----------
    totals : EstimateTotals
        In a layout of several classes.
    n_labelled : int, at least 1
        Number of labelled rows that the calibrators were fitted on.

    Returns
    -------
    dict of str to MetricEstimate, or None
        ``balanced_accuracy`` is the mean recall over the classes that are expected at all; the other averages are over
        the classes that were predicted or are expected. None without events.

    Notes
    -----
    The expected confusion matrix is M_ck = Σ p_ik over the events i predicted c. The sampling error of the accuracy is
    Σ p(1 − p) of the predicted class, over n². For the others it is bounded: with G the derivative by M, the variance
    of row c is at most Σ_k G²M − (ΣGM)²/n_c, the value for equal events in a row (by Jensen's inequality; a better
    value needs the sums of products of two classes' probabilities, which the sketch does not have). The model error
    assumes a window like the reference: √(n / N) of that bound.

    *Source*: NannyML's CBPE, one class against the rest, macro averages. Deviations: the band.

    *Oracle*: NannyML 0.13.1, ``CBPE``, with the same calibrators: equal to 10⁻⁶.
    """
    expected = expected_counts(totals)
    n_predicted = totals.counts.sum(axis=1)
    n = int(n_predicted.sum())
    if n == 0:
        return dict.fromkeys(("accuracy", "balanced_accuracy", "precision", "recall", "specificity", "f1"))
    hits = np.diagonal(totals.sums[:, :, 0]).sum() / VALUE_SCALE
    squares = np.diagonal(totals.sums[:, :, 1]).sum() / VALUE_SCALE
    right = _Metric(float(hits) / n, np.eye(n_predicted.size) / n)
    model = math.sqrt(_bound(right.slopes, expected, n_predicted) * n / n_labelled)
    accuracy = MetricEstimate(right.value, math.sqrt(max(float(hits - squares), 0.0)) / n, model)
    estimates: Estimates = {"accuracy": accuracy}
    for name, metric in _averages(expected, n_predicted).items():
        bound = 0.0 if metric is None else _bound(metric.slopes, expected, n_predicted)
        error = MetricEstimate(0.0, math.sqrt(bound), math.sqrt(bound * n / n_labelled))
        estimates[name] = (
            None if metric is None else MetricEstimate(metric.value, error.sampling_error, error.model_error)
        )
    return estimates


def expected_counts(totals: EstimateTotals) -> NDArray[np.float64]:
    """Return the expected confusion counts, shape (K, K), rows predicted, columns actual."""
    return totals.sums[:, :, 0] / VALUE_SCALE


def _bound(slopes: NDArray[np.float64], expected: NDArray[np.float64], n_predicted: NDArray[np.int64]) -> float:
    means = (slopes * expected).sum(axis=1)
    rows = (slopes * slopes * expected).sum(axis=1) - means * means / np.maximum(n_predicted, 1)
    return max(float(rows.sum()), 0.0)


def _averages(expected: NDArray[np.float64], n_predicted: NDArray[np.int64]) -> dict[str, _Metric | None]:
    n = float(n_predicted.sum())
    n_actual = expected.sum(axis=0)
    classes = range(n_predicted.size)
    present = [k for k in classes if n_predicted[k] > 0 or n_actual[k] > 0]
    occurring = [k for k in classes if n_actual[k] > 0]
    recalls = {k: _recall(expected, k, float(n_actual[k])) for k in occurring}
    nothing = _Metric(0.0, np.zeros(expected.shape))
    return {
        "balanced_accuracy": _mean(recalls.values()),
        "precision": _mean(_precision(expected, k, int(n_predicted[k])) for k in present),
        "recall": _mean(recalls.get(k, nothing) for k in present),
        "specificity": _mean(_specificity(expected, k, int(n_predicted[k]), n - float(n_actual[k])) for k in present),
        "f1": _mean(_f1(expected, k, float(n_predicted[k] + n_actual[k])) for k in present),
    }


def _mean(metrics: Iterable[_Metric]) -> _Metric | None:
    listed = [*metrics]
    if not listed:
        return None
    slopes: NDArray[np.float64] = np.sum([metric.slopes for metric in listed], axis=0) / len(listed)
    return _Metric(math.fsum(metric.value for metric in listed) / len(listed), slopes)


def _precision(expected: NDArray[np.float64], k: int, n_predicted: int) -> _Metric:
    slopes = np.zeros(expected.shape)
    if n_predicted == 0:
        return _Metric(0.0, slopes)
    slopes[k, k] = 1 / n_predicted
    return _Metric(float(expected[k, k]) / n_predicted, slopes)


def _recall(expected: NDArray[np.float64], k: int, n_actual: float) -> _Metric:
    slopes, value = np.zeros(expected.shape), float(expected[k, k]) / n_actual
    slopes[:, k] = -value / n_actual
    slopes[k, k] += 1 / n_actual
    return _Metric(value, slopes)


def _f1(expected: NDArray[np.float64], k: int, both: float) -> _Metric:
    slopes, value = np.zeros(expected.shape), 2 * float(expected[k, k]) / both
    slopes[:, k] = -value / both
    slopes[k, k] += 2 / both
    return _Metric(value, slopes)


def _specificity(expected: NDArray[np.float64], k: int, n_predicted: int, n_others: float) -> _Metric:
    slopes = np.zeros(expected.shape)
    if n_others <= 0:
        return _Metric(0.0, slopes)
    false_positives = n_predicted - float(expected[k, k])
    value = 1 - false_positives / n_others
    slopes[:, k] = -false_positives / n_others**2
    slopes[k, k] = value / n_others
    return _Metric(value, slopes)
