"""The input partitions of one sketch worker: how far event time has come in each, and what was refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.events.source import Source, Watermark
from driftline.panes.intake_record import IntakeMark
from driftline.sketching.source_clock import SourceClock
from driftline.sketching.source_intake import SourceIntake

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from driftline.config.settings import Settings
    from driftline.events.source import Kind


class AssignedPartition:
    """What is known of one assigned input partition."""

    __slots__ = ("clock", "committed_max_ms", "idle", "intake", "quiet_ms")

    def __init__(self, clock: SourceClock, intake: SourceIntake) -> None:
        self.clock = clock
        self.intake = intake
        self.committed_max_ms = clock.running_max_ms
        self.idle = False
        self.quiet_ms = 0


class AssignedPartitions:
    """The assigned partitions by source; where one topic holds both kinds, labels share the clock of predictions.

    ``n_partitions`` are those of each kind, assigned or not, and ``absent`` those of topics that are read no more.
    """

    def __init__(self, settings: Settings, n_partitions: Mapping[Kind, int], absent: Iterable[Source] = ()) -> None:
        self._settings = settings
        self._n_partitions = n_partitions
        self._absent = sorted(each for source in absent for each in self._with_shared(source))
        self._partitions: dict[Source, AssignedPartition] = {}

    def __getitem__(self, source: Source) -> AssignedPartition:
        return self._partitions[source]

    def assign(self, source: Source, running_max_ms: int | None, recorded_ms: int | None) -> None:
        """Start on a partition whose committed times, of events and of records, are known."""
        time = self._settings.time
        clock = SourceClock(int(time.pane), int(time.lateness), running_max_ms)
        for each in self._with_shared(source):
            self._partitions[each] = AssignedPartition(
                clock, SourceIntake(int(self._settings.intake.window), recorded_ms)
            )

    def _with_shared(self, source: Source) -> list[Source]:
        """Return a source, and the labels in the same partition, which have the same clock."""
        return [source, Source("labels", source.partition)] if self._settings.shares_topic else [source]

    def clear(self) -> None:
        """Give all partitions up."""
        self._partitions.clear()

    def mark_idle(self, source: Source, *, idle: bool, quiet_ms: int = 0) -> bool:
        """Say whether a partition has been at its end for the idle timeout, and for how long; return whether that is
        news.
        """
        said = (idle, quiet_ms if idle else 0)
        partitions = [self._partitions[each] for each in self._with_shared(source)]
        changed = [each for each in partitions if (each.idle, each.quiet_ms) != said]
        for each in changed:
            each.idle, each.quiet_ms = said
        return bool(changed)

    def advance_to(self, watermark_ms: int) -> None:
        """Let event time go on in all partitions as if something had come, until their watermarks are here at least."""
        for partition in self._partitions.values():
            partition.clock.advance_to(watermark_ms)

    def close_intake(self) -> bool:
        """Let the time of records go on in all partitions to the end of the last span that holds one.

        Returns whether any holds one.
        """
        reached = [partition.intake.reached_ms for partition in self._partitions.values()]
        newest_ms = max((time for time in reached if time is not None), default=None)
        if newest_ms is None:
            return False
        size_ms = int(self._settings.intake.window)
        for partition in self._partitions.values():
            partition.intake.advance_to(newest_ms - newest_ms % size_ms + size_ms)
        return True

    def committed(self) -> None:
        """Make what was taken in since the last flush final."""
        for partition in self._partitions.values():
            partition.committed_max_ms = partition.clock.running_max_ms
            partition.intake.committed()

    def aborted(self) -> None:
        """Forget what was taken in since the last committed flush; it will be read again, so no partition is idle."""
        for partition in self._partitions.values():
            partition.idle, partition.quiet_ms = False, 0
            partition.clock.running_max_ms = partition.committed_max_ms
            partition.intake.aborted()

    def times_ms(self, source: Source) -> tuple[int | None, int | None]:
        """Return the greatest time of an event and of a record; None where there is none, or no such partition."""
        partition = self._partitions.get(source)
        return (None, None) if partition is None else (partition.clock.running_max_ms, partition.intake.reached_ms)

    def watermark_ms(self, source: Source) -> int | None:
        """Return a partition's watermark, None before its first event."""
        partition = self._partitions.get(source)
        return None if partition is None else partition.clock.watermark_ms

    def marks(self) -> list[Watermark]:
        """Return the watermarks of all partitions, in the order of their sources."""
        return [
            Watermark(
                source,
                self._n_partitions[source.kind],
                partition.clock.watermark_ms,
                partition.idle,
                quiet_ms=partition.quiet_ms,
            )
            for source, partition in sorted(self._partitions.items())
        ]

    def absent_marks(self) -> list[Watermark]:
        """Return that the partitions count no longer that are read no more."""
        return [
            Watermark(source, self._n_partitions[source.kind], None, idle=True, gone=True) for source in self._absent
        ]

    def intake_marks(self) -> list[IntakeMark]:
        """Return what was read and refused in each partition since the last flush, and which are read no more."""
        return [
            partition.intake.mark(source, self._n_partitions[source.kind], idle=partition.idle)
            for source, partition in sorted(self._partitions.items())
        ] + [
            IntakeMark(source, self._n_partitions[source.kind], None, idle=True, spans=[], gone=True)
            for source in self._absent
        ]
