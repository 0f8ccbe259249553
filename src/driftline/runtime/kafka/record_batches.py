"""From Kafka messages to batches of records by source partition."""

from __future__ import annotations

from itertools import compress, groupby, repeat
from operator import is_not, not_
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from confluent_kafka import Message

from driftline.events.record_batch import no_records

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping, Sequence

    from confluent_kafka import KafkaError

    from driftline.events.record_batch import RecordBatch
    from driftline.events.source import Source


def by_source(
    messages: Iterable[Message],
    source_at: Callable[[str, int], Source],
    wants_headers: Callable[[str, Sequence[bytes | None]], bool] = lambda _topic, _values: False,
    asked: Mapping[str, Container[str]] = MappingProxyType({}),
) -> tuple[list[RecordBatch], list[tuple[Message, KafkaError]]]:
    """Return the records by source partition, each in the order of its offsets, and the messages that are errors.

    ``source_at`` says which source a partition of a topic is, ``wants_headers`` whether records of a topic, with these
    values, need their headers, and ``asked`` which of ``keys`` and ``headers`` all records of a topic need.
    """
    batches: dict[Any, RecordBatch] = {}
    received = [*messages]
    # by identity: a KafkaError raises when it is compared to None
    failed = [*map(is_not, map(Message.error, received), repeat(None))]
    events = [(message, error) for message in compress(received, failed) if (error := message.error()) is not None]
    for at, run in groupby(compress(received, map(not_, failed)), _place):
        records = [*run]
        batch = batches.get(at)
        if batch is None:
            topic, number = at
            source = source_at(topic, number)
            own = None if source.partition == number else number
            batch = batches[at] = no_records(source, topic, asked.get(topic, ()), own)
        values = [*map(Message.value, records)]
        if batch.headers is None and wants_headers(batch.topic, values):
            batch = batches[at] = batch._replace(headers=[{} for _ in batch.values])
        if batch.headers is not None:
            batch.headers.extend(map(_headers, records))
        if batch.keys is not None:
            batch.keys.extend(map(Message.key, records))
        batch.values.extend(values)
        batch.offsets.extend(map(Message.offset, records))  # type: ignore[arg-type]  # a record has an offset
        batch.timestamps_ms.extend([stamp for _, stamp in map(Message.timestamp, records)])
    return list(batches.values()), events


def _headers(message: Message) -> dict[str, bytes]:
    """Return the headers that have values, the last of each name."""
    headers: Any = message.headers()  # pairs, though its annotation allows texts too
    return {name: value for name, value in headers or () if value is not None}


def _place(message: Message) -> Any:  # noqa: ANN401  # topic and partition, which every record has
    return message.topic(), message.partition()


def source_of(message: Message, source_at: Callable[[str, int], Source]) -> Source | None:
    """Return the source partition that a message is of; None for one that concerns no partition."""
    topic, partition = message.topic(), message.partition()
    return None if topic is None or partition is None or partition < 0 else source_at(topic, partition)
