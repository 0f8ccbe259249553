"""When an open alert notifies again: for what one notification must not hide.

One problem makes one notification, but an alert can stay open for long, for example where the season has moved away
from the reference, and something much worse must not pass as its 28th revision. Each further notification uses up k
findings of one check, as the opening does (:mod:`driftline.alerts.unused_findings`), so the false-alarm budget bounds
all of them together.

Effects are measured in multiples of the smallest effect that matters, so that columns and checks compare.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct, structs

from driftline.events.evidence import Severity  # msgspec reads it where a state is restored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.events.alert import NotifyReason
    from driftline.events.finding import FindingEvent

ESCALATION_FACTOR: Final = 2.5
"""An effect this many times the greatest one notified before notifies again, in whatever column."""


class NotificationHistory(Struct, frozen=True, kw_only=True):
    """The content of an open alert's notifications so far."""

    severity: Severity
    """The greatest so far."""
    peak: float
    """The greatest effect, in multiples of the smallest that matters."""
    columns: tuple[str, ...]
    """Columns that a notification was about, sorted; at most all of the model's."""
    at_ms: int
    """Event time of the latest notification."""
    settled_ms: int
    """Windows that start before this time complete the latest notification and do not notify again. The window in which
    a change began holds only a part of it; the next window holds all of it."""
    in_budget: bool
    """Whether the budget covers the latest notification."""


def multiple_of(finding: FindingEvent) -> float:
    """Return a finding's effect in multiples of the smallest that matters; 1 where it has none or the gate is 0."""
    effect = finding.effect
    return 1.0 if effect is None or effect.gate <= 0 else effect.corrected / effect.gate


def in_budget(finding: FindingEvent) -> bool:
    """Whether the false-alarm budget bounds a finding."""
    return finding.level is None or finding.level.in_budget


def columns_of(findings: Sequence[FindingEvent]) -> set[str]:
    """Return the columns of findings, as :class:`NotificationHistory` names them."""
    return {f"{finding.role or ''}/{finding.column or ''}" for finding in findings}


def history_after(
    findings: Sequence[FindingEvent],
    before: NotificationHistory | None,
    time_ms: int,
    settled_ms: int,
    reason: NotifyReason = "opened",
) -> NotificationHistory:
    """Return the history after a notification.

    Parameters
    ----------
    findings : sequence of FindingEvent
        Content of the notification; empty where a signal opens with what another alert has told.
    before : NotificationHistory or None
        None at the opening.
    time_ms, settled_ms : int, unit ms
        Event time of the notification, and start of the first window that may notify again.
    reason : NotifyReason
        After ``still open`` later effects are measured by this notification alone: an extreme that is long past must
        not hide what comes.
    """
    columns = () if before is None else before.columns
    peak = max((multiple_of(finding) for finding in findings), default=0.0)
    return NotificationHistory(
        severity=_worst("warning" if before is None else before.severity, findings),
        peak=peak if before is None or reason == "still open" else max(peak, before.peak),
        columns=tuple(sorted(columns_of(findings).union(columns))),
        at_ms=time_ms,
        settled_ms=settled_ms,
        in_budget=not findings or any(in_budget(finding) for finding in findings),
    )


def completed_history(history: NotificationHistory, findings: Sequence[FindingEvent]) -> NotificationHistory:
    """Return the history with the findings of a window that completes the latest notification; there may be none."""
    return structs.replace(
        history,
        severity=_worst(history.severity, findings),
        peak=max([history.peak, *(multiple_of(finding) for finding in findings)]),
        columns=tuple(sorted(columns_of(findings).union(history.columns))),
    )


def reason_to_notify(history: NotificationHistory, news: Sequence[FindingEvent]) -> NotifyReason | None:
    """Return why an open alert notifies again for what is found; None where it does not.

    ``news`` are unused findings of checks that had findings in k of their last n windows, and of which no other
    notification has told (:mod:`driftline.alerts.already_told`).

    Notes
    -----
    A notification raises the greatest effect by a factor, makes the alert critical (once), or names a column for the
    first time with the greatest effect so far. So an effect that creeps from the gate to a hundred times the gate makes
    five notifications at most.
    """
    if not news:
        return None
    peak = max(multiple_of(finding) for finding in news)
    if not history.in_budget and any(in_budget(finding) for finding in news):
        return "confirmed"
    if peak >= ESCALATION_FACTOR * history.peak:
        return "far greater effect"
    if history.severity != "critical" and any(_is_worse(finding, history) for finding in news):
        return "more severe"
    fresh = (finding for finding in news if not columns_of([finding]).issubset(history.columns))
    worse = any(finding.severity == "critical" and multiple_of(finding) > history.peak for finding in fresh)
    return "new column" if worse else None


def reason_to_remind(
    history: NotificationHistory, complete: Sequence[FindingEvent], time_ms: int, remind_after_ms: int
) -> NotifyReason | None:
    """Return why an alert notifies that is merely still open; None where it does not.

    ``complete`` are unused findings, whoever has told them; ``time_ms`` is the event time of the window, and
    ``remind_after_ms`` the time after the latest notification at which an alert that still has findings notifies again.
    """
    return "still open" if complete and time_ms - history.at_ms >= remind_after_ms else None


def _is_worse(finding: FindingEvent, history: NotificationHistory) -> bool:
    """Whether a finding is critical, and not only now certain to be as large as was told.

    The severity of performance goes by what is certain of its effect, which grows with the labels.
    """
    only_surer = finding.family == "performance" and history.peak >= ESCALATION_FACTOR
    return finding.severity == "critical" and not only_surer


def reason_to_join(
    history: NotificationHistory, news: Sequence[FindingEvent], *, began_together: bool
) -> NotifyReason | None:
    """Return why a problem notifies when a further cause joins it; None where it does not, as where there is no news.

    What began together is one event, and its first notification says so; only that it is more severe than was known,
    or that a test confirms what fixed thresholds had found, is news. What followed later must not be hidden where it is
    far greater.
    """
    if not history.in_budget and any(in_budget(finding) for finding in news):
        return "confirmed"
    if history.severity != "critical" and any(finding.severity == "critical" for finding in news):
        return "more severe"
    peak = max((multiple_of(finding) for finding in news), default=0.0)
    return "far greater effect" if not began_together and peak >= ESCALATION_FACTOR * history.peak else None


def _worst(severity: Severity, findings: Sequence[FindingEvent]) -> Severity:
    return "critical" if any(finding.severity == "critical" for finding in findings) else severity
