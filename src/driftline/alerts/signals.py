"""When one cause opens, notifies and resolves, as a pure state machine; what becomes of it is the problems' business.

::

             a window with findings                 resolve_after clean windows
    (none) ────────────────────────> open ──────────────────────────────> (none)
                                    │        ▲
                                    └────────┘ a further window with findings

A signal opens when a check had findings in k of its last n windows (:mod:`driftline.alerts.unused_findings`). It
notifies again only for what it must not hide (:mod:`driftline.alerts.escalation`). The false-alarm budget bounds these
notifications; :mod:`driftline.alerts.problems` passes a part of them on.

There is one signal per model key, segment and cause at a time. Only windows of the size that opened it can resolve it:
a clean window of five minutes says little about a finding in a day. Any window with findings, whatever its size,
restarts the count of clean windows, and so does one of that size in which an effect is only a little below its gate
(:mod:`driftline.alerts.clean_windows`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from msgspec import Struct, field, structs

from driftline.alerts.approach import approaching, reached_back
from driftline.alerts.clean_windows import after_findings, after_window
from driftline.alerts.escalation import (
    NotificationHistory,
    completed_history,
    history_after,
    reason_to_notify,
    reason_to_remind,
)
from driftline.alerts.onsets import Interval, first_onset, has_own_onset
from driftline.alerts.policy import cause_of, check_key, is_beside, ranked
from driftline.alerts.unused_findings import OpeningRule, UnusedFindings, counts_windows, key_of
from driftline.events.alert import Cause  # msgspec reads it where a state is restored
from driftline.events.cloudevents import epoch_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from driftline.alerts.already_told import AlreadyTold
    from driftline.alerts.observation import Observation
    from driftline.events.finding import FindingEvent


class SignalState(Struct, frozen=True):
    """The open signal of one cause, and how near it is to its resolution."""

    size_ms: int
    """Size of the window that opened it."""
    told: NotificationHistory
    """Content of its notifications so far."""
    clean: dict[str, int] = field(default_factory=dict)
    """Clean windows of that size in a row, by check that keeps it open: at most all of the model's."""
    began_ms: int = 0
    """When what opened it began, at the earliest: windows that ended before say nothing of it."""


class Signals(Struct, frozen=True):
    """All signals of one model key and segment, from windows of predictions or from windows of labels.

    *State*: at most one open signal a cause, and the findings that no notification has used up (bounded, see
    :class:`~driftline.alerts.unused_findings.UnusedFindings`), and one time for each column and size of window that is
    near what matters.
    """

    open: dict[Cause, SignalState] = field(default_factory=dict)
    tally: UnusedFindings = UnusedFindings()
    """Findings that no notification has used up."""
    near: dict[str, int] = field(default_factory=dict)
    """Since when checks of columns have been near what matters (:mod:`driftline.alerts.approach`)."""


class AlertRules(Struct, frozen=True, kw_only=True):
    """The configured rules by which alerts open, notify again and resolve."""

    resolve_after: int
    """Clean windows in a row after which a check is over, at least 1."""
    sizes: tuple[int, ...]
    """Sizes in ms of the windows that are checked. Windows of any size resolve a signal that a detector opened, or a
    window of a size that is no longer configured; it would stay open for ever otherwise."""
    opening: OpeningRule = OpeningRule()
    reach_back_ms: int = 0
    """How far behind the newest window one may be that is looked at only now, as labels of it have come."""
    remind_after_ms: int = 30 * 86_400_000
    """Time after the latest notification at which an alert that still has findings notifies again: the budget's
    horizon."""


class SignalChange(NamedTuple):
    """What one observation did to the signal of one cause."""

    cause: Cause
    state: Literal["opened", "updated", "resolved"]
    findings: Sequence[FindingEvent] = ()
    """Findings of the cause, ranked; empty at the resolution."""
    beside: Sequence[FindingEvent] = ()
    """Findings of the same kind that open nothing, ranked."""
    complete: Sequence[FindingEvent] = ()
    """Findings that the signal's notification used up; empty where it does not notify."""
    news: Sequence[FindingEvent] = ()
    """Those of them that no alert has told (:mod:`driftline.alerts.already_told`)."""
    completing: Sequence[FindingEvent] = ()
    """Findings that complete the signal's latest notification."""
    n_clean: int = 0
    """Clean windows that resolved it."""
    onset: Interval | None = None
    """When it opened: the first of the windows whose findings opened it, or what a detector says."""


def advance_signals(
    before: Signals,
    observation: Observation,
    findings: Sequence[FindingEvent],
    causes: Iterable[Cause],
    rules: AlertRules,
    told: AlreadyTold,
) -> tuple[Signals, list[SignalChange]]:
    """Return the signals after one window's check result, and what changed; see :func:`~driftline.alerts.advance`.

    ``told`` is what alerts have notified; what this observation notifies of faults of columns is added to it before
    their drift is looked at.
    """
    is_window = observation.window.kind != "pane"
    unused = before.tally.counted(observation.window.size_ms) if is_window else before.tally
    near = approaching(before.near, observation, findings) if is_window else before.near
    states = dict(before.open)
    changes: dict[Cause, SignalChange] = {}
    in_order = [*causes]
    for cause in sorted(in_order, key=lambda each: each != "data quality"):
        of_cause = ranked(finding for finding in findings if cause_of(finding) == cause)
        state = states.get(cause)
        if of_cause:
            after, unused, change = _with_findings(state, unused, cause, observation, of_cause, rules, told)
            if change is not None and change.onset is not None:
                onset = reached_back(change.onset, change.complete, near, observation.window.size_ms)
                change = change._replace(onset=onset)
            if after is not None and change is not None:
                states[cause] = after
                changes[cause] = change._replace(beside=ranked(each for each in findings if is_beside(each, cause)))
                told.add((*change.news, *change.completing))
        elif state is not None and _can_resolve(state, observation, rules):
            clean = after_window(state.clean, (), observation.lingering, rules.resolve_after)
            if clean:
                states[cause] = structs.replace(state, clean=clean)
                continue
            del states[cause]
            unused = unused.forgotten(cause)
            changes[cause] = SignalChange(cause, "resolved", n_clean=rules.resolve_after)
    return Signals(states, unused, near), [changes[cause] for cause in in_order if cause in changes]


def settled_ms(observation: Observation, rules: AlertRules) -> int:
    """Return the start of the first window that may notify again after a notification of this observation."""
    size_ms = observation.window.size_ms if observation.window.kind != "pane" else min(rules.sizes, default=0)
    return epoch_ms(observation.window.end) + size_ms


def _can_resolve(state: SignalState, observation: Observation, rules: AlertRules) -> bool:
    size_ms, is_window = observation.window.size_ms, observation.window.kind != "pane"
    later = epoch_ms(observation.window.end) > state.began_ms
    return is_window and later and (state.size_ms == size_ms or state.size_ms not in rules.sizes)


def _clean_after(
    state: SignalState, observation: Observation, findings: Sequence[FindingEvent], rules: AlertRules
) -> dict[str, int]:
    """Return the clean windows in a row of an open signal's checks, after an observation with findings."""
    found = [check_key(finding.check, finding.role, finding.column) for finding in findings]
    if _can_resolve(state, observation, rules):
        return after_window(state.clean, found, observation.lingering, rules.resolve_after)
    return after_findings(state.clean, found)


def _with_findings(
    state: SignalState | None,
    unused: UnusedFindings,
    cause: Cause,
    observation: Observation,
    findings: Sequence[FindingEvent],
    rules: AlertRules,
    told: AlreadyTold,
) -> tuple[SignalState | None, UnusedFindings, SignalChange | None]:
    """Return the cause's signal, the unused findings and what changed; notifications use findings up."""
    size_ms = observation.window.size_ms
    keys = {key_of(finding, size_ms): finding for finding in findings if counts_windows(finding)}
    if keys:
        span_ms = (epoch_ms(observation.window.start), epoch_ms(observation.window.end))
        unused = unused.noted(size_ms, cause, keys, rules.opening, span_ms)
    complete = [keys[key] for key in unused.complete(cause, keys, rules.opening)]
    complete += [finding for finding in findings if not counts_windows(finding)]
    spent = unused.spent(cause, [key_of(finding, size_ms) for finding in complete])
    next_ms, news = settled_ms(observation, rules), told.news(complete)
    if state is None:
        if not complete:
            return None, unused, None
        history = history_after(news, None, observation.time_ms, next_ms)
        first = unused.onset(cause, [key_of(finding, size_ms) for finding in complete])
        own = [finding for finding in complete if has_own_onset(finding)]
        onset = first_onset(own or findings) if own or first is None else Interval(*first)
        opened = SignalChange(cause, "opened", findings, complete=complete, news=news, onset=onset)
        opening = SignalState(size_ms, history, began_ms=onset.from_ms)
        return structs.replace(opening, clean=_clean_after(opening, observation, findings, rules)), spent, opened
    updated = SignalChange(cause, "updated", findings)
    state = structs.replace(state, clean=_clean_after(state, observation, findings, rules))
    if epoch_ms(observation.window.start) < state.told.settled_ms:
        completing = told.news(findings)
        history = completed_history(state.told, completing)
        return structs.replace(state, told=history), spent, updated._replace(completing=completing)
    reason = reason_to_notify(state.told, news) or reason_to_remind(
        state.told, complete, observation.time_ms, rules.remind_after_ms
    )
    if reason is None:
        return state, unused, updated
    history = history_after(news or complete, state.told, observation.time_ms, next_ms, reason)
    return structs.replace(state, told=history), spent, updated._replace(complete=complete, news=news)
