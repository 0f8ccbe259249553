"""Follows a topic from its beginning or its end, without joining a group or committing offsets."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END
from msgspec import Struct

from driftline.runtime.kafka.reading import PartitionReading, assigned_consumer
from driftline.runtime.kafka.topic_admin import topic_partitions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confluent_kafka import Message

    from driftline.config.kafka_settings import KafkaSettings
    from driftline.config.secrets import Credentials

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
    n_partitions = topic_partitions(kafka, credentials, topic)
    consumer = assigned_consumer(kafka, credentials, "tail")
    try:
        start = OFFSET_BEGINNING if from_beginning else OFFSET_END
        starts = dict.fromkeys(range(n_partitions), start)
        yield from _records(PartitionReading(consumer, kafka, topic, starts), until_idle_s)
    finally:
        consumer.close()


def _records(reading: PartitionReading, until_idle_s: float | None) -> Iterator[TailedRecord]:
    last_s = time.monotonic()
    while True:
        for message in reading.poll():
            last_s = time.monotonic()
            yield _record(message)
        idle_s = time.monotonic() - last_s
        if until_idle_s is None or idle_s < until_idle_s:
            continue
        if not reading.unfinished:
            return
        if idle_s >= _REACH_END_S:
            raise reading.overdue(_REACH_END_S)


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
