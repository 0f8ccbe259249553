"""Metrics of classes and scores, exact on the counts; AUC knows scores to a bin, and says how far off that can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.sketches.scores import PerformanceLayout


class Hits(Struct, frozen=True):
    """Labelled predictions, and how many of them were right."""

    n: int
    n_right: int

    @property
    def n_wrong(self) -> int:
        """Labelled predictions that were wrong."""
        return self.n - self.n_right


def hits(layout: PerformanceLayout, vector: NDArray[np.int64]) -> Hits:
    """Return how many labelled predictions of a classification were right.

    Classes that the profile does not know count as one class.
    """
    confusion = _confusion(layout, vector)
    return Hits(int(confusion.sum()), int(np.trace(confusion)))


def classification_metrics(layout: PerformanceLayout, vector: NDArray[np.int64]) -> dict[str, float | None]:
    """Return accuracy, precision, recall and F1, and for binary tasks AUC with its error bound.

    Parameters
    ----------
    layout : PerformanceLayout
        Of a classification: ``n_classes`` at least 1.
    vector : ndarray of int64, shape (layout.n_cells,)
        Cells below zero, which only after an idle mark can be, are taken for zero.

    Returns
    -------
    dict of str to float in [0, 1] or None
        ``accuracy``, ``precision``, ``recall``, ``f1``; for binary tasks ``auc`` and ``auc_error_bound``. None where
        undefined: without labels; precision of a positive class that was never predicted, recall of one that never
        occurred, AUC where only one class has scores.

    Notes
    -----
    *Cost*: O(cells). Binary tasks: of the positive class, code 1. Multiclass: the mean over the classes that were
    predicted or occurred, where a class that was never predicted has precision 0 and one that never occurred recall
    0. All classes that the profile does not know count as one.

    *Source*: AUC is the Mann-Whitney statistic, Hanley and McNeil (1982), doi:10.1148/radiology.143.1.7063747.
    Deviations: scores in one bin count as ties.

    *Oracle*: scikit-learn 1.9: ``accuracy_score``, ``precision_recall_fscore_support`` (``zero_division=0``) and
    ``roc_auc_score``.
    """
    confusion = _confusion(layout, vector)
    n = int(confusion.sum())
    right = np.diagonal(confusion)
    n_predicted, n_actual = confusion.sum(axis=1), confusion.sum(axis=0)
    accuracy = int(right.sum()) / n if n else None
    if not layout.binary:
        seen = (n_predicted + n_actual) > 0
        right, n_predicted, n_actual = right[seen], n_predicted[seen], n_actual[seen]
        return {
            "accuracy": accuracy,
            "precision": _mean(right / np.maximum(n_predicted, 1)),
            "recall": _mean(right / np.maximum(n_actual, 1)),
            "f1": _mean(2 * right / (n_predicted + n_actual)),
        }
    area, bound = area_under_curve(layout.score_histograms_of(vector))
    return {
        "accuracy": accuracy,
        "precision": _ratio(int(right[1]), int(n_predicted[1])),
        "recall": _ratio(int(right[1]), int(n_actual[1])),
        "f1": _ratio(2 * int(right[1]), int(n_predicted[1] + n_actual[1])),
        "auc": area,
        "auc_error_bound": bound,
    }


def area_under_curve(histograms: NDArray[np.int64]) -> tuple[float | None, float | None]:
    """Return the area under the ROC curve and how far the binned scores can put it off; None where undefined.

    Parameters
    ----------
    histograms : ndarray of int64, shape (2, B)
        Scores by bin, in ascending order; the first row those of label 0, the second those of label 1.

    Returns
    -------
    area, error_bound : float in [0, 1], or None
        The area of the unbinned scores lies within ``area ± error_bound``. The first and the last bin hold one score
        each, 0 and 1: pairs in them are ties indeed.

    Examples
    --------
    >>> area_under_curve(np.array([[1, 2, 1, 0], [0, 1, 2, 1]]))
    (0.8125, 0.125)
    """
    negative, positive = np.maximum(histograms, 0)
    n_pairs = int(negative.sum()) * int(positive.sum())
    if n_pairs == 0:
        return None, None
    below = np.cumsum(negative) - negative
    tied = [int(p) * int(q) for p, q in zip(positive, negative, strict=True)]
    won = sum(int(p) * int(q) for p, q in zip(positive, below, strict=True))
    return (2 * won + sum(tied)) / (2 * n_pairs), sum(tied[1:-1]) / (2 * n_pairs)


def _confusion(layout: PerformanceLayout, vector: NDArray[np.int64]) -> NDArray[np.int64]:
    counts: NDArray[np.int64] = np.maximum(layout.confusion_of(vector), 0)
    return counts


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _mean(values: NDArray[np.float64]) -> float | None:
    return float(values.mean()) if values.size else None
