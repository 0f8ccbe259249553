"""Alert events: each record is the whole latest state of one alert, for people and programs to act on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from driftline.events.cloudevents import ALERT
from driftline.events.evidence import Count, Event, EventRole, Severity, Share, Time
from driftline.events.ids import event_id

if TYPE_CHECKING:
    from driftline.events.model_key import ModelKey

Cause = Literal[
    "data drift",
    "prediction drift",
    "data quality",
    "performance",
    "duplicates",
    "labels",
    "intake",
    "operations",
    "silence",
]
NotifyReason = Literal["opened", "more severe", "far greater effect", "new column", "still open", "confirmed"]
MAX_SUMMARIES = 10
"""Maximum number of findings shown in one alert."""


class FindingSummary(Struct, frozen=True, kw_only=True):
    """Summary of a finding; the finding event with this id has the evidence."""

    finding_id: str
    check: str
    column: str | None
    role: EventRole | None
    severity: Severity
    effect: str
    """Name of the effect."""
    value: float
    """Corrected size of the effect."""
    gate: float
    """Threshold for practical significance."""
    p_value: Share | None
    importance: float
    message: str


class AlertEvent(Event, frozen=True, kw_only=True):
    """The whole latest state of one alert; a record with a higher revision replaces it.

    Window, counts, offsets and profile are those of the window that caused this state.
    """

    TYPE: ClassVar[str] = ALERT

    alert_id: str
    """The record's key; it never changes during the alert's life."""
    notify: bool
    """Whether this revision is a notification: the alert opened, or it would otherwise hide a worse problem. The
    false-alarm budget counts notifications. Other revisions update the alert."""
    notification: Annotated[int, Meta(ge=1)]
    """Number of notifications so far: 1 at the opening, one more with each later revision that notifies."""
    notified_for: NotifyReason
    """Reason of the latest notification. ``opened``: the alert opened. ``more severe``: it became critical. ``far
    greater effect``: an effect was at least 2.5 times the largest notified before. ``new column``: a column that had
    not been notified had a critical effect, larger than all notified before. ``still open``: findings continued a
    budget's horizon after the latest notification. ``confirmed``: a test within the budget had a finding after only
    fixed thresholds had notified."""
    in_budget: bool
    """Whether the false-alarm budget bounds the latest notification; false if only fixed thresholds caused it."""
    state: Literal["open", "resolved"]
    """A resolved alert never opens again; a recurrence is a new alert."""
    revision: Annotated[int, Meta(ge=1)]
    """Counts the changes, from 1."""
    severity: Severity
    """The highest severity since the alert opened."""
    cause: Cause
    """The kind of problem: drift of features, drift of predictions and scores, data quality, performance, repeated ids,
    labels, intake: most of an input topic cannot be used, operations: the model fails or is slow, or silence: it makes
    no predictions."""
    title: str
    """A short line for people, to show beside the model; its wording may change."""
    message: str
    """The findings with numbers, for people; its wording may change."""
    opened_at: Time
    """Event time of the opening: the end of the window; for performance, the time of the revision."""
    updated_at: Time
    """Event time of this revision."""
    resolved_at: Time | None
    """Event time of the resolution; null while the alert is open."""
    since: Time
    """Start of the problem according to the findings."""
    findings: list[FindingSummary]
    """Findings of the latest window that had any, the most important first, at most 10."""
    n_findings: Count
    """Number of findings of that window."""

    @property
    def about(self) -> tuple[str | int, ...]:
        """Identity of the event, beside its type, model and segment."""
        return (self.alert_id, self.revision)

    @property
    def ce_time(self) -> str:
        """CloudEvents time: the event time of this revision."""
        return self.updated_at


def alert_id(key: ModelKey, segment: str, cause: Cause, window_end: str) -> str:
    """Return the id of the alert that a window opened."""
    return event_id(ALERT, key, segment, (cause, window_end))
