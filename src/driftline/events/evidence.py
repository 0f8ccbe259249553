"""What every output event says of itself: the model, the window, the profile, and which input it stems from."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from driftline.events.ids import event_id
from driftline.events.model_key import ModelKey

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""RFC 3339 in UTC with milliseconds: ``2026-03-01T12:00:00.000Z``."""
Count = Annotated[int, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
WindowKind = Literal["tumbling", "sliding", "performance", "pane"]
Severity = Literal["info", "warning", "critical"]
EventRole = Literal["feature", "prediction", "score", "error"]
"""What a column is; ``error`` stands for the errors that labels revealed."""
Histogram = list[Count]
SourceOffsets = dict[str, dict[str, tuple[Count, Count]]]
"""``predictions`` or ``labels`` to partition to (smallest, largest) offset that contributed."""


class WindowSpan(Struct, frozen=True, kw_only=True):
    """A span of event time, from its start up to but not including its end."""

    kind: WindowKind
    """``tumbling`` windows are disjoint and get a verdict, ``sliding`` ones are for display, ``performance`` windows
    are spans of prediction time, a ``pane`` is the smallest slice."""
    start: Time
    end: Time
    size_ms: Count
    """The configured size; the span is longer where the window was extended, shorter where a profile ended it."""
    extended: bool
    """Whether the window went on past its size until it had enough events."""

    @property
    def about(self) -> tuple[str | int, ...]:
        """What tells this window from all others."""
        return (self.kind, self.size_ms, self.start, self.end)


class ProfileReference(Struct, frozen=True, kw_only=True):
    """The profile that the window was compared with."""

    id: str
    origin: Literal["training", "production", "bootstrap"]
    effective_from: Time
    """First event time that the profile holds for."""


class Event(Struct, frozen=True, kw_only=True):
    """What all output events have in common."""

    TYPE: ClassVar[str]

    model: str
    """The model's name."""
    model_version: str
    """Empty where the model's events carry no version."""
    segment: str
    """The slice of the model's traffic; ``all`` is the whole of it."""
    window: WindowSpan
    """The span of event time that it is about."""
    profile: ProfileReference | None
    """What the window was compared with; null for the label stream, which belongs to no model and so has none."""
    settings: str
    """Hash of the settings that can change what is emitted."""
    n: Count
    """Events that were looked at."""
    n_reference: Count
    """Events of the reference that they were compared with."""
    offsets: SourceOffsets
    """Which input contributed: by topic (``predictions``, ``labels``) and partition, the smallest and the largest
    offset."""
    flags: list[str]
    """What makes this event depend on more than the input: ``after_idle`` where a partition that had been declared idle
    brought events too late to be counted, ``bootstrap`` where the profile was made from the stream."""

    @property
    def key(self) -> ModelKey:
        """The model and its version."""
        return ModelKey(self.model, self.model_version)

    @property
    def about(self) -> tuple[str | int, ...]:
        """What the event is about, beside its type, model and segment."""
        return self.window.about

    @property
    def ce_id(self) -> str:
        """CloudEvents id; repeats with the event."""
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
    """How much more than independent events the column varies while nothing has changed, and how that is known."""

    status: Literal["settled", "widened", "calibrating", "assumed"]
    """``widened``: known from little, so the test demands more; ``calibrating``: not known yet, so nothing pages;
    ``assumed``: events are taken as independent, as configured."""
    source: Literal["reference", "production", "independent", "assumed"]
    """Where it was learnt: from the reference's own panes, or from the first of production."""
    independent: bool
    """Whether the data showed nothing else than independence."""
    lambda_bar: float
    """Mean weight of the null distribution: 1 for independent events."""
    lambda_max: float
    """Largest weight."""
    degrees_of_freedom: float | None
    """What the estimate is worth; null where nothing was estimated."""
    n_panes: Count
    """Panes that it rests on."""
    n_windows: Count
    """Windows of the verdict's size that it rests on."""
    same_hours: bool
    """Whether the window was compared with the reference's same hours of the week."""
