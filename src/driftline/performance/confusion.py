"""Metrics of predicted and actual classes, exact on the counts; None where the denominator is 0."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from driftline.profiles.class_names import ClassNames

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

Metrics = dict[str, float | None]
"""By name; None where undefined."""


class ClassMetrics(NamedTuple):
    """Precision, recall and F-scores of one class against all others.

    Attributes
    ----------
    precision, recall, f1, f_beta : float in [0, 1] or None
        Precision of a class that was never predicted, and recall of one that never occurred, are undefined.
    n_predicted, n_actual : int
        Labels predicted as this class, and labels of this class, in the confusion matrix' unit.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    f_beta: float | None
    n_predicted: int
    n_actual: int


def one_against_rest(confusion: NDArray[np.int64], beta: float) -> list[ClassMetrics]:
    """Return the metrics of each class against the rest.

    Parameters
    ----------
    confusion : ndarray of int64, shape (K, K)
        Labels by predicted (row) and actual class (column), none below zero.
    beta : float, greater than 0
        Weight of recall relative to precision in F-beta.
    """
    predicted, actual = confusion.sum(axis=1).tolist(), confusion.sum(axis=0).tolist()
    square = beta * beta
    return [
        ClassMetrics(
            ratio(right, p),
            ratio(right, a),
            ratio(2 * right, p + a),
            ratio((1 + square) * right, square * a + p),
            p,
            a,
        )
        for right, p, a in zip(np.diagonal(confusion).tolist(), predicted, actual, strict=True)
    ]


def agreement_metrics(confusion: NDArray[np.int64]) -> Metrics:
    """Return accuracy, balanced accuracy, Cohen's kappa and Matthews' correlation of a confusion matrix.

    Notes
    -----
    *Source*: Cohen (1960), doi:10.1177/001316446002000104; Gorodkin (2004), doi:10.1016/j.compbiolchem.2004.09.006,
    eq. 8, for more than two classes. Deviations: Matthews' correlation is undefined, not 0, where all labels or all
    predictions are of one class.

    *Oracle*: scikit-learn 1.9: ``accuracy_score``, ``balanced_accuracy_score``, ``cohen_kappa_score``,
    ``matthews_corrcoef``; to 10⁻¹².

    Examples
    --------
    >>> agreement_metrics(np.array([[40, 10], [20, 30]]))["cohen_kappa"]
    0.4
    """
    n, right = int(confusion.sum()), int(np.trace(confusion))
    predicted, actual = confusion.sum(axis=1).tolist(), confusion.sum(axis=0).tolist()
    recalls = [part / whole for part, whole in zip(np.diagonal(confusion).tolist(), actual, strict=True) if whole]
    by_chance = sum(p * a for p, a in zip(predicted, actual, strict=True))
    varied = (n * n - sum(p * p for p in predicted)) * (n * n - sum(a * a for a in actual))
    return {
        "accuracy": ratio(right, n),
        "balanced_accuracy": math.fsum(recalls) / len(recalls) if recalls else None,
        "cohen_kappa": ratio(n * right - by_chance, n * n - by_chance),
        "matthews_correlation": (n * right - by_chance) / math.sqrt(varied) if varied > 0 else None,
    }


def positive_class_metrics(confusion: NDArray[np.int64], beta: float) -> Metrics:
    """Return the metrics of a binary task's positive class, code 1.

    Notes
    -----
    *Oracle*: scikit-learn 1.9: ``precision_recall_fscore_support``, ``fbeta_score``, ``recall_score`` of the other
    class for specificity.
    """
    negative, positive = one_against_rest(confusion, beta)[:2]
    return {
        "precision": positive.precision,
        "recall": positive.recall,
        "specificity": negative.recall,
        "f1": positive.f1,
        "f_beta": positive.f_beta,
    }


def averaged_metrics(confusion: NDArray[np.int64], beta: float) -> Metrics:
    """Return averages over classes: ``precision`` and the like are macro averages; ``..._micro``, ``..._weighted``.

    Notes
    -----
    Macro: the mean over the classes that were predicted or occurred, with 0 for undefined values. Weighted: by the
    frequency of the actual classes. Micro: over all decisions, which equals the accuracy, as every label has one class.

    *Oracle*: scikit-learn 1.9: ``precision_recall_fscore_support(average=..., zero_division=0)``.
    """
    classes = [each for each in one_against_rest(confusion, beta) if each.n_predicted + each.n_actual]
    n, right = int(confusion.sum()), int(np.trace(confusion))
    averaged: Metrics = {}
    for name in ("precision", "recall", "f1", "f_beta"):
        values = [getattr(each, name) or 0.0 for each in classes]
        averaged[name] = math.fsum(values) / len(values) if values else None
        by_support = math.fsum(value * each.n_actual for value, each in zip(values, classes, strict=True))
        averaged[f"{name}_weighted"] = ratio(by_support, n)
        averaged[f"{name}_micro"] = ratio(right, n)
    return averaged


def business_value(
    confusion: NDArray[np.int64], classes: Sequence[str], values: Mapping[str, Mapping[str, float]], unit: int
) -> Metrics:
    """Return the business value of decisions: ``value`` per label, and ``value_total``.

    Parameters
    ----------
    confusion : ndarray of int64, shape (K + 1, K + 1), or larger
    classes : sequence of str, length K
    values : mapping of str to mapping of str to float
        Value of one label by predicted, then by actual class; 0 where it is not named.
    unit : int
        Count of one label in the confusion matrix.

    Examples
    --------
    >>> confusion = np.array([[5, 1, 0], [2, 2, 0], [0, 0, 0]])
    >>> business_value(confusion, ("no", "yes"), {"yes": {"yes": 100.0, "no": -20.0}}, 1)
    {'value': 16.0, 'value_total': 160.0}
    """
    n, worth = int(confusion.sum()), value_matrix(classes, values, len(confusion))
    total = math.fsum((worth * confusion).ravel().tolist())
    return {"value": ratio(total, n), "value_total": total / unit if n else None}


def value_matrix(
    classes: Sequence[str], values: Mapping[str, Mapping[str, float]], n_codes: int
) -> NDArray[np.float64]:
    """Return the value of each cell, shape (n_codes, n_codes), rows predicted; 0 beyond the classes."""
    names = ClassNames(tuple(classes))
    matrix = np.zeros((n_codes, n_codes))
    for predicted, row in values.items():
        for actual, value in row.items():
            codes = names.code(predicted), names.code(actual)
            if max(codes) < len(classes):
                matrix[int(codes[0]), int(codes[1])] = value
    return matrix


def ratio(part: float, whole: float) -> float | None:
    """Return part / whole; None where the whole is 0."""
    return part / whole if whole else None
