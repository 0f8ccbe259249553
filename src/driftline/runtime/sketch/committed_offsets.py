"""Where a sketch worker starts: the offsets its group has committed, and whether it may begin where there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from confluent_kafka import KafkaException, TopicPartition

from driftline.runtime.operations.logs import get_logger
from driftline.runtime.sketch.earlier_work import counted_panes, offsets_gone

if TYPE_CHECKING:
    from confluent_kafka import Consumer

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
        shown_by = counted_panes(self._kafka, self._credentials)
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
            raise offsets_gone(self._kafka, partitions, shown_by)
        _log.warning("counting records again", partitions=partitions, shown_by=shown_by)
