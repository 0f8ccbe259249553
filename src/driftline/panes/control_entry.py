"""A command of the control topic, as a flush record passes it on."""

from __future__ import annotations

from msgspec import Struct

from driftline.events.control import ControlCommand  # msgspec reads it where a record is decoded


class ControlEntry(Struct, frozen=True, array_like=True):
    """A valid command, with what its record says beside it."""

    at_ms: int
    """Event time from which it holds: what it says, or the record's Kafka timestamp."""
    id: str
    """What it says, or topic, partition and offset."""
    command: ControlCommand
    offset: int
    """Of the record."""
    written_ms: int
    """The record's Kafka timestamp; ``at_ms`` where it has none."""
    answers: bool = True
    """Whether this partition says what became of it: one does of all that are given it."""
