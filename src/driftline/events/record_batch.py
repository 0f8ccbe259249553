"""Records of one source partition as they are consumed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from driftline.events.source import Source

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from driftline.events.source import Kind


class Unreadable(NamedTuple):
    """Why a record could not be deserialized: a reason code of dead letters, and its message."""

    reason: str
    message: str


class RecordBatch(NamedTuple):
    """Records of one source partition, in the order of their offsets.

    Attributes
    ----------
    source : Source
    topic : str
    values : list of bytes or None
        As they stand in Kafka; of JSON behind a framing, the JSON alone.
    offsets, timestamps_ms : list of int
        Kafka's; a timestamp of -1 is not known.
    documents : list of object, optional
        What the values hold where they are not plain JSON: dictionaries, lists and scalars as JSON would give them
        (bytes as text in base64, times as milliseconds since the epoch), or :class:`Unreadable`; None where every value
        is plain JSON.
    keys : list of bytes or None, optional
        The records' keys; None where nobody asks for them.
    headers : list of dict of str to bytes, optional
        The records' headers, the last of each name; None where nobody asks for them.
    raw_values : list of bytes or None, optional
        The values as they stand in Kafka, for dead letters; None where ``values`` are these.
    schemas : list of str or None, optional
        Names of the schemas that the records were read with, None for plain JSON; None where all are that.
    number : int, optional
        The partition's number in its topic, where that is not the source's: several topics are read as one.
    """

    source: Source
    topic: str
    values: list[bytes | None]
    offsets: list[int]
    timestamps_ms: list[int]
    documents: list[object] | None = None
    keys: list[bytes | None] | None = None
    headers: list[dict[str, bytes]] | None = None
    raw_values: list[bytes | None] | None = None
    schemas: list[str | None] | None = None
    number: int | None = None

    @property
    def partition(self) -> int:
        """The partition's number in its topic."""
        return self.source.partition if self.number is None else self.number

    @property
    def place(self) -> str:
        """Topic and partition, for messages."""
        return f"{self.topic}-{self.partition}"

    def part(self, records: slice) -> RecordBatch:
        """Return some of the records."""
        columns: Any = (None if each is None else each[records] for each in self[2:-1])
        return RecordBatch(self.source, self.topic, *columns)._replace(number=self.number)

    def chosen(self, records: Sequence[int]) -> RecordBatch:
        """Return the records of some numbers."""
        columns: Any = (None if each is None else [each[record] for record in records] for each in self[2:-1])
        return RecordBatch(self.source, self.topic, *columns)._replace(number=self.number)


def no_records(source: Source, topic: str, asked: Container[str] = (), number: int | None = None) -> RecordBatch:
    """Return a batch to add records to; ``asked`` says whether it has ``keys`` and ``headers``."""
    keys: list[bytes | None] | None = [] if "keys" in asked else None
    headers: list[dict[str, bytes]] | None = [] if "headers" in asked else None
    return RecordBatch(source, topic, [], [], [], keys=keys, headers=headers, number=number)


def one_record(kind: Kind, value: bytes | None) -> RecordBatch:
    """Return a batch of one record of which only the value is known."""
    return RecordBatch(Source(kind, 0), "", [value], [0], [-1])
