"""How far each assigned source partition has been read: which are quiet, and which are ahead of their partner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.events.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from driftline.config.settings import SketchSettings, TimeSettings


class _Partition:
    __slots__ = ("end", "idle", "last_read_s", "next_offset", "paused")

    def __init__(self, next_offset: int, now_s: float) -> None:
        self.next_offset = next_offset
        self.last_read_s = now_s
        self.end: int | None = None
        self.idle = False
        self.paused = False


class SourceProgress:
    """Tracks how far each assigned source partition was read, and when, by a monotonic clock.

    Parameters
    ----------
    time : TimeSettings
        The idle timeout, and the lateness.
    sketch : SketchSettings
        How far in event time one topic may run ahead of the other.
    """

    def __init__(self, time: TimeSettings, sketch: SketchSettings) -> None:
        self._idle_timeout_s = time.idle_timeout / 1000
        self._lateness_ms = int(time.lateness)
        self._max_skew_ms = int(sketch.max_skew)
        self._partitions: dict[Source, _Partition] = {}

    @property
    def sources(self) -> tuple[Source, ...]:
        """The assigned source partitions."""
        return tuple(self._partitions)

    @property
    def paused(self) -> list[Source]:
        """The partitions that wait for their partners."""
        return [source for source, partition in self._partitions.items() if partition.paused]

    def start(self, source: Source, next_offset: int, now_s: float) -> None:
        """Begin, or begin again, at an offset."""
        self._partitions[source] = _Partition(next_offset, now_s)

    def clear(self) -> None:
        """Forget all partitions."""
        self._partitions.clear()

    def next_offset(self, source: Source) -> int:
        """Return the offset that is read next."""
        return self._partitions[source].next_offset

    def reached(self, source: Source) -> int:
        """Return the offset up to which everything is read, including transaction markers at the end."""
        partition = self._partitions[source]
        return partition.next_offset if partition.end is None else partition.end

    def read(self, source: Source, next_offset: int, now_s: float) -> None:
        """Note that records were read."""
        partition = self._partitions[source]
        partition.next_offset = next_offset
        partition.last_read_s = now_s
        partition.end = None

    def at_end(self, source: Source, end: int) -> None:
        """Note that the end of the partition was reached; its offset may be past transaction markers.

        An end before records that have been read since is none any more.
        """
        partition = self._partitions.get(source)
        if partition is not None and end >= partition.next_offset:
            partition.end = end

    def quiet(self, now_s: float) -> Iterator[tuple[Source, int]]:
        """Yield partitions that have been at their end for the idle timeout and are not marked idle, with the end."""
        for source, partition in self._partitions.items():
            if source.kind == "joins":
                continue  # its records say themselves which inputs are idle
            waited = now_s - partition.last_read_s >= self._idle_timeout_s
            if partition.end is not None and waited and not partition.idle and not partition.paused:
                yield source, partition.end

    def confirm_idle(self, source: Source) -> None:
        """Note that the broker has nothing more in a quiet partition."""
        self._partitions[source].idle = True

    def lively(self) -> list[Source]:
        """Return the partitions that were idle and have been read since, and unmark them."""
        woken = [source for source, partition in self._partitions.items() if partition.idle and partition.end is None]
        for source in woken:
            self._partitions[source].idle = False
        return woken

    def balance(self, watermarks: Mapping[Source, int | None]) -> tuple[list[Source], list[Source]]:
        """Return which partitions to pause and which to resume.

        A partition is paused while it is further ahead of its partner in event time than the greatest skew, and its
        partner has something to read.
        """
        pause: list[Source] = []
        resume: list[Source] = []
        for source, partition in self._partitions.items():
            partner = Source("labels" if source.kind == "predictions" else "predictions", source.partition)
            behind = self._partitions.get(partner)
            own_ms, partner_ms = watermarks.get(source), watermarks.get(partner)
            ahead = own_ms is not None and (partner_ms is None or own_ms - partner_ms > self._max_skew_ms)
            must_wait = ahead and behind is not None and behind.end is None and not behind.paused
            if must_wait != partition.paused:
                partition.paused = must_wait
                (pause if must_wait else resume).append(source)
        return pause, resume

    def hold_back(
        self, watermarks: Mapping[Source, int | None], behind_ms: int | None
    ) -> tuple[list[Source], list[Source]]:
        """Return which partitions to pause and which to resume, where rows are repartitioned.

        Parameters
        ----------
        watermarks : dict of Source to int or None
        behind_ms : int or None
            Partitions are to wait whose watermark is past this time by more than the lateness; None where none is to.
        """
        pause: list[Source] = []
        resume: list[Source] = []
        for source, partition in self._partitions.items():
            own_ms = watermarks.get(source)
            ahead = own_ms is not None and behind_ms is not None and own_ms - behind_ms > self._lateness_ms
            must_wait = ahead and source.kind != "joins"
            if must_wait != partition.paused:
                partition.paused = must_wait
                (pause if must_wait else resume).append(source)
        return pause, resume
