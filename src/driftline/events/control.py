"""Control commands: what people and deploy tools tell driftline, on the control topic."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from driftline.errors import EventError
from driftline.events.alert import Cause
from driftline.events.dead_letter import INVALID_VALUE, NOT_JSON
from driftline.events.documents import document_of
from driftline.events.json_type import name_of
from driftline.events.prediction import Timestamp
from driftline.events.times import read_time

CONTROL_VERSION: Final = 1
MAX_TEXT: Final = 2_000
"""Characters of a comment or note."""
MAX_PAST_MS: Final = 30 * 86_400_000
"""How long before its record a command may date: as long as the topic keeps it."""
MAX_AHEAD_MS: Final = 366 * 86_400_000
"""How long after its record a command may begin to hold."""

Name = Annotated[str, Meta(min_length=1, max_length=512)]
Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Version = Annotated[str, Meta(max_length=512)]
"""Of a model, as it stands in predictions; empty where they have none."""
AlertModel = Annotated[str, Meta(max_length=512)]


class Command(Struct, frozen=True, kw_only=True, tag_field="command", forbid_unknown_fields=True):
    """What all commands have."""

    by: Name
    """Who says it: a person or a tool."""
    at: Timestamp | None = None
    """Event time from which it holds; the record's Kafka timestamp if absent. A command whose time the predictions have
    passed already holds from the next pane on."""
    id: Name | None = None
    """Identifies the command: one that comes again under the same id changes nothing. By default the record's topic,
    partition and offset."""
    comment: Text | None = None
    """Why; stands in the alerts that it concerns."""
    version: int = CONTROL_VERSION
    """Of this format; 1."""


class OfModel(Command, frozen=True, kw_only=True):
    """What commands about one model have."""

    model: Name
    """Name of the model."""


class Acknowledge(Command, frozen=True, kw_only=True, tag="acknowledge"):
    """Somebody takes care of an alert: it notifies again only if it becomes worse, and no reminders come."""

    model: AlertModel
    """``model`` of the alert; empty for alerts about an input topic, which belong to no model."""
    alert: Name
    """``alert_id``."""
    useful: bool | None = None
    """Whether the page was worth it, for the account of pages; null says nothing."""


class Mute(Command, frozen=True, kw_only=True, tag="mute"):
    """Alerts that match all that is given notify nobody until a time; they still open, update and resolve."""

    until: Timestamp
    """Event time from which on they notify again; an alert that is still open then notifies."""
    model: Name | None = None
    """All models if absent."""
    model_version: Version | None = None
    """All versions if absent."""
    columns: list[Name] = []
    """Alerts whose findings are all about these columns; any columns if empty."""
    causes: list[Cause] = []
    """Alerts whose causes are all among these; any causes if empty."""


class Unmute(Command, frozen=True, kw_only=True, tag="unmute"):
    """Ends a mute before its time."""

    mute: Name
    """``id`` of the mute."""


class Deploy(OfModel, frozen=True, kw_only=True, tag="deploy"):
    """A version of a model takes over from an event time on.

    The detectors of the model begin anew, alerts of the version that it replaces resolve, and that version may fall
    silent.
    """

    model_version: Version
    """The version that takes over, as it stands in predictions; may be the present one, deployed again."""
    replaces: Version | None = None
    """The version that it replaces; all others if absent."""


class Rollback(OfModel, frozen=True, kw_only=True, tag="rollback"):
    """An earlier version of a model takes over again; otherwise as :class:`Deploy`."""

    model_version: Version
    """The version that takes over again."""
    replaces: Version | None = None
    """The version that is given up; all others if absent."""


class Rebaseline(OfModel, frozen=True, kw_only=True, tag="rebaseline"):
    """What production looks like is the new normal: a new profile holds, and alerts about its columns resolve."""

    profile_id: Name
    """The published profile that holds from the same event time on."""
    model_version: Version
    """Version of the model."""
    columns: list[Name] = []
    """The columns that are new in it; all if empty."""


class Maintenance(Command, frozen=True, kw_only=True, tag="maintenance"):
    """Traffic of a span of event time is not usual: windows that overlap it open no alert and notify nobody."""

    start: Timestamp
    """Event time of its beginning."""
    until: Timestamp
    """Event time of its end."""
    kind: Literal["maintenance", "holiday"] = "maintenance"
    name: Text = ""
    """What it is: "Thanksgiving"."""
    model: Name | None = None
    """All models if absent."""


class Note(Command, frozen=True, kw_only=True, tag="note"):
    """Something to know about a model or an alert."""

    model: AlertModel
    """Name of the model; empty with an alert about an input topic, which belongs to no model."""
    text: Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]
    alert: Name | None = None
    """``alert_id``; the model as such if absent: it is shown beside alerts that begin near it."""


ControlCommand = Acknowledge | Mute | Unmute | Deploy | Rollback | Rebaseline | Maintenance | Note
COMMANDS: Final[tuple[type[Command], ...]] = (
    Acknowledge,
    Mute,
    Unmute,
    Deploy,
    Rollback,
    Rebaseline,
    Maintenance,
    Note,
)


def time_given(command: ControlCommand) -> Timestamp | None:
    """Return the time from which a command says that it holds; None where that is its record's."""
    return command.start if isinstance(command, Maintenance) else command.at


def command_of(value: bytes | None) -> ControlCommand:
    """Return the command that a record of the control topic holds.

    Raises
    ------
    EventError
        When it is no command, of a later version, or a time in it cannot be read.
    """
    document = document_of(value)
    if not isinstance(document, dict):
        raise EventError(NOT_JSON, f"Expected a command as a JSON object, got {name_of(document)} - at `$`")
    _require_version(document)
    try:
        command: ControlCommand = msgspec.convert(document, ControlCommand)
    except msgspec.ValidationError as error:
        raise EventError(INVALID_VALUE, f"Expected a control command (docs/control.md): {error}") from error
    for field in ("at", "until", "start"):
        time = getattr(command, field, None)
        if time is not None:
            read_time(time, at=f"$.{field}")
    return command


def _require_version(document: dict[str, Any]) -> None:
    version = document.get("version", CONTROL_VERSION)
    if version != CONTROL_VERSION:
        raise EventError(
            INVALID_VALUE,
            f"Expected a control command of version {CONTROL_VERSION}, got version {version!r:.40} - at `$.version`. "
            "Upgrade driftline's workers before the tools that write commands",
        )
