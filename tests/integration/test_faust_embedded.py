"""The detect worker where the demo runs it: on the embedded broker, beside librdkafka clients in the same process."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer

from driftline.errors import BrokerError
from driftline.runtime.detect.detect_settings import DetectSettings
from driftline.runtime.detect.detect_worker import DetectWorker
from tests.support.detect_process import Counting, LateProfiles, SumsMonitor
from tests.support.real_broker import patient, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.runtime.demo.embedded_broker import EmbeddedBroker


def settings(broker: EmbeddedBroker, tmp_path: Path, partitions: int = 2) -> DetectSettings:
    return DetectSettings(
        bootstrap=broker.bootstrap,
        group_id="detect",
        panes_partitions=partitions,
        data_dir=str(tmp_path / "faust"),
        checkpoint_interval_s=0.1,
        manage_state_topic=False,
    )


def worker_with(chosen: DetectSettings) -> tuple[DetectWorker, Counting]:
    telemetry = Counting()
    return DetectWorker(chosen, SumsMonitor, LateProfiles(), telemetry), telemetry


def test_a_worker_in_a_thread_works_and_stops(embedded_broker: EmbeddedBroker, tmp_path: Path) -> None:
    handlers = list(logging.getLogger().handlers)
    for topic in ("driftline.panes", "driftline.detect-state"):
        embedded_broker.create_topic(topic, 2)
    embedded_broker.create_topic("driftline.events", 1)
    producer = Producer({"bootstrap.servers": embedded_broker.bootstrap})
    worker, telemetry = worker_with(settings(embedded_broker, tmp_path))
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
    worker, telemetry = worker_with(settings(embedded_broker, tmp_path))
    worker.stop()
    worker.run()
    assert telemetry.n == 0


@pytest.mark.parametrize(
    ("topics", "message"),
    [
        ({}, "Expected 2 partitions, got 0 - at `topic driftline.panes`; run `driftline topics create`"),
        ({"driftline.panes": 2}, "Expected 2 partitions, got 0 - at `topic driftline.detect-state`; run"),
        (
            {"driftline.panes": 2, "driftline.detect-state": 3},
            "Expected 2 partitions, got 3 - at `topic driftline.detect-state`; partitions of panes and state",
        ),
    ],
)
def test_topics_that_do_not_fit_are_an_error_before_anything_starts(
    embedded_broker: EmbeddedBroker, tmp_path: Path, topics: dict[str, int], message: str
) -> None:
    for topic, partitions in topics.items():
        embedded_broker.create_topic(topic, partitions)
    worker, _ = worker_with(settings(embedded_broker, tmp_path))
    with pytest.raises(BrokerError) as refused:
        worker.run()
    assert str(refused.value).startswith(message)
