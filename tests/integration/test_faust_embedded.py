"""The detect worker where the demo runs it: on the embedded broker, beside librdkafka clients in the same process."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer

from driftline.errors import BrokerError
from tests.support.detect_process import Counting, SumsWorker, detect_settings
from tests.support.real_broker import patient, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.runtime.demo.embedded_broker import EmbeddedBroker


def worker_on(broker: EmbeddedBroker, tmp_path: Path) -> tuple[SumsWorker, Counting]:
    telemetry = Counting()
    settings = detect_settings(broker.bootstrap, "driftline", 2)
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
