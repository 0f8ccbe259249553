"""The oldest and the newest records of a topic, deserialized as the workers do it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import KafkaException, TopicPartition

from driftline.config.rules import OWN_TOPICS
from driftline.errors import BrokerError
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.inspection.sample import TopicSample
from driftline.runtime.encodings.schema_problems import RegistryUnavailableError
from driftline.runtime.kafka.kafka_clients import ADMIN_TIMEOUT_S, connect_admin
from driftline.runtime.kafka.reading import PartitionReading, assigned_consumer
from driftline.runtime.kafka.topics import RETENTION, all_partitions, configurations, missing_topic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from confluent_kafka import Consumer, Message

    from driftline.config.secrets import Credentials
    from driftline.config.settings import Settings
    from driftline.events.source import Kind
    from driftline.runtime.encodings.input_encodings import InputEncodings

RECORDS: Final = 2_000
"""Oldest records of a topic that are looked at, and as many of the newest."""
MAX_BYTES: Final = 64 << 20
"""Of the values of a topic's sample; what comes after is left out."""
_PATIENCE_S: Final = 15.0
"""Time without any record, short of the end, after which the broker counts as gone."""
_RETENTION_S: Final = 3.0
"""For the settings of a topic, which are no more than nice to know."""
_SHOWN: Final = 30
"""Topics that a message lists."""
_AT_ONCE: Final = 500
_POLL_S: Final = 0.1
_FETCH: Final[Mapping[str, object]] = {"fetch.wait.max.ms": 50, "queued.max.messages.kbytes": 16_384}

Span = tuple[int, int]


class TopicSampler:
    """Samples topics of one broker, each with a consumer that joins no group.

    Parameters
    ----------
    settings : Settings
        Where the brokers are, and how the topics are encoded.
    credentials : Credentials
    encodings : InputEncodings
        The deserializers.

    Raises
    ------
    BrokerError
        When no broker answers.
    """

    def __init__(self, settings: Settings, credentials: Credentials, encodings: InputEncodings) -> None:
        self._settings, self._credentials, self._encodings = settings, credentials, encodings
        self._admin = connect_admin(settings.kafka, credentials)

    def sample(self, topic: str, kind: Kind, n: int = RECORDS) -> TopicSample:
        """Return the ``n`` oldest and the ``n`` newest records of a topic, over all partitions.

        Raises
        ------
        BrokerError
            When the topic is missing, or the broker goes silent before the end.
        KafkaException
            When reading is not allowed.
        """
        kafka = self._settings.kafka
        n_partitions = self._n_partitions(topic)
        consumer = assigned_consumer(kafka, self._credentials, "doctor", _FETCH)
        try:
            ends = {
                number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=ADMIN_TIMEOUT_S)
                for number in range(n_partitions)
            }
            messages: list[Message] = []
            for spans in _spans(ends, n):
                messages += self._read(consumer, topic, spans, MAX_BYTES // 2)
        finally:
            consumer.close()
        batches, trouble = self._deserialized(_batches(messages, topic, kind))
        n_records = sum(high - low for low, high in ends.values())
        return TopicSample(kind, topic, batches, n_records, n_partitions, self._retention_ms(topic), trouble)

    def _n_partitions(self, topic: str) -> int:
        """Return the number of partitions of a topic; where it is missing, say which there are."""
        kafka = self._settings.kafka
        present = all_partitions(self._admin)
        if topic in present:
            return present[topic]
        own = tuple(map(kafka.topic, OWN_TOPICS))
        others = sorted(name for name in present if not name.startswith("_") and name not in own)
        shown = ", ".join(others[:_SHOWN]) + (", ..." if len(others) > _SHOWN else "")
        raise BrokerError(f"{missing_topic(kafka, topic)}. Topics there: {shown or 'none'}")

    def _read(self, consumer: Consumer, topic: str, spans: Mapping[int, Span], max_bytes: int) -> list[Message]:
        starts, stops = ({number: span[i] for number, span in spans.items()} for i in (0, 1))
        if not spans:
            return []
        found: list[Message] = []
        n_bytes = 0
        reading = PartitionReading(consumer, self._settings.kafka, topic, starts, stops)
        for messages in reading.to_end(_PATIENCE_S, _AT_ONCE, _POLL_S):
            found += messages
            n_bytes += sum(len(message.value() or b"") for message in messages)
            if n_bytes > max_bytes:
                break
        return found

    def _deserialized(self, batches: Sequence[RecordBatch]) -> tuple[list[RecordBatch], str | None]:
        """Return the records as documents; and why that was not possible, where a registry does not answer."""
        found: list[RecordBatch] = []
        for batch in batches:
            try:
                found += self._encodings.read(batch)
            except RegistryUnavailableError as error:
                url = "" if self._settings.schema_registry is None else self._settings.schema_registry.url
                return found, f"the schema registry {url} cannot be asked: {self._encodings.problem() or error}"
        return found, None

    def _retention_ms(self, topic: str) -> int | None:
        """Return how long the broker keeps records; None where it keeps them for ever or does not say."""
        try:
            value = int(configurations(self._admin, [topic], _RETENTION_S).get(topic, {}).get(RETENTION, "-1"))
        except (BrokerError, KafkaException, ValueError):
            return None  # a user who may read a topic need not be allowed to describe it
        return None if value < 0 else value


def _spans(ends: Mapping[int, Span], n: int) -> list[dict[int, Span]]:
    """Return the offsets of the oldest records of each partition, and those of the newest that are not among them."""
    present = {number: span for number, span in ends.items() if span[0] < span[1]}
    share = max(1, -(-n // max(1, len(present))))
    oldest = {number: (low, min(high, low + share)) for number, (low, high) in present.items()}
    newest = {
        number: (max(oldest[number][1], high - share), high)
        for number, (_, high) in present.items()
        if oldest[number][1] < high
    }
    return [oldest, newest]


def _batches(messages: Sequence[Message], topic: str, kind: Kind) -> list[RecordBatch]:
    """Return the records by partition, each in the order of its offsets, with keys and headers."""
    by_partition: dict[int, dict[int, Message]] = {}
    for message in messages:
        by_partition.setdefault(message.partition() or 0, {})[message.offset() or 0] = message
    batches = []
    for number, records in sorted(by_partition.items()):
        offsets = sorted(records)
        ordered = [records[offset] for offset in offsets]
        batches.append(
            RecordBatch(
                Source(kind, number),
                topic,
                [_bytes(message.value()) for message in ordered],
                offsets,
                [message.timestamp()[1] for message in ordered],
                keys=[_bytes(message.key()) for message in ordered],
                headers=[_headers(message) for message in ordered],
            )
        )
    return batches


def _bytes(data: Any) -> bytes | None:  # noqa: ANN401  # the client's annotation allows texts too
    return data if data is None or isinstance(data, bytes) else str(data).encode()


def _headers(message: Message) -> dict[str, bytes]:
    headers: Any = message.headers()  # pairs, though its annotation allows texts too
    return {name: value for name, value in headers or () if value is not None}
