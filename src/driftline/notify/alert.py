"""An alert as the notifier reads it: only the fields that it needs, whatever others there are."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from driftline.config.notify_settings import AlertSeverity
from driftline.errors import FormatError

SEVERITIES: Final[tuple[AlertSeverity, ...]] = ("info", "warning", "critical")
"""From the mildest to the worst."""


class Finding(Struct, frozen=True):
    """One finding of an alert."""

    message: str = ""
    column: str | None = None
    severity: str = ""
    role: str | None = None


class Origin(Struct, frozen=True):
    """A producer, schema or other origin whose records alone have the change."""

    dimension: str = ""
    value: str = ""


class Onset(Struct, frozen=True, rename={"from_": "from"}):
    """When the problem began: between two moments of event time."""

    from_: str
    to: str


class MonthlyEvidence(Struct, frozen=True):
    """An alert's e-value in a month."""

    month: str = ""
    e_value: float = 0.0


class Evidence(Struct, frozen=True):
    """What speaks against chance."""

    months: tuple[MonthlyEvidence, ...] = ()
    without: tuple[str, ...] = ()
    """Why findings have no e-value."""


class Alert(Struct, frozen=True, kw_only=True):
    """The whole latest state of one alert, as :class:`driftline.events.alert.AlertEvent` writes it."""

    alert_id: Annotated[str, Meta(min_length=1)]
    state: Literal["open", "resolved"]
    revision: Annotated[int, Meta(ge=1)]
    severity: AlertSeverity
    cause: str
    title: str
    message: str
    notify: bool
    notification: Annotated[int, Meta(ge=0)]
    """0 where it follows from another alert, which has notified for both."""
    notified_for: str
    opened_at: str
    updated_at: str
    resolved_at: str | None
    since: str
    sentence: str = ""
    """What happened, for people; empty in records of versions that had none."""
    findings: tuple[Finding, ...] = ()
    model: str = ""
    model_version: str = ""
    segment: str = "all"
    incident: str = ""
    """The alert that explains this one; its own id, or empty, where none does."""
    root: str = ""
    kind: str = ""
    onset: Onset | None = None
    offsets: dict[str, dict[str, Any]] = {}
    """Source partitions of the window that caused this state, by kind and number."""
    origins: tuple[Origin, ...] | None = None
    """Where the change of the root comes from; None or empty where that is not known, or everywhere."""
    evidence: Evidence | None = None
    """None in records of versions that had none."""

    @property
    def is_open(self) -> bool:
        """Whether the problem lasts."""
        return self.state == "open"

    @property
    def has_notified(self) -> bool:
        """Whether it is to be told at all: else the alert that it follows from is."""
        return self.notification > 0


_DECODER: Final = msgspec.json.Decoder(Alert)


def read_alert(value: bytes) -> Alert:
    """Return the alert that a record holds.

    Raises
    ------
    FormatError
        When the value is no alert; says what is wrong with it.
    """
    try:
        return _DECODER.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FormatError(f"The record is no alert that this version can read: {error}") from error


class Record(Struct, frozen=True):
    """One record of the alerts topic that can be read."""

    partition: int
    offset: int
    alert: Alert
    value: bytes
    """The alert as JSON, for webhooks."""
    raw: bytes
    """The value as it stands in the topic, for dead letters."""
    time_s: float = 0.0
    """When it was written, in epoch seconds, by Kafka's clock."""
