"""The events of a retraining policy: a request, and what it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import structs

from driftline.checks.contract.common_fields import CommonFields, common_fields, span
from driftline.checks.contract.wording import number, percent
from driftline.events.cloudevents import rfc3339
from driftline.events.retraining import (
    DriftedColumn,
    RequestingAlert,
    RetrainingPolicy,
    RetrainingWaitingEvent,
    RetrainRequestedEvent,
)
from driftline.events.source import SEGMENT_ALL
from driftline.monitoring.retraining.labelled_windows import flags_of, offsets_of
from driftline.performance.losses import is_fraction
from driftline.sketches.scores import LABELLED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.checks.contract.closed_window import PerformanceBaseline
    from driftline.events.retraining import PerformanceLoss
    from driftline.monitoring.model_setup import ModelSetup
    from driftline.monitoring.retraining.alert_steps import AlertStep
    from driftline.monitoring.retraining.labelled_windows import LabelledWindow
    from driftline.monitoring.retraining.policy import Decision, Incident
    from driftline.profiles.profile import Profile

_SHOWN_COLUMNS: Final = 3
_WAITS: Final = {
    "alert": "No open alert asks for retraining any more",
    "time": "Retraining waits until the alert has been open for {after}, which is at {until} (UTC)",
    "labels": "Retraining waits for labels: {n} of {wanted} predictions since the onset have one, in performance "
    "windows that have matured",
    "cooldown": "Retraining waits for the end of the cooldown of {cooldown} after the last request, at {until} (UTC)",
    "incident over": "Retraining has been requested for this incident; the next request is for another one",
}


class TrainingData(NamedTuple):
    """What there is to train on."""

    start_ms: int
    end_ms: int
    """Span of prediction time, end excluded."""
    touching: Sequence[LabelledWindow]
    """Windows that have a part of it."""
    inside: Sequence[LabelledWindow]
    """Windows that lie within it."""


class Basis(NamedTuple):
    """What a model is held against at a moment."""

    profile: Profile
    baseline: PerformanceBaseline | None


def request_event(
    setup: ModelSetup,
    at_ms: int,
    decision: Decision,
    incident: Incident,
    data: TrainingData,
    basis: Basis,
    losses: tuple[list[PerformanceLoss], str | None],
) -> RetrainRequestedEvent:
    """Return the request that a decision makes."""
    settings = setup.budget.settings
    policy = settings.retraining
    common = _common(setup, basis, data.start_ms, data.end_ms, data.touching)
    common["n"] = sum(window.n_labelled for window in data.inside)
    columns = _columns(incident.alerts)
    return RetrainRequestedEvent(
        **common,
        requested_at=rfc3339(at_ms),
        incident=incident.incident,
        alerts=[_alert(step) for step in incident.alerts],
        open_ms=at_ms - incident.opened_ms,
        onset=incident.onset.public,
        n_predictions=sum(window.n_predictions for window in data.inside),
        n_since_onset=decision.n_labelled,
        columns=columns,
        losses=losses[0],
        losses_missing=losses[1],
        baseline_version=settings.performance.champion,
        policy=RetrainingPolicy(
            after_ms=int(policy.after),
            min_labels=policy.min_labels,
            cooldown_ms=int(policy.cooldown),
            train_on=policy.train_on,
            span_ms=int(policy.span),
        ),
        message=_request_words(incident, common["n"], data, columns, losses),
    )


def waiting_event(
    setup: ModelSetup, at_ms: int, decision: Decision, newest: tuple[int, LabelledWindow] | None, basis: Basis
) -> RetrainingWaitingEvent:
    """Return what a policy waits for from a moment on; ``newest`` is the window that matured last, with its start."""
    policy = setup.budget.settings.retraining
    start_ms, end_ms = (at_ms, at_ms) if newest is None else (newest[0], newest[1].end_ms)
    common = _common(setup, basis, start_ms, end_ms, () if newest is None else (newest[1],))
    common["n"] = decision.n_labelled
    waiting_for = decision.waiting_for or "alert"
    until = None if decision.until_ms is None else rfc3339(decision.until_ms)
    words = _WAITS[waiting_for].format(
        after=policy.after,
        cooldown=policy.cooldown,
        until="" if until is None else f"{until[:10]} {until[11:16]}",
        n=number(decision.n_labelled),
        wanted=number(policy.min_labels),
    )
    return RetrainingWaitingEvent(
        **common,
        waiting_for=waiting_for,
        since=rfc3339(at_ms),
        until=until,
        incident=None if decision.incident is None else decision.incident.incident,
        wanted_labels=policy.min_labels,
        message=f"{words}.",
    )


def _common(
    setup: ModelSetup, basis: Basis, start_ms: int, end_ms: int, windows: Sequence[LabelledWindow]
) -> CommonFields:
    extent = span("performance", start_ms, end_ms, end_ms - start_ms)
    offsets, flags = offsets_of(windows), flags_of(windows)
    common = common_fields(setup.key, SEGMENT_ALL, extent, basis.profile, setup.budget, offsets, flags)
    baseline = basis.baseline
    common["n_reference"] = 0 if baseline is None else max(0, int(baseline.vector[LABELLED]))
    return common


def _alert(step: AlertStep) -> RequestingAlert:
    return RequestingAlert(
        alert_id=step.alert_id,
        root=step.root,
        kind=step.kind,
        causes=[*step.causes],
        severity=step.severity,
        title=step.title,
        opened_at=rfc3339(step.opened_ms),
        onset=step.onset.public,
    )


def _columns(steps: Sequence[AlertStep]) -> list[DriftedColumn]:
    found: dict[str, DriftedColumn] = {}
    for column in (column for step in steps for column in step.columns):
        found.setdefault(column.name, DriftedColumn(**structs.asdict(column)))
    return sorted(
        found.values(), key=lambda column: (column.role not in {None, "feature"}, -column.importance, column.name)
    )


def _request_words(
    incident: Incident,
    n: int,
    data: TrainingData,
    columns: Sequence[DriftedColumn],
    losses: tuple[list[PerformanceLoss], str | None],
) -> str:
    first = incident.alerts[0]
    start, end = (rfc3339(time_ms) for time_ms in (data.start_ms, data.end_ms))
    features = [f"`{column.name}`" for column in columns if column.role == "feature"]
    more = " and more" if len(features) > _SHOWN_COLUMNS else ""
    drifted = f" Drifted: {', '.join(features[:_SHOWN_COLUMNS])}{more}." if features else ""
    return (
        f"Retrain on {number(n)} labelled predictions from {start[:10]} {start[11:16]} to {end[:10]} {end[11:16]} "
        "(UTC): "
        f"“{first.title}” has been open since {rfc3339(first.opened_ms)[:10]}.{drifted} {_loss_words(*losses)}"
    )


def _loss_words(losses: Sequence[PerformanceLoss], missing: str | None) -> str:
    if not losses:
        return f"What it can win back is not known: {missing}."
    loss = losses[0]
    show = percent if is_fraction(loss.metric) else number
    metric, values = loss.metric.replace("_", " "), f"{show(loss.reference)} → {show(loss.current)}"
    if loss.lower <= 0:
        return f"No loss of {metric} is shown ({values}, {loss.basis}), so nothing is known to be won back."
    points = f"{show(loss.loss)} (95 %: {show(loss.lower)} to {show(loss.upper)})"
    if loss.basis == "estimated":
        points = f"{show(loss.loss)} ({show(loss.lower)} to {show(loss.upper)})"
    return f"At most what was lost of {metric} can be won back: {points}, {loss.basis} ({values})."
