"""Where a sketch worker starts: the offsets its group has committed, and whether it may begin where there are none."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from confluent_kafka import KafkaException, TopicPartition

from driftline.errors import BrokerError
from driftline.panes.flush_record import decode
from driftline.runtime.kafka.reading import PartitionReading, assigned_consumer
from driftline.runtime.operations.logs import get_logger

if TYPE_CHECKING:
    from confluent_kafka import Consumer

    from driftline.config.kafka_settings import KafkaSettings
    from driftline.config.secrets import Credentials
    from driftline.config.settings import Settings

_REQUEST_S: Final = 30.0
_log = get_logger(__name__)


class CommittedOffsets:
    """The committed offsets of the sketch group, of which the consumer is a member and which reads ``every`` partition.

    With ``accept_recount`` records are counted again where committed offsets are gone; without it that is an error.
    """

    def __init__(
        self,
        settings: Settings,
        credentials: Credentials,
        consumer: Consumer,
        every: list[TopicPartition],
        *,
        accept_recount: bool,
    ) -> None:
        self._kafka = settings.kafka
        self._credentials = credentials
        self._consumer = consumer
        self._every = every
        self._accept_recount = accept_recount

    def of(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Return the committed offsets; waits for transactions that are about to change them.

        Raises
        ------
        KafkaException
            When the broker does not tell them.
        """
        bare = [TopicPartition(partition.topic, partition.partition) for partition in partitions]
        result = []
        for partition in self._consumer.committed(bare, timeout=_REQUEST_S) if bare else []:
            if partition.error is not None:
                raise KafkaException(partition.error)
            result.append(partition)
        return result

    def or_oldest(self, committed: list[TopicPartition]) -> list[TopicPartition]:
        """Let partitions without a committed offset begin at their oldest record."""
        for partition in committed:
            if partition.offset < 0:
                partition.offset, _high = self._consumer.get_watermark_offsets(partition, timeout=_REQUEST_S)
        return committed

    def require_no_earlier_panes(self, committed: list[TopicPartition]) -> None:
        """Raise if no partition of the group has a committed offset although the panes topic shows earlier work.

        The panes are read first: what another member counts meanwhile, it commits together with its offsets.

        Raises
        ------
        BrokerError
            When there was earlier work, and counting it again is not accepted.
        """
        if not committed or any(partition.offset >= 0 for partition in committed):
            return
        shown_by = _counted_panes(self._kafka, self._credentials)
        if shown_by is not None and all(partition.offset < 0 for partition in self.of(self._every)):
            self.recount("any of its partitions", shown_by)

    def recount(self, partitions: str, shown_by: str) -> None:
        """Allow records to be counted again where the settings of this start accept it.

        Raises
        ------
        BrokerError
            When they do not.
        """
        if not self._accept_recount:
            raise _offsets_gone(self._kafka, partitions, shown_by)
        _log.warning("counting records again", partitions=partitions, shown_by=shown_by)


def _counted_panes(kafka: KafkaSettings, credentials: Credentials) -> str | None:
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


def _offsets_gone(kafka: KafkaSettings, partitions: str, shown_by: str) -> BrokerError:
    """Return the error for partitions whose committed offsets are absent though they have been read before."""
    return BrokerError(
        f"Expected committed offsets of the group `{kafka.prefix}-sketch` for {partitions}, got none although "
        f"`{shown_by}` shows that it has read them before - at `{kafka.brokers}`. The broker deletes the offsets of a "
        "group that has no member for `offsets.retention.minutes` (7 days by default). Starting at the oldest record "
        "would count the records that are left a second time: use another `--prefix`, or accept that by starting once "
        "with `driftline run --accept-recount`"
    )
