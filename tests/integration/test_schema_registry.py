"""The sketch worker with a schema registry: what waits while it does not answer, and that nothing is lost."""

from __future__ import annotations

import json
import socket
import threading
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import msgspec
import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from driftline.config.input_settings import LabelInput, PredictionInput
from driftline.config.secrets import Credentials
from driftline.config.settings import SchemaRegistrySettings, TelemetrySettings
from driftline.runtime.node import Node
from tests.integration.test_sketch_worker import PROFILE, TIME, counted
from tests.support.real_broker import patient, wait_until
from tests.support.schema_registry import SchemaRegistry
from tests.support.sketch_harness import START_MS, SketchRun

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.sketch_harness import RunningWorker

SCHEMA = json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", "title": "P", "type": "object"})


@pytest.fixture
def registry() -> Iterator[SchemaRegistry]:
    with SchemaRegistry() as running:
        yield running


def make_run(broker: str, prefix: str, registry: SchemaRegistry) -> SketchRun:
    run = SketchRun(broker, prefix, [PROFILE], time=TIME, schema_registry=SchemaRegistrySettings(url=registry.url))
    predictions = PredictionInput(run.inputs["predictions"], "auto")
    run.settings = msgspec.structs.replace(
        run.settings, predictions=predictions, labels=LabelInput(run.inputs["labels"])
    )
    return run


def event(number: int) -> dict[str, object]:
    at = START_MS + number
    return {"prediction_id": f"p{number}", "model": "risk", "ts": at, "features": {"x": 0.5}, "prediction": 1}


class Sender:
    """Writes predictions as Confluent's serializer frames them."""

    def __init__(self, run: SketchRun, registry: SchemaRegistry) -> None:
        self.run = run
        self._serialize = JSONSerializer(SCHEMA, SchemaRegistryClient({"url": registry.url}))
        self._context = SerializationContext(run.inputs["predictions"], MessageField.VALUE)

    def framed(self, number: int, partition: int) -> None:
        self.run.send("predictions", partition, self._serialize(event(number), self._context), START_MS + number)

    def plain(self, number: int, partition: int) -> None:
        self.run.send("predictions", partition, json.dumps(event(number)).encode(), START_MS + number)


def committed(run: SketchRun, partition: int) -> int:
    return run.committed()["predictions", partition][0]


def await_problem(worker: RunningWorker) -> str:
    wait_until(worker.worker.schema_problem, 30, "the worker to say that the registry does not answer")
    return worker.worker.schema_problem() or ""


def test_framed_and_plain_records_are_counted_and_the_unknown_refused(
    real_broker: str, topic_prefix: str, registry: SchemaRegistry
) -> None:
    run = make_run(real_broker, topic_prefix, registry)
    sender = Sender(run, registry)
    for number in range(6):
        (sender.framed if number % 2 else sender.plain)(number, 0)
    broken = b"\x00\x00\x00\x00\x01{"
    run.send("predictions", 0, broken)
    with run.worker() as worker:
        run.await_committed(worker)
        assert worker.worker.schema_problem() is None
    assert counted(run)["events"] == 6
    (letter,) = run.read("dead-letters")
    assert letter.value == broken
    assert letter.headers["driftline_reason"] == "not_json"


def test_while_the_registry_is_down_its_partition_waits_and_the_others_go_on(
    real_broker: str, topic_prefix: str, registry: SchemaRegistry
) -> None:
    run = make_run(real_broker, topic_prefix, registry)
    sender = Sender(run, registry)
    sender.plain(0, 0)
    sender.framed(1, 0)
    sender.plain(2, 0)
    sender.plain(3, 1)
    run.flush()
    registry.status = 503
    with run.worker() as worker:
        assert "HTTP 503" in await_problem(worker)
        wait_until(lambda: committed(run, 1) == 1, 30, "the other partition to be committed")
        sender.plain(4, 1)
        run.flush()
        wait_until(lambda: committed(run, 1) == 2, 30, "the other partition to go on")
        assert committed(run, 0) <= 1
        registry.status = None
        run.await_committed(worker)
        wait_until(lambda: worker.worker.schema_problem() is None, 30, "the worker to say that the registry answers")
    assert counted(run)["events"] == 5
    assert run.read("dead-letters") == []


def readiness(port: int) -> tuple[int, dict[str, str]]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return answer.status, json.load(answer)["reasons"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)["reasons"]


def test_a_process_says_that_it_is_not_ready_while_the_registry_is_down(
    real_broker: str, topic_prefix: str, registry: SchemaRegistry, tmp_path: Path
) -> None:
    run = make_run(real_broker, topic_prefix, registry)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = msgspec.structs.replace(run.settings, telemetry=TelemetrySettings(port=port))
    node = Node(settings, Credentials(), "sketch", name="n1", data_dir=tmp_path)
    thread = threading.Thread(target=node.run)
    thread.start()
    try:
        wait_until(node.is_ready, 60, "the process to have its partitions")
        assert readiness(port) == (200, {})
        sender = Sender(run, registry)
        sender.framed(0, 0)
        registry.status = 503
        run.flush()
        wait_until(lambda: readiness(port)[0] == 503, 30, "the process to say that it is not ready")
        assert "HTTP 503" in readiness(port)[1]["schema_registry"]
        registry.status = None
        wait_until(lambda: readiness(port) == (200, {}), 30, "the process to be ready again")
        wait_until(lambda: committed(run, 0) == 1, 30, "the record to be committed")
    finally:
        node.stop()
        thread.join(patient(60))
    assert not thread.is_alive()


def test_a_restart_while_the_registry_is_down_loses_and_repeats_nothing(
    real_broker: str, topic_prefix: str, registry: SchemaRegistry
) -> None:
    run = make_run(real_broker, topic_prefix, registry)
    sender = Sender(run, registry)
    for number in range(4):
        sender.framed(number, number % 2)
    run.flush()
    registry.status = 503
    with run.worker() as worker:
        await_problem(worker)
    assert counted(run)["events"] == 0
    with run.worker() as worker:
        await_problem(worker)
        for number in range(4, 8):
            sender.plain(number, number % 2)
        registry.status = None
        run.await_committed(worker)
    assert counted(run)["events"] == 8
