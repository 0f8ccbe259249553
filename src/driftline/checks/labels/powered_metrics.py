"""What a performance event says of all predictions of its window, labelled or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.checks.labels.powered_evidence import FEW, arrived, by_chance, missed_by_labels, withheld
from driftline.checks.labels.powered_regression import powered_losses
from driftline.events.powered import PoweredMetric, PoweredMetrics
from driftline.performance.powered_classes import ClassCells, powered_classes
from driftline.performance.prediction_powered import LEAST_LABELS, Cells
from driftline.sketches.estimates import score_middles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.checks.contract.closed_window import ArrivalEvidence
    from driftline.config.model import PerformanceSettings
    from driftline.performance.prediction_powered import PoweredMean
    from driftline.profiles.profile import Profile
    from driftline.profiles.task import Task
    from driftline.sketches.arrival import ArrivalLayout

_PRIOR: Final = 0.5
"""Labels added to each class of a cell of the reference (Jeffreys' prior)."""
FOREIGN: Final = "nearly all labels are of no class of the task"
UNKNOWN: Final = "predictions are of classes that the profile does not list, and so are their labels"
MORE_LABELS: Final = "more labels count than predictions of their kind: predictions were counted without their class"


def powered_metrics(
    profile: Profile,
    evidence: ArrivalEvidence | None,
    settings: PerformanceSettings,
    *,
    final: bool,
    foreign: bool = False,
) -> PoweredMetrics | None:
    """Return the metrics of all predictions of a window.

    None where nothing is to be estimated, as all predictions have labels, and for weighted labels, segments and tasks
    of more than 16 classes. Losses of predictions are expected from the profile's reference. ``foreign``: nearly all
    labels are of no class of the task.
    """
    if evidence is None or profile.task.performance_layout.weighted:
        return None
    if profile.task.kind == "regression":
        return powered_losses(profile, evidence, settings.quantile, final=final)
    if not evidence.layout.exact:
        return None
    return withheld(FOREIGN) if foreign else _of_classes(profile, evidence, final=final)


def _of_classes(profile: Profile, evidence: ArrivalEvidence, *, final: bool) -> PoweredMetrics | None:
    """Return the metrics of classes."""
    task, reference = profile.task, profile.performance
    layout, vector = evidence.layout, evidence.vector
    n, labels = np.maximum(layout.predictions_of(vector), 0), np.maximum(layout.counting_of(vector), 0)
    n_all, n_labels = int(n.sum()), int(labels.sum())
    if n_labels >= n_all:
        return None
    reason = _why_withheld(layout, n, labels)
    if reason is not None:
        return withheld(reason)
    counted = ClassCells(n, labels, _expected_shares(task, layout, reference))
    found = powered_classes(counted, binary=task.kind == "binary")
    return PoweredMetrics(
        status="estimated",
        reason=None,
        metrics={
            name: None if mean is None else _shown(mean, mean.share_interval(n_labels, n_all))
            for name, mean in found.metrics.items()
        },
        weight=found.weight,
        n_strata=found.n_strata,
        by_chance=by_chance(counted.cells()),
        early=not final and not arrived(evidence),
    )


def _why_withheld(layout: ArrivalLayout, n: NDArray[np.int64], labels: NDArray[np.int64]) -> str | None:
    """Return why labels say nothing of all predictions; None where they do."""
    if int(labels.sum()) < LEAST_LABELS:
        return FEW
    if labels.shape[1] != layout.n_codes:
        return UNKNOWN
    if (labels.sum(axis=2) > n).any():
        return MORE_LABELS
    cells = Cells(np.zeros(n.size, dtype=np.int64), n.ravel(), labels.sum(axis=2).ravel())
    return missed_by_labels(cells, "scores or classes")


def _shown(mean: PoweredMean, interval: tuple[float, float]) -> PoweredMetric:
    return PoweredMetric(
        value=min(1.0, max(0.0, mean.value)),
        lower=interval[0],
        upper=interval[1],
        window_error=mean.window_error,
        standard_error=mean.error,
    )


def _expected_shares(task: Task, layout: ArrivalLayout, reference: NDArray[np.int64] | None) -> NDArray[np.float64]:
    """Return the shares of the actual classes that the reference lets expect in each cell, shape (s, K, K).

    Of binary tasks by the score; of others by the predicted class.
    """
    shape = (layout.n_scores, layout.n_codes, layout.n_codes)
    if reference is None:
        return np.full(shape, 1 / layout.n_codes)
    of_task = task.performance_layout
    if task.kind != "binary":
        confusion = np.maximum(of_task.confusion_of(reference), 0)[: layout.n_codes, : layout.n_codes] + _PRIOR
        return np.broadcast_to(confusion / confusion.sum(axis=1, keepdims=True), shape)
    by_bin = np.zeros((layout.n_scores, layout.n_codes))
    histograms = np.maximum(of_task.score_histograms_of(reference), 0)
    np.add.at(by_bin[:, :2], layout.score_bins(score_middles()), histograms.T)
    by_bin[-1] = by_bin.sum(axis=0)  # without a score
    by_bin += _PRIOR
    return np.broadcast_to((by_bin / by_bin.sum(axis=1, keepdims=True))[:, None, :], shape)
