"""The records of an alert on the alerts topic: when it opens, changes and resolves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import structs

from driftline.alerts.policy import message_of, summary, title_of, worst
from driftline.events.alert import MAX_SUMMARIES, AlertEvent, Cause, NotifyReason, alert_id
from driftline.events.cloudevents import epoch_ms, rfc3339
from driftline.events.evidence import Event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.alerts.escalation import NotificationHistory
    from driftline.events.evidence import WindowSpan
    from driftline.events.finding import FindingEvent


class Observation(NamedTuple):
    """A checked window, with or without findings."""

    event: Event
    """An event of the window; its alerts take over the fields that all events have."""
    time_ms: int
    """Event time of the check: the end of the window, or for performance the time of the revision."""

    @property
    def window(self) -> WindowSpan:
        """The span of event time; ``size_ms`` distinguishes windows of different sizes."""
        return self.event.window


def _of_window(observation: Observation) -> dict[str, Any]:
    """Return the fields of an alert that identify the window that brought it into its state."""
    return {name: getattr(observation.event, name) for name in Event.__struct_fields__}


def opened_alert(
    cause: Cause, observation: Observation, findings: Sequence[FindingEvent], history: NotificationHistory
) -> AlertEvent:
    """Return the first record of an alert; ``findings`` is ranked and not empty."""
    moment = rfc3339(observation.time_ms)
    return AlertEvent(
        **_of_window(observation),
        alert_id=alert_id(observation.event.key, observation.event.segment, cause, observation.window.end),
        state="open",
        revision=1,
        notify=True,
        notification=1,
        notified_for="opened",
        in_budget=history.in_budget,
        severity=worst(finding.severity for finding in findings),
        cause=cause,
        title=title_of(cause, findings),
        message=message_of(findings),
        opened_at=moment,
        updated_at=moment,
        resolved_at=None,
        since=min((finding.since for finding in findings), key=epoch_ms),
        findings=[summary(finding) for finding in findings[:MAX_SUMMARIES]],
        n_findings=len(findings),
    )


def updated_alert(
    alert: AlertEvent,
    observation: Observation,
    findings: Sequence[FindingEvent],
    reason: NotifyReason | None = None,
    history: NotificationHistory | None = None,
) -> AlertEvent:
    """Return the next record of an open alert; with a ``reason`` it notifies, and ``history`` includes that."""
    notifies = reason is not None and history is not None
    moment = rfc3339(observation.time_ms)
    return structs.replace(
        alert,
        **_of_window(observation),
        revision=alert.revision + 1,
        notify=notifies,
        notification=alert.notification + notifies,
        notified_for=reason if reason is not None else alert.notified_for,
        in_budget=history.in_budget if history is not None else alert.in_budget,
        severity=worst((alert.severity, *(finding.severity for finding in findings))),
        title=title_of(alert.cause, findings),
        message=message_of(findings),
        updated_at=moment,
        since=min((alert.since, *(finding.since for finding in findings)), key=epoch_ms),
        findings=[summary(finding) for finding in findings[:MAX_SUMMARIES]],
        n_findings=len(findings),
    )


def resolved_alert(alert: AlertEvent, observation: Observation, n_clean: int) -> AlertEvent:
    """Return the last record of an alert, after so many clean windows."""
    moment = rfc3339(observation.time_ms)
    windows = "1 clean window" if n_clean == 1 else f"{n_clean} clean windows in a row"
    return structs.replace(
        alert,
        **_of_window(observation),
        state="resolved",
        revision=alert.revision + 1,
        notify=False,
        title=f"{alert.title} (resolved)",
        message=f"Resolved after {windows}. Last found: {alert.message}",
        updated_at=moment,
        resolved_at=moment,
    )
