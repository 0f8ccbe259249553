"""One revision of an estimate: metrics from what the estimator said of a window's events, beside what labels say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from msgspec import Struct

from driftline.checks.contract.check import Outcome, check, checks_of, effect_of, statistic_of
from driftline.checks.contract.common_fields import common_fields, span
from driftline.checks.contract.ladder import judge
from driftline.checks.contract.verdict import Verdict
from driftline.checks.contract.wording import number, percent
from driftline.checks.labels.gates import gate_of
from driftline.events.estimate import EstimatedMetric, EstimateEvent, EstimatorReference, ExpectedConfusion, TrackRecord
from driftline.events.model_key import ModelKey
from driftline.events.source import SEGMENT_ALL, Kind, Offsets
from driftline.performance import metrics_of
from driftline.performance.estimation import confusion_of, estimates_of
from driftline.performance.losses import is_fraction, is_loss, watched_metrics
from driftline.performance.metric_estimate import Estimates
from driftline.sketches.estimates import unpack_estimates
from driftline.sketches.packed import PackedEstimates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.config.model import ModelSettings, TestedMetric
    from driftline.events.finding import FindingEvent
    from driftline.performance.metric_estimate import MetricEstimate
    from driftline.profiles.profile import Profile
    from driftline.profiles.task import Task

PREFIX: Final = "estimate."
"""Before the metric's name, in the name of the check."""
UNBOUNDED: Final = frozenset({"mae", "mse", "rmse"})
"""Metrics that may be any number from 0."""
MAX_CLASSES: Final = 64
"""Tasks with more classes show no confusion matrix: it would be larger than all the rest."""


class EstimateRevision(Struct, frozen=True, kw_only=True):
    """What an estimator said of a window, and at which revision it is to be reported."""

    key: ModelKey
    start_ms: int
    end_ms: int
    """Span of prediction time, end excluded."""
    cells: PackedEstimates
    offsets: dict[Kind, Offsets]
    revision: int = 0
    age_ms: int = 0
    final: bool = False
    flags: tuple[str, ...] = ()


class Truth(Struct, frozen=True, kw_only=True):
    """What labels say of an estimate by now."""

    metrics: dict[str, float | None]
    """Computed from the labels."""
    coverage: float
    """Share of the predictions that have a label, in [0, 1]."""
    matured: bool
    record: dict[str, TrackRecord]
    refitted: Estimates | None


class EstimateCase(NamedTuple):
    """What an estimator expects of a window's metrics, and those of the reference."""

    task: Task
    estimates: Estimates
    reference: dict[str, float | None]
    n: int
    n_reference: int
    settings: ModelSettings


def window_estimates(profile: Profile, cells: PackedEstimates) -> Estimates:
    """Return the metrics that the profile's estimator expects; none where it has no estimator."""
    estimator = profile.estimator
    return {} if estimator is None else estimates_of(estimator, unpack_estimates(estimator.layout, cells), profile.task)


def examine_estimate(
    profile: Profile, revision: EstimateRevision, budget: ErrorBudget, truth: Truth | None = None
) -> Verdict[EstimateEvent]:
    """Report what the profile's estimator said of a window.

    ``truth`` is None before labels; then findings of severity ``info`` say which watched metrics are estimated to have
    changed by as much as matters, and by more than the band.

    Raises
    ------
    ValueError
        When the profile has no estimator.
    """
    estimator, task = profile.estimator, profile.task
    if estimator is None:
        message = f"Expected a profile with an estimator, got {profile.profile_id} without one - at `{revision.key}`"
        raise ValueError(message)
    totals = unpack_estimates(estimator.layout, revision.cells)
    estimates = estimates_of(estimator, totals, task)
    settings, offsets, flags = budget.settings, revision.offsets, revision.flags
    window = span("performance", revision.start_ms, revision.end_ms, settings.windows.performance)
    common = common_fields(revision.key, SEGMENT_ALL, window, profile, budget, offsets, flags)
    common["n"] = estimator.n_events(totals)
    common["n_reference"] = estimator.n_labelled
    realised = {} if profile.performance is None else metrics_of(task, profile.performance)
    reference = {name: realised.get(name) for name in estimates}
    confusion = confusion_of(estimator, totals) if len(task.classes) <= MAX_CLASSES else None
    event = EstimateEvent(
        **common,
        task=task.kind,
        revision=revision.revision,
        age_ms=revision.age_ms,
        final=revision.final,
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
    findings: list[FindingEvent] = []
    if truth is None:
        case = EstimateCase(task, estimates, reference, event.n, event.n_reference, settings)
        findings += [each for check in checks_of("estimate") for each in judge(check.examine(case), (), common)]
    return Verdict(events=(event,), findings=tuple(findings), sequence="performance", tested=False)


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


@check("estimate", "estimate", lambda _settings: 0)
def estimate(case: EstimateCase) -> list[Outcome]:
    """Say of which watched metrics the whole band of the estimate is beyond the reference's value, and it matters.

    In either direction. Not a test: it costs the budget nothing and never pages, as an estimate takes the relation of
    scores and labels to be what it was.
    """
    watched = watched_metrics(case.task, case.settings.performance.metrics)
    return [outcome for metric in watched for outcome in _of_metric(case, metric)]


def _of_metric(case: EstimateCase, metric: TestedMetric) -> Iterator[Outcome]:
    estimated, before = case.estimates.get(metric), case.reference.get(metric)
    if estimated is None or before is None:
        return
    fraction = is_fraction(metric)
    unit = 1.0 if fraction else abs(before)
    low, high = estimated.band(high=1.0) if fraction else estimated.band()
    rises = estimated.value > before
    gate = gate_of(metric, case.settings)
    change = abs(estimated.value - before)
    if unit <= 0 or change / unit < gate or low <= before <= high:
        return
    word, show = "rise" if rises else "drop", percent if fraction else number
    better = ", which is better" if rises != is_loss(metric) else ""
    yield Outcome(
        check=f"{PREFIX}{metric}",
        family="performance",
        statistic=statistic_of(f"estimated_{metric}", estimated.value, threshold=low if rises else high),
        effect=effect_of(f"{metric}_{word}", change, gate, estimated.value, before, corrected=change / unit),
        n=case.n,
        n_reference=case.n_reference,
        message=f"{metric.replace('_', ' ')} is estimated to have gone {show(before)} -> {show(estimated.value)} "
        f"({show(low)} to {show(high)}){better}, without labels, from {number(case.n)} predictions",
    )
