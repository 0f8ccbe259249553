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
    from collections.abc import Sequence

    from benchmarks.incidents.encoding import Record
    from benchmarks.incidents.scenario import Scenario

MOST_QUEUED: Final = 100_000
EVERY: Final = 20_000
"""Records after which all producers wait for their acknowledgement."""
HEADER: Final = "producer"


class Input(NamedTuple):
    """Names of the topics."""

    predictions: str
    labels: str


def create(bootstrap: str, name: str) -> Input:
    """Create topics for the streams, whose records have old timestamps and are kept all the same."""
    topics = Input(f"{name}-predictions", f"{name}-labels")
    create_topics(bootstrap, dict.fromkeys(topics, N_PARTITIONS), {"retention.ms": "-1"})
    return topics


def records_of(scenario: Scenario) -> tuple[list[Record], list[Record]]:
    """Return the records of a scenario's predictions and labels, each in the order of sending."""
    stream = make(scenario)
    return predictions(stream), labels(stream)


def write(bootstrap: str, topics: Input, parts: Sequence[list[Record]]) -> int:
    """Write records in the order of sending, acknowledged; each producer is a client of its own. Return how many."""
    failed: list[str] = []

    def delivered(error: object, _message: object) -> None:
        if error is not None:
            failed.append(str(error))

    writers = [_producer(bootstrap, f"producer-{number}") for number in range(N_PRODUCERS)]
    n = 0
    for record in heapq.merge(*parts, key=lambda each: each.sent_ms):
        topic, writer = (
            (topics.labels, writers[0]) if record.producer < 0 else (topics.predictions, writers[record.producer])
        )
        while len(writer) > MOST_QUEUED:
            writer.poll(0.05)
        headers: dict[str, str | bytes | None] = {} if record.producer < 0 else {HEADER: f"producer-{record.producer}"}
        writer.produce(
            topic, record.value, record.key, record.partition, delivered, timestamp=record.sent_ms, headers=headers
        )
        n += 1
        if not n % EVERY:
            for each in writers:
                each.flush()  # what is later in one partition is not sooner in another
    for writer in writers:
        assert writer.flush(120) == 0, "records were not taken"
    assert not failed, failed[:3]
    return n


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
