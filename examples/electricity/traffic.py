"""What is sent: predictions, their labels a day later, a few stragglers and broken records; and where it landed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from examples.electricity.market import TRAINING_ROWS, time_ms
from examples.electricity.workers import wait_until

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message

    from examples.electricity.market import Answers, Market

PARTITIONS = 3
MODEL, VERSION = "electricity", "1"
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
LABEL_DELAY_MS = DAY_MS
STRAGGLERS_EVERY = 4_001
"""Each so many rows, one prediction is sent eight hours too late."""
STRAGGLER_DELAY_MS = 8 * HOUR_MS
FIRST_BROKEN_ROW = 20_000
YEAR_2100_MS = 4_102_444_800_000


class Topics(NamedTuple):
    """The two input topics."""

    predictions: str
    labels: str


class Outgoing(NamedTuple):
    """One record to be sent.

    Attributes
    ----------
    sent_ms : int
        Orders the records as they would have come.
    topic, key : str
    value : bytes or None
    row : int or None
        None for a broken record.
    reason : str or None
        Why a broken record must be refused.
    """

    sent_ms: int
    topic: str
    key: str
    value: bytes | None
    row: int | None
    reason: str | None


@dataclass
class Sent:
    """What the broker took: records by (topic, partition, offset)."""

    records: dict[tuple[str, int, int], Outgoing] = field(default_factory=dict)

    def of(self, topic: str) -> list[tuple[int, int, Outgoing]]:
        """Return partition, offset and record of a topic, in the order of both."""
        return sorted((p, o, record) for (name, p, o), record in self.records.items() if name == topic)

    def ends(self, topic: str) -> dict[int, int]:
        """Return the end offset of each partition."""
        return {partition: offset + 1 for partition, offset, _ in self.of(topic)}

    def refused(self) -> dict[tuple[str, int, int], str]:
        """Return the reason of each broken record."""
        return {at: record.reason for at, record in self.records.items() if record.reason is not None}

    def late_rows(self, topic: str, pane_ms: int, lateness_ms: int) -> set[int]:
        """Return the rows that are late by the definition: their pane had ended before the partition's watermark."""
        greatest: dict[int, int] = {}
        late = set()
        for partition, _, record in self.of(topic):
            if record.row is not None:
                now = time_ms(record.row)
                pane_end = now - now % pane_ms + pane_ms
                if partition in greatest and pane_end <= greatest[partition] - lateness_ms:
                    late.add(record.row)
                greatest[partition] = max(now, greatest.get(partition, now))
        return late

    def watermark_ms(self, topic: str, delay_ms: int, lateness_ms: int) -> int:
        """Return the least watermark of the topic's partitions, at their ends."""
        greatest: dict[int, int] = {}
        for partition, _, record in self.of(topic):
            if record.row is not None:
                greatest[partition] = max(time_ms(record.row) + delay_ms, greatest.get(partition, 0))
        return min(greatest.values()) - lateness_ms


def stream(market: Market, answers: Answers, topics: Topics) -> list[Outgoing]:
    """Return all records after the training rows, in the order in which they come."""
    records = []
    for row in range(TRAINING_ROWS, len(market.features)):
        key, now = f"row-{row}", time_ms(row)
        prediction = _prediction(key, now, market.features[row], answers.predictions[row], answers.scores[row])
        label = {"prediction_id": key, "label": market.labels[row], "ts": now + LABEL_DELAY_MS}
        sent_ms = now + (STRAGGLER_DELAY_MS if row % STRAGGLERS_EVERY == 0 else 0)
        records.append(Outgoing(sent_ms, topics.predictions, key, json.dumps(prediction).encode(), row, None))
        records.append(Outgoing(now + LABEL_DELAY_MS, topics.labels, key, json.dumps(label).encode(), row, None))
    records += _broken(topics)
    return sorted(records, key=lambda record: record.sent_ms)


def _prediction(key: str, now: int, features: dict[str, float], prediction: str, score: float) -> dict[str, Any]:
    head = {"prediction_id": key, "model": MODEL, "model_version": VERSION, "ts": now}
    return {**head, "features": features, "prediction": prediction, "score": score}


def _broken(topics: Topics) -> list[Outgoing]:
    """Return records that cannot be used, a day apart, each with the reason that driftline must give."""
    good = _prediction("broken", time_ms(FIRST_BROKEN_ROW), {}, "UP", 0.5)
    predictions: list[tuple[str, bytes | None]] = [
        ("not_json", b'{"prediction_id": "broken", "mod'),
        ("not_utf8", b'{"prediction_id": "\xff\xfe", "model": "electricity"}'),
        ("missing_field", json.dumps({name: good[name] for name in good if name != "prediction_id"}).encode()),
        ("invalid_type", json.dumps({**good, "features": [1, 2, 3]}).encode()),
        ("invalid_value", json.dumps({**good, "prediction_id": ""}).encode()),
        ("timestamp_in_future", json.dumps({**good, "ts": YEAR_2100_MS}).encode()),
        ("empty_record", None),
    ]
    labels: list[tuple[str, bytes | None]] = [
        ("not_json", b"UP"),
        ("missing_field", json.dumps({"label": "UP", "ts": time_ms(FIRST_BROKEN_ROW)}).encode()),
    ]
    kinds = [(topics.predictions, each) for each in predictions] + [(topics.labels, each) for each in labels]
    return [
        Outgoing(time_ms(FIRST_BROKEN_ROW) + i * DAY_MS, topic, f"broken-{i}", value, None, reason)
        for i, (topic, (reason, value)) in enumerate(kinds)
    ]


def create_topics(brokers: str, topics: Topics) -> None:
    """Create the two input topics, with the same number of partitions, and wait until the broker shows them.

    Raises
    ------
    confluent_kafka.KafkaException
        When one exists already: the account at the end holds for new topics only. Choose another prefix.
    """
    admin = AdminClient({"bootstrap.servers": brokers})
    for future in admin.create_topics([NewTopic(topic, PARTITIONS, 1) for topic in topics]).values():
        future.result(timeout=30)

    def shown() -> bool:
        found = (admin.list_topics(topic, timeout=30).topics[topic] for topic in topics)
        return all(len(topic.partitions) >= PARTITIONS for topic in found)

    wait_until(shown, 30, "the broker to show the topics that it has created")


def send(brokers: str, records: list[Outgoing]) -> Sent:
    """Send records in their order, all acknowledged; both topics by the same partitioner, so that keys meet."""
    producer = Producer(
        {"bootstrap.servers": brokers, "partitioner": "murmur2_random", "enable.idempotence": True, "linger.ms": 20}
    )
    sent = Sent()
    errors: list[str] = []
    for record in records:

        def delivered(error: KafkaError | None, message: Message, record: Outgoing = record) -> None:
            if error is not None:
                errors.append(error.str())
                return
            at: Any = (message.topic(), message.partition(), message.offset())
            sent.records[at] = record

        producer.produce(record.topic, key=record.key, value=record.value, on_delivery=delivered)
        producer.poll(0)
    left = producer.flush(60)
    assert not left, f"{left} records were not taken by {brokers}"
    assert not errors, errors
    return sent
