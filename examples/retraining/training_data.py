"""The data to train on: the records of a request, read again from the input topics. Needs no driftline code."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Iterator

    Json = dict[str, Any]

SILENT_S = 30.0


class LabelledPrediction(NamedTuple):
    """What a version said of an applicant, and what became of it."""

    time_ms: int
    features: dict[str, Any]
    prediction: int
    score: float
    label: int


def training_data(brokers: str, prefix: str, request: Json) -> list[LabelledPrediction]:
    """Return the labelled predictions of a request's window, in the order of time.

    The request says which offsets enclose them; records of others in between are left out. Of several labels of a
    prediction the last one counts.
    """
    start_ms, end_ms = (_epoch_ms(request["window"][end]) for end in ("start", "end"))
    labels: dict[str, int] = {}
    for record in _records(brokers, f"{prefix}.labels", request["offsets"]["labels"]):
        labels[record["prediction_id"]] = record["label"]
    found = []
    for record in _records(brokers, f"{prefix}.predictions", request["offsets"]["predictions"]):
        mine = (record["model"], record["model_version"]) == (request["model"], request["model_version"])
        label = labels.get(record["prediction_id"])
        if mine and start_ms <= record["ts"] < end_ms and label is not None:
            found.append(
                LabelledPrediction(record["ts"], record["features"], record["prediction"], record["score"], label)
            )
    return sorted(found, key=lambda each: each.time_ms)


def _records(brokers: str, topic: str, ranges: dict[str, tuple[int, int]]) -> Iterator[Json]:
    """Yield the records of a topic by partition, from a first to a last offset."""
    consumer = Consumer(
        {"bootstrap.servers": brokers, "group.id": "retrainer-reads-again", "enable.auto.commit": False}
    )
    try:
        for partition, (first, last) in sorted(ranges.items()):
            consumer.assign([TopicPartition(topic, int(partition), first)])
            at = first - 1
            while at < last:
                message = consumer.poll(SILENT_S)
                if message is None:
                    raise TimeoutError(f"Expected {topic}-{partition}@{last} within {SILENT_S:g} s, got nothing")
                if message.error() is not None:
                    raise KafkaException(message.error())
                at = message.offset() or 0
                value = message.value()
                if at <= last and value is not None:
                    yield json.loads(value)
    finally:
        consumer.close()


def _epoch_ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1_000)
