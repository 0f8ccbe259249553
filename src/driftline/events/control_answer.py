"""What became of a command of the control topic: carried out, carried out late, or refused."""

from __future__ import annotations

from typing import ClassVar, Literal

from driftline.events.cloudevents import CONTROL_ANSWER
from driftline.events.evidence import Event, Time  # msgspec reads it where the schema is made

CommandName = Literal["acknowledge", "mute", "unmute", "deploy", "rollback", "rebaseline", "maintenance", "note"]
AnswerStatus = Literal["accepted", "late", "refused"]


class ControlAnswerEvent(Event, frozen=True, kw_only=True):
    """What became of one command of the control topic; each has one answer, under its id.

    ``window`` is the pane from whose start on the command holds, ``offsets`` the command's record. A command that
    concerns all models has an empty ``model``. Records that are no command become dead letters instead.
    """

    TYPE: ClassVar[str] = CONTROL_ANSWER

    command_id: str
    """``id`` of the command; by default topic, partition and offset of its record."""
    command: CommandName
    """Which command it is."""
    by: str
    """Who said it."""
    status: AnswerStatus
    """``accepted``: it holds from its own time on. ``late``: event time had passed that already, so it holds from
    ``holds_from`` on. ``refused``: it changes nothing."""
    message: str
    """What it does, or why it does nothing, for people; its wording may change."""
    at: Time
    """Event time that the command gives, or that of its record."""
    holds_from: Time | None
    """Event time from which it holds; null if it is refused."""
    until: Time | None
    """End of a mute or a maintenance; null for other commands."""
    alert: str | None
    """``alert_id`` of the alert that it is about; null for other commands."""
    comment: str | None
    """What the command says of its reason."""
    useful: bool | None
    """Of ``acknowledge``: whether the notification was worth it; null if that was not said."""

    @property
    def about(self) -> tuple[str | int, ...]:
        """Identity of the event, beside its type, model and segment."""
        return (self.command_id,)

    @property
    def ce_time(self) -> str:
        """CloudEvents time: that of the command."""
        return self.at
