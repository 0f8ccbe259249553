"""Metrics of classes and scores, from one vector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from driftline.config.model import PerformanceSettings
from driftline.performance.confusion import agreement_metrics, averaged_metrics, business_value, positive_class_metrics
from driftline.performance.probability import probability_metrics
from driftline.performance.ranking import ranking_metrics

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
    """Return how many labelled predictions of a classification were right, or what they weigh, in units.

    Classes that the profile does not know count as one class.
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
        Counts below zero, which only after an idle mark can be, are taken for zero.
    settings : PerformanceSettings
    classes : sequence of str
        Names, for the business value; without it where none are given.

    Returns
    -------
    dict of str to float or None
        None where undefined: without labels; precision of a positive class that was never predicted, recall of one that
        never occurred, AUC where only one class has scores.

    Notes
    -----
    *Cost*: O(cells). Binary tasks: of the positive class, code 1. Multiclass: averages over classes. All classes that
    the profile does not know count as one. Not measured: what needs the probabilities of all classes of a prediction
    (log loss and one-against-rest AUC of multiclass tasks), which are not kept.

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
    return metrics


def confusion_counts(layout: PerformanceLayout, vector: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the confusion matrix of a vector, nothing below zero."""
    counts: NDArray[np.int64] = np.maximum(layout.confusion_of(vector), 0)
    return counts
