"""Asks the broker where the panes partitions end, by a client that the Faust application does not share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec

from driftline.errors import BrokerError
from driftline.runtime.kafka.kafka_clients import connect_admin
from driftline.runtime.operations.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Collection

    from confluent_kafka.admin import AdminClient

    from driftline.config.kafka_settings import KafkaSettings
    from driftline.config.secrets import Credentials

_TIMEOUT_S: Final = 10.0
_log = get_logger(__name__)


class ReadableEnds:
    """The offsets behind the last records that readers of committed data can see.

    Connects with the first question. A broker that does not answer is logged once, until it does again.
    """

    def __init__(self, kafka: KafkaSettings, credentials: Credentials) -> None:
        self._kafka = kafka
        self._credentials = credentials
        self._topic = kafka.topic("panes")
        self._admin: AdminClient | None = None
        self._answers = True

    def __call__(self, partitions: Collection[int]) -> dict[int, int]:
        """Return the end of each partition; nothing while no broker answers."""
        try:
            ends = self._ask(partitions)
        except (KafkaException, BrokerError) as error:
            if self._answers:
                _log.warning("cannot ask the broker for the ends of a topic", topic=self._topic, error=str(error))
            self._answers = False
            return {}
        self._answers = True
        return ends

    def _ask(self, partitions: Collection[int]) -> dict[int, int]:
        if self._admin is None:
            self._admin = connect_admin(self._kafka, self._credentials)
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # this one publishes no types
        wanted = {TopicPartition(self._topic, number): latest for number in partitions}
        answers = self._admin.list_offsets(
            wanted, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=_TIMEOUT_S
        )
        return {place.partition: answer.result(2 * _TIMEOUT_S).offset for place, answer in answers.items()}
