"""What retraining can win back at most: how much worse than the reference a model is, by labels and by estimates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.events.retraining import PerformanceLoss
from driftline.performance import differences, measure
from driftline.performance.losses import is_fraction, is_loss, watched_metrics
from driftline.sketches.scores import LABELLED

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from driftline.checks.contract.closed_window import PerformanceBaseline
    from driftline.config.model import PerformanceSettings, TestedMetric
    from driftline.performance.metric_estimate import Estimates
    from driftline.profiles.task import Task

NO_BASELINE: Final = "the reference has no labels, and the first windows too few"
NO_INTERVAL: Final = "too few labels of the classes since the onset, or none in the reference"


def losses_of(
    task: Task,
    baseline: PerformanceBaseline | None,
    vector: NDArray[np.int64],
    estimated: tuple[Estimates, int] | None,
    settings: PerformanceSettings,
) -> tuple[list[PerformanceLoss], str | None]:
    """Return the loss of each tested metric, realised and estimated, or why there is none.

    Parameters
    ----------
    task : Task
    baseline : PerformanceBaseline or None
    vector : ndarray of int64, shape (task.performance_layout.n_cells,)
        Labelled predictions since the onset.
    estimated : tuple of Estimates and int, or None
        What the reference's estimator expects of the predictions since the onset, and their number.
    settings : PerformanceSettings
    """
    metrics = watched_metrics(task, settings.metrics)
    if not metrics:
        return [], "no metric of `performance.metrics` is one of the task's"
    if baseline is None:
        return [], NO_BASELINE
    before, now = measure(task, baseline.vector, settings), measure(task, vector, settings)
    changes = differences(now.metrics, now.intervals, before.metrics, before.intervals)
    n = max(0, int(vector[LABELLED]))
    found: list[PerformanceLoss] = []
    for metric in metrics:
        value, reference = now.metrics.get(metric), before.metrics.get(metric)
        if metric in changes and value is not None and reference is not None:
            found.append(_loss(metric, (reference, value), changes[metric], n))
    if estimated is not None:
        found += _estimated(metrics, before.metrics, *estimated)
    return found, None if found else NO_INTERVAL


def _loss(
    metric: TestedMetric, values: tuple[float, float], change: tuple[float, float, float], n: int
) -> PerformanceLoss:
    difference, low, high = change
    worse = (difference, low, high) if is_loss(metric) else (-difference, -high, -low)
    return PerformanceLoss(
        metric=metric,
        basis="realised",
        reference=values[0],
        current=values[1],
        loss=worse[0],
        lower=worse[1],
        upper=worse[2],
        n=n,
    )


def _estimated(
    metrics: Sequence[TestedMetric], reference: dict[str, float | None], estimates: Estimates, n: int
) -> list[PerformanceLoss]:
    found: list[PerformanceLoss] = []
    for metric in metrics:
        estimate, before = estimates.get(metric), reference.get(metric)
        if estimate is None or before is None:
            continue
        low, high = estimate.band(high=1.0) if is_fraction(metric) else estimate.band()
        worse = (before - estimate.value, before - high, before - low)
        if is_loss(metric):
            worse = (estimate.value - before, low - before, high - before)
        found.append(
            PerformanceLoss(
                metric=metric,
                basis="estimated",
                reference=before,
                current=estimate.value,
                loss=worse[0],
                lower=worse[1],
                upper=worse[2],
                n=n,
            )
        )
    return found
