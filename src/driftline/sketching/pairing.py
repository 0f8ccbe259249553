"""Joins requests and responses that are separate records of a topic, before anything else looks at them.

A half waits in memory until the other half of its id comes, or until so many records of its partition, or so much time
between Kafka timestamps, lie between that it is given up as a dead letter. All of that follows from the records of the
partition in the order of their offsets alone, so it does not depend on batches, flushes or workers.

Nothing of it is stored but what a committed offset holds. It is the offset of the oldest half that waits, and its
metadata say which of the records from there on still wait, and which have been used. A successor reads these records
again, takes the waiting ones in and passes over the others: no half is lost, and none is used twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from driftline.errors import EventError
from driftline.events.dead_letter import EMPTY, DeadLetter
from driftline.events.documents import Documents, parsed_values, readable
from driftline.events.field_columns import Records, asks_for, column_of
from driftline.events.identity import identifier
from driftline.events.record_batch import RecordBatch, one_record
from driftline.events.where import matcher
from driftline.sketching.halves import Half, Lost, PartitionHalves, Record

if TYPE_CHECKING:
    from driftline.config.record_forms import Pair
    from driftline.events.source import Source
    from driftline.sketching.halves import SeenHalves


class Paired(NamedTuple):
    """What has become of the records of a batch."""

    pairs: RecordBatch | None
    """Whole events, at the offsets of the halves that came last; None where there are none."""
    fresh: RecordBatch | None
    """The records that were not looked at before; None where there are none."""
    refused: list[tuple[int, DeadLetter]]
    """Records that become part of no event, each with the offset of the record with which that was found out."""
    skipped: list[int]
    """Offsets of records that are neither requests nor responses."""


class _Event(NamedTuple):
    request: Half
    response: Half
    last: Half


class Pairing:
    """Pairs the records of source partitions.

    Parameters
    ----------
    pair : Pair
        How requests and responses are told apart, and their id.

    Notes
    -----
    *State*: the parsed halves that wait, at most ``max_records`` of each partition.
    """

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._is_request, self._is_response = matcher(pair.request), matcher(pair.response)
        self._id = column_of(pair.id)
        self.asks_for = asks_for([pair.id, pair.request, pair.response])
        """Which of ``keys`` and ``headers`` batches must have."""
        self._partitions: dict[Source, PartitionHalves] = {}

    def assign(self, source: Source, seen: SeenHalves | None = None) -> None:
        """Start on a partition, of which a predecessor has committed what it had seen."""
        self._partitions[source] = PartitionHalves(self._pair, seen)

    def clear(self) -> None:
        """Give all partitions up."""
        self._partitions.clear()

    def add(self, batch: RecordBatch) -> Paired:
        """Take records in, and return the events that are whole with them."""
        partition = self._partitions[batch.source]
        first = sum(1 for offset in batch.offsets if partition.has_seen(offset))
        refused: list[tuple[int, DeadLetter]] = []
        skipped: list[int] = []
        events: list[_Event] = []
        for number, record in enumerate(self._records(batch)):
            lost: list[Lost] = []
            found = partition.take(record, lost)
            refused += [(record.offset, _letter(batch.topic, batch.partition, each)) for each in lost]
            if number >= first and record.half is None and record.problem is None:
                skipped.append(record.offset)
            if found is not None and record.half is not None:
                events.append(_Event(*found, record.half))
        fresh = None
        if first < len(batch.offsets):
            fresh = batch.part(slice(first, None)) if first else batch
        return Paired(_as_batch(batch, events) if events else None, fresh, refused, skipped)

    def skip(self, source: Source, topic: str, partition: int, next_offset: int) -> list[DeadLetter]:
        """Go on at an offset of a partition of a topic; return the halves that are given up."""
        lost: list[Lost] = []
        self._partitions[source].skip(next_offset, lost)
        return [_letter(topic, partition, each) for each in lost]

    def seen(self, source: Source) -> SeenHalves | None:
        """Return what is to be committed; None of a partition whose records are not paired."""
        partition = self._partitions.get(source)
        return None if partition is None else partition.seen()

    def n_waiting(self) -> dict[int, int]:
        """Return how many halves wait, by the number of the partition."""
        return {source.partition: len(halves.seen().waiting) for source, halves in self._partitions.items()}

    def committed(self) -> None:
        """Make everything since the last commit final."""
        for partition in self._partitions.values():
            partition.committed()

    def aborted(self) -> None:
        """Go back to the last commit: records are read again from there."""
        for partition in self._partitions.values():
            partition.aborted()

    def id_of(self, value: bytes) -> str | None:
        """Return the id of a half of which only the value is known; None where it has none."""
        half = self._records(one_record("predictions", value))[0].half
        return None if half is None else half.id

    def _records(self, batch: RecordBatch) -> list[Record]:
        documents, problems = parsed_values(batch)
        documents = readable(documents, batch.values, problems, lists=False)
        requests, responses = (matches(documents, batch.headers) for matches in (self._is_request, self._is_response))
        ids = self._id.take(Records(Documents(documents), batch.topic, batch.timestamps_ms, batch.keys, batch.headers))
        raw_values = batch.values if batch.raw_values is None else batch.raw_values
        records = []
        for number, (offset, stamp_ms, value) in enumerate(
            zip(batch.offsets, batch.timestamps_ms, raw_values, strict=True)
        ):
            problem, half = problems.get(number), None
            if not (requests[number] or responses[number]):
                if problem is not None and problem.reason == EMPTY:
                    problem = None  # a record without a value has nothing that says that it is meant
            elif problem is None:
                key = None if batch.keys is None else batch.keys[number]
                headers = {} if batch.headers is None else batch.headers[number]
                try:
                    of = identifier(ids[number], self._id.shown)
                    half = Half(offset, stamp_ms, requests[number], of, documents[number], key, headers, value)
                except EventError as error:
                    problem = error
            records.append(Record(offset, stamp_ms, value, half, problem))
        return records


def _letter(topic: str, partition: int, lost: Lost) -> DeadLetter:
    message = f"{lost.problem} ({topic}-{partition}@{lost.offset})"
    return DeadLetter(lost.problem.reason, message, topic, partition, lost.offset, lost.value or b"")


def _as_batch(batch: RecordBatch, events: list[_Event]) -> RecordBatch:
    """Return events as records, with time and key of the request, and headers of both."""
    return RecordBatch(
        batch.source,
        batch.topic,
        values=[event.last.value for event in events],
        offsets=[event.last.offset for event in events],
        timestamps_ms=[event.request.stamp_ms for event in events],
        documents=[{"request": event.request.document, "response": event.response.document} for event in events],
        keys=[event.request.key for event in events],
        headers=[{**event.response.headers, **event.request.headers} for event in events],
        number=batch.number,
    )
