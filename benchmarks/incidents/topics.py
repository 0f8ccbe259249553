"""The streams of all scenarios side by side on a real Kafka: written in the order of sending, each by its producer."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final, NamedTuple

from confluent_kafka import Producer

from benchmarks.incidents.encoding import labels, predictions
from benchmarks.incidents.scenario import N_PRODUCERS
from benchmarks.incidents.stream import N_PARTITIONS, make
from tests.support.real_broker import create_topics

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.incidents.encoding import Record
    from benchmarks.incidents.scenario import Scenario
    from benchmarks.incidents.stream import Stream

MOST_QUEUED: Final = 100_000
HEADER: Final = "producer"


class Written(NamedTuple):
    """What stands on the broker."""

    predictions: str
    labels: str
    """Names of the topics."""
    n_records: int


def write(bootstrap: str, name: str, chosen: Sequence[Scenario]) -> Written:
    """Write the streams to topics of their own, acknowledged; each producer is a client of its own."""
    topics = f"{name}-predictions", f"{name}-labels"
    create_topics(bootstrap, dict.fromkeys(topics, N_PARTITIONS), {"retention.ms": "-1"})
    failed: list[str] = []

    def delivered(error: object, _message: object) -> None:
        if error is not None:
            failed.append(str(error))

    writers = [_producer(bootstrap, f"producer-{number}") for number in range(N_PRODUCERS)]
    streams = [make(scenario) for scenario in chosen]
    n = 0
    for record in heapq.merge(*_parts(streams), key=lambda each: each.sent_ms):
        topic, writer = (topics[1], writers[0]) if record.producer < 0 else (topics[0], writers[record.producer])
        while len(writer) > MOST_QUEUED:
            writer.poll(0.05)
        headers: dict[str, str | bytes | None] = {} if record.producer < 0 else {HEADER: f"producer-{record.producer}"}
        writer.produce(
            topic, record.value, record.key, record.partition, delivered, timestamp=record.sent_ms, headers=headers
        )
        n += 1
        if not n % 10_000:
            for each in writers:
                each.poll(0)
    for writer in writers:
        assert writer.flush(120) == 0, "records were not taken"
    assert not failed, failed[:3]
    return Written(*topics, n)


def _parts(streams: Sequence[Stream]) -> Iterator[list[Record]]:
    for stream in streams:
        yield predictions(stream)
        yield labels(stream)


def _producer(bootstrap: str, client: str) -> Producer:
    return Producer(
        {
            "bootstrap.servers": bootstrap,
            "client.id": client,
            "enable.idempotence": True,
            "linger.ms": 20,
            "compression.type": "lz4",
            "delivery.report.only.error": True,
            "queue.buffering.max.messages": 3 * MOST_QUEUED,
        }
    )
