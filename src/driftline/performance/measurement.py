"""Metrics of a vector together with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from driftline.performance.class_intervals import Sizes, class_intervals, value_interval
from driftline.performance.classification import DEFAULTS, classification_metrics, confusion_counts
from driftline.performance.confusion import value_matrix
from driftline.performance.mean_intervals import effective_size, probability_intervals, regression_intervals
from driftline.performance.ranking_intervals import ranking_intervals
from driftline.performance.regression import regression_metrics

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.config.model import PerformanceSettings
    from driftline.profiles.task import Task
    from driftline.sketches.scores import PerformanceLayout


class PerformanceMeasurement(Struct, frozen=True):
    """The metrics of a performance vector and their 95 % intervals.

    Parameters
    ----------
    metrics : dict of str to float or None
        None where undefined.
    intervals : dict of str to tuple of float
        Intervals of the defined metrics that have one.
    n_effective : float
        Effective number of labels; their number where none is weighted.
    """

    metrics: dict[str, float | None]
    intervals: dict[str, tuple[float, float]]
    n_effective: float


def measure(
    task: Task, vector: NDArray[np.int64], settings: PerformanceSettings = DEFAULTS, part: float = 1.0
) -> PerformanceMeasurement:
    """Return the metrics of a performance vector for its task, with their intervals.

    Parameters
    ----------
    task : Task
    vector : ndarray of int64, shape (task.performance_layout.n_cells,)
    settings : PerformanceSettings
    part : float, above 0
        What each label counts for: of errors that vary λ times as much as independent ones 1 / λ. All intervals depend
        on z² / n alone, so that those of a part (1.96 / z)² are the intervals at the quantile z.
    """
    layout = task.performance_layout
    if task.kind == "regression":
        metrics = regression_metrics(layout, vector, settings)
        intervals = regression_intervals(layout, vector, metrics, settings.quantile, part)
        return PerformanceMeasurement(metrics, intervals, part * effective_size(layout, vector))
    metrics = classification_metrics(layout, vector, settings, task.classes)
    confusion, sizes = confusion_counts(layout, vector), class_sizes(layout, vector).times(part)
    if metrics["accuracy"] is None or sizes.all <= 0:  # labels that were taken back and never counted leave no size
        return PerformanceMeasurement(metrics, {}, max(0.0, sizes.all))
    intervals = class_intervals(confusion, sizes, metrics, settings.beta)
    if layout.binary:
        histograms = np.maximum(layout.score_histograms_of(vector), 0)
        negative, positive = _scored_sizes(confusion, histograms, sizes)
        intervals |= ranking_intervals(histograms, (negative, positive), metrics)
        intervals |= probability_intervals(layout, vector, negative + positive)
    if settings.values:
        worth = value_matrix(task.classes, settings.values, len(confusion))
        intervals["value"] = value_interval(confusion, sizes.all, worth)
    return PerformanceMeasurement(metrics, intervals, sizes.all)


def class_sizes(layout: PerformanceLayout, vector: NDArray[np.int64]) -> Sizes:
    """Return the effective numbers of labels, in all and by class."""
    confusion = confusion_counts(layout, vector).astype(np.float64) / layout.unit
    predicted, actual = confusion.sum(axis=1), confusion.sum(axis=0)
    if not layout.weighted:
        return Sizes(float(confusion.sum()), predicted, actual)
    squares = np.pad(layout.squared_weights(vector), ((0, 0), (0, len(confusion) - layout.n_codes)))
    of_all = float(squares[1].sum())
    total = float(confusion.sum())
    return Sizes(
        total * total / of_all if of_all else 0.0,
        predicted**2 / np.where(squares[0] > 0, squares[0], np.inf),
        actual**2 / np.where(squares[1] > 0, squares[1], np.inf),
    )


def _scored_sizes(confusion: NDArray[np.int64], histograms: NDArray[np.int64], sizes: Sizes) -> tuple[float, float]:
    """Return the effective numbers of scored labels of both classes, assuming that labels without score weigh alike."""
    actual, scored = confusion.sum(axis=0).tolist(), histograms.sum(axis=1).tolist()
    negative, positive = (
        float(sizes.actual[code]) * scored[code] / actual[code] if actual[code] else 0.0 for code in (0, 1)
    )
    return negative, positive
