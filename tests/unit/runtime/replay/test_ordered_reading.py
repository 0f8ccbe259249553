"""Partitions of two topics read in step, whatever the broker sends first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer

from driftline.config.kafka_settings import KafkaSettings
from driftline.config.secrets import Credentials
from driftline.events.source import Kind, Source
from driftline.runtime.replay import ordered_reading
from driftline.runtime.replay.input_spans import InputSpan
from driftline.runtime.replay.ordered_reading import OrderedReading
from tests.support.real_broker import patient

if TYPE_CHECKING:
    from driftline.runtime.demo.embedded_broker import EmbeddedBroker

CHUNK = 5
HOUR = 3_600_000


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordered_reading, "CHUNK", CHUNK)
    monkeypatch.setattr(ordered_reading, "MAX_BUFFERED", 4 * CHUNK)


def written(broker: EmbeddedBroker, times_ms: dict[Source, list[int]]) -> list[InputSpan]:
    """Write a record for each time, and return the spans that hold them all."""
    for topic in sorted({source.kind for source in times_ms}):
        broker.create_topic(topic, 2)
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    for source, times in times_ms.items():
        for time_ms in times:
            producer.produce(source.kind, str(time_ms).encode(), partition=source.partition, timestamp=time_ms)
    assert producer.flush(patient(30)) == 0
    return [
        InputSpan(source, source.kind, source.partition, 0, len(times), is_cut=False)
        for source, times in times_ms.items()
    ]


def read(broker: EmbeddedBroker, spans: list[InputSpan], step_ms: int = 1 << 40) -> list[tuple[Source, list[int]]]:
    """Return the chunks, each with the times of its records."""
    reached: dict[Source, int] = {}
    kafka = KafkaSettings(brokers=broker.bootstrap)
    reading = OrderedReading(kafka, Credentials(), spans, reached.get, step_ms)
    chunks = []
    try:
        for span, messages in reading.chunks():
            times = [int(message.value() or b"") for message in messages]
            reached[span.source] = times[-1]
            chunks.append((span.source, times))
    finally:
        reading.close()
    assert not reading.unfinished
    return chunks


def sources(kind: Kind) -> tuple[Source, Source]:
    return Source(kind, 0), Source(kind, 1)


def test_no_partition_runs_ahead_by_more_than_a_chunk(embedded_broker: EmbeddedBroker) -> None:
    first, second = sources("predictions")
    early, late = sources("labels")
    times = {
        first: [1_000 + 10 * i for i in range(100)],
        second: [1_005 + 10 * i for i in range(100)],
        early: [1_300 + 100 * i for i in range(10)],
        late: [1_900],
    }
    chunks = read(embedded_broker, written(embedded_broker, times))
    for source, expected in times.items():
        assert [time for each, some in chunks if each == source for time in some] == expected
    reached = dict.fromkeys((first, second), 0)
    for source, some in chunks:
        if source in reached:
            assert reached[source] <= min(reached.values()) + 10 * CHUNK, "the one behind is the next"
            assert len(some) <= CHUNK
            reached[source] = some[-1]


def test_labels_wait_for_predictions_of_their_time(embedded_broker: EmbeddedBroker) -> None:
    (predictions, _), (labels, _) = sources("predictions"), sources("labels")
    times = {predictions: [HOUR * i for i in range(1, 11)], labels: [2 * HOUR, 9 * HOUR]}
    chunks = read(embedded_broker, written(embedded_broker, times), step_ms=HOUR // 2)
    order = [(source.kind, time) for source, some in chunks for time in some]
    assert order.index(("labels", 9 * HOUR)) > order.index(("predictions", 9 * HOUR))
    assert order.index(("labels", 2 * HOUR)) < order.index(("predictions", 4 * HOUR))
    assert max(len(some) for _, some in chunks) == 1, "no more than a step of time at once"


def test_spans_end_before_records_that_came_later(embedded_broker: EmbeddedBroker) -> None:
    first, second = sources("predictions")
    spans = written(embedded_broker, {first: [*range(1, 31)], second: [*range(1, 31)]})
    spans = [spans[0]._replace(start=10, stop=20), spans[1]._replace(start=30, stop=30)]
    assert [time for _, some in read(embedded_broker, spans) for time in some] == [*range(11, 21)]


def test_labels_alone_are_read_too(embedded_broker: EmbeddedBroker) -> None:
    first, second = sources("labels")
    chunks = read(embedded_broker, written(embedded_broker, {first: [1, 2, 3], second: [2, 9]}))
    assert sorted(time for _, some in chunks for time in some) == [1, 2, 2, 3, 9]
