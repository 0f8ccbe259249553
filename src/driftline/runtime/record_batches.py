"""From Kafka messages to batches of records by source partition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from driftline.events.pane import Kind, Source
from driftline.pipeline.intake import RecordBatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from confluent_kafka import KafkaError, Message


def by_source(
    messages: Iterable[Message], kinds: Mapping[str, Kind]
) -> tuple[list[RecordBatch], list[tuple[Message, KafkaError]]]:
    """Return the records by source partition, each in the order of its offsets, and the messages that are errors.

    Parameters
    ----------
    messages : iterable of Message
        As the consumer gave them.
    kinds : mapping of str to Kind
        What each topic holds.
    """
    batches: dict[Any, RecordBatch] = {}
    events: list[tuple[Message, KafkaError]] = []
    for message in messages:
        error = message.error()
        if error is not None:
            events.append((message, error))
            continue
        at: Any = (message.topic(), message.partition())
        batch = batches.get(at)
        if batch is None:
            batch = batches[at] = RecordBatch(Source(kinds[at[0]], at[1]), at[0], [], [], [])
        offset: Any = message.offset()
        batch.values.append(message.value())
        batch.offsets.append(offset)
        batch.timestamps_ms.append(message.timestamp()[1])
    return list(batches.values()), events


def source_of(message: Message, kinds: Mapping[str, Kind]) -> Source | None:
    """Return the source partition that a message is of; None for one that concerns no partition."""
    topic, partition = message.topic(), message.partition()
    return None if topic is None or partition is None or partition < 0 else Source(kinds[topic], partition)
