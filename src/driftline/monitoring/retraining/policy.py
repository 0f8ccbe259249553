"""When a model should be retrained: the decision from alerts and labels, as a pure function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from driftline.alerts.policy import SEVERITIES

if TYPE_CHECKING:
    from driftline.alerts.onsets import Interval
    from driftline.config.retraining_settings import RetrainingSettings
    from driftline.events.retraining import WaitingFor
    from driftline.monitoring.retraining.alert_steps import AlertStep

LabelsSince = Callable[[int], int]
"""Returns how many labelled predictions were made from a time on."""


class Incident(NamedTuple):
    """The open alerts of one incident that ask for retraining."""

    incident: str
    alerts: tuple[AlertStep, ...]
    """The one opened first in front."""

    @property
    def opened_ms(self) -> int:
        """When the first of them opened."""
        return self.alerts[0].opened_ms

    @property
    def onset(self) -> Interval:
        """Interval in which it began: of the alert that explains the others, else the earliest."""
        own = [step.onset for step in self.alerts if step.alert_id == self.incident]
        return min(own or [step.onset for step in self.alerts])


class Decision(NamedTuple):
    """What a policy says at a moment."""

    waiting_for: WaitingFor | None
    """None asks for retraining."""
    incident: Incident | None
    """The one that it is about; None while no alert asks for it."""
    n_labelled: int = 0
    """Labelled predictions since its onset."""
    until_ms: int | None = None
    """When the wait is over; None where that depends on the input."""


def incidents_of(policy: RetrainingSettings, alerts: Sequence[AlertStep]) -> list[Incident]:
    """Return the incidents that ask for retraining, the one opened first in front."""
    asking: dict[str, list[AlertStep]] = {}
    for step in sorted(alerts, key=lambda step: (step.opened_ms, step.alert_id)):
        if asks(policy, step):
            asking.setdefault(step.incident, []).append(step)
    return [Incident(incident, tuple(steps)) for incident, steps in asking.items()]


def asks(policy: RetrainingSettings, alert: AlertStep) -> bool:
    """Whether an alert is one that the policy names."""
    return (
        SEVERITIES.index(alert.severity) >= SEVERITIES.index(policy.severity)
        and not set(alert.causes).isdisjoint(policy.causes)
        and (not policy.kinds or alert.kind in policy.kinds)
        and (not policy.roots or alert.root in policy.roots)
    )


def decide(
    policy: RetrainingSettings,
    at_ms: int,
    alerts: Sequence[AlertStep],
    labels_since: LabelsSince,
    requested: Mapping[str, int],
) -> Decision:
    """Return whether a model should be retrained, or what the policy waits for.

    Parameters
    ----------
    policy : RetrainingSettings
    at_ms : int
        Event time of the decision.
    alerts : sequence of AlertStep
        Open at that time.
    labels_since : callable
    requested : mapping of str to int
        Time of the earlier requests, by the ids of their incidents and alerts: an alert on performance may be its own
        incident until the drift that explains it is found.

    Notes
    -----
    Of several incidents, the one that was opened first and is ready asks; if none is, the first that has not asked yet
    says what it waits for. Its conditions are named in the order: time, cooldown, labels.
    """
    waits: list[Decision] = []
    for incident in incidents_of(policy, alerts):
        decision = _decide_for(policy, at_ms, incident, labels_since, requested)
        if decision.waiting_for is None:
            return decision
        waits.append(decision)
    pending = [decision for decision in waits if decision.waiting_for != "incident over"]
    return (pending or waits or [Decision("alert", None)])[0]


def _decide_for(
    policy: RetrainingSettings,
    at_ms: int,
    incident: Incident,
    labels_since: LabelsSince,
    requested: Mapping[str, int],
) -> Decision:
    n_labelled = labels_since(incident.onset.to_ms)
    if not requested.keys().isdisjoint({incident.incident, *(step.alert_id for step in incident.alerts)}):
        return Decision("incident over", incident, n_labelled)
    ready_ms = incident.opened_ms + int(policy.after)
    if at_ms < ready_ms:
        return Decision("time", incident, n_labelled, ready_ms)
    cooled_ms = max(requested.values(), default=at_ms - int(policy.cooldown)) + int(policy.cooldown)
    if at_ms < cooled_ms:
        return Decision("cooldown", incident, n_labelled, cooled_ms)
    if n_labelled < policy.min_labels:
        return Decision("labels", incident, n_labelled)
    return Decision(None, incident, n_labelled)
