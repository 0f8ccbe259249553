"""Reading the pending changelog of a source partition back when it is assigned."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Protocol

from confluent_kafka import TopicPartition

from driftline.errors import BrokerError
from driftline.runtime.kafka.kafka_clients import TRANSACTION_TIMEOUT_MS
from driftline.runtime.kafka.reading import PartitionReading, assigned_consumer
from driftline.runtime.operations.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.config.kafka_settings import KafkaSettings
    from driftline.config.secrets import Credentials
    from driftline.sketching.joins.replayed_rows import Replay

TOPIC: Final = "pending"
OPEN_TRANSACTION_S: Final = TRANSACTION_TIMEOUT_MS / 1000 + 10.0 + 20.0
"""How long an open transaction may hide what stands behind it: its timeout, the broker's sweep for transactions past it
(``transaction.abort.timed.out.transaction.cleanup.interval.ms``, 10 s unless changed), and a margin."""
_READER: Final = "pending-reader"
_REQUEST_S: Final = 30.0
_POLL_S: Final = 0.1
_BATCH: Final = 16
"""Blocks of up to 256 KB."""
_KEEP_ROWS: Final = 50_000
_REPORT_S: Final = 5.0
_log = get_logger(__name__)


class Restoring(Protocol):
    """What takes the blocks: :class:`driftline.sketching.joins.joins.Joins`."""

    def restore(self, partition: int, block: bytes, offset: int, at: str) -> int:
        """Take a block; return its number of rows."""

    def restored(self, partition: int, next_offset: int, *, whole: bool) -> None:
        """Commit the restored rows; ``whole`` says that all are restored, so expired ones may be removed."""


class PendingChangelog:
    """Reads the committed blocks of a partition of the pending topic, up to its end at the time of the call.

    ``open_transaction_s`` is how long to wait for a transaction that a killed worker has left open.
    """

    def __init__(
        self, kafka: KafkaSettings, credentials: Credentials, open_transaction_s: float = OPEN_TRANSACTION_S
    ) -> None:
        self._kafka = kafka
        self._credentials = credentials
        self._topic = kafka.topic(TOPIC)
        self._open_transaction_s = open_transaction_s

    def replay(self, replay: Replay, joins: Restoring) -> bool:
        """Restore the blocks that a partition's join does not hold yet, oldest first; return whether the partition has
        any.

        Aborted blocks are none.

        Raises
        ------
        BrokerError
            When a transaction stays open, so that what is committed behind it cannot be read; or when the join's stores
            reach further than the changelog, or than what was counted.
        """
        low, high = self._range(replay.partition)
        end = high if replay.end_offset is None else replay.end_offset
        if replay.next_offset > end:
            raise self._ahead(replay.partition, replay.next_offset, end)
        restored = self._restore(replay.partition, max(low, replay.first_offset), end, joins)
        return restored or replay.next_offset > low

    def _restore(self, partition: int, start: int, high: int, joins: Restoring) -> bool:
        """Restore the blocks between two offsets; return whether there are any."""
        started = reported = time.monotonic()
        n_rows = n_kept = 0
        reached = start
        for value, offset in self._blocks(partition, start, high):
            n_rows += joins.restore(partition, value, offset, f"{self._topic}-{partition}@{offset}")
            reached = offset + 1
            if n_rows - n_kept >= _KEEP_ROWS:
                joins.restored(partition, reached, whole=False)
                n_kept = n_rows
            if time.monotonic() - reported >= _REPORT_S:
                reported = time.monotonic()
                done = (reached - start) / (high - start)
                _log.info("pending restoring", partition=partition, rows=n_rows, share=round(done, 3))
        joins.restored(partition, reached, whole=True)
        seconds = time.monotonic() - started
        _log.info(
            "pending restored",
            partition=partition,
            rows=n_rows,
            seconds=round(seconds, 3),
            rows_per_s=round(n_rows / max(seconds, 1e-3)),
        )
        return reached > start

    def _blocks(self, partition: int, low: int, high: int) -> Iterator[tuple[bytes, int]]:
        if low >= high:
            return
        consumer = assigned_consumer(self._kafka, self._credentials, _READER)
        try:
            reading = PartitionReading(consumer, self._kafka, self._topic, {partition: low}, {partition: high})
            for messages in reading.to_end(self._open_transaction_s, _BATCH, _POLL_S):
                for message in messages:
                    yield message.value() or b"", message.offset() or 0
        finally:
            consumer.close()

    def _range(self, partition: int) -> tuple[int, int]:
        """Return the oldest offset and the end; the end includes open transactions, which a read-committed consumer
        does not see.
        """
        consumer = assigned_consumer(self._kafka, self._credentials, _READER, {"isolation.level": "read_uncommitted"})
        try:
            return consumer.get_watermark_offsets(TopicPartition(self._topic, partition), timeout=_REQUEST_S)
        finally:
            consumer.close()

    def _ahead(self, partition: int, next_offset: int, high: int) -> BrokerError:
        return BrokerError(
            f"Expected a pending changelog up to offset {next_offset} at least, as the store on disk has it, got its "
            f"end at {high} - at `{self._topic}-{partition}` (`{self._kafka.brokers}`). The topic was created again: "
            "delete the folder that `join.directory` names, and start this worker again"
        )
