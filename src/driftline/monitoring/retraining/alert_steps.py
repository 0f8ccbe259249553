"""What alerts of the predictions looked like when, for a policy that is decided at the event time of joins.

The steps are written by the sequence of predictions and read by that of joins, as of its own event time, so that what
is decided does not depend on how far the predictions have come (as in
:mod:`driftline.monitoring.predictions.problem_history`).
"""

from __future__ import annotations

from msgspec import Struct, structs

from driftline.alerts.onsets import Interval
from driftline.events.alert import AlertEvent, Cause, ProblemKind, Root
from driftline.events.cloudevents import epoch_ms
from driftline.events.evidence import EventRole, Severity
from driftline.monitoring.state.steps import Steps


class ChangedColumn(Struct, frozen=True, array_like=True):
    """A column with a finding, by the check whose effect is the largest multiple of its gate."""

    name: str
    role: EventRole | None
    importance: float
    check: str
    effect: str
    value: float
    gate: float


class AlertStep(Struct, frozen=True, array_like=True):
    """What was known of an alert from a moment on."""

    time_ms: int
    alert_id: str
    incident: str
    root: Root
    kind: ProblemKind
    causes: tuple[Cause, ...]
    severity: Severity
    opened_ms: int
    from_ms: int
    to_ms: int
    """Onset."""
    is_open: bool
    title: str
    columns: tuple[ChangedColumn, ...]
    """The most important first."""

    @property
    def onset(self) -> Interval:
        """Interval in which the change began."""
        return Interval(self.from_ms, self.to_ms)

    def says_the_same(self, other: AlertStep) -> bool:
        """Whether the other one differs in nothing that a policy or a request depends on, but for numbers."""
        return self._essence() == other._essence()

    def _essence(self) -> tuple[object, ...]:
        return (
            structs.replace(self, time_ms=0, title="", columns=()),
            {(column.name, column.importance) for column in self.columns},
        )


def step_of(alert: AlertEvent) -> AlertStep:
    """Return what a record of an alert makes known."""
    return AlertStep(
        time_ms=epoch_ms(alert.updated_at),
        alert_id=alert.alert_id,
        incident=alert.incident,
        root=alert.root,
        kind=alert.kind,
        causes=tuple(alert.causes),
        severity=alert.severity,
        opened_ms=epoch_ms(alert.opened_at),
        from_ms=epoch_ms(alert.onset.from_),
        to_ms=epoch_ms(alert.onset.to),
        is_open=alert.state == "open",
        title=alert.title,
        columns=_columns(alert),
    )


def _columns(alert: AlertEvent) -> tuple[ChangedColumn, ...]:
    found: dict[str, tuple[float, ChangedColumn]] = {}
    for each in alert.findings:
        if each.column is None or not each.effect:
            continue
        size = each.value / each.gate if each.gate > 0 else 0.0
        if each.column not in found or size > found[each.column][0]:
            found[each.column] = (
                size,
                ChangedColumn(each.column, each.role, each.importance, each.check, each.effect, each.value, each.gate),
            )
    return tuple(
        column for _, column in sorted(found.values(), key=lambda pair: (-pair[1].importance, -pair[0], pair[1].name))
    )


class AlertSteps(Steps[AlertStep]):
    """The steps of a model's alerts about predictions, from the oldest that a join may still ask for.

    Notes
    -----
    *State*: some 200 bytes for each step and column. A step is a change of what an alert is about, of its severity,
    onset, incident or columns, or its end; other numbers make none.
    """

    def __init__(self) -> None:
        super().__init__("alert-step", AlertStep, step_of, AlertStep.says_the_same)

    def open_at(self, at_ms: int) -> list[AlertStep]:
        """Return the alerts that were open at a moment, as they were known then."""
        known = {step.alert_id: step for _, step in self._in_order() if step.time_ms <= at_ms}
        return [step for step in known.values() if step.is_open]

    def expire(self, joins_ms: int) -> None:
        """Forget what no join from a time on asks for: alerts that were over by then, steps that others replaced."""
        self._forget(joins_ms + 1, lambda step: not step.is_open)
