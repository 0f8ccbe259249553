"""Reading partitions of a topic from an offset to their end, or on and on, without joining a group."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from driftline.errors import BrokerError
from driftline.runtime.kafka.kafka_clients import NOTHING_MORE, consumer_configuration
from driftline.runtime.kafka.topics import missing_topic
from driftline.runtime.operations.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from confluent_kafka import Message

    from driftline.config.kafka_settings import KafkaSettings
    from driftline.config.secrets import Credentials

END_OF_PARTITION: Final = KafkaError._PARTITION_EOF  # noqa: SLF001  # librdkafka's own names of local events
_UNKNOWN: Final = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001
    }
)
_REFUSED: Final = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError._AUTHENTICATION,  # noqa: SLF001
    }
)
_FIRST_ANSWER_S: Final = 30.0
"""For the first record or end of a partition, where less patience is asked for: connecting takes time."""
_POLL_S: Final = 0.2
_EMPTY_FETCH_MS: Final = 100
"""How soon the broker answers that there is nothing more; the usual 500 ms would delay each reading to the end."""
_log = get_logger(__name__)


def assigned_consumer(
    kafka: KafkaSettings, credentials: Credentials, name: str, more: Mapping[str, object] = NOTHING_MORE
) -> Consumer:
    """Return a consumer of committed records for :class:`PartitionReading`.

    ``name`` is that of its group, which it never joins and never commits to: partitions are assigned. ``more`` are
    properties besides, or instead.
    """
    properties = {"enable.partition.eof": True, "fetch.wait.max.ms": _EMPTY_FETCH_MS, **more}
    return Consumer(consumer_configuration(kafka, credentials, f"{kafka.prefix}-{name}", properties))


class PartitionReading:
    """Reads partitions of one topic, and knows which of them it has not read to their end yet.

    Parameters
    ----------
    consumer : confluent_kafka.Consumer
        From :func:`assigned_consumer`. The reading assigns the partitions to it; the caller closes it.
    topic : str
        The whole name.
    starts : mapping of int to int
        First offset to read of each partition.
    stops : mapping of int to int, optional
        Where the end of each partition is, exclusive; records from there on are left out. Without it the end is where
        the broker says that there is nothing more to read, and records that come later are read too. With it, an end
        that the broker says before that offset is none yet: an open transaction hides what follows.

    Attributes
    ----------
    unfinished : set of int
        Partitions that have not been read to their end.
    """

    def __init__(
        self,
        consumer: Consumer,
        kafka: KafkaSettings,
        topic: str,
        starts: Mapping[int, int],
        stops: Mapping[int, int] | None = None,
    ) -> None:
        self._consumer = consumer
        self._kafka = kafka
        self._topic = topic
        self._stops = stops
        self._hidden: set[int] = set()
        self._last_s = time.monotonic()
        self._answered = False
        self.unfinished = {number for number, start in starts.items() if stops is None or start < stops[number]}
        consumer.assign([TopicPartition(topic, number, starts[number]) for number in sorted(self.unfinished)])

    @property
    def idle_s(self) -> float:
        """Seconds since the last record or end of a partition; since the beginning before the first."""
        return time.monotonic() - self._last_s

    def poll(self, n: int = 1, timeout_s: float = _POLL_S) -> list[Message]:
        """Return up to ``n`` records that are there within the timeout.

        What will pass, such as a broker that is away, is logged.

        Raises
        ------
        BrokerError
            When the topic does not exist.
        KafkaException
            When reading is not allowed, or the client cannot go on.
        """
        records = []
        for message in self._consumer.consume(n, timeout_s):
            error, partition = message.error(), message.partition() or 0
            if error is not None and error.code() != END_OF_PARTITION:
                self._raise_lasting(error)
                continue
            self._last_s, self._answered = time.monotonic(), True
            if self._note(partition, message.offset() or 0, at_end=error is not None):
                records.append(message)
        return records

    def to_end(self, patience_s: float, n: int = 1, timeout_s: float = _POLL_S) -> Iterator[list[Message]]:
        """Yield records, up to ``n`` at once, until every partition is read to its end.

        Raises
        ------
        BrokerError
            When nothing has come for ``patience_s`` before that; says what was awaited.
        BrokerError, KafkaException
            As :meth:`poll`.
        """
        while self.unfinished:
            yield self.poll(n, timeout_s)
            if self.unfinished and self.idle_s > (patience_s if self._answered else max(patience_s, _FIRST_ANSWER_S)):
                raise self.overdue(patience_s)

    def overdue(self, patience_s: float) -> BrokerError:
        """Return the error to raise when the end does not come; says what was awaited."""
        number = min(self.unfinished)
        upto = "its end" if self._stops is None else f"offset {self._stops[number]}"
        at = f"`{self._topic}-{number}` (`{self._kafka.brokers}`)"
        if number in self._hidden:
            return BrokerError(
                f"Expected to read up to {upto} within {patience_s:g} s, got an open transaction before it - at {at}. "
                "The brokers abort it when its timeout has passed: start this process again; if that does not help, "
                "`kafka-transactions.sh find-hanging --broker-id ID` finds it and `abort` ends it"
            )
        return BrokerError(
            f"Expected to read up to {upto}, got no record for {patience_s:g} s - at {at}. Check that the brokers run"
        )

    def _note(self, partition: int, offset: int, *, at_end: bool) -> bool:
        """Take note of a record or an end at an offset; return whether it is a record to be read."""
        if self._stops is None:
            if at_end:
                self.unfinished.discard(partition)
            return not at_end
        stop = self._stops[partition]
        is_record = partition in self.unfinished and offset < stop and not at_end
        self._hidden.discard(partition)
        if offset >= (stop if at_end else stop - 1):  # past its last record there may be transaction markers
            self.unfinished.discard(partition)
        elif at_end:
            self._hidden.add(partition)
            _log.warning("waiting for an open transaction", topic=self._topic, partition=partition, offset=offset)
        return is_record

    def _raise_lasting(self, error: KafkaError) -> None:
        if error.code() in _UNKNOWN:
            raise missing_topic(self._kafka, self._topic)
        if error.fatal() or error.code() in _REFUSED:
            raise KafkaException(error)
        _log.warning("error while reading", topic=self._topic, error=str(error))
