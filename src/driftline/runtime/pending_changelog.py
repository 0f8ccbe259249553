"""Reading the pending changelog of a source partition back when it is assigned."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from driftline.runtime.kafka_clients import consumer_configuration
from driftline.runtime.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from driftline.config.secrets import Credentials
    from driftline.config.settings import KafkaSettings

TOPIC: Final = "pending"
_POLL_S: Final = 0.1
_BATCH: Final = 500
_log = get_logger(__name__)


class PendingChangelog:
    """Reads committed blocks of the pending topic.

    Parameters
    ----------
    kafka : KafkaSettings
    credentials : Credentials
    """

    def __init__(self, kafka: KafkaSettings, credentials: Credentials) -> None:
        self._topic = kafka.topic(TOPIC)
        group = f"{kafka.prefix}-pending-reader"  # never joined and never committed to: partitions are assigned
        self._configuration = consumer_configuration(kafka, credentials, group, {"enable.partition.eof": True})

    def replay(self, partition: int, restore: Callable[[int, bytes, str], None]) -> None:
        """Give each block of a partition, oldest first, to ``restore`` with the partition and where it was read."""
        started, n_blocks, n_bytes = time.monotonic(), 0, 0
        for value, at in self._blocks(partition):
            restore(partition, value, at)
            n_blocks += 1
            n_bytes += len(value)
        seconds = time.monotonic() - started
        _log.info("pending restored", partition=partition, blocks=n_blocks, bytes=n_bytes, seconds=round(seconds, 3))

    def _blocks(self, partition: int) -> Iterator[tuple[bytes, str]]:
        consumer = Consumer(self._configuration)
        try:
            low, high = consumer.get_watermark_offsets(TopicPartition(self._topic, partition), timeout=30.0)
            if low == high:
                return
            consumer.assign([TopicPartition(self._topic, partition, low)])
            while True:
                for message in consumer.consume(_BATCH, _POLL_S):
                    error = message.error()
                    if error is None:
                        yield message.value() or b"", f"{self._topic}-{partition}@{message.offset()}"
                    elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # librdkafka's own name
                        return
                    elif error.fatal() or not error.retriable():
                        raise KafkaException(error)
        finally:
            consumer.close()
