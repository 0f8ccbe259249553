"""One sequence of alerts of one model, with what has been said of it on the control topic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import structs

from driftline.alerts import obedience
from driftline.alerts.directives import MuteSubject
from driftline.alerts.obedience import Obeyed
from driftline.alerts.told_beside import plain
from driftline.events.alert import Acknowledged, AlertNote
from driftline.events.cloudevents import epoch_ms, rfc3339
from driftline.events.control import Acknowledge, Deploy, Mute, Note, Rebaseline, Rollback
from driftline.events.output_record import event_records
from driftline.monitoring.alerting import settled
from driftline.monitoring.control.model_control import MAINTENANCE, REPLACED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from driftline.alerts import Incidents, ModelAlerts
    from driftline.alerts.problems import ProblemState
    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.checks.contract.verdict import Verdict
    from driftline.events.alert import AlertEvent, Cause
    from driftline.events.control import ControlCommand
    from driftline.events.evidence import Event
    from driftline.monitoring.control.kept import KeptCommand
    from driftline.monitoring.control.model_control import ModelControl
    from driftline.monitoring.model_setup import Outputs

_OF_ABSENCE: Final = frozenset({"silence", "model silence"})
"""Sequences that leave a maintenance out of the absence that they measure."""
_UNTESTED: Final = frozenset({MAINTENANCE, REPLACED})
"""Flags of windows that change no alert."""
_OF_BASELINE: Final[frozenset[Cause]] = frozenset({"data drift", "prediction drift", "data quality", "performance"})
"""Causes that a new baseline can end."""


class AlertDesk:
    """Takes verdicts to the alerts of one sequence, and carries out commands in between, in the order of event time.

    Parameters
    ----------
    control : ModelControl
    budget : ErrorBudget
    get, put : callable
        Read and write the alerts, which stand in the state of their owner.
    told : callable, optional
        Receives the records of alerts that changed.
    of_version : bool
        Whether the alerts are about one version, so that they end when another one takes over.
    """

    def __init__(
        self,
        control: ModelControl,
        budget: ErrorBudget,
        get: Callable[[], ModelAlerts],
        put: Callable[[ModelAlerts], None],
        *,
        told: Callable[[Iterable[AlertEvent]], None] | None = None,
        of_version: bool = True,
    ) -> None:
        self._control = control
        self._budget = budget
        self._get = get
        self._put = put
        self._told = told
        self._of_version = of_version

    def settle(
        self, verdict: Verdict[Event], incidents: Incidents | None = None, *, first_ms: int | None = None
    ) -> Outputs:
        """Return what a verdict leads to, after all that was said up to it; see :func:`settled`."""
        observed = (*verdict.events, *verdict.findings)[0] if verdict.observed is None else verdict.observed
        start_ms, end_ms = epoch_ms(observed.window.start), epoch_ms(observed.window.end)
        at_ms = end_ms + verdict.age_ms
        outputs = self.obey(at_ms)
        if verdict.sequence not in _OF_ABSENCE:
            begun_ms = min(
                [start_ms, *(epoch_ms(each.since) for each in verdict.findings if each.window.kind == "pane")]
            )
            verdict = _flagged(verdict, self._control.flags(start_ms, end_ms, at_ms, begun_ms))
        result = settled(verdict, self._get(), self._budget, incidents, self._control, first_ms=first_ms)
        self._keep(result.alerts, result.changed)
        return [*outputs, *result.outputs]

    def obey(self, until_ms: int) -> Outputs:
        """Carry out what holds from before a moment, as far as the watermark of predictions has come."""
        book = self._control.book
        if not book or book.reached_ms is None:
            return []
        until_ms = min(until_ms, book.reached_ms)
        outputs: Outputs = []
        moments = self._control.moments(self._get().obeyed_ms, until_ms)
        for moment in moments:
            outputs += self._carry_out(moment.command, moment.at_ms)
        if moments:
            self._put(structs.replace(self._get(), obeyed_ms=until_ms))
        return outputs

    def act(self, command: KeptCommand, flags: Iterable[str]) -> Outputs | None:
        """Carry out a command about an alert now; return None where the alert is not one of these."""
        if command.alert is None or obedience.find(self._get(), command.alert) is None:
            return None
        return self._about_alert(command, command.command, flags)

    def _carry_out(self, kept: KeptCommand, at_ms: int) -> Outputs:
        command, alerts = kept.command, self._get()
        if isinstance(command, Acknowledge | Note):
            return self.act(kept, ()) or []
        if isinstance(command, Mute):
            return self._obeyed(obedience.mute_anew(alerts, self._control, at_ms))
        if not self._of_version:
            return []
        if isinstance(command, Deploy | Rollback):
            return self._obeyed(obedience.end(alerts, lambda _: True, at_ms, self._replaced(command)))
        if isinstance(command, Rebaseline):
            why = f"{plain(command.by)} set a new baseline for {plain(', '.join(command.columns)) or 'all columns'}"
            return self._obeyed(obedience.end(alerts, lambda each: _has_new_baseline(each, command), at_ms, why))
        return []

    def _replaced(self, command: Deploy | Rollback) -> str:
        verb = "deployed" if isinstance(command, Deploy) else "rolled back to"
        new = f"version {plain(command.model_version)}" if command.model_version else "the model without a version"
        return f"the version was replaced by {new}, which {plain(command.by)} {verb}"

    def _about_alert(self, kept: KeptCommand, command: ControlCommand, flags: Iterable[str]) -> Outputs:
        alerts, at = self._get(), rfc3339(kept.entry.at_ms)
        result, refused = Obeyed(alerts), None
        if isinstance(command, Acknowledge):
            if command.alert not in alerts.open and command.useful is None:
                refused = "The alert is resolved; only `useful` can still be said of it."
            else:
                said = Acknowledged(by=command.by, at=at, comment=command.comment, useful=command.useful)
                result = obedience.acknowledge(alerts, command.alert, said, kept.from_ms)
        elif isinstance(command, Note) and command.alert is not None:
            result = obedience.note(
                alerts, command.alert, AlertNote(by=command.by, at=at, text=command.text), kept.from_ms
            )
        return [*self._obeyed(result), *self._control.book.settle(kept, refused, flags)]

    def _obeyed(self, result: Obeyed) -> Outputs:
        if not result.records:
            return []
        self._keep(result.alerts, result.records)
        return event_records(result.records, self._budget.source)

    def _keep(self, alerts: ModelAlerts, changed: Iterable[AlertEvent]) -> None:
        self._put(alerts)
        if self._told is not None:
            self._told(changed)


def _flagged(verdict: Verdict[Event], flags: frozenset[str]) -> Verdict[Event]:
    """Return a verdict whose events say why it changes no alert, or what happened in its window."""
    if not flags:
        return verdict

    def flag(event: Event) -> Event:
        return structs.replace(event, flags=sorted(flags.union(event.flags)))

    return structs.replace(
        verdict,
        events=tuple(map(flag, verdict.events)),
        findings=tuple(map(flag, verdict.findings)),
        observed=None if verdict.observed is None else flag(verdict.observed),
        tested=verdict.tested and not flags & _UNTESTED,
    )


def _has_new_baseline(problem: ProblemState, command: Rebaseline) -> bool:
    subject = MuteSubject.of(problem.found)
    if not subject.causes <= _OF_BASELINE:
        return False
    return not command.columns or (subject.columns is not None and subject.columns.issubset(command.columns))
