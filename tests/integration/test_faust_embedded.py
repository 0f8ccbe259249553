"""The detect worker where the demo runs it: on the embedded broker, beside librdkafka clients in the same process."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import aiokafka
import pytest
from confluent_kafka import Producer
from msgspec.structs import replace

from driftline.errors import BrokerError
from driftline.runtime.detect.faust_transport import ConsumerThread
from tests.support.detect_process import Counting, SumsMonitor, SumsWorker, detect_settings
from tests.support.real_broker import patient, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from faust.types import TP

    from driftline.config.kafka_settings import ClientValue
    from driftline.events.output_record import OutputRecord
    from driftline.runtime.demo.embedded_broker import EmbeddedBroker


def worker_on(broker: EmbeddedBroker, tmp_path: Path, **kafka: dict[str, ClientValue]) -> tuple[SumsWorker, Counting]:
    telemetry = Counting()
    settings = detect_settings(broker.bootstrap, "driftline", 2)
    settings = replace(settings, kafka=replace(settings.kafka, **kafka))
    return SumsWorker(settings, telemetry, tmp_path / "faust", check_crcs=False), telemetry


def test_a_worker_in_a_thread_works_and_stops(embedded_broker: EmbeddedBroker, tmp_path: Path) -> None:
    handlers = list(logging.getLogger().handlers)
    for topic in ("driftline.panes", "driftline.detect-state"):
        embedded_broker.create_topic(topic, 2)
    embedded_broker.create_topic("driftline.events", 1)
    producer = Producer({"bootstrap.servers": embedded_broker.bootstrap})
    worker, telemetry = worker_on(embedded_broker, tmp_path)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(worker.run)
        wait_until(lambda: worker.is_ready() or running.done(), 30, "the worker to be ready")
        for number in range(200):
            delta = {"pane": number // 20, "name": "a", "amount": 1}
            producer.produce("driftline.panes", json.dumps(delta).encode(), partition=number % 2)
        producer.flush(patient(30))
        wait_until(lambda: telemetry.n == 200 or running.done(), 30, lambda: f"200 records, got {telemetry.n}")
        worker.stop()
        running.result(timeout=patient(30))
    assert telemetry.outputs == 2 * 9
    assert not worker.is_ready()
    assert logging.getLogger().handlers == handlers, "logging belongs to the application"


def test_the_last_records_are_read_though_a_slow_broker_answers_late(
    embedded_broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker reads an open pane again, the last records of all, and is fetched more before its positions are sought
    than it can take.
    """
    for topic in ("driftline.panes", "driftline.detect-state"):
        embedded_broker.create_topic(topic, 2)
    embedded_broker.create_topic("driftline.events", 1)
    producer = Producer({"bootstrap.servers": embedded_broker.bootstrap})
    for number in range(180):
        delta = {"pane": number // 120, "name": "a", "amount": 1}
        producer.produce("driftline.panes", json.dumps(delta).encode(), partition=number % 2)
    producer.flush(patient(30))
    first, applied = worker_on(embedded_broker, tmp_path)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(first.run)
        wait_until(lambda: applied.n == 180 or running.done(), 30, lambda: f"180 records, got {applied.n}")
        first.stop()
        running.result(timeout=patient(30))
    seek, apply, n_open = ConsumerThread._seek_to_committed, SumsMonitor.apply, 60

    async def seek_late(thread: ConsumerThread) -> Mapping[TP, int]:
        committed = await seek(thread)
        await asyncio.sleep(1.6)  # longer than a fetch that began before the partitions were resumed
        return committed

    def apply_slowly(monitor: SumsMonitor, record: bytes, offset: int) -> list[OutputRecord]:
        time.sleep(0.03)  # as evaluations do that hold the event loop
        return apply(monitor, record, offset)

    monkeypatch.setattr(ConsumerThread, "_seek_to_committed", seek_late)
    monkeypatch.setattr(SumsMonitor, "apply", apply_slowly)
    second, applied = worker_on(embedded_broker, tmp_path)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(second.run)
        try:
            wait_until(lambda: applied.n == n_open or running.done(), 15, lambda: f"{n_open} records, got {applied.n}")
            assert second.stall() is None
        finally:
            second.stop()
        running.result(timeout=patient(30))


def test_further_settings_reach_the_clients(
    embedded_broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settings of a section are stronger than Faust's, and weaker than those that promises depend on."""
    made: dict[str, dict[str, object]] = {"consumer": {}, "producer": {}}

    def note_arguments(kind: str, client: type) -> None:
        make = client.__init__  # type: ignore[misc]  # of the class itself, which has no subclass here

        @functools.wraps(make)
        def init(self: object, *topics: object, **arguments: object) -> None:
            made[kind] |= arguments
            make(self, *topics, **arguments)

        monkeypatch.setattr(client, "__init__", init)

    note_arguments("consumer", aiokafka.AIOKafkaConsumer)
    note_arguments("producer", aiokafka.AIOKafkaProducer)
    for topic in ("driftline.panes", "driftline.detect-state"):
        embedded_broker.create_topic(topic, 2)
    client: dict[str, ClientValue] = {"client.id": "mine", "linger.ms": 50, "socket.keepalive.enable": True}
    worker, _ = worker_on(embedded_broker, tmp_path, client=client, aiokafka={"fetch_max_bytes": 2_000_000})
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(worker.run)
        wait_until(lambda: worker.is_ready() or running.done(), 30, "the worker to be ready")
        worker.stop()
        running.result(timeout=patient(30))
    consumer, producer = made["consumer"], made["producer"]
    assert (consumer["client_id"], consumer["fetch_max_bytes"]) == ("mine", 2_000_000)
    assert consumer["isolation_level"] == "read_committed"
    assert (producer["client_id"], producer["linger_ms"]) == ("mine", 50)


def test_a_worker_stopped_before_it_runs_ends_at_once(embedded_broker: EmbeddedBroker, tmp_path: Path) -> None:
    for topic in ("driftline.panes", "driftline.detect-state"):
        embedded_broker.create_topic(topic, 2)
    worker, telemetry = worker_on(embedded_broker, tmp_path)
    worker.stop()
    worker.run()
    assert telemetry.n == 0


@pytest.mark.parametrize(
    ("topics", "message"),
    [
        ({}, r"Expected topic driftline\.panes, got none - .* Run `driftline topics create`$"),
        (
            {"driftline.panes": 2},
            r"Expected topic driftline\.detect-state, got none - .* Run `driftline topics create`$",
        ),
        (
            {"driftline.panes": 2, "driftline.detect-state": 3},
            r"^Expected 2 partitions, got 3 - at topic `driftline\.detect-state`.* `driftline topics check`$",
        ),
    ],
)
def test_topics_that_do_not_fit_are_an_error_before_anything_starts(
    embedded_broker: EmbeddedBroker, tmp_path: Path, topics: dict[str, int], message: str
) -> None:
    for topic, partitions in topics.items():
        embedded_broker.create_topic(topic, partitions)
    worker, _ = worker_on(embedded_broker, tmp_path)
    with pytest.raises(BrokerError, match=message):
        worker.run()
