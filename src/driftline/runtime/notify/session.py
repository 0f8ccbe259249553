"""What a sink's worker knows of its partitions from one assignment to the next; all of it can be read again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from driftline.errors import FormatError
from driftline.notify.alert import Record, read_alert

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from driftline.notify.message import Message
    from driftline.notify.outbox import Outbox, Position
    from driftline.notify.progress import Progress
    from driftline.runtime.encodings.event_decoder import EventDecoder


class RawRecord(NamedTuple):
    """One record of the alerts topic as Kafka gives it."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    time_s: float
    content_type: str | None = None


class Session:
    """Reads records from the beginning of the partitions: what an earlier run was done with it only learns from.

    Parameters
    ----------
    outbox : Outbox
    progress : mapping of int to Progress
        By partition.
    decode : EventDecoder
    """

    def __init__(self, outbox: Outbox, progress: Mapping[int, Progress], decode: EventDecoder) -> None:
        self.outbox = outbox
        self._progress = dict(progress)
        self._decode = decode
        self._settled_at = {number: each.position for number, each in progress.items()}
        self._history = {number for number, each in progress.items() if each.oldest < each.born}
        self._behind = set(progress)
        self._committed: dict[int, tuple[int, str]] = {}

    @property
    def n_held(self) -> int:
        """Records that were read and are not done."""
        return sum(progress.n_held for progress in self._progress.values())

    @property
    def in_history(self) -> bool:
        """Whether records from before the first start are still being read: nothing of them is sent until they are."""
        return bool(self._history)

    @property
    def is_new(self) -> bool:
        """Whether the end of a partition's history has still to be committed, before anything is sent."""
        return any(progress.is_new for progress in self._progress.values())

    @property
    def is_caught_up(self) -> bool:
        """Whether all is known that an earlier run was done with."""
        return not self._behind

    def read(self, raw: RawRecord, now_s: float) -> str | None:
        """Take a record in; return why it cannot be read, else None. What cannot be read is held until it is done.

        Raises
        ------
        BrokerError
            When its schema cannot be had at present.
        """
        progress = self._progress[raw.partition]
        self._reached(raw.partition, raw.offset, now_s)
        settled = progress.is_done(raw.offset)
        if raw.value is None:
            self.done(self.outbox.forget((raw.key or b"").decode(errors="replace")))
            progress.skip_to(raw.offset + 1)
            return None
        try:
            value = self._decode(raw.value, raw.content_type)
            alert = read_alert(value)
        except FormatError as error:
            progress.skip_to(raw.offset + 1)
            if settled or raw.offset < progress.born:
                return None
            progress.read(raw.offset)
            return str(error)
        if settled:
            self.outbox.settled(alert)
            return None
        progress.read(raw.offset)
        record = Record(raw.partition, raw.offset, alert, value, raw.value, raw.time_s)
        if raw.partition in self._history:
            self.done(self.outbox.take_history(record))
        else:
            self.done(self.outbox.take(record, now_s))
        return None

    def at_end(self, partition: int, offset: int, now_s: float) -> None:
        """Note that a partition has no more records for now."""
        self._reached(partition, offset, now_s)
        self._progress[partition].skip_to(offset)

    def finished(self, now_s: float, *, sent: bool) -> Message:
        """Return the message that was delivered or given up; its records are done."""
        message = self.outbox.waiting.finished(now_s, sent=sent)
        self.done(message.positions)
        return message

    def done(self, positions: Iterable[Position]) -> None:
        """Note that nothing remains to be done for records."""
        for partition, offset in positions:
            self._progress[partition].done(offset)

    def to_commit(self) -> Iterator[tuple[int, int, str]]:
        """Yield partition, offset and metadata of each partition whose progress differs from what is committed."""
        for partition, progress in self._progress.items():
            found = progress.commit()
            is_known = progress.is_new or partition not in self._behind
            if self._committed.get(partition) != found and is_known:
                yield partition, *found

    def committed(self, partition: int, offset: int, metadata: str) -> None:
        """Note what was committed."""
        self._committed[partition] = (offset, metadata)
        self._progress[partition].is_new = False

    def _reached(self, partition: int, offset: int, now_s: float) -> None:
        """Note that reading has come to an offset: where that is the end of what was settled, or of the history."""
        progress = self._progress[partition]
        if partition in self._history and offset >= progress.born:
            self._history.discard(partition)
            self.done(self.outbox.end_history(partition, now_s))
        if partition in self._behind and offset >= self._settled_at[partition]:
            self._behind.discard(partition)
            progress.forget_lost()
