"""The life of alerts, as a pure state machine: it opens, is updated, resolves, and is forgotten.

::

             a window with findings                 resolve_after clean windows
    (none) ────────────────────────> open, rev. 1 ──────────────────────────────> resolved ──30 days──> (tombstone)
                                      │        ▲
                                      └────────┘ a further window with findings: rev. + 1

It opens when a check came out in k of its last n windows (:mod:`driftline.alerts.unused_findings`), and pages
again only for what it must not hide (:mod:`driftline.alerts.escalation`).

There is one alert per model key, segment and cause at a time. Only windows of the size that opened it can resolve it: a
clean window of five minutes says little about a finding in a day. A window with findings of any size begins the count
of clean windows anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct, field, structs

from driftline.alerts.escalation import Told, reason_to_page, told_by, told_more
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
    told: Told
    """What its pages have said."""


class ModelAlerts(Struct, frozen=True):
    """All alerts of one model key and segment, of one of the two sequences of windows; what is saved and restored.

    *State*: at most one open alert a cause (a few KB), the findings that no page has used up (bounded by the windows
    that count, see :class:`~driftline.alerts.unused_findings.UnusedFindings`) and the id of each alert resolved in the
    last 30 days of event time.
    """

    open: dict[Cause, CauseState] = field(default_factory=dict)
    resolved: tuple[tuple[int, str], ...] = ()
    """(time of resolution in ms, alert id), the oldest first."""
    tally: UnusedFindings = UnusedFindings()
    """Findings that no page has used up."""


class AlertRules(Struct, frozen=True, kw_only=True):
    """When alerts open, page again and resolve, as configured.

    Parameters
    ----------
    resolve_after : int, at least 1
        Clean windows in a row that resolve an alert.
    sizes : tuple of int, unit ms
        Sizes of the windows that give verdicts. An alert that was opened by a size no longer configured is resolved by
        windows of any size, or it would stay open for ever; so is one that a detector opened.
    opening : OpeningRule
    remind_after_ms : int, unit ms
        Time after its latest page at which an alert that is still found pages again: the budget's horizon.
    """

    resolve_after: int
    sizes: tuple[int, ...]
    opening: OpeningRule = OpeningRule()
    remind_after_ms: int = 30 * 86_400_000


class Step(Struct, frozen=True, kw_only=True):
    """What an observation leads to.

    Parameters
    ----------
    book : ModelAlerts
        The new state.
    alerts : tuple of AlertEvent
        Records to write: alerts that opened, changed or resolved.
    forgotten : tuple of str
        Ids of alerts whose record is to be deleted.
    """

    book: ModelAlerts
    alerts: tuple[AlertEvent, ...]
    forgotten: tuple[str, ...]


def advance(
    book: ModelAlerts,
    observation: Observation,
    findings: Sequence[FindingEvent],
    causes: Iterable[Cause],
    rules: AlertRules,
) -> Step:
    """Take in a window's verdict; the same book and verdict give the same step.

    Parameters
    ----------
    book : ModelAlerts
        The state before; it is not changed.
    observation : Observation
        Of a window that got a verdict, or of a pane in which a detector that may page came out; a pane is never clean.
    findings : sequence of FindingEvent
        Of this window; those that open no alert are passed over.
    causes : iterable of Cause
        The causes that this window could have shown: an open alert of another cause is left alone.
    rules : AlertRules

    Returns
    -------
    Step
    """
    resolved = [entry for entry in book.resolved if observation.time_ms < entry[0] + FORGET_AFTER_MS]
    forgotten = tuple(entry[1] for entry in book.resolved[: len(book.resolved) - len(resolved)])
    is_window = observation.window.kind != "pane"
    tally = book.tally.counted(observation.window.size_ms) if is_window else book.tally
    states = dict(book.open)
    alerts: list[AlertEvent] = []
    for cause in causes:
        found = ranked(finding for finding in findings if cause_of(finding) == cause)
        state = states.get(cause)
        if found:
            after, tally = _found(state, tally, cause, observation, found, rules)
            if after is not None:
                states[cause] = after
                alerts.append(after.alert)
        elif state is not None and is_window and _can_resolve(state, observation, rules):
            if state.n_clean + 1 < rules.resolve_after:
                states[cause] = structs.replace(state, n_clean=state.n_clean + 1)
                continue
            alert = resolved_alert(state.alert, observation, state.n_clean + 1)
            del states[cause]
            tally = tally.forgotten(cause)
            resolved.append((observation.time_ms, alert.alert_id))
            alerts.append(alert)
    return Step(book=ModelAlerts(states, tuple(resolved), tally), alerts=tuple(alerts), forgotten=forgotten)


def _can_resolve(state: CauseState, observation: Observation, rules: AlertRules) -> bool:
    return state.size_ms == observation.window.size_ms or state.size_ms not in rules.sizes


def _found(
    state: CauseState | None,
    tally: UnusedFindings,
    cause: Cause,
    observation: Observation,
    found: Sequence[FindingEvent],
    rules: AlertRules,
) -> tuple[CauseState | None, UnusedFindings]:
    """Return the cause's alert and the tally after a window with findings; a page uses up the findings it takes."""
    size_ms = observation.window.size_ms
    keys = {key_of(finding, size_ms): finding for finding in found if counts_windows(finding)}
    if keys:
        tally = tally.noted(size_ms, cause, keys, rules.opening)
    complete = [keys[key] for key in tally.complete(cause, keys, rules.opening)]
    complete += [finding for finding in found if not counts_windows(finding)]
    used_up = [key_of(finding, size_ms) for finding in complete]
    is_window = observation.window.kind != "pane"
    settled_ms = epoch_ms(observation.window.end) + (size_ms if is_window else min(rules.sizes))
    if state is None:
        if not complete:
            return None, tally
        told = told_by(complete, None, observation.time_ms, settled_ms)
        alert = opened_alert(cause, observation, found, told)
        return CauseState(alert, size_ms, 0, told), tally.spent(cause, used_up)
    if epoch_ms(observation.window.start) < state.told.settled_ms:
        told = told_more(state.told, found)
        alert = updated_alert(state.alert, observation, found)
        return CauseState(alert, state.size_ms, 0, told), tally.spent(cause, used_up)
    reason = reason_to_page(state.told, complete, observation.time_ms, rules.remind_after_ms)
    if reason is None:
        return CauseState(updated_alert(state.alert, observation, found), state.size_ms, 0, state.told), tally
    told = told_by(complete, state.told, observation.time_ms, settled_ms, reason)
    alert = updated_alert(state.alert, observation, found, reason, told)
    return CauseState(alert, state.size_ms, 0, told), tally.spent(cause, used_up)
