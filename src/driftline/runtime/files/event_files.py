"""Predictions and labels from files, as records of partitions."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import Meta, Struct, field

from driftline.errors import FormatError
from driftline.events.record_batch import no_records
from driftline.events.source import Kind, Source
from driftline.runtime.files.event_lines import text_lines
from driftline.runtime.files.table_rows import METADATA_FIELD
from driftline.runtime.kafka.partitioning import partition_of

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator
    from pathlib import Path

    from driftline.events.record_batch import RecordBatch
    from driftline.runtime.files.event_lines import EventLines
    from driftline.runtime.files.line_ids import Ids

_TOMBSTONE: Final = b"null"
"""A line that is a record without a value; so is one whose metadata say so."""


_MAX_PARTITION: Final = 99_999
"""Far beyond those of any topic; each takes memory."""
_MAX_OFFSET: Final = (1 << 63) - 2
"""Kafka's are of 64 bits, and another one follows."""


class LineMetadata(Struct, frozen=True):
    """The position of a line's record on Kafka; by default partition by key or else id, offset by order."""

    partition: Annotated[int, Meta(le=_MAX_PARTITION)] | None = None
    offset: Annotated[int, Meta(le=_MAX_OFFSET)] | None = None
    timestamp: Annotated[int, Meta(ge=-_MAX_OFFSET, le=_MAX_OFFSET)] = -1
    """Kafka's, in milliseconds."""
    key: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    tombstone: bool = False
    """Whether the record has no value; what else the line says is then only where it stood."""


class _Line(Struct, frozen=True):
    kafka: LineMetadata | None = None


_REPORTED_LINES: Final = 10_000
_DECODER: Final = msgspec.json.Decoder(_Line)
_NOWHERE: Final = LineMetadata()
_MENTIONED: Final = f'"{METADATA_FIELD}"'.encode()


def metadata_of(line: bytes, at: str) -> LineMetadata:
    """Return the record position that a line contains.

    Raises
    ------
    FormatError
        When its metadata is malformed; a line that is no JSON at all is a record like any other.
    """
    if _MENTIONED not in line:
        return _NOWHERE
    try:
        return _DECODER.decode(line).kafka or _NOWHERE
    except msgspec.ValidationError as error:
        if f"$.{METADATA_FIELD}" not in str(error):
            return _NOWHERE
        message = f"{error} - at `{at}`"
        raise FormatError(message) from error
    except msgspec.DecodeError:
        return _NOWHERE


def lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file that are not empty, without their ends; a name ending in ``.gz`` is unpacked.

    Raises
    ------
    FormatError
        When it cannot be unpacked.
    """
    yield from text_lines(path)


def add_line(batch: RecordBatch, line: bytes, offset: int, metadata: LineMetadata) -> None:
    """Add the record of a line to a batch."""
    batch.values.append(None if metadata.tombstone or line == _TOMBSTONE else line)
    batch.offsets.append(offset)
    batch.timestamps_ms.append(metadata.timestamp)
    if batch.keys is not None:
        batch.keys.append(None if metadata.key is None else metadata.key.encode())
    if batch.headers is not None:
        batch.headers.append({name: text.encode() for name, text in metadata.headers.items()})


class EventFile:
    """One file read as the partitions of a topic, which dead letters name.

    ``name`` is the file's, for messages; ``ids_of`` returns the prediction id of each of some lines, which decides its
    partition where it has no key, or None; ``asked`` says whether records have ``keys`` and ``headers``.
    """

    def __init__(
        self,
        events: EventLines,
        name: str,
        kind: Kind,
        topic: str,
        n_partitions: int,
        ids_of: Ids,
        asked: Container[str] = (),
    ) -> None:
        self._events = events
        self._name = name
        self._kind = kind
        self._topic = topic
        self._n_partitions = n_partitions
        self._ids_of = ids_of
        self._asked = asked
        self._next = [0] * n_partitions

    def batches(self, n_lines: int) -> Iterator[tuple[list[RecordBatch], int]]:
        """Yield the records of up to ``n_lines`` lines by partition, and how many bytes of the file they took.

        Raises
        ------
        FormatError
            When a line names a partition there is none of, or an offset that is not past the one before.
        """
        lines, number, position = iter(self._events), 1, 0
        while some := [*islice(lines, n_lines)]:
            batches = self._batches(some, number)
            before, position = position, self._events.position()
            yield batches, position - before
            number += len(some)

    def _batches(self, lines: list[bytes], first: int) -> list[RecordBatch]:
        """Return the records of lines by partition; ``first`` is the number of the first line."""
        batches: dict[int, RecordBatch] = {}
        places = [metadata_of(line, f"{self._name}:{number}") for number, line in enumerate(lines, start=first)]
        keys = self._keys(lines, places)
        for number, (line, metadata) in enumerate(zip(lines, places, strict=True), start=first):
            at = f"{self._name}:{number}"
            partition = self._partition(keys.get(number - first), metadata, at)
            batch = batches.get(partition)
            if batch is None:
                batch = batches[partition] = no_records(Source(self._kind, partition), self._topic, self._asked)
            add_line(batch, line, self._offset(partition, metadata, at), metadata)
        return [*batches.values()]

    def _keys(self, lines: list[bytes], places: list[LineMetadata]) -> dict[int, str | None]:
        """Return the key, or else the prediction id, of each line whose partition it decides."""
        if self._n_partitions == 1:
            return {}
        named = {row: at.key for row, at in enumerate(places) if at.partition is None}
        without = [row for row, key in named.items() if key is None]
        return named | dict(zip(without, self._ids_of([lines[row] for row in without]), strict=True))

    def _partition(self, key: str | None, metadata: LineMetadata, at: str) -> int:
        if metadata.partition is None:
            return partition_of((key or "").encode(), self._n_partitions) if self._n_partitions > 1 else 0
        if not 0 <= metadata.partition < self._n_partitions:
            message = f"{at}: there is no partition {metadata.partition}; the topic has {self._n_partitions}, from 0 on"
            raise FormatError(message)
        return metadata.partition

    def _offset(self, partition: int, metadata: LineMetadata, at: str) -> int:
        expected = self._next[partition]
        offset = expected if metadata.offset is None else metadata.offset
        if offset < expected:
            message = (
                f"{at}: the offset {offset} is not past the one before it in partition {partition}; offsets of a "
                f"partition ascend, so {expected} or more is possible here"
            )
            raise FormatError(message)
        self._next[partition] = offset + 1
        return offset


def partitions_named(events: EventLines, name: str, advance: Callable[[int], None] = lambda _n_bytes: None) -> int:
    """Return how many partitions the lines of a file name: one more than the greatest, 0 where none is named.

    ``advance`` receives the number of bytes read, for a progress bar. A table that has no column for it is not read.
    """
    if not events.may_say_where:
        return 0
    greatest, position = -1, 0
    for number, line in enumerate(events, start=1):
        partition = metadata_of(line, f"{name}:{number}").partition
        greatest = greatest if partition is None else max(greatest, partition)
        if number % _REPORTED_LINES == 0:
            before, position = position, events.position()
            advance(position - before)
    advance(events.position() - position)
    return greatest + 1
