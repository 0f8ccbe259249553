"""The performance event of one revision of a window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.checks.labels.arrival_correction import corrected_metrics
from driftline.checks.labels.powered_metrics import powered_metrics
from driftline.events.cloudevents import rfc3339
from driftline.events.performance import (
    Champion,
    Confusion,
    OneAgainstRest,
    PerformanceEvent,
    PreviousWindow,
    Reliability,
    ReliabilityBin,
)
from driftline.performance import differences, measure, one_against_rest, reliability_curve
from driftline.performance.confusion import ClassMetrics
from driftline.performance.withheld import foreign_labels, why_withheld
from driftline.sketches.scores import DUPLICATES, LABELLED, PREDICTED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from driftline.checks.contract.closed_window import EarlierRevision, PerformanceBaseline, PerformanceRevision
    from driftline.checks.contract.common_fields import CommonFields
    from driftline.config.model import PerformanceSettings
    from driftline.performance import PerformanceMeasurement
    from driftline.profiles.profile import Profile
    from driftline.profiles.task import Task

MAX_CLASSES: Final = 64
"""Tasks with more classes show no confusion matrix: it would be larger than all the rest."""


def performance_event(
    profile: Profile,
    revision: PerformanceRevision,
    baseline: PerformanceBaseline | None,
    settings: PerformanceSettings,
    common: CommonFields,
    *,
    tested: bool,
) -> PerformanceEvent:
    """Return the event of a revision; ``common`` are its window's fields, with the number of labelled predictions."""
    task, vector, layout = profile.task, revision.vector, profile.task.performance_layout
    measured, foreign = measure(task, vector, settings), foreign_labels(layout, vector) is not None
    before = None if baseline is None else measure(task, baseline.vector, settings)
    n_predictions = max(0, int(vector[PREDICTED]))
    return PerformanceEvent(
        **common,
        task=task.kind,
        revision=revision.revision,
        age_ms=int(revision.age_ms),
        final=revision.final,
        tested=tested,
        n_predictions=n_predictions,
        coverage=min(1.0, max(0, int(vector[LABELLED])) / n_predictions) if n_predictions else 0.0,
        duplicates=max(0, int(vector[DUPLICATES])),
        n_effective=measured.n_effective,
        clipped=layout.n_clipped(vector),
        withheld=why_withheld(task, vector),
        metrics=measured.metrics,
        intervals=measured.intervals,
        baseline=None if before is None else before.metrics,
        differences=None if before is None else _differences(measured, before.metrics, before.intervals),
        previous=None if revision.previous is None else _previous(measured, revision.previous),
        champion=None if revision.champion is None else _champion(measured, *revision.champion),
        baseline_origin=baseline.origin if baseline else None,
        confusion=_confusion(task, vector),
        one_against_rest=_one_against_rest(task, vector, settings.beta),
        reliability=_reliability(task, vector, settings.calibration_bins) if layout.binary else None,
        corrected=None
        if foreign
        else corrected_metrics(revision.arrival, n_predictions, binary=layout.binary, final=revision.final),
        powered=powered_metrics(profile, revision.arrival, settings, final=revision.final, foreign=foreign),
    )


def _differences(
    measured: PerformanceMeasurement, metrics: dict[str, float | None], intervals: dict[str, tuple[float, float]]
) -> dict[str, tuple[float, float, float]]:
    return differences(measured.metrics, measured.intervals, metrics, intervals)


def _previous(measured: PerformanceMeasurement, previous: EarlierRevision) -> PreviousWindow:
    return PreviousWindow(
        start=rfc3339(previous.start_ms),
        end=rfc3339(previous.end_ms),
        n=previous.n,
        metrics=previous.metrics,
        differences=_differences(measured, previous.metrics, previous.intervals),
    )


def _champion(measured: PerformanceMeasurement, version: str, revision: EarlierRevision) -> Champion:
    return Champion(
        model_version=version,
        n=revision.n,
        metrics=revision.metrics,
        differences=_differences(measured, revision.metrics, revision.intervals),
    )


def _confusion(task: Task, vector: NDArray[np.int64]) -> Confusion | None:
    if not 0 < len(task.classes) <= MAX_CLASSES:
        return None
    layout = task.performance_layout
    codes, confusion = layout.n_codes, layout.confusion_of(vector).clip(min=0)
    wrong = int(confusion[codes:].sum() + confusion[:, codes:].sum())
    counts = confusion[:codes, :codes].tolist()
    counts[-1][-1] += wrong
    return Confusion(
        classes=[*task.classes, None],
        counts=[[_labels(n, layout.unit) for n in row] for row in counts],
        unknown_wrong=_labels(wrong, layout.unit),
    )


def _one_against_rest(task: Task, vector: NDArray[np.int64], beta: float) -> list[OneAgainstRest] | None:
    if task.kind != "multiclass" or len(task.classes) > MAX_CLASSES:
        return None
    layout = task.performance_layout
    classes = one_against_rest(layout.confusion_of(vector).clip(min=0), beta)
    known, unknown = classes[: layout.n_classes], classes[layout.n_classes :]
    rest = ClassMetrics(
        None, None, None, None, sum(each.n_predicted for each in unknown), sum(each.n_actual for each in unknown)
    )
    return [
        OneAgainstRest(
            name=name,
            precision=each.precision,
            recall=each.recall,
            f1=each.f1,
            n_predicted=_labels(each.n_predicted, layout.unit),
            n_actual=_labels(each.n_actual, layout.unit),
        )
        for name, each in zip((*task.classes, None), (*known, rest), strict=True)
        if each.n_predicted + each.n_actual
    ]


def _reliability(task: Task, vector: NDArray[np.int64], n_bins: int) -> Reliability:
    layout = task.performance_layout
    bins = [
        ReliabilityBin(
            low=each.low,
            high=each.high,
            n=each.n if layout.weighted else int(each.n),
            mean_score=min(1.0, max(0.0, each.mean_score)),
            positive_share=min(1.0, max(0.0, each.positive_share)),
        )
        for each in reliability_curve(layout, vector, n_bins)
    ]
    return Reliability(binning="equal width", bins=bins)


def _labels(units: int, unit: int) -> int | float:
    """Return labels, or their weight, from units."""
    return units if unit == 1 else units / unit
