"""From verdicts to records: the one place where checks, the alert lifecycle and the output topics meet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

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
from driftline.events.output_record import OutputRecord, event_records, tombstone

if TYPE_CHECKING:
    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.checks.contract.verdict import Sequence, Verdict
    from driftline.events.alert import Cause
    from driftline.events.evidence import Event

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


def settle(verdict: Verdict[Event], alerts: ModelAlerts, budget: ErrorBudget) -> tuple[ModelAlerts, list[OutputRecord]]:
    """Return the alerts of a model key, segment and sequence after a verdict, and all its records: events, findings,
    alerts, and tombstones of old alerts. A verdict that was not tested changes no alert.
    """
    events: list[Event] = [*verdict.events, *verdict.findings]
    if not verdict.tested:
        return alerts, event_records(events, budget.source)
    causes, rules = _CAUSES[verdict.sequence], _rules(verdict.sequence, budget)
    observed = events[0] if verdict.observed is None else verdict.observed
    observation = Observation(observed, epoch_ms(observed.window.end) + verdict.age_ms)
    step = advance(alerts, observation, verdict.findings, causes, rules)
    forgotten = [tombstone(alert_id) for alert_id in step.forgotten]
    return step.alerts, [*event_records([*events, *step.records], budget.source), *forgotten]


def _rules(sequence: Sequence, budget: ErrorBudget) -> AlertRules:
    """Return when alerts open, page again and resolve.

    A cohort is examined as many times as there are ages, so that many observations count as one window. Silence, and
    input that cannot be used, opens an alert at once.
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
        remind_after_ms=int(alerts.false_alarm_budget.horizon),
    )
