"""The life cycle of alerts, as a pure state machine: an alert opens, is updated, resolves, and is forgotten.

::

             a window with findings                 resolve_after clean windows
    (none) ────────────────────────> open, rev. 1 ──────────────────────────────> resolved ──30 days──> (tombstone)
                                      │        ▲
                                      └────────┘ a further window with findings: rev. + 1

An alert opens when a check had findings in k of its last n windows (:mod:`driftline.alerts.unused_findings`). It
notifies again only for what it must not hide (:mod:`driftline.alerts.escalation`).

There is one alert per model key, segment and cause at a time. Only windows of the size that opened it can resolve it: a
clean window of five minutes says little about a finding in a day. Any window with findings, whatever its size, restarts
the count of clean windows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct, field, structs

from driftline.alerts.escalation import NotificationHistory, completed_history, history_after, reason_to_notify
from driftline.alerts.policy import cause_of, ranked
from driftline.alerts.records import Observation, opened_alert, resolved_alert, updated_alert
from driftline.alerts.unused_findings import OpeningRule, UnusedFindings, counts_windows, key_of
from driftline.events.alert import AlertEvent, Cause
from driftline.events.cloudevents import epoch_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from driftline.events.finding import FindingEvent

FORGET_AFTER_MS: Final = 30 * 86_400_000
"""Event time after its resolution at which an alert's record is deleted from the alerts topic."""


class CauseState(Struct, frozen=True):
    """The open alert of one cause, and how near it is to its resolution."""

    alert: AlertEvent
    size_ms: int
    """Size of the window that opened it."""
    n_clean: int
    """Clean windows of that size since the last finding."""
    told: NotificationHistory
    """Content of its notifications so far."""


class ModelAlerts(Struct, frozen=True):
    """All alerts of one model key and segment, from windows of predictions or from windows of labels.

    *State*: at most one open alert a cause (a few KB), the findings that no notification has used up (bounded, see
    :class:`~driftline.alerts.unused_findings.UnusedFindings`) and the id of each alert resolved in the last 30 days of
    event time.
    """

    open: dict[Cause, CauseState] = field(default_factory=dict)
    resolved: tuple[tuple[int, str], ...] = ()
    """(time of resolution in ms, alert id), the oldest first."""
    tally: UnusedFindings = UnusedFindings()
    """Findings that no notification has used up."""


class AlertRules(Struct, frozen=True, kw_only=True):
    """The configured rules by which alerts open, notify again and resolve."""

    resolve_after: int
    """Clean windows in a row that resolve an alert, at least 1."""
    sizes: tuple[int, ...]
    """Sizes in ms of the windows that are checked. Windows of any size resolve an alert that a detector opened, or a
    window of a size that is no longer configured; it would stay open for ever otherwise."""
    opening: OpeningRule = OpeningRule()
    remind_after_ms: int = 30 * 86_400_000
    """Time after the latest notification at which an alert that still has findings notifies again: the budget's
    horizon."""


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
) -> Step:
    """Apply one window's check result; the same state and result give the same step.

    Parameters
    ----------
    before : ModelAlerts
        The state before; it is not changed.
    observation : Observation
        A checked window, or a pane in which a detector that may notify found a change; a pane is never clean.
    findings : sequence of FindingEvent
        Findings of this window; those that open no alert are ignored.
    causes : iterable of Cause
        The causes that this window could have shown; open alerts of other causes stay as they are.
    """
    resolved = [entry for entry in before.resolved if observation.time_ms < entry[0] + FORGET_AFTER_MS]
    forgotten = tuple(entry[1] for entry in before.resolved[: len(before.resolved) - len(resolved)])
    is_window = observation.window.kind != "pane"
    unused = before.tally.counted(observation.window.size_ms) if is_window else before.tally
    states = dict(before.open)
    records: list[AlertEvent] = []
    for cause in causes:
        of_cause = ranked(finding for finding in findings if cause_of(finding) == cause)
        state = states.get(cause)
        if of_cause:
            after, unused = _with_findings(state, unused, cause, observation, of_cause, rules)
            if after is not None:
                states[cause] = after
                records.append(after.alert)
        elif state is not None and is_window and _can_resolve(state, observation, rules):
            if state.n_clean + 1 < rules.resolve_after:
                states[cause] = structs.replace(state, n_clean=state.n_clean + 1)
                continue
            alert = resolved_alert(state.alert, observation, state.n_clean + 1)
            del states[cause]
            unused = unused.forgotten(cause)
            resolved.append((observation.time_ms, alert.alert_id))
            records.append(alert)
    return Step(alerts=ModelAlerts(states, tuple(resolved), unused), records=tuple(records), forgotten=forgotten)


def _can_resolve(state: CauseState, observation: Observation, rules: AlertRules) -> bool:
    return state.size_ms == observation.window.size_ms or state.size_ms not in rules.sizes


def _with_findings(
    state: CauseState | None,
    unused: UnusedFindings,
    cause: Cause,
    observation: Observation,
    findings: Sequence[FindingEvent],
    rules: AlertRules,
) -> tuple[CauseState | None, UnusedFindings]:
    """Return the cause's alert and the unused findings after a window with findings; notifications use findings up."""
    size_ms = observation.window.size_ms
    keys = {key_of(finding, size_ms): finding for finding in findings if counts_windows(finding)}
    if keys:
        unused = unused.noted(size_ms, cause, keys, rules.opening)
    complete = [keys[key] for key in unused.complete(cause, keys, rules.opening)]
    complete += [finding for finding in findings if not counts_windows(finding)]
    spent = unused.spent(cause, [key_of(finding, size_ms) for finding in complete])
    is_window = observation.window.kind != "pane"
    settled_ms = epoch_ms(observation.window.end) + (size_ms if is_window else min(rules.sizes))
    if state is None:
        if not complete:
            return None, unused
        history = history_after(complete, None, observation.time_ms, settled_ms)
        return CauseState(opened_alert(cause, observation, findings, history), size_ms, 0, history), spent
    if epoch_ms(observation.window.start) < state.told.settled_ms:
        history = completed_history(state.told, findings)
        return CauseState(updated_alert(state.alert, observation, findings), state.size_ms, 0, history), spent
    reason = reason_to_notify(state.told, complete, observation.time_ms, rules.remind_after_ms)
    if reason is None:
        return CauseState(updated_alert(state.alert, observation, findings), state.size_ms, 0, state.told), unused
    history = history_after(complete, state.told, observation.time_ms, settled_ms, reason)
    alert = updated_alert(state.alert, observation, findings, reason, history)
    return CauseState(alert, state.size_ms, 0, history), spent
