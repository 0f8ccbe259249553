"""Writing the traffic to Kafka: both topics side by side, in the order of the records' timestamps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from confluent_kafka import Producer

from benchmarks.late_labels.features import SMALL
from benchmarks.late_labels.ids import ids
from benchmarks.late_labels.traffic import BINARY

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.late_labels.features import Features
    from benchmarks.late_labels.traffic import Records, Traffic

CHUNK: Final = 20_000
"""Records that are encoded at a time."""
MOST_QUEUED: Final = 200_000


def write(bootstrap: str, traffic: Traffic, to: tuple[str, str], features: Features = SMALL) -> int:
    """Write all records of the traffic to a topic of predictions and one of labels, acknowledged; return how many.

    In every stretch of the run the topics have reached about the same event time.
    """
    producer = _producer(bootstrap)
    failed: list[str] = []

    def delivered(error: object, _message: object) -> None:
        if error is not None:
            failed.append(str(error))

    times = np.concatenate([traffic.predictions.arrival_ms, traffic.labels.arrival_ms])
    bounds = np.quantile(times, np.linspace(0, 1, 2 + times.size // CHUNK)[1:-1]) if times.size > CHUNK else []
    parts: list[tuple[str, Records, Callable[[Traffic, Records, Features], list[str]]]] = [
        (to[0], traffic.predictions, prediction_values),
        (to[1], traffic.labels, label_values),
    ]
    cuts = [[0, *np.searchsorted(r.arrival_ms, bounds).tolist(), r.arrival_ms.size] for _, r, _ in parts]
    for chunk in range(len(cuts[0]) - 1):
        for (topic, records, encode), own in zip(parts, cuts, strict=True):
            rows = records.part(own[chunk], own[chunk + 1])
            if rows.number.size:
                _send(producer, topic, rows, encode(traffic, rows, features), traffic, delivered)
    assert producer.flush(120) == 0, "records were not taken"
    assert not failed, failed[:3]
    return times.size


def _producer(bootstrap: str) -> Producer:
    return Producer(
        {
            "bootstrap.servers": bootstrap,
            "enable.idempotence": True,
            "linger.ms": 20,
            "batch.size": 1 << 20,
            "compression.type": "lz4",
            "delivery.report.only.error": True,
            "queue.buffering.max.messages": 2 * MOST_QUEUED + CHUNK,
            "queue.buffering.max.kbytes": 1 << 20,
        }
    )


def _send(
    producer: Producer, topic: str, rows: Records, values: list[str], traffic: Traffic, delivered: Callable[..., None]
) -> None:
    places, times = traffic.partition[rows.number].tolist(), rows.arrival_ms.tolist()
    keys = ids(rows.number)
    while len(producer) > MOST_QUEUED:
        producer.poll(0.05)
    produce = producer.produce
    for key, value, partition, time_ms in zip(keys, values, places, times, strict=True):
        produce(topic, value, key, partition, delivered, timestamp=time_ms)
    producer.poll(0)


def prediction_values(traffic: Traffic, rows: Records, features: Features = SMALL) -> list[str]:
    """Return the JSON of prediction records."""
    texts, n = features.texts, len(features.texts)
    columns = (ids(rows.number), rows.number.tolist(), rows.time_ms.tolist(), rows.value.tolist())
    models = traffic.model[rows.number].tolist()
    return [
        f'{{"prediction_id":"{key}","model":"churn","model_version":"3","ts":{time_ms},"features":'
        f'{texts[number % n]},"prediction":{int(value >= 0.5)},"score":'
        f"{value}}}"
        if model == BINARY
        else f'{{"prediction_id":"{key}","model":"price","model_version":"1","ts":{time_ms},"features":'
        f'{texts[number % n]},"prediction":{value}}}'
        for key, number, time_ms, value, model in zip(*columns, models, strict=True)
    ]


def label_values(traffic: Traffic, rows: Records, _features: Features = SMALL) -> list[str]:
    """Return the JSON of label records; a binary label is a whole number, and one taken back is null."""
    columns = (ids(rows.number), rows.time_ms.tolist(), rows.value.tolist())
    models = traffic.model[rows.number].tolist()
    return [
        f'{{"prediction_id":"{key}","label":'
        f'{"null" if value != value else int(value) if model == BINARY else value},"ts":{time_ms}}}'  # noqa: PLR0124  # not-a-number
        for key, time_ms, value, model in zip(*columns, models, strict=True)
    ]
