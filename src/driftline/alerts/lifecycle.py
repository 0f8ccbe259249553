"""The life of alerts, as a pure state machine: it opens, is updated, resolves, and is forgotten.

::

             a window with findings                 resolve_after clean windows
    (none) ────────────────────────> open, rev. 1 ──────────────────────────────> resolved ──30 days──> (tombstone)
                                      │        ▲
                                      └────────┘ a further window with findings: rev. + 1

There is one alert per model key, segment and cause at a time. Only windows of the size that opened it can resolve it: a
clean window of five minutes says little about a finding in a day. A window with findings of any size begins the count
of clean windows anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct, field, structs

from driftline.alerts.policy import cause_of, message_of, ranked, summary, title_of, worst
from driftline.events.alert import MAX_SUMMARIES, AlertEvent, Cause, alert_id
from driftline.events.cloudevents import epoch_ms, rfc3339
from driftline.events.evidence import ProfileReference, SourceOffsets, WindowSpan
from driftline.events.model_key import ModelKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from driftline.events.finding import FindingEvent

FORGET_AFTER_MS: Final = 30 * 86_400_000
"""Event time after its resolution at which an alert's record is deleted from the alerts topic."""


class Observation(Struct, frozen=True, kw_only=True):
    """A window that got a verdict: what alerts need to know of it, whether it had findings or not.

    Parameters
    ----------
    key : ModelKey
    segment : str
    window : WindowSpan
        ``size_ms`` tells windows of different sizes apart.
    time_ms : int
        Moment of event time of the verdict: the end of the window, or for performance when its revision was cut.
    profile : ProfileReference
    settings : str
    n, n_reference : int
    offsets : SourceOffsets
    flags : list of str
    """

    key: ModelKey
    segment: str
    window: WindowSpan
    time_ms: int
    profile: ProfileReference
    settings: str
    n: int
    n_reference: int
    offsets: SourceOffsets
    flags: list[str]


class CauseState(Struct, frozen=True):
    """The open alert of one cause, and how near it is to its resolution."""

    alert: AlertEvent
    size_ms: int
    """Size of the window that opened it."""
    n_clean: int
    """Clean windows of that size since the last finding."""


class AlertBook(Struct, frozen=True):
    """All alerts of one model key and segment, of one of the two sequences of windows; what is saved and restored.

    *State*: at most one open alert a cause (a few KB) and the id of each alert resolved in the last 30 days of event
    time.
    """

    open: dict[Cause, CauseState] = field(default_factory=dict)
    resolved: tuple[tuple[int, str], ...] = ()
    """(time of resolution in ms, alert id), the oldest first."""


class Resolution(Struct, frozen=True, kw_only=True):
    """When alerts resolve, as configured.

    Parameters
    ----------
    after : int, at least 1
        Clean windows in a row that resolve an alert.
    sizes : tuple of int, unit ms
        Sizes of the windows that give verdicts. An alert that was opened by a size no longer configured is resolved by
        windows of any size, or it would stay open for ever.
    """

    after: int
    sizes: tuple[int, ...]


class Step(Struct, frozen=True, kw_only=True):
    """What an observation leads to.

    Parameters
    ----------
    book : AlertBook
        The new state.
    alerts : tuple of AlertEvent
        Records to write: alerts that opened, changed or resolved.
    forgotten : tuple of str
        Ids of alerts whose record is to be deleted.
    """

    book: AlertBook
    alerts: tuple[AlertEvent, ...]
    forgotten: tuple[str, ...]


def advance(
    book: AlertBook,
    observation: Observation,
    findings: Sequence[FindingEvent],
    causes: Iterable[Cause],
    resolution: Resolution,
) -> Step:
    """Take in a window's verdict; the same book and verdict give the same step.

    Parameters
    ----------
    book : AlertBook
        The state before; it is not changed.
    observation : Observation
    findings : sequence of FindingEvent
        Of this window; those that open no alert are passed over.
    causes : iterable of Cause
        The causes that this window could have shown: an open alert of another cause is left alone.
    resolution : Resolution

    Returns
    -------
    Step
    """
    open_alerts = dict(book.open)
    resolved = [entry for entry in book.resolved if observation.time_ms < entry[0] + FORGET_AFTER_MS]
    forgotten = tuple(entry[1] for entry in book.resolved[: len(book.resolved) - len(resolved)])
    alerts: list[AlertEvent] = []
    for cause in causes:
        found = ranked(finding for finding in findings if cause_of(finding) == cause)
        state = open_alerts.get(cause)
        if found:
            alert = _opened(cause, observation, found) if state is None else _updated(state.alert, observation, found)
            size_ms = observation.window.size_ms if state is None else state.size_ms
            open_alerts[cause] = CauseState(alert, size_ms, 0)
            alerts.append(alert)
        elif state is not None and (
            state.size_ms == observation.window.size_ms or state.size_ms not in resolution.sizes
        ):
            if state.n_clean + 1 < resolution.after:
                open_alerts[cause] = CauseState(state.alert, state.size_ms, state.n_clean + 1)
                continue
            alert = _resolved(state, observation)
            del open_alerts[cause]
            resolved.append((observation.time_ms, alert.alert_id))
            alerts.append(alert)
    return Step(book=AlertBook(open_alerts, tuple(resolved)), alerts=tuple(alerts), forgotten=forgotten)


def _opened(cause: Cause, observation: Observation, found: Sequence[FindingEvent]) -> AlertEvent:
    moment = rfc3339(observation.time_ms)
    severity = worst(finding.severity for finding in found)
    return AlertEvent(
        model=observation.key.model,
        model_version=observation.key.version,
        segment=observation.segment,
        window=observation.window,
        profile=observation.profile,
        settings=observation.settings,
        n=observation.n,
        n_reference=observation.n_reference,
        offsets=observation.offsets,
        flags=observation.flags,
        alert_id=alert_id(observation.key, observation.segment, cause, observation.window.end),
        state="open",
        revision=1,
        severity=severity,
        cause=cause,
        title=title_of(cause, found),
        message=message_of(found),
        opened_at=moment,
        updated_at=moment,
        resolved_at=None,
        since=min((finding.since for finding in found), key=epoch_ms),
        findings=[summary(finding) for finding in found[:MAX_SUMMARIES]],
        n_findings=len(found),
    )


def _updated(alert: AlertEvent, observation: Observation, found: Sequence[FindingEvent]) -> AlertEvent:
    fresh = _opened(alert.cause, observation, found)
    return structs.replace(
        fresh,
        alert_id=alert.alert_id,
        revision=alert.revision + 1,
        severity=worst((alert.severity, fresh.severity)),
        opened_at=alert.opened_at,
        since=min(alert.since, fresh.since, key=epoch_ms),
    )


def _resolved(state: CauseState, observation: Observation) -> AlertEvent:
    alert = state.alert
    n_clean = state.n_clean + 1
    moment = rfc3339(observation.time_ms)
    windows = "1 clean window" if n_clean == 1 else f"{n_clean} clean windows in a row"
    return structs.replace(
        alert,
        window=observation.window,
        profile=observation.profile,
        settings=observation.settings,
        n=observation.n,
        n_reference=observation.n_reference,
        offsets=observation.offsets,
        flags=observation.flags,
        state="resolved",
        revision=alert.revision + 1,
        title=f"{alert.title} (resolved)",
        message=f"Resolved after {windows}. Last found: {alert.message}",
        updated_at=moment,
        resolved_at=moment,
    )
