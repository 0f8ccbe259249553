"""What one flush of the sketch stage holds: all that one transaction makes final together."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from driftline.events.dead_letter import DeadLetter
    from driftline.events.source import Source
    from driftline.sketching.halves import SeenHalves


class Position(NamedTuple):
    """Where a source partition is read on, and the event time it had reached."""

    next_offset: int
    running_max_ms: int | None
    recorded_ms: int | None = None
    """The greatest time of a record, refused or not, as :class:`~driftline.sketching.source_intake.SourceIntake` has
    it."""
    seen: SeenHalves | None = None
    """Which records from there on have been used, and which wait, where two records are one event."""


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
    n_read: dict[str, int]
    """Records of each input topic, refused or not; for telemetry."""
    n_skipped: int = 0
    """Records that the configured `where` leaves out."""
