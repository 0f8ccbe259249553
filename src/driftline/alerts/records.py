"""The records of an alert on the alerts topic: when it opens, changes and resolves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import UNSET, structs

from driftline.alerts.onsets import Interval
from driftline.alerts.policy import message_of, worst
from driftline.alerts.roots import kind_of
from driftline.alerts.sentences import sentence_of, title_of
from driftline.alerts.told_beside import beside_words
from driftline.events.alert import MAX_SUMMARIES, AlertEvent, Cause, NotifyReason, alert_id
from driftline.events.cloudevents import rfc3339
from driftline.events.evidence import Event

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftline.alerts.directives import Muting
    from driftline.alerts.escalation import NotificationHistory
    from driftline.alerts.observation import Observation
    from driftline.alerts.shown import CauseFindings, ShownFinding
    from driftline.events.alert import AlertEvidence, Beside
    from driftline.events.evidence import Severity


class Content(NamedTuple):
    """What a problem is at a moment."""

    root: ShownFinding
    found: Mapping[Cause, CauseFindings]
    onset: Interval
    severity: Severity
    """Of all findings of this observation."""
    incident: str | None
    """Id of the alert that it follows from; None where it follows from none."""
    evidence: AlertEvidence
    """Of all its findings so far."""
    new_version: str | None = None
    """Version of the model whose first predictions are of the time of the onset; None where it predicted before."""
    beside: Sequence[Beside] = ()
    """What happened near its onset."""


def opened_alert(
    observation: Observation, content: Content, history: NotificationHistory, reason: NotifyReason | None
) -> AlertEvent:
    """Return the first record of an alert; without a reason it notifies nobody."""
    moment, event = rfc3339(observation.time_ms), observation.event
    own = alert_id(event.key, event.segment, content.root.cause, observation.window.end)
    return AlertEvent(
        **_of_window(observation),
        **_of_content(content, own),
        alert_id=own,
        state="open",
        revision=1,
        notify=reason is not None,
        notification=int(reason is not None),
        notified_for=reason or "none",
        in_budget=history.in_budget,
        severity=content.severity,
        opened_at=moment,
        updated_at=moment,
        resolved_at=None,
    )


def updated_alert(
    alert: AlertEvent,
    observation: Observation,
    content: Content,
    history: NotificationHistory,
    reason: NotifyReason | None,
) -> AlertEvent:
    """Return the next record of an alert, which is open with it; with a ``reason`` it notifies."""
    return structs.replace(
        alert,
        **_of_window(observation),
        **_of_content(content, alert.alert_id),
        state="open",
        revision=alert.revision + 1,
        notify=reason is not None,
        notification=alert.notification + (reason is not None),
        notified_for=reason or alert.notified_for,
        in_budget=history.in_budget if reason is not None else alert.in_budget,
        severity=worst((alert.severity, content.severity)),
        updated_at=rfc3339(observation.time_ms),
        resolved_at=None,
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
        sentence=f"Over at {moment[:10]} {moment[11:16]} (UTC), after {windows}. Before: {alert.sentence}",
        message=f"Resolved after {windows}. Last found: {alert.message}",
        updated_at=moment,
        resolved_at=moment,
    )


def mute_fields(muting: Muting | None) -> dict[str, Any]:
    """Return the fields of an alert that say whether it is muted."""
    if muting is None:
        return {"muted_until": UNSET, "muted_by": UNSET}
    return {"muted_until": rfc3339(muting.until_ms), "muted_by": muting.by}


def _of_window(observation: Observation) -> dict[str, Any]:
    """Return the fields of an alert that identify the window that brought it into its state."""
    return {name: getattr(observation.event, name) for name in Event.__struct_fields__}


def _of_content(content: Content, own_id: str) -> dict[str, Any]:
    """Return the fields of an alert that say what the problem is."""
    root, onset = content.root, content.onset.public
    begun = content.onset if root.begun is None else Interval(*root.begun)
    every = sorted(
        (each for of_cause in content.found.values() for each in of_cause.shown),
        key=lambda each: (each.about != root.about, each.order),
    )
    others = [each for each in every if each.about != root.about]
    columns = _columns_beside(root, content.found)
    causes = sorted(content.found, key=lambda cause: min(each.order for each in content.found[cause].shown))
    summaries = [each.summary for each in every[:MAX_SUMMARIES]]
    n_findings = sum(of_cause.n for of_cause in content.found.values())
    return {
        "incident": content.incident or own_id,
        "root": root.root,
        "kind": kind_of(root.root, explained=content.incident is not None),
        "cause": root.cause,
        "causes": [root.cause, *(cause for cause in causes if cause != root.cause)],
        "title": title_of(root, columns, _alike(root, content.found)),
        "sentence": sentence_of(
            root,
            others,
            columns,
            begun,
            content.incident,
            content.new_version,
            beside_words(content.beside, content.onset),
        ),
        "beside": [*content.beside] or UNSET,
        "message": message_of(summaries, n_findings),
        "since": onset.from_,
        "onset": onset,
        "findings": summaries,
        "n_findings": n_findings,
        "origins": UNSET if root.origins is None else [*root.origins],
        "evidence": content.evidence,
    }


def _alike(root: ShownFinding, found: Mapping[Cause, CauseFindings]) -> tuple[str, ...]:
    """Return the columns whose findings say the same as the root."""
    return found[root.cause].by_root.get(root.root, ()) if root.cause in found else ()


def _columns_beside(root: ShownFinding, found: Mapping[Cause, CauseFindings]) -> list[str]:
    """Return the further columns of the root's side: features beside features, what the model says beside that."""
    of_model = root.cause == "prediction drift"
    names = (
        name
        for cause, of_cause in found.items()
        if (cause == "prediction drift") == of_model
        for name in of_cause.columns
    )
    return [name for name in dict.fromkeys(names) if name not in root.columns]
