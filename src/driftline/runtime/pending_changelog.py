"""Reading the pending changelog of a source partition back when it is assigned."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from driftline.errors import BrokerError
from driftline.runtime.kafka_clients import TRANSACTION_TIMEOUT_MS, consumer_configuration
from driftline.runtime.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from driftline.config.secrets import Credentials
    from driftline.config.settings import KafkaSettings

TOPIC: Final = "pending"
OPEN_TRANSACTION_S: Final = TRANSACTION_TIMEOUT_MS / 1000 + 10.0 + 20.0
"""How long an open transaction may hide what stands behind it: its timeout, the broker's sweep for transactions past it
(``transaction.abort.timed.out.transaction.cleanup.interval.ms``, 10 s unless changed), and a margin."""
_REQUEST_S: Final = 30.0
_POLL_S: Final = 0.1
_BATCH: Final = 500
_log = get_logger(__name__)


class PendingChangelog:
    """Reads committed blocks of the pending topic, all that stand in a partition when it is asked.

    Parameters
    ----------
    kafka : KafkaSettings
    credentials : Credentials
    open_transaction_s : float
        How long to wait for a transaction that a killed worker has left open.
    """

    def __init__(
        self, kafka: KafkaSettings, credentials: Credentials, open_transaction_s: float = OPEN_TRANSACTION_S
    ) -> None:
        self._brokers = kafka.brokers
        self._topic = kafka.topic(TOPIC)
        self._open_transaction_s = open_transaction_s
        group = f"{kafka.prefix}-pending-reader"  # never joined and never committed to: partitions are assigned
        self._configuration = consumer_configuration(kafka, credentials, group, {"enable.partition.eof": True})
        self._uncommitted = consumer_configuration(kafka, credentials, group, {"isolation.level": "read_uncommitted"})

    def replay(self, partition: int, restore: Callable[[int, bytes, str], None]) -> int:
        """Give each block of a partition, oldest first, to ``restore`` with the partition and where it was read.

        Returns
        -------
        int
            The number of blocks.

        Raises
        ------
        BrokerError
            When a transaction stays open, so that what is committed behind it cannot be read.
        """
        started, n_blocks, n_bytes = time.monotonic(), 0, 0
        for value, at in self._blocks(partition):
            restore(partition, value, at)
            n_blocks += 1
            n_bytes += len(value)
        seconds = time.monotonic() - started
        _log.info("pending restored", partition=partition, blocks=n_blocks, bytes=n_bytes, seconds=round(seconds, 3))
        return n_blocks

    def _blocks(self, partition: int) -> Iterator[tuple[bytes, str]]:
        low, high = self._range(partition)
        if low == high:
            return
        consumer = Consumer(self._configuration)
        try:
            consumer.assign([TopicPartition(self._topic, partition, low)])
            held_since_s = None
            while True:
                for message in consumer.consume(_BATCH, _POLL_S):
                    error = message.error()
                    if error is None:
                        held_since_s = None
                        yield message.value() or b"", f"{self._topic}-{partition}@{message.offset()}"
                    elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # librdkafka's own name
                        reached = message.offset() or 0
                        if reached >= high:
                            return
                        held_since_s = time.monotonic()
                        _log.warning("pending waits for an open transaction", partition=partition, offset=reached)
                    elif error.fatal() or not error.retriable():
                        raise KafkaException(error)
                if held_since_s is not None and time.monotonic() - held_since_s > self._open_transaction_s:
                    raise self._held(partition, high)
        finally:
            consumer.close()

    def _range(self, partition: int) -> tuple[int, int]:
        """Return the oldest offset, and the end with open transactions: a reader of committed data is told of less."""
        consumer = Consumer(self._uncommitted)
        try:
            return consumer.get_watermark_offsets(TopicPartition(self._topic, partition), timeout=_REQUEST_S)
        finally:
            consumer.close()

    def _held(self, partition: int, high: int) -> BrokerError:
        return BrokerError(
            f"Expected to read the pending changelog up to offset {high} within {self._open_transaction_s:g} s, got an "
            f"open transaction before it - at `{self._topic}-{partition}` (`{self._brokers}`). The brokers abort it "
            "when its timeout has passed: start this worker again; if that does not help, "
            "`kafka-transactions.sh find-hanging --broker-id ID` finds it and `abort` ends it"
        )
