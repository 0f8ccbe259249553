"""Alert events: each record is the whole latest state of one alert, for people and programs to act on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from driftline.events.cloudevents import ALERT
from driftline.events.evidence import Count, Event, EventRole, Severity, Share, Time
from driftline.events.ids import event_id
from driftline.events.origin import Origin  # noqa: TC001  # msgspec reads it where the schema is made

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
NotifyReason = Literal[
    "opened",
    "more severe",
    "far greater effect",
    "new column",
    "still open",
    "confirmed",
    "reopened",
    "mute over",
    "none",
]
Root = Literal[
    "silence",
    "failure",
    "schema change",
    "missing values",
    "frozen values",
    "wrong type",
    "unit change",
    "new category",
    "changed mix",
    "feature shift",
    "prediction shift",
    "repeated ids",
    "volume",
    "slow predictions",
    "resource use",
    "changed relation",
    "late labels",
    "performance",
]
ProblemKind = Literal[
    "silence",
    "operations",
    "data quality",
    "data drift",
    "prior shift",
    "concept drift",
    "performance",
]
BesideKind = Literal["deploy", "rollback", "rebaseline", "maintenance", "note", "configuration"]
NoEvidence = Literal["fixed threshold", "configured limit", "no model"]
MAX_SUMMARIES = 10
"""Maximum number of findings shown in one alert."""


class Onset(Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """The interval of event time in which a change began."""

    from_: Time
    to: Time


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


class Acknowledged(Struct, frozen=True, kw_only=True):
    """Somebody takes care of the alert."""

    by: str
    """Who said so."""
    at: Time
    """Event time from which it holds."""
    comment: str | None
    useful: bool | None
    """Whether the notification was worth it, where that was said."""


class AlertNote(Struct, frozen=True, kw_only=True):
    """What somebody noted on the alert."""

    by: str
    at: Time
    text: str


class Beside(Struct, frozen=True, kw_only=True):
    """Something that happened to the model near the onset, as people and tools have said on the control topic."""

    kind: BesideKind
    """``configuration``: driftline's own settings of the model were changed."""
    at: Time
    """Event time at which it happened."""
    by: str
    """Who said it; empty for ``configuration``."""
    model_version: str | None
    """Version that it is about; null if it concerns all."""
    text: str
    """Comment, name or note; empty if there is none. The hash of the settings for ``configuration``."""


class MonthlyEvidence(Struct, frozen=True, kw_only=True):
    """The e-value of an alert in one calendar month."""

    month: Annotated[str, Meta(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
    """In UTC, by the start of the windows and panes whose findings count."""
    e_value: Annotated[float, Meta(ge=0)]
    """Sum of the e-values of its findings; at most 1e300. Those of all false alerts of a model in a month add up to at
    most its false-alarm budget for the month, in expectation."""


class AlertEvidence(Struct, frozen=True, kw_only=True):
    """What speaks against chance, in a unit that the alerts of all models share ([fleet](fleet.md))."""

    months: list[MonthlyEvidence]
    """The latest two months in which tests or e-detectors had findings, in their order; empty if none had."""
    without: list[NoEvidence]
    """Why findings of the alert have no e-value; empty if all have one. ``fixed threshold``: of
    ``checks.thresholds``. ``configured limit``: noticed from a limit, not tested, such as silence and refused records.
    ``no model``: about an input topic."""


class AlertEvent(Event, frozen=True, kw_only=True):
    """The whole latest state of one alert, which is one problem; a record with a higher revision replaces it.

    Findings whose onsets meet are one problem, whatever cause they have, and so is what follows from an open problem.

    Window, counts, offsets and profile are those of the window that caused this state.
    """

    TYPE: ClassVar[str] = ALERT

    alert_id: str
    """The record's key; it never changes during the alert's life."""
    notify: bool
    """Whether this revision is a notification: the alert opened, or it would otherwise hide a worse problem. The
    false-alarm budget counts notifications. Other revisions update the alert."""
    notification: Count
    """Number of notifications so far; 0 while it only belongs to the incident of another alert, which has notified."""
    notified_for: NotifyReason
    """Reason of the latest notification. ``opened``: the alert opened. ``more severe``: it became critical, or is more
    severe than the alert whose incident it belongs to. ``far greater effect``: an effect was at least 2.5 times the
    largest notified before. ``new column``: a column that had not been notified had a critical effect, larger than all
    notified before. ``still open``: findings continued a budget's horizon after the latest notification. ``confirmed``:
    a test within the budget had a finding after only fixed thresholds had notified. ``reopened``: the problem came back
    within a day after the alert had been resolved, and is critical. ``mute over``: a mute had held a notification back,
    and is over or matches no more. ``none``: there was no notification so far."""
    in_budget: bool
    """Whether the false-alarm budget bounds the latest notification; false if only fixed thresholds caused it."""
    state: Literal["open", "resolved"]
    """A resolved alert opens again only if a window that reaches back to its resolution finds the problem; any later
    recurrence is a new alert."""
    revision: Annotated[int, Meta(ge=1)]
    """Counts the changes, from 1."""
    severity: Severity
    """The highest severity since the alert opened."""
    incident: str
    """The ``alert_id`` of the alert that explains this one: its own, unless it follows from a problem that another
    alert of the model describes. Readers fold alerts by it."""
    root: Root
    """What explains the rest of the findings."""
    kind: ProblemKind
    """The kind of problem in the words of operators, derived from ``root``. ``concept drift``: performance fell and
    nothing that predictions show explains it; ``performance``: it fell with such a change."""
    cause: Cause
    """The cause of ``root``: drift of features, drift of predictions and scores, data quality, performance, repeated
    ids, labels, intake: most of an input topic cannot be used, operations: the model fails, is slow or uses more of a
    resource, or silence: it makes no predictions."""
    causes: list[Cause]
    """All causes that findings of this alert had, that of ``root`` first."""
    title: str
    """A short line for people, to show beside the model, with the numbers of the root when they were worst; its wording
    may change."""
    sentence: str
    """What happened, since when, how bad it is, how sure that is, and where to look first, in plain English; its
    wording may change."""
    message: str
    """The findings with numbers, for people; its wording may change."""
    opened_at: Time
    """Event time of the opening: the end of the window; for performance, the time of the revision."""
    updated_at: Time
    """Event time of this revision."""
    resolved_at: Time | None
    """Event time of the resolution; null while the alert is open."""
    since: Time
    """Start of the problem according to the findings: ``onset.from``."""
    onset: Onset
    """Interval in which the change began: the smallest window with findings within the first one that had any."""
    findings: list[FindingSummary]
    """For each cause the findings of the latest window that had any; those of the root first, then by what explains
    more and by importance; at most 10. Findings of severity ``info`` come last."""
    n_findings: Count
    """Number of those findings, however many are listed."""
    origins: list[Origin] | UnsetType = UNSET
    """Where the change of ``root`` [comes from](alerts.md#where-it-began), as in its finding when its effect was
    greatest."""
    acknowledged: Acknowledged | UnsetType | None = UNSET
    """Who takes care of it; absent if nobody said so, or the alert has opened again since. An acknowledged alert sends
    no reminders (``still open``); it notifies if it becomes worse."""
    muted_until: Time | UnsetType | None = UNSET
    """Event time until which a mute holds notifications back; absent if none does."""
    muted_by: str | UnsetType | None = UNSET
    """Who muted it; absent if it is not muted."""
    notes: list[AlertNote] | UnsetType = UNSET
    """The latest notes, at most 20; absent if there are none."""
    beside: list[Beside] | UnsetType = UNSET
    """What happened to the model in the onset, or as long before it as it lasts, the latest last, at most 10; absent if
    nothing is known."""
    evidence: AlertEvidence | UnsetType | None = UNSET
    """Its e-values, by which alerts of many models are compared; absent from alerts of earlier versions."""

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
