"""A command as the detect stage keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from driftline.events.control import Acknowledge, Deploy, Maintenance, Mute, Note, Rollback, Unmute
from driftline.events.times import read_time
from driftline.panes.control_entry import ControlEntry  # msgspec reads it where a state is restored

if TYPE_CHECKING:
    from driftline.events.control import ControlCommand


class KeptCommand(Struct, array_like=True):
    """A command, and from when to when it holds.

    *State*: what its record says, at most some 5 KB, mostly 200 bytes.
    """

    entry: ControlEntry
    from_ms: int
    """Event time from which it holds: its own, or the watermark where that had passed it."""
    until_ms: int | None
    """End of a mute or a maintenance."""
    answered: bool = False
    unmuted_ms: int | None = None
    """When a mute was ended before its time. Until then it is as if nobody had said so, though it may be known."""

    @property
    def command(self) -> ControlCommand:
        """What was said."""
        return self.entry.command

    @property
    def late(self) -> bool:
        """Whether event time had passed its own time when it came."""
        return self.from_ms > self.entry.at_ms

    @property
    def order(self) -> tuple[int, int]:
        """Sort key of what happens when."""
        return self.from_ms, self.entry.offset

    @property
    def alert(self) -> str | None:
        """The alert that it is about; None for commands that are about none."""
        return self.command.alert if isinstance(self.command, Acknowledge | Note) else None

    @property
    def model(self) -> str | None:
        """The model that it is about; None where it is about all."""
        return None if isinstance(self.command, Unmute) else self.command.model

    @property
    def is_deploy(self) -> bool:
        """Whether a version takes over."""
        return isinstance(self.command, Deploy | Rollback)

    def replaces(self, version: str) -> bool:
        """Whether a version of its model is replaced by it."""
        command = self.command
        if not isinstance(command, Deploy | Rollback) or version == command.model_version:
            return False
        return command.replaces is None or command.replaces == version

    @property
    def over_ms(self) -> int:
        """When it is over: at once, but for mutes and maintenances."""
        ends = (self.until_ms, self.unmuted_ms)
        return min((each for each in ends if each is not None), default=self.from_ms)


def kept(entry: ControlEntry, reached_ms: int | None) -> KeptCommand:
    """Return a command as it is kept, given how far event time has come."""
    from_ms = entry.at_ms if reached_ms is None else max(entry.at_ms, reached_ms)
    command = entry.command
    until_ms = read_time(command.until) if isinstance(command, Mute | Maintenance) else None
    return KeptCommand(entry, from_ms, until_ms)
