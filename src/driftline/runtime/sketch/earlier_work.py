"""Tells from the panes topic whether a sketch group has counted before: committed offsets expire."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from confluent_kafka import TopicPartition

from driftline.errors import BrokerError
from driftline.panes.flush_record import decode
from driftline.runtime.kafka.reading import PartitionReading, assigned_consumer

if TYPE_CHECKING:
    from driftline.config.secrets import Credentials
    from driftline.config.settings import KafkaSettings

_REQUEST_S: Final = 30.0


def counted_panes(kafka: KafkaSettings, credentials: Credentials) -> str | None:
    """Return the position of a panes record that counts events; None if there is none.

    What only says that a worker has started, and what was never committed, shows nothing. Records that have expired
    show it too. *Cost*: the records up to the first that counts something.
    """
    topic = kafka.topic("panes")
    consumer = assigned_consumer(kafka, credentials, "panes-reader")
    try:
        for number in range(kafka.panes_partitions):
            low, _high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=_REQUEST_S)
            if low > 0:
                return f"{topic}-{number}@{low}"
            reading = PartitionReading(consumer, kafka, topic, {number: low})
            for message in chain.from_iterable(reading.to_end(_REQUEST_S)):
                at = f"{topic}-{number}@{message.offset()}"
                flush = decode(message.value() or b"", at)
                if flush.panes or flush.joins or any(mark.time_ms is not None for mark in flush.watermarks):
                    return at
        return None
    finally:
        consumer.close()


def offsets_gone(kafka: KafkaSettings, partitions: str, shown_by: str) -> BrokerError:
    """Return the error for partitions whose committed offsets are absent though they have been read before."""
    return BrokerError(
        f"Expected committed offsets of the group `{kafka.prefix}-sketch` for {partitions}, got none although "
        f"`{shown_by}` shows that it has read them before - at `{kafka.brokers}`. The broker deletes the offsets of a "
        "group that has no member for `offsets.retention.minutes` (7 days by default). Starting at the oldest record "
        "would count the records that are left a second time: use another `--prefix`, or accept that by starting once "
        "with `driftline run --accept-recount`"
    )
