"""How far each assigned source partition has been read: which are quiet, and which are ahead of their partner."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from driftline.events.source import Source


class _ReadPartition:
    __slots__ = ("end", "idle", "last_read_s", "next_offset", "paused", "stalled", "woken")

    def __init__(self, next_offset: int, now_s: float) -> None:
        self.next_offset = next_offset
        self.last_read_s = now_s
        self.end: int | None = None
        self.idle = False
        self.paused = False
        self.stalled = False
        self.woken = False
        """Whether records have come since it was idle; its new end may have come in the same batch."""


class SourceProgress:
    """Tracks how far each assigned source partition was read, and when, by a monotonic clock.

    ``steps_ms`` are the times without input that make a difference.
    """

    def __init__(self, idle_timeout_s: float, steps_ms: Iterable[int] = ()) -> None:
        self._idle_timeout_s = idle_timeout_s
        self._steps_ms = frozenset(steps_ms)
        self._partitions: dict[Source, _ReadPartition] = {}

    @property
    def sources(self) -> tuple[Source, ...]:
        """The assigned source partitions."""
        return tuple(self._partitions)

    @property
    def paused(self) -> list[Source]:
        """The partitions that wait for their partners, or are stalled."""
        return [source for source, partition in self._partitions.items() if partition.paused or partition.stalled]

    @property
    def stalled(self) -> list[Source]:
        """The partitions whose next records cannot be used yet."""
        return [source for source, partition in self._partitions.items() if partition.stalled]

    def stall(self, source: Source) -> bool:
        """Note that the next records cannot be used yet; return whether that is news.

        Whatever comes of the partition meanwhile will be read again, and it is not idle.
        """
        partition = self._partitions[source]
        is_new = not partition.stalled
        partition.stalled, partition.end, partition.woken = True, None, True
        return is_new

    def go_on(self, source: Source) -> bool:
        """Note that the next records are read again; return whether the partition waits for no other reason."""
        partition = self._partitions[source]
        partition.stalled = False
        return not partition.paused

    def start(self, source: Source, next_offset: int, now_s: float) -> None:
        """Begin, or begin again, at an offset."""
        self._partitions[source] = _ReadPartition(next_offset, now_s)

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
        partition.woken = True

    def at_end(self, source: Source, end: int) -> None:
        """Note that the end of the partition was reached; its offset may be past transaction markers.

        An end before records that have been read since is none any more.
        """
        partition = self._partitions.get(source)
        if partition is not None and end >= partition.next_offset and not partition.stalled:
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
        partition = self._partitions[source]
        partition.idle, partition.woken = True, False

    def quiet_ms(self, source: Source, now_s: float) -> int:
        """Return for how long at least nothing has come of an idle partition: the greatest step that has passed."""
        waited_ms = round((now_s - self._partitions[source].last_read_s) * 1000)
        return max((step for step in self._steps_ms if step <= waited_ms), default=0)

    def idle(self) -> list[Source]:
        """Return the partitions that are marked idle."""
        return [
            source for source, partition in self._partitions.items() if partition.idle and partition.end is not None
        ]

    def lively(self) -> list[Source]:
        """Return the partitions that were idle and have been read since, and unmark them."""
        woken = [source for source, partition in self._partitions.items() if partition.idle and partition.woken]
        for source in woken:
            self._partitions[source].idle = False
        return woken

    def hold_back(self, ahead: Mapping[Source, Source | None]) -> tuple[list[Source], list[Source]]:
        """Return which partitions to pause and which to resume.

        ``ahead`` names partitions that are too far ahead in event time, each with the one that it waits for: it is
        paused while that one has something to read. For None it is paused in any case.
        """
        pause: list[Source] = []
        resume: list[Source] = []
        for source, partition in self._partitions.items():
            waits = source in ahead and self._is_read(ahead[source])
            if waits != partition.paused:
                partition.paused = waits
                if not partition.stalled:
                    (pause if waits else resume).append(source)
        return pause, resume

    def _is_read(self, source: Source | None) -> bool:
        partition = None if source is None else self._partitions.get(source)
        return source is None or (partition is not None and partition.end is None and not partition.paused)
