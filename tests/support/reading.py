"""What stands on a broker: records and end offsets of topics, and offsets that a group has committed."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, TopicPartition

from tests.support.real_broker import patient

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ANSWER_S = 20


class Record(NamedTuple):
    """One record as it was read."""

    partition: int
    offset: int
    key: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    value: bytes | None


@contextmanager
def consumer_of(bootstrap: str, group: str = "reader", isolation: str = "read_committed") -> Iterator[Consumer]:
    """Give a consumer that commits nothing and says where a partition ends."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "isolation.level": isolation,
            "enable.partition.eof": True,
            "enable.auto.commit": False,
        }
    )
    try:
        yield consumer
    finally:
        consumer.close()


def read_topic(
    bootstrap: str, topic: str, partition: int | None = None, isolation: str = "read_committed"
) -> list[Record]:
    """Return all records of a topic, or of one of its partitions, as readers of an isolation see them."""
    records: list[Record] = []
    with consumer_of(bootstrap, isolation=isolation) as consumer:
        waiting = {number for number in _partitions(consumer, topic) if partition in {None, number}}
        consumer.assign([TopicPartition(topic, number, 0) for number in waiting])
        while waiting:
            message: Any = consumer.poll(patient(ANSWER_S))
            assert message is not None, f"{topic} does not end"
            error = message.error()
            if error is None:
                headers = tuple(message.headers() or ())
                records.append(Record(message.partition(), message.offset(), message.key(), headers, message.value()))
            else:
                assert error.code() == KafkaError._PARTITION_EOF, error
                waiting.discard(message.partition())
    return records


def end_offsets(bootstrap: str, topic: str, isolation: str = "read_committed") -> list[int]:
    """Return the end offset of each partition of a topic, as readers of an isolation see it."""
    with consumer_of(bootstrap, isolation=isolation) as consumer:
        places = [TopicPartition(topic, number) for number in _partitions(consumer, topic)]
        return [consumer.get_watermark_offsets(place, timeout=patient(ANSWER_S))[1] for place in places]


def committed_offsets(bootstrap: str, group: str, places: Iterable[tuple[str, int]]) -> list[TopicPartition]:
    """Return what a group has committed for partitions, in their order; a negative offset where it has nothing."""
    with consumer_of(bootstrap, group) as consumer:
        asked = [TopicPartition(topic, number) for topic, number in places]
        return consumer.committed(asked, timeout=patient(ANSWER_S))


def _partitions(consumer: Consumer, topic: str) -> list[int]:
    return sorted(consumer.list_topics(topic, timeout=patient(ANSWER_S)).topics[topic].partitions)
