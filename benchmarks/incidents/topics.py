"""The streams of all scenarios side by side on a real Kafka: written in the order of sending."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final, NamedTuple

from confluent_kafka import Producer

from benchmarks.incidents.encoding import labels, predictions
from benchmarks.incidents.stream import N_PARTITIONS, make
from tests.support.real_broker import create_topics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.incidents.encoding import Record
    from benchmarks.incidents.scenario import Scenario

MOST_QUEUED: Final = 100_000
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
    """Write records in the order of sending, acknowledged; return how many.

    One client writes for all producers, who are told apart by the header alone: several would write what is minutes
    apart in another order, so that events came late that were not.
    """
    failed: list[str] = []

    def delivered(error: object, _message: object) -> None:
        if error is not None:
            failed.append(str(error))

    writer = _producer(bootstrap)
    n = 0
    for record in heapq.merge(*parts, key=lambda each: each.sent_ms):
        topic = topics.labels if record.producer < 0 else topics.predictions
        while len(writer) > MOST_QUEUED:
            writer.poll(0.05)
        headers: dict[str, str | bytes | None] = {} if record.producer < 0 else {HEADER: f"producer-{record.producer}"}
        writer.produce(
            topic, record.value, record.key, record.partition, delivered, timestamp=record.sent_ms, headers=headers
        )
        n += 1
    assert writer.flush(120) == 0, "records were not taken"
    assert not failed, failed[:3]
    return n


def _producer(bootstrap: str) -> Producer:
    return Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            "linger.ms": 20,
            "compression.type": "lz4",
            "delivery.report.only.error": True,
            "queue.buffering.max.messages": 3 * MOST_QUEUED,
        }
    )
