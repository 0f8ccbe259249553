"""Alert events: what a person or a program acts on, each record the whole latest state of one alert."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from driftline.events.cloudevents import ALERT
from driftline.events.evidence import Count, Event, EventRole, Severity, Share, Time
from driftline.events.ids import event_id

if TYPE_CHECKING:
    from driftline.events.model_key import ModelKey

Cause = Literal["data drift", "prediction drift", "data quality", "performance", "duplicates", "labels"]
NotifyReason = Literal["opened", "more severe", "far greater effect", "new column", "still open", "confirmed"]
MAX_SUMMARIES = 10
"""Findings of one alert that are shown."""


class FindingSummary(Struct, frozen=True, kw_only=True):
    """A finding, in short; the finding event with this id has the evidence."""

    finding_id: str
    check: str
    column: str | None
    role: EventRole | None
    severity: Severity
    effect: str
    """Name of the effect."""
    value: float
    """Its size, corrected."""
    gate: float
    """The smallest size that matters."""
    p_value: Share | None
    importance: float
    message: str


class AlertEvent(Event, frozen=True, kw_only=True):
    """The whole latest state of one alert; a record with a higher revision replaces it.

    Window, counts, offsets and profile are those of the window that brought the alert into this state.
    """

    TYPE: ClassVar[str] = ALERT

    alert_id: str
    """The record's key, the same for the alert's whole life."""
    notify: bool
    """Whether this revision is a page: the opening, or what an open alert must not hide. The false-alarm budget counts
    these. Others tell how the alert goes on."""
    notification: Annotated[int, Meta(ge=1)]
    """Pages so far: 1 at the opening, one more with each later revision that is one."""
    notified_for: NotifyReason
    """Why the latest page was sent: it ``opened``; it became critical (``more severe``); an effect came out 2.5 times
    the greatest paged before (``far greater effect``), or a critical one, greater than all paged before, in a column
    that the alert had not named (``new column``); it was found again a budget's horizon after the latest page (``still
    open``); a test within the budget came out after fixed thresholds alone had paged (``confirmed``)."""
    in_budget: bool
    """Whether the false-alarm budget bounds the latest page: not where only fixed thresholds came out."""
    state: Literal["open", "resolved"]
    """A resolved alert never opens again: what comes back is a new one."""
    revision: Annotated[int, Meta(ge=1)]
    """From 1, one more with each change."""
    severity: Severity
    """The greatest since it opened."""
    cause: Cause
    """What went wrong: features, predictions and scores, absent values, or accuracy."""
    title: str
    """A short line for people, to stand beside the model; its wording may change."""
    message: str
    """What was found, with numbers, for people; its wording may change."""
    opened_at: Time
    """Moment of event time at which it opened: the end of the window, for performance when its revision was cut."""
    updated_at: Time
    """The same of this revision."""
    resolved_at: Time | None
    """The same of its resolution; null while it is open."""
    since: Time
    """Since when it has been so, as far as the findings tell."""
    findings: list[FindingSummary]
    """Of the latest window that had any: the most important first, at most 10."""
    n_findings: Count
    """How many that window had."""

    @property
    def about(self) -> tuple[str | int, ...]:
        """What the event is about, beside its type, model and segment."""
        return (self.alert_id, self.revision)

    @property
    def ce_time(self) -> str:
        """CloudEvents time: when this revision came about, in event time."""
        return self.updated_at


def alert_id(key: ModelKey, segment: str, cause: Cause, window_end: str) -> str:
    """Return the id of the alert that a window opened."""
    return event_id(ALERT, key, segment, (cause, window_end))
