"""Metrics of classes and scores, from one vector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from driftline.config.model import PerformanceSettings
from driftline.performance.confusion import agreement_metrics, averaged_metrics, business_value, positive_class_metrics
from driftline.performance.probability import probability_metrics
from driftline.performance.ranking import ranking_metrics
from driftline.performance.withheld import foreign_labels, inexact_metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.performance.confusion import Metrics
    from driftline.sketches.scores import PerformanceLayout

DEFAULTS = PerformanceSettings()


class Hits(Struct, frozen=True):
    """Labelled predictions, and how many of them were right."""

    n: int
    n_right: int


def hits(layout: PerformanceLayout, vector: NDArray[np.int64]) -> Hits:
    """Return the number of labelled predictions of a classification and of correct ones, or their weights in units.

    A prediction of a class outside the profile is right only if the label is the same class.
    """
    confusion = confusion_counts(layout, vector)
    return Hits(int(confusion.sum()), int(np.trace(confusion)))


def classification_metrics(
    layout: PerformanceLayout,
    vector: NDArray[np.int64],
    settings: PerformanceSettings = DEFAULTS,
    classes: Sequence[str] = (),
) -> Metrics:
    """Return all metrics of a classification.

    Parameters
    ----------
    layout : PerformanceLayout
        Of a classification: ``n_classes`` at least 1.
    vector : ndarray of int64, shape (layout.n_cells,)
        Counts below zero, which occur only after an idle mark, count as zero.
    settings : PerformanceSettings
    classes : sequence of str
        Names, for the business value; without names it is left out.

    Returns
    -------
    dict of str to float or None
        None where undefined: without labels; precision of a positive class that was never predicted, recall of one that
        never occurred, AUC where only one class has scores.

    Notes
    -----
    *Cost*: O(cells). Binary tasks: metrics of the positive class, code 1. Multiclass: averages over classes. Metrics
    that need each class by itself are None where there are classes outside the profile
    (:func:`driftline.performance.withheld.inexact_metrics`), and all are where labels are of no class of the task. Log
    loss and one-against-rest AUC of multiclass tasks are missing, as they need the probabilities of all classes, which
    the sketch does not have.

    *Oracle*: scikit-learn 1.9, as each part says.
    """
    confusion = confusion_counts(layout, vector)
    metrics = agreement_metrics(confusion)
    if layout.binary:
        metrics |= positive_class_metrics(confusion, settings.beta)
        metrics |= ranking_metrics(np.maximum(layout.score_histograms_of(vector), 0))
        metrics |= probability_metrics(layout, vector, settings.calibration_bins)
    else:
        metrics |= averaged_metrics(confusion, settings.beta)
    if settings.values:
        metrics |= business_value(confusion, classes, settings.values, layout.unit)
    if foreign_labels(layout, vector) is not None:
        return dict.fromkeys(metrics)
    return metrics | dict.fromkeys(inexact_metrics(confusion, layout.n_classes, binary=layout.binary) & metrics.keys())


def confusion_counts(layout: PerformanceLayout, vector: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the confusion matrix of a vector, nothing below zero."""
    counts: NDArray[np.int64] = np.maximum(layout.confusion_of(vector), 0)
    return counts
