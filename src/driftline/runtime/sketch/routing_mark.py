"""The mark that joins are routed: the offset that the sketch group has committed in the pending topic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from confluent_kafka import TopicPartition

from driftline.errors import BrokerError
from driftline.runtime.kafka.input_partitions import pending_partitions

if TYPE_CHECKING:
    from confluent_kafka import Consumer

    from driftline.config.secrets import Credentials
    from driftline.config.settings import Settings
    from driftline.runtime.kafka.co_partitioning import Mismatch
    from driftline.runtime.sketch.committed_offsets import CommittedOffsets

_REQUEST_S: Final = 30.0


class RoutingNeeded(Exception):  # noqa: N818  # no error: the worker starts again with routed joins
    """Why labels can only be joined by way of the pending topic, which a committed offset says from now on."""


class RoutingMark:
    """Reads and sets the mark, where ``join.repartition`` is ``auto``."""

    def __init__(
        self, settings: Settings, credentials: Credentials, consumer: Consumer, committed: CommittedOffsets
    ) -> None:
        self._settings = settings
        self._consumer = consumer
        self._committed = committed
        is_open = settings.labels is not None and settings.join.repartition == "auto"
        self._places = pending_partitions(settings, credentials) if is_open else []

    def require_unmarked(self) -> None:
        """Raise where another worker has set the mark.

        Raises
        ------
        RoutingNeeded
            When it has.
        """
        if any(place.offset >= 0 for place in self._committed.of(self._places)):
            raise RoutingNeeded("another worker found it out")

    def route(self, mismatch: Mismatch) -> NoReturn:
        """Let joins be routed, by all workers and from now on, where the settings leave that open.

        Raises
        ------
        RoutingNeeded
            Once the mark is set.
        BrokerError
            When the settings say that joins are not to be routed.
        """
        if self._settings.join.repartition is False:
            raise BrokerError(f"{mismatch} (`{self._settings.kafka.brokers}`)")
        unmarked = [place for place in self._committed.of(self._places) if place.offset < 0]
        ends = [self._consumer.get_watermark_offsets(place, timeout=_REQUEST_S)[1] for place in unmarked]
        marks = [TopicPartition(place.topic, place.partition, end) for place, end in zip(unmarked, ends, strict=True)]
        if marks:
            self._consumer.commit(offsets=marks, asynchronous=False)
        raise RoutingNeeded(mismatch.reason)
