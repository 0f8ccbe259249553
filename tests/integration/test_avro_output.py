"""Events as Avro on a real broker: read by Confluent's own deserializer; what happens while the registry is down."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import yaml
from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient, topic_record_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from driftline.config.secrets import Credentials
from driftline.config.settings import OutputSettings, SchemaRegistrySettings, Settings
from driftline.events.output_record import event_record, tombstone
from driftline.events.output_types import OUTPUT_EVENTS
from driftline.monitoring.monitor_status import MonitorStatus
from driftline.monitoring.partition_monitor import Checkpoint, PartitionMonitor
from driftline.profiles.profiles import Profiles
from driftline.runtime.detect.detect_worker import DetectWorker
from driftline.runtime.encodings.schema_problems import RefusedSchemaError
from driftline.runtime.operations.telemetry import Telemetry
from tests.support.avro_absent import with_absent
from tests.support.command import driftline
from tests.support.detect_process import LateProfiles, detect_settings
from tests.support.reading import read_topic
from tests.support.real_broker import ROOT, create_topics, patient, wait_until
from tests.support.schema_registry import SchemaRegistry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from driftline.events.model_key import ModelKey
    from driftline.events.output_record import OutputRecord
    from tests.support.reading import Record


@pytest.fixture
def registry() -> Iterator[SchemaRegistry]:
    with SchemaRegistry() as running:
        yield running


def published(name: str) -> list[Any]:
    """Return the examples of a type of event, in the structured mode."""
    found: list[Any] = json.loads((ROOT / "schemas" / "examples" / f"{name}.json").read_text(encoding="utf-8"))
    return found


def as_text(document: object) -> str:
    """Return JSON, in which 3 and 3.0 differ."""
    return json.dumps(document, sort_keys=True)


def outputs(name: str) -> list[OutputRecord]:
    events = [msgspec.convert(each["data"], OUTPUT_EVENTS[name]) for each in published(name)]
    return [event_record(event, "driftline/test") for event in events]


class Saying(PartitionMonitor):
    """Says, of a record that names a type of event, what its examples are; of any other, that an alert is forgotten."""

    def __init__(self, partition: int) -> None:
        super().__init__(partition, Settings(), Profiles())
        self.number = partition
        self.next_offset = 0

    def profiles_wanted(self, record: bytes) -> dict[str, ModelKey]:
        assert record
        return {}

    def evaluate(self, record: bytes, offset: int) -> Iterator[list[OutputRecord]]:
        self.next_offset = offset + 1
        name = record.decode()
        yield outputs(name) if name in OUTPUT_EVENTS else [tombstone(name)]

    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.next_offset, {b"e": b"1"}, b"")

    def status(self) -> MonitorStatus:
        return MonitorStatus(
            partition=self.number,
            as_of=self.next_offset - 1,
            predictions_ms=None,
            labels_ms=None,
            joins_ms=None,
            n_open_panes=0,
            n_after_idle=0,
            models={},
        )


class Worker(DetectWorker):
    """A detect worker with the monitor above."""

    def __init__(self, settings: Settings, data_dir: Path) -> None:
        references = LateProfiles(settings)
        super().__init__(settings, Credentials(), Profiles(), references, Telemetry(), data_dir=data_dir)

    def restore(self, partition: int, entries: Mapping[bytes, bytes]) -> PartitionMonitor:
        assert entries is not None
        return Saying(partition)


class Place:
    """The topics of a test, and a driftline that is to write Avro to them."""

    def __init__(self, bootstrap: str, prefix: str, registry: SchemaRegistry, folder: Path) -> None:
        self.bootstrap, self.prefix, self.folder = bootstrap, prefix, folder
        create_topics(bootstrap, {f"{prefix}.{name}": 1 for name in ("panes", "events", "alerts")})
        create_topics(bootstrap, {f"{prefix}.detect-state": 1}, {"cleanup.policy": "compact"})
        self.settings = msgspec.structs.replace(
            detect_settings(bootstrap, prefix, 1),
            schema_registry=SchemaRegistrySettings(url=registry.url),
            output=OutputSettings(encoding="avro"),
        )
        client = SchemaRegistryClient({"url": registry.url})
        strategy = {"subject.name.strategy": topic_record_subject_name_strategy}
        self._deserialize = AvroDeserializer(client, conf=strategy)

    def say(self, *names: str) -> None:
        producer = Producer({"bootstrap.servers": self.bootstrap})
        for name in names:
            producer.produce(f"{self.prefix}.panes", name.encode())
        assert producer.flush(patient(30)) == 0

    def read(self, topic: str) -> list[Record]:
        return read_topic(self.bootstrap, f"{self.prefix}.{topic}")

    def await_read(self, topic: str, n: int) -> list[Record]:
        def enough() -> list[Record] | None:
            records = self.read(topic)
            return records if len(records) >= n else None

        return wait_until(enough, 60, f"{n} records in {topic}") or []

    def deserialized(self, topic: str, record: Record) -> object:
        context = SerializationContext(f"{self.prefix}.{topic}", MessageField.VALUE)
        return self._deserialize(record.value, context)

    @contextmanager
    def worker(self) -> Iterator[Worker]:
        worker = Worker(self.settings, self.folder)
        self.errors: list[BaseException] = []
        thread = threading.Thread(target=self._run, args=(worker,))
        thread.start()
        try:
            yield worker
        finally:
            worker.stop()
            thread.join(patient(60))
        assert not thread.is_alive()

    def _run(self, worker: Worker) -> None:
        try:
            worker.run()
        except Exception as error:  # noqa: BLE001  # for the test to look at
            self.errors.append(error)


@pytest.fixture
def place(real_broker: str, topic_prefix: str, registry: SchemaRegistry, tmp_path: Path) -> Place:
    return Place(real_broker, topic_prefix, registry, tmp_path)


def test_confluent_s_deserializer_reads_every_event(place: Place) -> None:
    events = [name for name in OUTPUT_EVENTS if name != "alert"]
    expected = {
        "events": [message for name in events for message in published(name)],
        "alerts": [*published("alert"), None],
    }
    place.say(*events, "alert", "a-forgotten-alert")
    with place.worker():
        found = {topic: place.await_read(topic, len(messages)) for topic, messages in expected.items()}
    assert place.errors == []
    for topic, messages in expected.items():
        assert len(found[topic]) == len(messages)
        for record, message in zip(found[topic], messages, strict=True):
            if message is None:
                assert (record.key, record.value, record.headers) == (b"a-forgotten-alert", None, ())
                continue
            headers = dict(record.headers)
            assert as_text(place.deserialized(topic, record)) == as_text(with_absent(message["type"], message["data"]))
            assert headers["content-type"] == b"application/avro"
            assert {name: headers[f"ce_{name}"].decode() for name in ("id", "type", "time")} == {
                name: message[name] for name in ("id", "type", "time")
            }


def test_without_the_registry_the_worker_waits_at_its_start_and_does_not_need_it_afterwards(
    place: Place, registry: SchemaRegistry
) -> None:
    registry.status = 503
    place.say("alert")
    with place.worker() as worker:
        wait_until(worker.schema_problem, 30, "the worker to say that the registry does not answer")
        assert "cannot be registered in the schema registry: HTTP 503" in (worker.schema_problem() or "")
        assert not worker.is_ready()
        assert place.read("alerts") == []
        registry.status = None
        place.await_read("alerts", len(published("alert")))
        assert worker.schema_problem() is None
        registry.status = 503
        place.say("finding")
        place.await_read("events", len(published("finding")))
    assert place.errors == []


def test_a_worker_that_waits_for_the_registry_can_be_stopped(place: Place, registry: SchemaRegistry) -> None:
    registry.status = 503
    with place.worker() as worker:
        wait_until(worker.schema_problem, 30, "the worker to say that the registry does not answer")
    assert place.errors == []


def test_a_schema_that_the_registry_refuses_ends_the_worker_with_its_reason(
    place: Place, registry: SchemaRegistry
) -> None:
    registry.incompatible = True
    with place.worker():
        wait_until(lambda: place.errors, 30, "the worker to end")
    (error,) = place.errors
    assert isinstance(error, RefusedSchemaError)
    assert "incompatible with an earlier schema" in str(error)


def test_alerts_tail_shows_avro_as_it_shows_json(place: Place, registry: SchemaRegistry, tmp_path: Path) -> None:
    place.say("alert")
    with place.worker():
        place.await_read("alerts", len(published("alert")))
    config = tmp_path / "driftline.yaml"
    kafka = {"brokers": place.bootstrap, "prefix": place.prefix}
    config.write_text(yaml.safe_dump({"kafka": kafka, "schema_registry": {"url": registry.url}}))
    tail = ("alerts", "tail", "--updates", "--until-idle", 0.1, "--json")
    done = driftline(*tail, "--config", config)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["alert"] for line in done.stdout.splitlines()] == [
        with_absent(message["type"], message["data"]) for message in published("alert")
    ]
    header: dict[str, str | bytes | None] = {"content-type": b"application/avro"}
    producer = Producer({"bootstrap.servers": place.bootstrap})
    producer.produce(f"{place.prefix}.alerts", b"\x00\x00\x00\x00\x01\x02", key=b"cut", headers=header)
    assert producer.flush(patient(30)) == 0
    done = driftline("alerts", "tail", "--until-idle", 0.1, "--config", config)
    assert done.returncode == 0, done.stderr
    assert "An event cannot be read as Avro" in done.stderr
    assert "unreadable  cut" in done.stdout.splitlines()[-1]
    without = driftline(*tail, "-b", place.bootstrap, "--prefix", place.prefix)
    assert without.returncode == 3
    assert "no schema registry is configured to read them with" in " ".join(without.stderr.split())
