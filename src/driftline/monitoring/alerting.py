"""From verdicts to records: the one place where checks, the alert lifecycle and the output topics meet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.alerts import (
    INTAKE_CAUSES,
    JOIN_CAUSES,
    LABEL_CAUSES,
    OPERATION_CAUSES,
    PREDICTION_CAUSES,
    SILENCE_CAUSES,
    AlertRules,
    ModelAlerts,
    Observation,
    OpeningRule,
    advance,
)
from driftline.events.cloudevents import epoch_ms
from driftline.events.output_record import event_records, tombstone

if TYPE_CHECKING:
    from driftline.alerts import Incidents
    from driftline.alerts.directives import Directives
    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.checks.contract.verdict import Sequence, Verdict
    from driftline.events.alert import AlertEvent, Cause
    from driftline.events.evidence import Event
    from driftline.events.output_record import OutputRecord

_CAUSES: Final[dict[Sequence, tuple[Cause, ...]]] = {
    "predictions": PREDICTION_CAUSES,
    "performance": JOIN_CAUSES,
    "cohorts": LABEL_CAUSES,
    "label stream": LABEL_CAUSES,
    "silence": LABEL_CAUSES,
    "intake": INTAKE_CAUSES,
    "operations": OPERATION_CAUSES,
    "model silence": SILENCE_CAUSES,
}
_AT_ONCE: Final = frozenset({"silence", "intake", "model silence"})
"""Sequences whose alerts open with the first finding."""
_AT_AGES: Final = frozenset({"performance", "cohorts"})
"""Sequences whose windows are looked at when they have come to an age, an old one perhaps after a younger one."""


class Settled(NamedTuple):
    """What a verdict led to."""

    alerts: ModelAlerts
    """Of the model key, segment and sequence, after the verdict."""
    outputs: list[OutputRecord]
    """All records of the verdict: events, findings, alerts, and tombstones of old alerts."""
    changed: tuple[AlertEvent, ...] = ()
    """The alerts among them."""


def settled(
    verdict: Verdict[Event],
    alerts: ModelAlerts,
    budget: ErrorBudget,
    incidents: Incidents | None = None,
    directives: Directives | None = None,
    *,
    first_ms: int | None = None,
) -> Settled:
    """Return what a verdict leads to. One that was not tested changes no alert.

    ``incidents`` are the problems of the predictions, by which alerts about joins find what explains them;
    ``directives`` is what has been said of the model on the control topic; ``first_ms`` is the event time of the first
    predictions of this version.
    """
    events: list[Event] = [*verdict.events, *verdict.findings]
    if not verdict.tested:
        return Settled(alerts, event_records(events, budget.source))
    causes, rules = _CAUSES[verdict.sequence], _rules(verdict.sequence, budget)
    observed = events[0] if verdict.observed is None else verdict.observed
    observation = Observation(observed, epoch_ms(observed.window.end) + verdict.age_ms, first_ms, verdict.lingering)
    step = advance(alerts, observation, verdict.findings, causes, rules, incidents, directives)
    forgotten = [tombstone(alert_id) for alert_id in step.forgotten]
    outputs = [*event_records([*events, *step.records], budget.source), *forgotten]
    return Settled(step.alerts, outputs, step.records)


def _rules(sequence: Sequence, budget: ErrorBudget) -> AlertRules:
    """Return when alerts open, page again and resolve.

    A cohort is examined as many times as there are ages, so that many observations count as one window. Silence, and
    input that cannot be used, opens an alert at once. What a cohort shows at a greater age, after younger cohorts were
    clean, is still the problem that it showed before.
    """
    alerts, windows, labels = budget.settings.alerts, budget.settings.windows, budget.settings.labels
    n_looks = len(labels.ages_ms) if sequence == "cohorts" else 1
    sizes: dict[Sequence, tuple[int, ...]] = {
        "predictions": tuple(int(size) for size in windows.verdict),
        "performance": (int(windows.performance),),
        "operations": (budget.settings.operations.window_ms(windows.verdict),),
        "model silence": (),  # the first pane with predictions ends it
    }
    opening = OpeningRule(alerts.open_after.findings, alerts.open_after.windows * n_looks)
    return AlertRules(
        resolve_after=1 if sequence == "model silence" else alerts.resolve_after * n_looks,
        sizes=sizes.get(sequence, (budget.settings.cohort_ms,)),
        opening=OpeningRule(1, 1) if sequence in _AT_ONCE else opening,
        reach_back_ms=labels.ages_ms[-1] - labels.ages_ms[0] if sequence in _AT_AGES else 0,
        remind_after_ms=int(alerts.false_alarm_budget.horizon),
    )
