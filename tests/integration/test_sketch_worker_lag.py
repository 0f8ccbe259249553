"""The lag that the sketch worker shows, also of partitions that no flush holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from confluent_kafka import Producer

from driftline.config.durations import Duration
from driftline.config.settings import SketchSettings
from tests.integration.test_sketch_worker import PROFILE, TIME, send_labels, send_predictions
from tests.support.real_broker import patient, wait_until
from tests.support.sketch_harness import START_MS, SketchRun

if TYPE_CHECKING:
    from tests.support.sketch_harness import RunningWorker

HOUR_MS = 3_600_000


def lag(run: SketchRun, worker: RunningWorker, kind: str, partition: int) -> float | None:
    labels = {"topic_kind": kind, "topic": run.inputs[kind], "partition": str(partition)}
    return worker.telemetry.registry.get_sample_value("driftline_consumer_lag_records", labels)


def test_partitions_at_their_end_show_no_lag_whether_read_or_empty(real_broker: str, topic_prefix: str) -> None:
    run = SketchRun(real_broker, topic_prefix, [PROFILE], time=TIME)
    producer = Producer({"bootstrap.servers": real_broker, "transactional.id": f"{topic_prefix}-input"})
    producer.init_transactions(patient(30))
    producer.begin_transaction()
    for number in range(20):
        value = {"prediction_id": f"p{number}", "model": "risk", "ts": START_MS, "prediction": 1}
        producer.produce(run.inputs["predictions"], json.dumps(value), partition=0)
    producer.commit_transaction(patient(30))
    every = [(kind, partition) for kind in run.inputs for partition in range(run.partitions)]
    with run.worker() as worker:

        def shown() -> dict[tuple[str, int], float | None]:
            return {at: lag(run, worker, *at) for at in every}

        wait_until(lambda: set(shown().values()) == {0.0}, 30, lambda: f"no lag anywhere, got {shown()}")


def test_a_partition_that_waits_for_its_partner_shows_its_lag(real_broker: str, topic_prefix: str) -> None:
    sketch = SketchSettings(flush_interval=Duration(100), batch=1, max_skew=Duration(HOUR_MS))
    run = SketchRun(real_broker, topic_prefix, [PROFILE], partitions=1, time=TIME, sketch=sketch)
    send_predictions(run, 3, START_MS + 3 * HOUR_MS)
    send_predictions(run, 3_000, START_MS + 3 * HOUR_MS, first=3)
    send_labels(run, 3_000)
    run.flush()
    with run.worker() as worker:
        wait_until(lambda: worker.worker._progress.paused, 30, "the predictions to wait")
        wait_until(lambda: (lag(run, worker, "predictions", 0) or 0) > 0, 30, "the lag of what waits")
        wait_until(lambda: not worker.worker._progress.paused, 60, "the labels to catch up")
        wait_until(lambda: lag(run, worker, "predictions", 0) == 0, 60, "the predictions to be read")
