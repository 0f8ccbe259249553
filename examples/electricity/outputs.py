"""What driftline wrote, read with a plain Kafka client and JSON: nothing here knows driftline's code."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

if TYPE_CHECKING:
    from confluent_kafka import Message

POLL_S = 0.3
END_S = 60.0
TYPES = {
    "io.driftline.window.v1": "windows",
    "io.driftline.finding.v1": "findings",
    "io.driftline.performance.v1": "performance",
}


class Reader:
    """Reads a topic from its beginning, without leaving a trace on the broker; may be asked again for what is new.

    Parameters
    ----------
    brokers, topic : str
    """

    def __init__(self, brokers: str, topic: str) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": brokers,
                "group.id": "electricity-example",  # never joined and never committed to
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )
        partitions = self._consumer.list_topics(topic, timeout=30).topics[topic].partitions
        self._consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
        self._not_at_end = set(partitions)

    def new(self) -> list[Message]:
        """Return the records since the last call, up to the end of all partitions."""
        records: list[Message] = []
        deadline = time.monotonic() + END_S
        while True:
            message = self._consumer.poll(POLL_S)
            if message is None:
                if not self._not_at_end:
                    return records
                assert time.monotonic() < deadline, f"no end of partitions {sorted(self._not_at_end)}"
                continue
            error = message.error()
            if error is None:
                records.append(message)
                self._not_at_end.add(message.partition() or 0)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # librdkafka's own name of a local event
                self._not_at_end.discard(message.partition() or 0)
            else:
                raise KafkaException(error)

    def close(self) -> None:
        """Leave."""
        self._consumer.close()


def headers(message: Message) -> dict[str, str]:
    """Return the headers as text."""
    pairs: Any = message.headers() or []
    return {name: value.decode() for name, value in pairs}


@dataclass
class Events:
    """The events topic: each event once, by its id."""

    windows: list[dict[str, Any]] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=list)
    performance: list[dict[str, Any]] = field(default_factory=list)
    n_repeated: int = 0
    _seen: dict[str, bytes] = field(default_factory=dict)

    def add(self, message: Message) -> None:
        """Take a record in; one that was sent twice must be the same, byte for byte."""
        about, value = headers(message), message.value() or b""
        known = self._seen.setdefault(about["ce_id"], value)
        if known is not value:
            assert known == value, f"two events of the id {about['ce_id']}"
            self.n_repeated += 1
        elif about["ce_type"] in TYPES:
            getattr(self, TYPES[about["ce_type"]]).append(json.loads(value))

    def verdicts(self) -> list[dict[str, Any]]:
        """Return the disjoint windows, which get a verdict."""
        return [window for window in self.windows if window["window"]["kind"] == "tumbling"]

    def latest_end(self, kind: str) -> str:
        """Return the end of the latest window of a kind; RFC 3339 in UTC sorts as it is."""
        return max((each["window"]["end"] for each in self.windows if each["window"]["kind"] == kind), default="")

    def final_performance(self) -> list[dict[str, Any]]:
        """Return the last revision of each performance window, in the order of time."""
        final = [event for event in self.performance if event["final"]]
        return sorted(final, key=lambda event: str(event["window"]["start"]))


def read_events(brokers: str, topic: str) -> Events:
    """Return all that the events topic holds, once the workers have stopped."""
    events = Events()
    reader = Reader(brokers, topic)
    for message in reader.new():
        events.add(message)
    reader.close()
    return events


def read_alerts(brokers: str, topic: str) -> list[dict[str, Any]]:
    """Return the latest state of each alert, in the order of opening.

    ``forgotten`` says whether a record without a value followed: a compacted topic then no longer holds the alert.
    ``pages`` are the revisions by which somebody was to be called.
    """
    reader = Reader(brokers, topic)
    latest: dict[bytes, dict[str, Any]] = {}
    pages: dict[bytes, dict[int, dict[str, Any]]] = {}
    for message in reader.new():
        key, value = message.key() or b"", message.value()
        if value is None:
            latest.setdefault(key, {"revision": 0})["forgotten"] = True
            continue
        alert = json.loads(value)
        if alert["notify"]:
            pages.setdefault(key, {})[alert["revision"]] = alert
        if alert["revision"] > latest.get(key, {"revision": 0})["revision"]:
            latest[key] = alert | {"forgotten": False}
    reader.close()
    alerts = [alert | {"pages": list(pages.get(key, {}).values())} for key, alert in latest.items()]
    return sorted(alerts, key=lambda alert: str(alert["opened_at"]))


def read_dead_letters(brokers: str, topic: str) -> dict[tuple[str, int, int], str]:
    """Return the reason of each refused record, by topic, partition and offset of the record."""
    reader = Reader(brokers, topic)
    letters = [headers(message) for message in reader.new()]
    reader.close()
    reasons = {
        (each["driftline_topic"], int(each["driftline_partition"]), int(each["driftline_offset"])): each[
            "driftline_reason"
        ]
        for each in letters
    }
    assert len(reasons) == len(letters), "a record was refused twice"
    return reasons
