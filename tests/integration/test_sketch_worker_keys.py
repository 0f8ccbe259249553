"""The sketch worker and the partitions on which producers put predictions and labels."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

from confluent_kafka import Producer

from driftline.errors import BrokerError
from tests.integration.test_sketch_worker import PROFILE, TIME, counted, send_labels, send_predictions
from tests.support.real_broker import patient, wait_until
from tests.support.sketch_harness import START_MS, RunningWorker, SketchRun

if TYPE_CHECKING:
    import pytest

Partitioner = Literal["murmur2_random", "consistent_random"]
N = 200


def produce(run: SketchRun, kind: Literal["predictions", "labels"], partitioner: Partitioner, key: str = "p{}") -> None:
    """Write records as other people's producers would: with a key, and the partition left to the client."""
    producer = Producer({"bootstrap.servers": run.bootstrap, "partitioner": partitioner})
    for number in range(N):
        value = {"prediction_id": f"p{number}", "ts": START_MS + number}
        value |= {"model": "risk", "prediction": 1, "features": {"x": 0.5}} if kind == "predictions" else {"label": 1}
        producer.produce(run.inputs[kind], json.dumps(value), key.format(number), timestamp=START_MS + number)
    assert producer.flush(patient(30)) == 0


def refusal(run: SketchRun) -> str:
    running = RunningWorker(run.settings, run.profiles, "w1")
    wait_until(lambda: not running.thread.is_alive(), 60, "the worker to end")
    assert isinstance(running.error, BrokerError), running.error
    return str(running.error)


def test_different_partitioners_stop_the_worker_before_anything_is_committed(
    real_broker: str, topic_prefix: str
) -> None:
    run = SketchRun(real_broker, topic_prefix, [PROFILE], partitions=4, time=TIME)
    produce(run, "predictions", "murmur2_random")
    produce(run, "labels", "consistent_random")
    reason = refusal(run)
    assert f"murmur2 (Java's clients, or `partitioner: murmur2_random`) at `{run.inputs['predictions']}`" in reason
    assert f"CRC-32 (librdkafka's `consistent_random`, its default) at `{run.inputs['labels']}`" in reason
    assert "Set `partitioner: murmur2_random`" in reason


def test_keys_that_are_not_the_ids_stop_the_worker(real_broker: str, topic_prefix: str) -> None:
    run = SketchRun(real_broker, topic_prefix, [PROFILE], partitions=4, time=TIME)
    produce(run, "predictions", "murmur2_random", key="customer-{}")
    assert f"Configure the producers of `{run.inputs['predictions']}` to use the id as the key" in refusal(run)


def test_the_same_partitioner_and_records_without_keys_are_read(
    real_broker: str, topic_prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = SketchRun(real_broker, topic_prefix, [PROFILE], partitions=4, time=TIME)
    produce(run, "predictions", "consistent_random")
    produce(run, "labels", "consistent_random")
    with run.worker() as worker:
        run.await_committed(worker)
        send_predictions(run, 40, first=N)
        send_labels(run, 40, first=N)
        run.await_committed(worker)
    assert counted(run)["events"] == N + 40
    assert capsys.readouterr().out.count("record without a key: cannot check the partitioning") == 2
