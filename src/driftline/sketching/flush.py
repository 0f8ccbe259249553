"""What one transaction of the sketch stage holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from driftline.events.dead_letter import DeadLetter
    from driftline.events.source import Source


class Position(NamedTuple):
    """Where a source partition is read on, and the event time it had reached."""

    next_offset: int
    running_max_ms: int | None


class Flush(NamedTuple):
    """What one transaction holds."""

    panes: dict[int, list[bytes]]
    """Partition of the panes topic to its flush records."""
    pending: dict[int, list[bytes]]
    """Source partition to its blocks of the pending changelog."""
    dead_letters: list[DeadLetter]
    positions: dict[Source, Position]
    n_events: int
    n_late: int
    """Predictions that came too late, as ``n_events`` are those sketched; for telemetry."""
