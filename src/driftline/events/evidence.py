"""Fields common to all output events: the model, the window, the profile, and the contributing input."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from driftline.events.ids import event_id
from driftline.events.model_key import ModelKey

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""RFC 3339 in UTC with milliseconds: ``2026-03-01T12:00:00.000Z``."""
Count = Annotated[int, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
WindowKind = Literal["tumbling", "sliding", "performance", "pane"]
Severity = Literal["info", "warning", "critical"]
EventRole = Literal["feature", "prediction", "score", "error"]
"""Role of a column; ``error`` denotes the errors revealed by labels."""
Histogram = list[Count]
SourceOffsets = dict[str, dict[str, tuple[Count, Count]]]
"""``predictions`` or ``labels`` to partition to (smallest, largest) contributing offset."""


class WindowSpan(Struct, frozen=True, kw_only=True):
    """A span of event time, from its start up to but not including its end."""

    kind: WindowKind
    """``tumbling`` windows are disjoint, and checks run on them. ``sliding`` windows are for display. ``performance``
    windows are spans of prediction time. A ``pane`` is the smallest unit."""
    start: Time
    end: Time
    size_ms: Count
    """The configured size. The span is longer if the window was extended, and shorter if a new profile ended it."""
    extended: bool
    """Whether the window was extended beyond its size until it had enough events."""

    @property
    def about(self) -> tuple[str | int, ...]:
        """Identity of the window."""
        return (self.kind, self.size_ms, self.start, self.end)


class ProfileReference(Struct, frozen=True, kw_only=True):
    """The profile that the window was compared with."""

    id: str
    origin: Literal["training", "production", "bootstrap"]
    effective_from: Time
    """First event time that the profile applies to."""


class Event(Struct, frozen=True, kw_only=True):
    """Fields common to all output events."""

    TYPE: ClassVar[str]

    model: str
    """The model's name."""
    model_version: str
    """The model's version; empty if its events have none."""
    segment: str
    """The segment of the model's traffic; ``all`` is all of it."""
    window: WindowSpan
    """The span of event time."""
    profile: ProfileReference | None
    """The profile that the window was compared with; null for the label stream, which belongs to no model, and
    for operations, which are compared with no profile."""
    settings: str
    """Hash of the settings that can change the output."""
    n: Count
    """Number of events evaluated."""
    n_reference: Count
    """Number of reference events."""
    offsets: SourceOffsets
    """Contributing input: the smallest and largest offset by kind (``predictions``, ``labels``) and partition. With
    several topics of a kind a partition is named with its topic, as in ``scores-eu-0``."""
    flags: list[str]
    """Reasons why this event may not be reproducible from the input alone. ``after_idle``: a partition that had been
    declared idle returned with events too late to be counted. ``bootstrap``: the profile was learnt from the stream."""
    schemas: dict[str, Count] | UnsetType = UNSET
    """Events by the id of the schema that they were read with, for at most 8 schemas, those with the smallest ids. More
    than one: the producers' schema changed. Only in window events and in the findings and alerts of their checks;
    absent if no event named a schema."""

    @property
    def key(self) -> ModelKey:
        """The model and its version."""
        return ModelKey(self.model, self.model_version)

    @property
    def about(self) -> tuple[str | int, ...]:
        """Identity of the event, beside its type, model and segment."""
        return self.window.about

    @property
    def ce_id(self) -> str:
        """CloudEvents id; a repeated event has the same id."""
        return event_id(self.TYPE, self.key, self.segment, self.about)

    @property
    def ce_time(self) -> str:
        """CloudEvents time: the end of the window."""
        return self.window.end

    @property
    def ce_subject(self) -> str:
        """CloudEvents subject: model key and segment."""
        return f"{self.key}/{self.segment}"


class DispersionEvidence(Struct, frozen=True, kw_only=True):
    """Variation of the column without a change, relative to independent events, and the source of that estimate."""

    status: Literal["settled", "widened", "calibrating", "assumed"]
    """``settled``: estimated from enough data. ``widened``: estimated from little data, so the test is stricter.
    ``calibrating``: not known yet, so nothing notifies. ``assumed``: events are treated as independent, as
    configured."""
    source: Literal["reference", "production", "independent", "assumed"]
    """Source of the estimate: the reference's own panes, or the first panes of production."""
    independent: bool
    """Whether the data are compatible with independence."""
    lambda_bar: float
    """Mean weight of the null distribution, a design effect: 1 for independent events."""
    lambda_max: float
    """Largest weight of the null distribution."""
    degrees_of_freedom: float | None
    """Degrees of freedom of the estimate; null if nothing was estimated."""
    n_panes: Count
    """Number of panes behind the estimate."""
    n_windows: Count
    """Number of windows of the evaluated size behind the estimate."""
    same_hours: bool
    """Whether the window was compared with the same hours of the week of the reference."""
