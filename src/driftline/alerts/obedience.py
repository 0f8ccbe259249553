"""What commands do to alerts, as pure functions: acknowledged, noted, muted, and ended as their cause is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec import structs

from driftline.alerts.directives import MuteSubject
from driftline.alerts.records import mute_fields
from driftline.alerts.signals import Signals
from driftline.events.alert import Acknowledged, AlertEvent, AlertNote
from driftline.events.cloudevents import rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable

    from driftline.alerts.directives import Directives
    from driftline.alerts.lifecycle import ModelAlerts
    from driftline.alerts.problems import ProblemState

MAX_NOTES: Final = 20
"""Notes that an alert keeps, the latest."""


class Obeyed(NamedTuple):
    """Alerts after a command."""

    alerts: ModelAlerts
    records: tuple[AlertEvent, ...] = ()


def find(alerts: ModelAlerts, alert_id: str) -> ProblemState | None:
    """Return the problem of an alert that is open, or was resolved lately; None where it is not kept."""
    return alerts.open.get(alert_id) or alerts.closed.get(alert_id)


def acknowledge(alerts: ModelAlerts, alert_id: str, said: Acknowledged, at_ms: int) -> Obeyed:
    """Return alerts with one of them acknowledged; what was said earlier of its use stays, unless it is said anew."""
    problem = find(alerts, alert_id)
    if problem is None:
        return Obeyed(alerts)
    before = problem.alert.acknowledged
    if said.useful is None and isinstance(before, Acknowledged):
        said = structs.replace(said, useful=before.useful)
    return _changed(alerts, problem, _revised(problem.alert, at_ms, {"acknowledged": said}))


def note(alerts: ModelAlerts, alert_id: str, said: AlertNote, at_ms: int) -> Obeyed:
    """Return alerts with a note on one of them."""
    problem = find(alerts, alert_id)
    if problem is None:
        return Obeyed(alerts)
    before = problem.alert.notes
    notes = [*(before if isinstance(before, list) else ()), said]
    return _changed(alerts, problem, _revised(problem.alert, at_ms, {"notes": notes[-MAX_NOTES:]}))


def mute_anew(alerts: ModelAlerts, directives: Directives, at_ms: int) -> Obeyed:
    """Return alerts at a moment at which a mute begins or ends.

    What is muted no more, and had something to notify, notifies now.
    """
    records: list[AlertEvent] = []
    states = dict(alerts.open)
    for key, problem in alerts.open.items():
        fields = mute_fields(directives.muting(MuteSubject.of(problem.found), at_ms + 1))
        told = not isinstance(fields["muted_until"], str) and problem.held
        if told:
            fields |= {"notify": True, "notification": problem.alert.notification + 1, "notified_for": "mute over"}
        if told or any(getattr(problem.alert, name) != value for name, value in fields.items()):
            alert = _revised(problem.alert, at_ms, fields)
            states[key] = structs.replace(problem, alert=alert, held=problem.held and not told)
            records.append(alert)
    return Obeyed(structs.replace(alerts, open=states), tuple(records)) if records else Obeyed(alerts)


def end(alerts: ModelAlerts, chosen: Callable[[ProblemState], bool], at_ms: int, why: str) -> Obeyed:
    """Return alerts after those of some problems have ended for a reason, given as a clause; they open no more."""
    ended = {key: problem for key, problem in alerts.open.items() if chosen(problem)}
    if not ended:
        return Obeyed(alerts)
    causes = {cause for problem in ended.values() for cause in problem.open}
    tally = alerts.signals.tally
    for cause in sorted(causes):
        tally = tally.forgotten(cause)
    signals = Signals({cause: state for cause, state in alerts.signals.open.items() if cause not in causes}, tally)
    closed = dict(alerts.closed)
    records: list[AlertEvent] = []
    for key, problem in ended.items():
        alert = _ended(problem.alert, at_ms, why)
        closed[key] = structs.replace(problem, alert=alert, open=(), until_ms=at_ms, held=False, over=True)
        records.append(alert)
    after = structs.replace(
        alerts,
        open={key: problem for key, problem in alerts.open.items() if key not in ended},
        closed=closed,
        resolved=(*alerts.resolved, *((at_ms, key) for key in ended)),
        signals=signals,
    )
    return Obeyed(after, tuple(records))


def _changed(alerts: ModelAlerts, problem: ProblemState, alert: AlertEvent) -> Obeyed:
    changed = structs.replace(problem, alert=alert)
    if alert.alert_id in alerts.open:
        after = structs.replace(alerts, open={**alerts.open, alert.alert_id: changed})
    else:
        after = structs.replace(alerts, closed={**alerts.closed, alert.alert_id: changed})
    return Obeyed(after, (alert,))


def _revised(alert: AlertEvent, at_ms: int, fields: dict[str, Any]) -> AlertEvent:
    """Return the next record of an alert that nothing was found for; it notifies nobody unless that is given."""
    given: dict[str, Any] = {"notify": False, **fields}
    return structs.replace(alert, revision=alert.revision + 1, updated_at=rfc3339(at_ms), **given)


def _ended(alert: AlertEvent, at_ms: int, why: str) -> AlertEvent:
    moment = rfc3339(at_ms)
    fields = {
        "state": "resolved",
        "resolved_at": moment,
        "title": f"{alert.title} (resolved)",
        "sentence": f"Over at {moment[:10]} {moment[11:16]} (UTC): {why}. Before: {alert.sentence}",
        "message": f"Resolved: {why}. Last found: {alert.message}",
        **mute_fields(None),
    }
    return _revised(alert, at_ms, fields)
