"""The halves of one partition's events that wait for each other, in the order of their offsets."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from driftline.errors import EventError
from driftline.events.dead_letter import OFFSET_GAP, UNPAIRED

if TYPE_CHECKING:
    from driftline.config.record_forms import Pair


class SeenHalves(NamedTuple):
    """Which records of a partition have been looked at, and which of them still wait."""

    next_offset: int
    """Of the first record that has not been looked at."""
    waiting: tuple[int, ...] = ()
    """Offsets of halves that wait for the other, ascending."""

    @property
    def start(self) -> int:
        """Return the offset from which a successor has to read."""
        return self.waiting[0] if self.waiting else self.next_offset


class Half(NamedTuple):
    """A request or a response."""

    offset: int
    stamp_ms: int
    is_request: bool
    id: str
    document: object
    key: bytes | None
    headers: dict[str, bytes]
    value: bytes | None


class Record(NamedTuple):
    """One record as it was read: a half, or why it is none; neither where the record is not meant."""

    offset: int
    stamp_ms: int
    value: bytes | None
    half: Half | None
    problem: EventError | None


class Lost(NamedTuple):
    """A record that becomes part of no event."""

    offset: int
    value: bytes | None
    """None where it is not there any more."""
    problem: EventError


class PartitionHalves:
    """Finds the other half of each record.

    Parameters
    ----------
    pair : Pair
        How long halves wait.
    seen : SeenHalves, optional
        What a predecessor has committed; its ``start`` is where records are read from.
    """

    def __init__(self, pair: Pair, seen: SeenHalves | None) -> None:
        self._pair = pair
        self._committed = SeenHalves(0) if seen is None else seen
        self.aborted()

    def seen(self) -> SeenHalves:
        """Return how far the records have been looked at."""
        return SeenHalves(self._next_offset, tuple(sorted(self._again.union(self._waiting))))

    def committed(self) -> None:
        """Make everything since the last commit final."""
        self._committed = self.seen()

    def aborted(self) -> None:
        """Begin again from the last commit."""
        self._waiting: dict[int, Half] = {}
        self._by_id: dict[str, int] = {}
        self._next_offset = self._committed.next_offset
        self._again = set(self._committed.waiting)

    def has_seen(self, offset: int) -> bool:
        """Whether a record has been looked at before, and is read again."""
        return offset < self._next_offset

    def take(self, record: Record, lost: list[Lost]) -> tuple[Half, Half] | None:
        """Take the next record in; return request and response if it is the second half of an event.

        Records that become part of no event, this one or others that waited too long, are added to ``lost``.
        """
        if record.offset < self._next_offset:
            if record.offset in self._again and record.half is not None:
                self._again.remove(record.offset)
                self._wait(record.half)
            return None
        if self._again:
            self._gone(record.offset, lost)
        self._give_up(record.offset, record.stamp_ms, lost)
        self._next_offset = record.offset + 1
        if record.problem is not None:
            lost.append(Lost(record.offset, record.value, record.problem))
        half = record.half
        if half is None:
            return None
        other = self._waiting.get(self._by_id.get(half.id, -1))
        if other is None:
            self._wait(half)
            return None
        if other.is_request is half.is_request:
            what = "request" if half.is_request else "response"
            message = f"Expected one {what} of the id `{half.id}`, got another while offset {other.offset} waits"
            lost.append(Lost(half.offset, half.value, EventError(UNPAIRED, message)))
            return None
        self._forget(other)
        return (half, other) if half.is_request else (other, half)

    def skip(self, next_offset: int, lost: list[Lost]) -> None:
        """Go on at an offset: what stood before it is not there any more."""
        self._next_offset = max(self._next_offset, next_offset)
        self._gone(next_offset, lost)
        self._give_up(next_offset, -1, lost)

    def _wait(self, half: Half) -> None:
        self._waiting[half.offset] = half
        self._by_id[half.id] = half.offset

    def _forget(self, half: Half) -> None:
        del self._waiting[half.offset]
        del self._by_id[half.id]

    def _give_up(self, offset: int, stamp_ms: int, lost: list[Lost]) -> None:
        """Give up the oldest halves that a record at this offset and time leaves too far behind."""
        while self._waiting:
            oldest = next(iter(self._waiting.values()))
            waited_ms = stamp_ms - oldest.stamp_ms if min(stamp_ms, oldest.stamp_ms) >= 0 else 0
            if offset - oldest.offset <= self._pair.max_records and waited_ms <= self._pair.max_wait:
                return
            self._forget(oldest)
            one, other = ("request", "response") if oldest.is_request else ("response", "request")
            message = (
                f"Expected the {other} of the {one} `{oldest.id}` within {self._pair.max_records:,} records and "
                f"{self._pair.max_wait}, got none"
            )
            lost.append(Lost(oldest.offset, oldest.value, EventError(UNPAIRED, message)))

    def _gone(self, before: int, lost: list[Lost]) -> None:
        """Give up halves that should have been read again before this offset, and were not there."""
        gone = sorted(offset for offset in self._again if offset < before)
        self._again.difference_update(gone)
        message = "Expected to read a waiting half of an event again, got none: retention or compaction has deleted it"
        lost += [Lost(offset, None, EventError(OFFSET_GAP, message)) for offset in gone]
