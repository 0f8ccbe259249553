"""How far each assigned source partition has been read: which are quiet, and which are ahead of their partner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from driftline.events.source import Source

COMMANDS_S: Final = 10.0
"""How long inputs wait at their start for the commands that are there already: a control topic that cannot be read must
not stop the stream."""
_HOURS_MS: Final = tuple(hours * 3_600_000 for hours in range(1, 24 * 7 + 1))


class _ReadPartition:
    __slots__ = ("awaited_s", "end", "idle", "last_read_s", "next_offset", "paused", "stalled", "woken")

    def __init__(self, next_offset: int, now_s: float) -> None:
        self.next_offset = next_offset
        self.last_read_s = now_s
        self.end: int | None = None
        self.idle = False
        self.paused = False
        self.stalled = False
        self.awaited_s: float | None = None
        """Until when the inputs wait for it to be read to its end, once after each start."""
        self.woken = False
        """Whether records have come since it was idle; its new end may have come in the same batch."""


class SourceProgress:
    """Tracks how far each assigned source partition was read, and when, by a monotonic clock.

    ``steps_ms`` are the times without input that make a difference. Where there are any, each further hour does too, as
    a maintenance may be left out of the silence.
    """

    def __init__(self, idle_timeout_s: float, steps_ms: Iterable[int] = ()) -> None:
        self._idle_timeout_s = idle_timeout_s
        limits_ms = frozenset(steps_ms)
        self._steps_ms = limits_ms.union(_HOURS_MS) if limits_ms else limits_ms
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
        """Begin, or begin again, at an offset.

        The commands that are there by then are read before any input, as they hold from times that it may pass at once.
        """
        partition = self._partitions[source] = _ReadPartition(next_offset, now_s)
        if source.kind == "control":
            partition.awaited_s = now_s + COMMANDS_S

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
            partition.awaited_s = None

    def awaits_commands(self, now_s: float) -> bool:
        """Whether commands are still read that were there at the start."""
        return any(each.awaited_s is not None and now_s < each.awaited_s for each in self._partitions.values())

    def gives_up_commands(self, now_s: float) -> list[Source]:
        """Return control partitions whose end did not come in time, each once: inputs go on without them."""
        late = [
            source
            for source, each in self._partitions.items()
            if each.awaited_s is not None and now_s >= each.awaited_s
        ]
        for source in late:
            self._partitions[source].awaited_s = None
        return late

    def quiet(self, now_s: float) -> Iterator[tuple[Source, int]]:
        """Yield partitions that have been at their end for the idle timeout and are not marked idle, with the end."""
        for source, partition in self._partitions.items():
            if source.kind in {"joins", "control"}:
                continue  # records of joins say themselves which inputs are idle; commands hold nothing back
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

    def hold_back(self, ahead: Mapping[Source, Source | None], now_s: float = 0.0) -> tuple[list[Source], list[Source]]:
        """Return which partitions to pause and which to resume; all inputs while :meth:`awaits_commands`.

        ``ahead`` names partitions that are too far ahead in event time, each with the one that it waits for: it is
        paused while that one has something to read. For None it is paused in any case.
        """
        awaits_commands = self.awaits_commands(now_s)
        pause: list[Source] = []
        resume: list[Source] = []
        for source, partition in self._partitions.items():
            waits = source in ahead and self._is_read(ahead[source])
            waits |= awaits_commands and source.kind != "control"
            if waits != partition.paused:
                partition.paused = waits
                if not partition.stalled:
                    (pause if waits else resume).append(source)
        return pause, resume

    def has_more(self, source: Source) -> bool:
        """Whether a partition is assigned and was not read to its end."""
        partition = self._partitions.get(source)
        return partition is not None and partition.end is None

    def _is_read(self, source: Source | None) -> bool:
        partition = None if source is None else self._partitions.get(source)
        return source is None or (partition is not None and partition.end is None and not partition.paused)
