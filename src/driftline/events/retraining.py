"""Retraining events: a policy asks for a model to be retrained, or says what it waits for."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from driftline.events.alert import Cause, Onset, ProblemKind, Root
from driftline.events.cloudevents import RETRAIN_REQUESTED, RETRAINING_WAITING
from driftline.events.evidence import Count, Event, EventRole, Severity, Time

WaitingFor = Literal["alert", "time", "labels", "cooldown", "incident over"]
NonNegative = Annotated[float, Meta(ge=0)]


class RequestingAlert(Struct, frozen=True, kw_only=True):
    """An open alert that asks for retraining, as it was known at the time of the request."""

    alert_id: str
    root: Root
    kind: ProblemKind
    causes: list[Cause]
    severity: Severity
    title: str
    """As the alert had it when its columns, causes or severity changed last."""
    opened_at: Time
    onset: Onset


class DriftedColumn(Struct, frozen=True, kw_only=True):
    """A column with a finding in one of the alerts."""

    name: str
    role: EventRole | None
    importance: NonNegative
    check: str
    """The check with the largest effect, as a multiple of its gate."""
    effect: str
    value: float
    gate: float


class PerformanceLoss(Struct, frozen=True, kw_only=True):
    """How much worse a metric is than the reference, which is what retraining can win back at most.

    It is no forecast of the new model: a change that cannot be learnt, such as noise, is not won back.
    """

    metric: str
    basis: Literal["realised", "estimated"]
    """``realised``: from the labels of the training window since the onset; ``estimated``: from the scores of all
    predictions since the onset, which cannot see concept drift."""
    reference: float
    current: float
    loss: float
    """Difference for the worse, in the metric's unit; negative if the model is better than the reference."""
    lower: float
    upper: float
    """Interval of the loss: 95 % of the realised, three standard errors of the estimated one."""
    n: Count
    """Predictions behind it."""


class RetrainingPolicy(Struct, frozen=True, kw_only=True):
    """What the configuration asks before a request."""

    after_ms: Count
    min_labels: Count
    cooldown_ms: Count
    train_on: Literal["onset", "recent"]
    span_ms: Count


class RetrainRequestedEvent(Event, frozen=True, kw_only=True):
    """A request to retrain a model: why, on which data, and what it may win back.

    ``window`` is the span of prediction time to train on, ``n`` the number of labelled predictions in the performance
    windows that lie within it and have matured, ``n_reference`` that of the baseline. ``offsets`` enclose the records
    of these predictions and their labels on the input topics. There is at most one request for an incident.
    """

    TYPE: ClassVar[str] = RETRAIN_REQUESTED

    requested_at: Time
    """Event time of the request, of the labels."""
    incident: str
    """``alert_id`` of the incident."""
    alerts: list[RequestingAlert]
    """Open alerts of the incident that the policy names, the one opened first in front."""
    open_ms: Count
    """How long the first of them had been open."""
    onset: Onset
    """Interval in which the change began, of the incident."""
    n_predictions: Count
    """Predictions in the same windows, with or without a label."""
    n_since_onset: Count
    """Labelled predictions made since the onset."""
    columns: list[DriftedColumn]
    """Drifted columns, the most important first."""
    losses: list[PerformanceLoss]
    """For each tested metric, what labels and estimates say; empty if nothing can be said."""
    losses_missing: str | None
    """Why ``losses`` is empty."""
    baseline_version: str | None
    """Version that all versions of the model are compared with: ``performance.champion``; null if none is configured.
    It stays the baseline whatever is deployed."""
    policy: RetrainingPolicy
    """The policy that was met."""
    message: str
    """The request in words, for people; its wording may change."""

    @property
    def about(self) -> tuple[str | int, ...]:
        """Identity of the event, beside its type, model and segment."""
        return (self.incident,)

    @property
    def ce_time(self) -> str:
        """CloudEvents time: the event time of the request."""
        return self.requested_at


class RetrainingWaitingEvent(Event, frozen=True, kw_only=True):
    """What a policy waits for since now; each change of the reason or of the incident is one event.

    ``window`` is the performance window that had matured last, ``n`` the number of labelled predictions made since the
    onset.
    """

    TYPE: ClassVar[str] = RETRAINING_WAITING

    waiting_for: WaitingFor
    """``alert``: no open alert is of the kind that the policy names; ``time``: it has not been open for long enough;
    ``labels``: too few predictions since the onset have a label; ``cooldown``: the last request was too recent;
    ``incident over``: retraining has been requested for this incident already."""
    since: Time
    """Event time from which it waits for this."""
    until: Time | None
    """Event time at which the wait is over; null if that depends on the input."""
    incident: str | None
    """``alert_id`` of the incident; null while there is none."""
    wanted_labels: Count
    """``retraining.min_labels``."""
    message: str
    """In words, for people; its wording may change."""

    @property
    def about(self) -> tuple[str | int, ...]:
        """Identity of the event, beside its type, model and segment."""
        return (self.since, self.incident or "", self.waiting_for)

    @property
    def ce_time(self) -> str:
        """CloudEvents time: the event time from which it waits."""
        return self.since
