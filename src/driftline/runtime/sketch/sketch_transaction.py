"""One transaction a flush: flush records, pending changelog, dead letters and input offsets, or none of them.

The steps (KIP-98, KIP-447):

1. begin;
2. produce the flush records, one or more to each panes partition, the pending blocks and the dead letters;
3. add the input offsets, with the running maxima of event and record time in their metadata, under the consumer's
   group metadata: a member that has lost its partitions is fenced here;
4. commit. An error that allows it aborts; an unknown outcome ends the process, whose successor reads the truth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from driftline.runtime.kafka.kafka_clients import producer_configuration
from driftline.runtime.operations.logs import get_logger
from driftline.runtime.sketch.offset_metadata import CommittedTimes, to_metadata

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka import Consumer, Message

    from driftline.config.secrets import Credentials
    from driftline.config.settings import Settings
    from driftline.events.source import Source
    from driftline.sketching.flush import Flush, Position

COMMIT_TIMEOUT_S: Final = 30.0
_MAX_MESSAGE_BYTES: Final = 4 << 20
"""The client's own limit; the topics' limits decide."""
_log = get_logger(__name__)


class FlushAborted(Exception):  # noqa: N818  # not an error: the flush is read and written again
    """The transaction was aborted; what it held must be read again from the committed offsets."""


class SketchTransactions:
    """The transactional producer of one sketch worker.

    The id is stable over restarts of the worker: a start aborts what the predecessor left open. ``place`` returns the
    partition that a source is.
    """

    def __init__(
        self,
        settings: Settings,
        credentials: Credentials,
        transactional_id: str,
        place: Callable[[Source], TopicPartition],
    ) -> None:
        self._place = place
        kafka = settings.kafka
        more = {"linger.ms": 5, "queue.buffering.max.kbytes": 1 << 20, "message.max.bytes": _MAX_MESSAGE_BYTES}
        self._changelog: dict[int, int] = {}
        self._producer = Producer(producer_configuration(kafka, credentials, transactional_id, more))
        self._panes = kafka.topic("panes")
        self._pending = kafka.topic("pending")
        self._dead_letters = kafka.topic("dead-letters")

    def start(self) -> None:
        """Fence predecessors with the same id, and abort what they left open."""
        self._producer.init_transactions(COMMIT_TIMEOUT_S)

    def commit(self, flush: Flush, consumer: Consumer) -> dict[int, int]:
        """Write a flush; return the offset behind its pending blocks, by partition.

        Raises
        ------
        FlushAborted
            The transaction was aborted.
        KafkaException
            Fatal: fenced, or the outcome is not known.
        """
        self._producer.begin_transaction()
        self._changelog = {}
        try:
            self._produce(flush)
            offsets = [self._committed(source, position) for source, position in flush.positions.items()]
            if offsets:
                self._producer.send_offsets_to_transaction(
                    offsets, consumer.consumer_group_metadata(), COMMIT_TIMEOUT_S
                )
            self._commit()
        except KafkaException as error:
            self._abort(error)
        return self._changelog

    def _committed(self, source: Source, position: Position) -> TopicPartition:
        place = self._place(source)
        times = CommittedTimes(position.running_max_ms, position.recorded_ms, position.seen)
        return TopicPartition(place.topic, place.partition, position.next_offset, metadata=to_metadata(times))

    def _produce(self, flush: Flush) -> None:
        for partition, records in flush.panes.items():
            for record in records:
                self._send(self._panes, record, partition=partition)
        for partition, blocks in flush.pending.items():
            for block in blocks:
                self._send(self._pending, block, partition=partition, on_delivery=self._delivered)
        for letter in flush.dead_letters:
            key, value, headers = letter.record()
            self._send(self._dead_letters, value, key=key, headers=list(headers))

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        """Record the changelog offset that was reached; a failed delivery fails the transaction by itself."""
        partition, offset = message.partition(), message.offset()
        if error is None and partition is not None and offset is not None:
            self._changelog[partition] = max(self._changelog.get(partition, 0), offset + 1)

    def _send(self, topic: str, value: bytes, **where: object) -> None:
        while True:
            try:
                self._producer.produce(topic, value, **where)  # type: ignore[arg-type]  # keywords as in the signature
            except BufferError:
                self._producer.poll(0.1)  # the local queue is full: wait for the broker to take some
            else:
                return

    def _commit(self) -> None:
        """Commit; a retriable failure is tried again, as librdkafka asks for."""
        for _ in range(3):
            try:
                self._producer.commit_transaction(COMMIT_TIMEOUT_S)
            except KafkaException as error:
                if not _error_of(error).retriable():
                    raise
                _log.warning("retrying the commit", error=str(error))
            else:
                return
        self._producer.commit_transaction(COMMIT_TIMEOUT_S)

    def _abort(self, error: KafkaException) -> None:
        reason = _error_of(error)
        if reason.fatal() or not reason.txn_requires_abort():
            raise error
        _log.warning("flush aborted: reading its records again", error=str(reason))
        self._producer.abort_transaction(COMMIT_TIMEOUT_S)
        raise FlushAborted(str(reason)) from error


def _error_of(error: KafkaException) -> KafkaError:
    reason: KafkaError = error.args[0]
    return reason
