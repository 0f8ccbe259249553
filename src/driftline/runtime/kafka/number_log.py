"""The numbers of the partitions of several topics: given once, kept on a topic of their own, the same for all workers.

With several topics of a kind, the stages see the partitions of all of them as those of one topic. Checkpoints, pending
changelogs and open panes hold these numbers, so that a number must never stand for another partition later. Whoever
finds a partition without one appends a claim to that topic, reads the topic to its end, and goes by what stands
there: the order of the one partition is the same for everybody (:func:`~driftline.events.source_numbers.in_order`).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from msgspec import Struct

from driftline.errors import BrokerError, FormatError
from driftline.events.source import Kind
from driftline.events.source_numbers import SourceNumbers, TopicPart, in_order
from driftline.runtime.kafka.kafka_clients import consumer_configuration, producer_configuration
from driftline.runtime.kafka.reading import PartitionReading, assigned_consumer
from driftline.runtime.kafka.topics import missing_topic
from driftline.runtime.operations.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.config.kafka_settings import KafkaSettings
    from driftline.config.secrets import Credentials
    from driftline.config.settings import Settings
    from driftline.runtime.kafka.input_partitions import InputTopics

TOPIC: Final = "input-partitions"
MAX_NUMBERS: Final = 1 << 15
"""Numbers of one kind: joins that are routed have so many bits for them."""
_KEY: Final = b"source-numbers"
_VERSION: Final = 1
_REQUEST_S: Final = 30.0
_POLL_S: Final = 0.1
_NO_LEADER: Final = frozenset(
    {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART}
)
_log = get_logger(__name__)


class _Claim(Struct, frozen=True):
    """One record of the log."""

    version: int
    kind: Kind
    topic: str
    first: int
    n: int


class NumberLog:
    """Reads and extends the log of one driftline."""

    def __init__(self, kafka: KafkaSettings, credentials: Credentials) -> None:
        self._kafka = kafka
        self._credentials = credentials
        self._topic = kafka.topic(TOPIC)

    def read(self) -> tuple[TopicPart, ...]:
        """Return what has been numbered; nothing where the topic does not exist.

        Raises
        ------
        BrokerError
            When the beginning of the log is gone, or its end cannot be reached.
        FormatError
            When a record is of another version.
        """
        consumer = assigned_consumer(self._kafka, self._credentials, "input-partitions-reader")
        try:
            if self._topic not in consumer.list_topics(timeout=_REQUEST_S).topics:
                return ()
            low, high = self._range(consumer)
            if low:
                raise self._lost(f"records before offset {low} have been deleted")
            if low == high:
                return ()
            reading = PartitionReading(consumer, self._kafka, self._topic, {0: low}, {0: high})
            records = [record for part in reading.to_end(_REQUEST_S) for record in part if record.key() == _KEY]
        finally:
            consumer.close()
        return in_order(self._decoded(each.value() or b"", each.offset() or 0) for each in records)

    def _range(self, consumer: Consumer) -> tuple[int, int]:
        """Return the oldest offset and the end; waits where a topic that is just made has no leader yet."""
        deadline = time.monotonic() + _REQUEST_S
        while True:
            try:
                return consumer.get_watermark_offsets(TopicPartition(self._topic, 0), timeout=_REQUEST_S)
            except KafkaException as error:
                if error.args[0].code() not in _NO_LEADER or time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_S)

    def _decoded(self, value: bytes, offset: int) -> TopicPart:
        try:
            claim = msgspec.json.decode(value, type=_Claim)
        except msgspec.DecodeError as error:
            raise self._unreadable(value, offset) from error
        if claim.version != _VERSION:
            raise self._unreadable(value, offset)
        return TopicPart(claim.kind, claim.topic, claim.first, claim.n)

    def _unreadable(self, value: bytes, offset: int) -> FormatError:
        return FormatError(
            f"Expected a claim of version {_VERSION}, got {value[:80]!r} - at `{self._topic}-0@{offset}`. Run workers "
            "of the same driftline version"
        )

    def _lost(self, reason: str) -> BrokerError:
        return BrokerError(
            f"Expected all records of `{self._topic}` since its beginning, which say how the partitions of several "
            f"topics are numbered, but {reason} - at `{self._kafka.brokers}`. Without them what is stored cannot be "
            "assigned to topics: start with another `--prefix`, and keep its records for ever (`retention.ms=-1`; "
            "`driftline topics check` says whether it is so)"
        )

    def extend(self, parts: Iterable[TopicPart]) -> None:
        """Append claims; returns when the broker has them.

        Raises
        ------
        BrokerError
            When it does not take them, or the topic is missing.
        """
        producer = Producer(producer_configuration(self._kafka, self._credentials))
        if self._topic not in producer.list_topics(timeout=_REQUEST_S).topics:
            raise missing_topic(self._kafka, self._topic)
        failed: list[str] = []
        for part in parts:
            value = msgspec.json.encode(_Claim(_VERSION, part.kind, part.topic, part.first, part.n))
            producer.produce(
                self._topic,
                value,
                _KEY,
                partition=0,
                on_delivery=lambda error, _message: failed.append(error.str()) if error is not None else None,
            )
        if producer.flush(_REQUEST_S) or failed:
            reason = failed[0] if failed else f"no answer within {_REQUEST_S:g} s"
            raise BrokerError(f"Expected to write to `{self._topic}`, got {reason} - at `{self._kafka.brokers}`")

    def committed_topics(self, inputs: InputTopics) -> set[str]:
        """Return the input topics of which the sketch group has committed offsets."""
        consumer = Consumer(consumer_configuration(self._kafka, self._credentials, f"{self._kafka.prefix}-sketch"))
        try:
            places = [TopicPartition(topic, number) for topic, n in inputs.counts.items() for number in range(n)]
            committed = consumer.committed(places, timeout=_REQUEST_S)
        except KafkaException as error:
            reason = error.args[0].str()
            raise BrokerError(f"Expected the group's offsets, got {reason} - at `{self._kafka.brokers}`") from error
        finally:
            consumer.close()
        return {place.topic for place in committed if place.offset >= 0}

    def require_none_read(self, read_before: set[str], inputs: InputTopics) -> None:
        """Raise if the log is empty although several topics of a kind have been read."""
        kinds = [inputs.read[topic] for topic in read_before]
        if len(set(kinds)) < len(kinds):
            raise self._lost(f"there are none, and {', '.join(sorted(read_before))} have been read before")


def number_sources(settings: Settings, credentials: Credentials, inputs: InputTopics) -> SourceNumbers:
    """Return the numbers of all partitions that are read; gives them to those that have none yet.

    Where each kind has one topic and has always had, its partitions keep their numbers and nothing is written. The
    first of several topics to be numbered is the one that was read before, as it was alone.

    Raises
    ------
    BrokerError
        When numbers that had been given are gone, there are too many, or topics that are joined in place have
        different ones.
    """
    log = NumberLog(settings.kafka, credentials)
    parts = log.read()
    if not parts and not settings.has_several_topics:
        return SourceNumbers(inputs.read, inputs.counts)
    order = [topic for topic, kind in inputs.read.items() if kind not in {"joins", "control"}]
    if not parts:
        read_before = log.committed_topics(inputs)
        parts = log.read()  # another worker may have begun meanwhile
        if not parts:
            log.require_none_read(read_before & {*order}, inputs)
        order.sort(key=lambda topic: topic not in read_before)
    claims = _claims(order, inputs, parts)
    if claims:
        log.extend(claims)
        parts = log.read()
        _log.info("partitions numbered", topics=[claim.topic for claim in claims])
    numbers = SourceNumbers(inputs.read, inputs.counts, parts)
    most = max(numbers.n_partitions.values())
    if most > MAX_NUMBERS:
        raise BrokerError(
            f"Expected at most {MAX_NUMBERS:,} partitions in all topics of a kind, got {most:,} - at "
            f"`{settings.kafka.brokers}`. Divide the topics between several driftlines with their own `kafka.prefix`"
        )
    return numbers


def known_numbers(settings: Settings, credentials: Credentials, inputs: InputTopics) -> SourceNumbers:
    """Return the numbers that workers have given, without giving any; those that they would give where there are none.

    Partitions that no worker has numbered yet are left out, as nothing has been read of them.

    Raises
    ------
    BrokerError
        When numbers that had been given are gone.
    """
    parts = NumberLog(settings.kafka, credentials).read()
    if not parts and settings.has_several_topics:
        parts = in_order(_claims([topic for topic, kind in inputs.read.items() if kind != "joins"], inputs, ()))
    return SourceNumbers(inputs.read, inputs.counts, parts)


def _claims(order: Iterable[str], inputs: InputTopics, parts: Iterable[TopicPart]) -> list[TopicPart]:
    """Return claims for the partitions that have no number, given what has one."""
    known: dict[tuple[Kind, str], int] = {}
    for part in parts:
        known[part.kind, part.topic] = part.first + part.n
    claims = []
    for topic in order:
        kind, count = inputs.read[topic], inputs.counts[topic]
        first = known.get((kind, topic), 0)
        if count > first:
            claims.append(TopicPart(kind, topic, first, count - first))
    return claims
