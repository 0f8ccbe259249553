"""The life cycle of alerts, as a pure state machine: an alert opens, is updated, resolves, and is forgotten.

::

             a signal opens                       all its signals are resolved
    (none) ────────────────> open, rev. 1 ─────────────────────────────────────> resolved ──30 days──> (tombstone)
                               │        ▲                                            │
                               └────────┘ findings, further signals: rev. + 1        │
                               ▲                                                     │
                               └─────────────────────────────────────────────────────┘
                                 a window that reaches back to its end: rev. + 1

An alert is one problem. :mod:`driftline.alerts.signals` says when a cause opens, notifies and resolves, and
:mod:`driftline.alerts.problems` which signals are one problem. An alert notifies only where one of its signals does, so
its notifications are a part of those that the false-alarm budget bounds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import UNSET, Struct, field, structs

from driftline.alerts.already_told import AlreadyTold, said_until, said_with
from driftline.alerts.directives import MuteSubject
from driftline.alerts.escalation import (
    columns_of,
    completed_history,
    history_after,
    reason_to_join,
    reason_to_notify,
    reason_to_remind,
)
from driftline.alerts.evidence import evidence_after
from driftline.alerts.onsets import first_onset
from driftline.alerts.policy import SEVERITIES, worst
from driftline.alerts.problems import ProblemState, follows, named, place
from driftline.alerts.records import Content, mute_fields, opened_alert, resolved_alert, updated_alert
from driftline.alerts.shown import findings_of
from driftline.alerts.signals import Signals, advance_signals, settled_ms
from driftline.events.alert import Acknowledged, AlertEvent  # msgspec reads it
from driftline.events.cloudevents import epoch_ms

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from driftline.alerts.directives import Directives
    from driftline.alerts.escalation import NotificationHistory
    from driftline.alerts.incidents import Incidents, ProblemStep
    from driftline.alerts.observation import Observation
    from driftline.alerts.onsets import Interval
    from driftline.alerts.signals import AlertRules, SignalChange
    from driftline.events.alert import Cause, NotifyReason
    from driftline.events.finding import FindingEvent

FORGET_AFTER_MS: Final = 30 * 86_400_000
"""Event time after its resolution at which an alert's record is deleted from the alerts topic."""
RELAPSE_MS: Final = 86_400_000
"""Event time after its resolution in which the same finding opens an alert again, at most; a day, as borderline changes
show at the same hours. It is 24 windows of the finding's size where that is less, and nothing for windows of a day and
longer, which hold all hours."""
_MAX_CLOSED: Final = 4
"""Resolved problems that are kept whole for the case that they open again."""


class ModelAlerts(Struct, frozen=True):
    """All alerts of one model key and segment, from windows of predictions or from windows of labels.

    *State*: at most one open problem a cause (some 10 KB each), up to four that were resolved lately and can open
    again, the signals (:class:`~driftline.alerts.signals.Signals`) and the id of each alert resolved in the last 30
    days of event time.
    """

    open: dict[str, ProblemState] = field(default_factory=dict)
    """By alert id."""
    closed: dict[str, ProblemState] = field(default_factory=dict)
    """Resolved, and windows may still reach back to their end; by alert id, the oldest first."""
    resolved: tuple[tuple[int, str], ...] = ()
    """(time of resolution in ms, alert id), the oldest first."""
    signals: Signals = Signals()
    obeyed_ms: int | None = None
    """Commands that hold from before this time have been carried out; None where none has been."""


class _Telling(NamedTuple):
    """What a problem notifies with an observation."""

    history: NotificationHistory
    """Of all its notifications."""
    reason: NotifyReason | None
    """None where it does not notify."""
    said: Sequence[FindingEvent]
    """What this notification says, or what completes the latest one or began with it."""


class Step(Struct, frozen=True, kw_only=True):
    """The result of one observation."""

    alerts: ModelAlerts
    """The new state."""
    records: tuple[AlertEvent, ...]
    """Records to write: alerts that opened, changed or resolved."""
    forgotten: tuple[str, ...]
    """Ids of alerts whose record is to be deleted."""


def advance(
    before: ModelAlerts,
    observation: Observation,
    findings: Sequence[FindingEvent],
    causes: Iterable[Cause],
    rules: AlertRules,
    incidents: Incidents | None = None,
    directives: Directives | None = None,
) -> Step:
    """Apply one window's check result; the same state and result give the same step.

    Parameters
    ----------
    before : ModelAlerts
        The state before; it is not changed.
    observation : Observation
        A checked window, or a pane in which a detector that may notify found a change; a pane is never clean.
    findings : sequence of FindingEvent
        Findings of this window; those that open no alert are ignored, but for what they tell of an open one.
    causes : iterable of Cause
        The causes that this window could have shown; open alerts of other causes stay as they are.
    incidents : Incidents, optional
        The problems of the predictions. For joins alone: nothing that predictions say may depend on joins.
    directives : Directives, optional
        What has been said of the model on the control topic.
    """
    resolved = [entry for entry in before.resolved if observation.time_ms < entry[0] + FORGET_AFTER_MS]
    forgotten = tuple(entry[1] for entry in before.resolved[: len(before.resolved) - len(resolved)])
    earliest_ms = _earliest_ms(observation, rules)
    states = dict(before.open)
    closed = {key: problem for key, problem in before.closed.items() if (problem.until_ms or 0) >= earliest_ms}
    known_of = AlreadyTold({key: problem.told_of for key, problem in {**closed, **states}.items()})
    signals, changes = advance_signals(before.signals, observation, findings, causes, rules, known_of)
    records: list[AlertEvent] = []
    for alert_id, of_problem in _grouped(states, closed, changes, known_of, _relapse_ms(observation)).items():
        known = states.get(alert_id) or closed.pop(alert_id, None)
        problem = _with_changes(known, observation, of_problem, rules, incidents, directives, known_of)
        key = problem.alert.alert_id
        resolved = [entry for entry in resolved if entry[1] != key]
        if problem.open:
            states[key] = problem
        else:
            states.pop(key, None)
            closed[key] = problem
            resolved.append((observation.time_ms, key))
        if known is None or problem.alert is not known.alert:
            records.append(problem.alert)
    lasting, end_ms = {cause: state.clean for cause, state in signals.open.items()}, epoch_ms(observation.window.end)
    states, kept = (
        {key: _said_until(problem, lasting, end_ms, earliest_ms) for key, problem in problems}
        for problems in (states.items(), [*closed.items()][-_MAX_CLOSED:])
    )
    alerts = ModelAlerts(states, kept, tuple(resolved), signals, before.obeyed_ms)
    return Step(alerts=alerts, records=tuple(records), forgotten=forgotten)


def _earliest_ms(observation: Observation, rules: AlertRules) -> int:
    """Return a time that a window of any size, this one or one that is looked at later, can reach back to at most."""
    window = observation.window
    longest_ms = max(*rules.sizes, _relapse_ms(observation), 0) + rules.reach_back_ms
    return min(epoch_ms(window.start), epoch_ms(window.end) - longest_ms)


def _said_until(
    problem: ProblemState, lasting: Mapping[Cause, Collection[str]], end_ms: int, earliest_ms: int
) -> ProblemState:
    said = said_until(problem.said, lasting, end_ms, earliest_ms)
    return problem if said is problem.said else structs.replace(problem, said=said)


def _relapse_ms(observation: Observation) -> int:
    size_ms = observation.window.size_ms
    return min(RELAPSE_MS, 24 * size_ms) if size_ms < RELAPSE_MS else 0


def _grouped(
    states: dict[str, ProblemState],
    closed: dict[str, ProblemState],
    changes: Sequence[SignalChange],
    told: AlreadyTold,
    relapse_ms: int,
) -> dict[str, list[SignalChange]]:
    """Return changes by the id of their problem; a new problem, of which there is one at most, has an empty id.

    What one observation opens became known at the same moment, so all of it that fits no problem is one new problem.
    """
    owners = {cause: key for key, problem in states.items() for cause in problem.open}
    groups: dict[str, list[SignalChange]] = {}
    for change in changes:
        key: str | None = owners.get(change.cause)
        if change.state == "opened":
            first, onset = findings_of(change).shown[0], _onset_of([change])
            key = place(states, onset, first)
            if key is None:
                key = place({key: each for key, each in closed.items() if not each.over}, onset, first, relapse_ms)
            if key is None:
                key = told.teller_of(change.complete)
        groups.setdefault(key or "", []).append(change)
    new = groups.pop("", None)
    return groups if new is None else {**groups, "": new}


def _with_changes(
    before: ProblemState | None,
    observation: Observation,
    changes: Sequence[SignalChange],
    rules: AlertRules,
    incidents: Incidents | None,
    directives: Directives | None,
    known_of: AlreadyTold,
) -> ProblemState:
    """Return a problem after the changes of its signals."""
    found = {change.cause: findings_of(change) for change in changes if change.findings}
    open_ = () if before is None else before.open
    ended = {change.cause for change in changes if change.state == "resolved"}
    still_open = tuple(cause for cause in dict.fromkeys((*open_, *found)) if cause not in ended)
    if before is not None and not found:
        if still_open:
            return structs.replace(before, open=still_open)
        alert = resolved_alert(before.alert, observation, max(change.n_clean for change in changes))
        alert = structs.replace(alert, **mute_fields(None))
        # the clean window may be an older one, which was looked at only now
        ends = (observation.window.end, before.alert.window.end, before.alert.onset.to)
        return structs.replace(before, alert=alert, open=(), until_ms=max(map(epoch_ms, ends)), held=False)
    seen = [finding for change in changes for finding in change.findings]
    onset = _onset_of(changes)
    began_together = before is None or before.onset.meets(onset)
    shown = [each for of_cause in found.values() for each in of_cause.shown]
    known = {(finding.check, finding.column) for finding in seen if known_of.of(finding) is not None}
    root = named(None if before is None else before.root, shown, onset, began_together=began_together, told=known)
    every = found if before is None else {**before.found, **found}
    begun = onset if before is None else before.onset.refined(onset)
    incident = (
        incidents.explaining(begun, observation.time_ms, root.root, later=follows(root, ())) if incidents else None
    )
    told, reason, telling = _told(before, observation, changes, rules, onset, incident, known_of)
    linked = incident.alert_id if incident is not None else None
    if before is not None and before.alert.incident != before.alert.alert_id:
        linked = before.alert.incident
    content = Content(
        root=root,
        found=every,
        onset=begun,
        severity=worst(finding.severity for finding in seen),
        incident=linked,
        evidence=evidence_after(None if before is None else before.alert.evidence, seen),
        new_version=_new_version(observation, begun),
        beside=() if directives is None else directives.beside(begun, observation.time_ms),
    )
    muting = None if directives is None else directives.muting(MuteSubject.of(every), observation.time_ms)
    held, reason = _held(before, reason, muted=muting is not None)
    if before is None:
        alert = opened_alert(observation, content, told, reason)
    else:
        alert = updated_alert(before.alert, observation, content, told, reason)
        if before.until_ms is not None:
            alert = structs.replace(alert, acknowledged=UNSET)
    said = said_with({} if before is None else before.said, telling)
    alert = structs.replace(alert, **mute_fields(muting))
    return ProblemState(alert, told, root, every, still_open, held=held, said=said)


def _held(before: ProblemState | None, reason: NotifyReason | None, *, muted: bool) -> tuple[bool, NotifyReason | None]:
    """Return whether a notification is held back, and why a problem notifies now; None where it does not."""
    held = before is not None and before.held
    if reason == "still open" and before is not None and isinstance(before.alert.acknowledged, Acknowledged):
        reason = None
    if muted:
        return held or reason is not None, None
    return False, reason or ("mute over" if held else None)


def _new_version(observation: Observation, onset: Interval) -> str | None:
    """Return the version of the model where its first predictions are of the time of the onset."""
    first_ms, version = observation.first_ms, observation.event.model_version
    return version if version and first_ms is not None and onset.from_ms <= first_ms <= onset.to_ms else None


def _onset_of(changes: Sequence[SignalChange]) -> Interval:
    """Return when what changed began: what opened, or of what is open already what was found."""
    opened = [change.onset for change in changes if change.onset is not None]
    return min(opened) if opened else first_onset([each for change in changes for each in change.findings])


def _told(
    before: ProblemState | None,
    observation: Observation,
    changes: Sequence[SignalChange],
    rules: AlertRules,
    onset: Interval,
    incident: ProblemStep | None,
    known_of: AlreadyTold,
) -> _Telling:
    """Return what a problem has notified, and why it does now."""
    time_ms, next_ms = observation.time_ms, settled_ms(observation, rules)
    if before is None:
        joined = [finding for change in changes for finding in change.complete]
        history = history_after(joined, None, time_ms, next_ms)
        if incident is None:
            return _Telling(history, "opened", joined)
        more_severe = SEVERITIES.index(history.severity) > SEVERITIES.index(incident.severity)
        return _Telling(_raised(history, incident), "more severe" if more_severe else None, joined)
    again = [finding for change in changes if change.state == "updated" for finding in change.complete]
    news = [finding for change in changes if change.state == "updated" for finding in change.news]
    joined = [finding for change in changes if change.state == "opened" for finding in change.news]
    told, completing = _raised(before.told, incident), []
    if epoch_ms(observation.window.start) < told.settled_ms:
        updated = [finding for change in changes if change.state == "updated" for finding in change.findings]
        completing = known_of.news(updated)
        told = completed_history(told, completing)
    reason = reason_to_notify(told, news) or reason_to_remind(told, again, time_ms, rules.remind_after_ms)
    if reason == "far greater effect" and incident is not None:
        reason = None  # what explains it has notified; it notifies where it is more severe than that
    completes = epoch_ms(observation.window.end) <= told.settled_ms
    if reason is None and joined:
        reason = _reason_of_joined(before, told, joined, onset, completes=completes)
    if reason is not None:
        said = [*news, *joined] or again
        return _Telling(history_after(said, told, time_ms, next_ms, reason), reason, said)
    if completes or before.onset.meets(onset):
        completing = [*completing, *joined]
    return _Telling(completed_history(told, joined), None, completing)


def _reason_of_joined(
    before: ProblemState,
    told: NotificationHistory,
    joined: Sequence[FindingEvent],
    onset: Interval,
    *,
    completes: bool,
) -> NotifyReason | None:
    """Return why a signal that joins a problem notifies: rarely, as the problem is known.

    ``completes`` says whether its window is a part of the latest notification.
    """
    back = before.until_ms is not None and onset.from_ms >= before.until_ms
    is_known = columns_of(joined).issubset(told.columns)
    if back and not (is_known and all(finding.severity != "critical" for finding in joined)):
        return "reopened"
    return None if completes else reason_to_join(told, joined, began_together=before.onset.meets(onset))


def _raised(history: NotificationHistory, incident: ProblemStep | None) -> NotificationHistory:
    """Return a history that knows how severe the incident is, which has been notified."""
    if incident is None:
        return history
    return structs.replace(history, severity=worst((history.severity, incident.severity)))
