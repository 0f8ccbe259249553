"""Performance of predictions: metrics from vectors of confusion counts, score histograms and exact sums."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.performance.classification import DEFAULTS, Hits, classification_metrics, hits
from driftline.performance.confusion import Metrics, one_against_rest
from driftline.performance.intervals import differences
from driftline.performance.measurement import PerformanceMeasurement, measure
from driftline.performance.probability import reliability_curve
from driftline.performance.regression import regression_metrics

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from driftline.config.model import PerformanceSettings
    from driftline.profiles.task import Task

__all__ = [
    "Hits",
    "Metrics",
    "PerformanceMeasurement",
    "classification_metrics",
    "differences",
    "hits",
    "measure",
    "metrics_of",
    "one_against_rest",
    "regression_metrics",
    "reliability_curve",
]


def metrics_of(task: Task, vector: NDArray[np.int64], settings: PerformanceSettings = DEFAULTS) -> Metrics:
    """Return the metrics of a performance vector for its task.

    Parameters
    ----------
    task : Task
    vector : ndarray of int64, shape (task.performance_layout.n_cells,)
    settings : PerformanceSettings
    """
    if task.kind == "regression":
        return regression_metrics(task.performance_layout, vector, settings)
    return classification_metrics(task.performance_layout, vector, settings, task.classes)
