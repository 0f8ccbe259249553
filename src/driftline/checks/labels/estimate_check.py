"""One revision of an estimate: metrics from what the estimator said of a window's events, beside what labels say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec import Struct

from driftline.checks.contract.common_fields import CommonFields, common_fields, span
from driftline.checks.contract.finding_builder import Subject, finding_of
from driftline.checks.contract.wording import number, percent
from driftline.events.estimate import EstimatedMetric, EstimateEvent, EstimatorReference, ExpectedConfusion, TrackRecord
from driftline.events.finding import Effect, FindingEvent, Statistic
from driftline.events.model_key import ModelKey
from driftline.events.source import SEGMENT_ALL, Kind, Offsets
from driftline.performance import metrics_of
from driftline.performance.estimation import confusion_of, estimates_of
from driftline.performance.metric_estimate import Estimates
from driftline.sketches.estimates import unpack_estimates
from driftline.sketches.packed import PackedEstimates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.performance.metric_estimate import MetricEstimate
    from driftline.profiles.profile import Profile

CHECK: Final = "estimate.accuracy"
UNBOUNDED: Final = frozenset({"mae", "mse", "rmse"})
"""Metrics that may be any number from 0."""
MAX_CLASSES: Final = 64
"""Tasks with more classes show no confusion matrix: it would be larger than all the rest."""


class EstimateRevision(Struct, frozen=True, kw_only=True):
    """What an estimator said of a window, and at which revision it is to be reported.

    Parameters
    ----------
    key : ModelKey
    start_ms, end_ms : int
        Span of prediction time, end excluded.
    cells : PackedEstimates
    offsets : dict of {"predictions", "labels"} to dict of int to (int, int)
    revision, age_ms : int
    final : bool
    flags : tuple of str
    """

    key: ModelKey
    start_ms: int
    end_ms: int
    cells: PackedEstimates
    offsets: dict[Kind, Offsets]
    revision: int = 0
    age_ms: int = 0
    final: bool = False
    flags: tuple[str, ...] = ()


class Truth(Struct, frozen=True, kw_only=True):
    """What labels say of an estimate by now.

    Parameters
    ----------
    metrics : dict of str to float or None
        Realised.
    coverage : float
        In [0, 1].
    matured : bool
    record : dict of str to TrackRecord
    refitted : dict of str to Estimated or None, or None
    """

    metrics: dict[str, float | None]
    coverage: float
    matured: bool
    record: dict[str, TrackRecord]
    refitted: Estimates | None


class EstimateVerdict(Struct, frozen=True, kw_only=True):
    """What is estimated of a window."""

    event: EstimateEvent
    findings: tuple[FindingEvent, ...]


def window_estimates(profile: Profile, cells: PackedEstimates) -> Estimates:
    """Return the metrics that the profile's estimator expects; none where it has no estimator."""
    estimator = profile.estimator
    return {} if estimator is None else estimates_of(estimator, unpack_estimates(estimator.layout, cells), profile.task)


def examine_estimate(
    profile: Profile, cut: EstimateRevision, context: ErrorBudget, truth: Truth | None = None
) -> EstimateVerdict:
    """Report what the profile's estimator said of a window.

    Parameters
    ----------
    profile : Profile
        With an estimator.
    cut : EstimateRevision
    context : ErrorBudget
    truth : Truth or None
        None before labels; then a finding of severity ``info`` says where the estimated accuracy is below the
        reference's by as much as matters, and by more than the band.

    Raises
    ------
    ValueError
        When the profile has no estimator.
    """
    estimator, task = profile.estimator, profile.task
    if estimator is None:
        message = f"Expected a profile with an estimator, got {profile.profile_id} without one - at `{cut.key}`"
        raise ValueError(message)
    totals = unpack_estimates(estimator.layout, cut.cells)
    estimates = estimates_of(estimator, totals, task)
    window = span("performance", cut.start_ms, cut.end_ms, context.settings.windows.performance)
    common = common_fields(cut.key, SEGMENT_ALL, window, profile, context, cut.offsets, cut.flags)
    common["n"] = estimator.n_events(totals)
    common["n_reference"] = estimator.n_labelled
    realised = {} if profile.performance is None else metrics_of(task, profile.performance)
    reference = {name: realised.get(name) for name in estimates}
    confusion = confusion_of(estimator, totals) if len(task.classes) <= MAX_CLASSES else None
    event = EstimateEvent(
        **common,
        task=task.kind,
        revision=cut.revision,
        age_ms=cut.age_ms,
        final=cut.final,
        estimator=EstimatorReference(
            id=profile.estimator_id or "",
            method=estimator.method,
            calibrated=estimator.calibrated,
            n_labelled=estimator.n_labelled,
        ),
        left_out=totals.n_left_out,
        metrics=_shown(estimates),
        reference=reference,
        confusion=None if confusion is None else _confusion(task.classes, confusion),
        refitted=None if truth is None or truth.refitted is None else _shown(truth.refitted),
        coverage=None if truth is None else truth.coverage,
        realised=None if truth is None else {name: truth.metrics.get(name) for name in estimates},
        matured=truth is not None and truth.matured,
        record={} if truth is None else truth.record,
    )
    finding = _finding(estimates.get("accuracy"), reference.get("accuracy"), common, context) if truth is None else None
    return EstimateVerdict(event=event, findings=() if finding is None else (finding,))


def _confusion(classes: tuple[str, ...], counts: NDArray[np.float64]) -> ExpectedConfusion:
    return ExpectedConfusion(classes=[*classes], counts=np.maximum(counts, 0.0).tolist())


def _shown(estimates: Estimates) -> dict[str, EstimatedMetric | None]:
    return {name: None if each is None else _metric(name, each) for name, each in estimates.items()}


def _metric(name: str, estimate: MetricEstimate) -> EstimatedMetric:
    lower, upper = estimate.band(high=1.0) if name not in UNBOUNDED else estimate.band()
    return EstimatedMetric(
        value=estimate.value,
        standard_error=estimate.standard_error,
        sampling_error=estimate.sampling_error,
        model_error=estimate.model_error,
        lower=lower,
        upper=upper,
    )


def _finding(
    estimate: MetricEstimate | None, before: float | None, common: CommonFields, context: ErrorBudget
) -> FindingEvent | None:
    """Return a finding, which never pages, where the whole band is below the reference and the drop matters."""
    gate = context.settings.checks.min_accuracy_drop
    if estimate is None or before is None:
        return None
    low, high = estimate.band(high=1.0)
    drop = before - estimate.value
    if drop < gate or high >= before:
        return None
    statistic = Statistic(
        name="estimated_accuracy", value=estimate.value, degrees_of_freedom=None, p_value=None, threshold=high
    )
    effect = Effect(name="accuracy_drop", raw=drop, corrected=drop, gate=gate, current=estimate.value, reference=before)
    message = (
        f"accuracy is estimated to have gone {percent(before)} -> {percent(estimate.value)} "
        f"({percent(low)} to {percent(high)}), without labels, from the scores of {number(common['n'])} predictions"
    )
    return finding_of(common, Subject(CHECK, "performance"), (statistic, effect), None, message)
