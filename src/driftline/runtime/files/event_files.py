"""Predictions and labels from files of one JSON object a line, as records of partitions."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct, field

from driftline.errors import FormatError
from driftline.events.record_batch import no_records
from driftline.events.source import Kind, Source
from driftline.runtime.kafka.partitioning import partition_of

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator
    from pathlib import Path

    from driftline.events.record_batch import RecordBatch

METADATA_FIELD: Final = "kafka"
"""Field of a line that says where its record stood."""


class LineMetadata(Struct, frozen=True):
    """The position of a line's record on Kafka; by default partition by key or else id, offset by order."""

    partition: int | None = None
    offset: int | None = None
    timestamp: int = -1
    """Kafka's, in milliseconds."""
    key: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


class _Line(Struct, frozen=True):
    kafka: LineMetadata | None = None


_DECODER: Final = msgspec.json.Decoder(_Line)
_NOWHERE: Final = LineMetadata()


def metadata_of(line: bytes, at: str) -> LineMetadata:
    """Return the record position that a line contains.

    Raises
    ------
    FormatError
        When its metadata is malformed; a line that is no JSON at all is a record like any other.
    """
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
    """Yield the lines of a file that are not empty, without their ends; a name ending in ``.gz`` is unpacked."""
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        for line in file:
            stripped = line.rstrip(b"\r\n")
            if stripped:
                yield stripped


def add_line(batch: RecordBatch, line: bytes, offset: int, metadata: LineMetadata) -> None:
    """Add the record of a line to a batch."""
    batch.values.append(line)
    batch.offsets.append(offset)
    batch.timestamps_ms.append(metadata.timestamp)
    if batch.keys is not None:
        batch.keys.append(None if metadata.key is None else metadata.key.encode())
    if batch.headers is not None:
        batch.headers.append({name: text.encode() for name, text in metadata.headers.items()})


class EventFile:
    """One file read as the partitions of a topic, which dead letters name.

    ``id_of`` returns a line's prediction id, which decides its partition where it has no key, or None; ``asked`` says
    whether records have ``keys`` and ``headers``.
    """

    def __init__(
        self,
        path: Path,
        kind: Kind,
        topic: str,
        n_partitions: int,
        id_of: Callable[[bytes], str | None],
        asked: Container[str] = (),
    ) -> None:
        self._path = path
        self._kind = kind
        self._topic = topic
        self._n_partitions = n_partitions
        self._id_of = id_of
        self._asked = asked
        self._next = [0] * n_partitions

    def batches(self, n_lines: int) -> Iterator[tuple[list[RecordBatch], int]]:
        """Yield the records of up to ``n_lines`` lines by partition, and how many bytes they were.

        Raises
        ------
        FormatError
            When a line names a partition there is none of, or an offset that is not past the one before.
        """
        batches: dict[int, RecordBatch] = {}
        n_read = n_bytes = 0
        for number, line in enumerate(lines(self._path), start=1):
            at = f"{self._path}:{number}"
            metadata = metadata_of(line, at)
            partition = self._partition(line, metadata, at)
            batch = batches.get(partition)
            if batch is None:
                batch = batches[partition] = no_records(Source(self._kind, partition), self._topic, self._asked)
            add_line(batch, line, self._offset(partition, metadata, at), metadata)
            n_read += 1
            n_bytes += len(line) + 1
            if n_read >= n_lines:
                yield list(batches.values()), n_bytes
                batches, n_read, n_bytes = {}, 0, 0
        if batches:
            yield list(batches.values()), n_bytes

    def _partition(self, line: bytes, metadata: LineMetadata, at: str) -> int:
        if metadata.partition is None:
            key = self._id_of(line) if metadata.key is None else metadata.key
            return partition_of((key or "").encode(), self._n_partitions)
        if not 0 <= metadata.partition < self._n_partitions:
            message = f"Expected a partition in [0, {self._n_partitions}), got {metadata.partition} - at `{at}`"
            raise FormatError(message)
        return metadata.partition

    def _offset(self, partition: int, metadata: LineMetadata, at: str) -> int:
        expected = self._next[partition]
        offset = expected if metadata.offset is None else metadata.offset
        if offset < expected:
            message = f"Expected an offset of {expected} or more in partition {partition}, got {offset} - at `{at}`"
            raise FormatError(message)
        self._next[partition] = offset + 1
        return offset


def partitions_named(path: Path) -> int:
    """Return how many partitions the lines of a file name: one more than the greatest, 0 where none is named."""
    greatest = -1
    for number, line in enumerate(lines(path), start=1):
        partition = metadata_of(line, f"{path}:{number}").partition
        greatest = greatest if partition is None else max(greatest, partition)
    return greatest + 1
