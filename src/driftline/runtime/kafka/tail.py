"""Following a topic from its beginning or from now, without a group and without leaving a trace on the broker."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition
from msgspec import Struct

from driftline.errors import BrokerError
from driftline.runtime.kafka.kafka_clients import ADMIN_TIMEOUT_S, consumer_configuration, unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confluent_kafka import Message

    from driftline.config.secrets import Credentials
    from driftline.config.settings import KafkaSettings

_POLL_S: Final = 0.2
_REACH_END_S: Final = 60.0
"""How long a reader that stops at the end may take to get there without a single record, before it gives up."""


class TailedRecord(Struct, frozen=True):
    """One record as it stands in the topic."""

    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, str]


def follow(
    kafka: KafkaSettings,
    credentials: Credentials,
    topic: str,
    *,
    from_beginning: bool,
    until_idle_s: float | None = None,
) -> Iterator[TailedRecord]:
    """Yield the topic's records as they come.

    Parameters
    ----------
    kafka, credentials : KafkaSettings, Credentials
        Where the brokers are.
    topic : str
        The whole name.
    from_beginning : bool
        Start with the oldest record, else with the next one.
    until_idle_s : float, optional
        Stop when the end has been reached and nothing has come for so many seconds; never stop without it.

    Raises
    ------
    BrokerError
        When no broker answers, the topic does not exist, or its end cannot be reached.
    """
    properties = {"enable.partition.eof": True, "auto.offset.reset": "earliest"}
    consumer = Consumer(consumer_configuration(kafka, credentials, f"{kafka.prefix}-tail", properties))
    try:
        partitions = _partitions(consumer, kafka, topic)
        start = OFFSET_BEGINNING if from_beginning else OFFSET_END
        consumer.assign([TopicPartition(topic, partition, start) for partition in partitions])
        yield from _records(consumer, set(partitions), until_idle_s)
    finally:
        consumer.close()


def _partitions(consumer: Consumer, kafka: KafkaSettings, topic: str) -> list[int]:
    try:
        found = consumer.list_topics(topic, timeout=ADMIN_TIMEOUT_S).topics[topic]
    except KafkaException as error:
        raise unreachable(kafka.brokers, error, ADMIN_TIMEOUT_S) from error
    if found.error is not None or not found.partitions:
        raise BrokerError(
            f"Expected the topic `{topic}`, got none - at `{kafka.brokers}`. "
            "`driftline topics create` makes it; another `--prefix` names another one"
        )
    return sorted(found.partitions)


def _records(consumer: Consumer, partitions: set[int], until_idle_s: float | None) -> Iterator[TailedRecord]:
    not_at_end = set(partitions)
    last_s = time.monotonic()
    while True:
        message = consumer.poll(_POLL_S)
        if message is None:
            idle_s = time.monotonic() - last_s
            if until_idle_s is None:
                continue
            if not not_at_end and idle_s >= until_idle_s:
                return
            if not_at_end and idle_s >= max(until_idle_s, _REACH_END_S):
                raise BrokerError(f"Expected to reach the end of partitions {sorted(not_at_end)} within {idle_s:.0f} s")
            continue
        error = message.error()
        if error is not None:
            if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001  # librdkafka's own codes are named so
                raise BrokerError(f"Expected records, got {error.str()}")
            not_at_end.discard(message.partition() or 0)
            continue
        last_s = time.monotonic()
        yield _record(message)


def _record(message: Message) -> TailedRecord:
    headers = message.headers() or []
    pairs = headers.items() if isinstance(headers, dict) else headers
    return TailedRecord(
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        timestamp_ms=message.timestamp()[1],
        key=message.key(),
        value=message.value(),
        headers={name: v.decode(errors="replace") if isinstance(v, bytes) else str(v) for name, v in pairs},
    )
