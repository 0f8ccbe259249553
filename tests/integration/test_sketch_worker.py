"""The sketch worker on a real broker: what survives a restart, a gap, a rebalance and a double."""

from __future__ import annotations

import json
from collections import Counter

import msgspec
import numpy as np
import pytest
from confluent_kafka import KafkaException, TopicPartition

from driftline.config.durations import Duration
from driftline.config.input_settings import LabelInput, PredictionInput
from driftline.config.kafka_settings import KafkaSettings
from driftline.config.model import ModelSettings
from driftline.config.secrets import resolve_credentials
from driftline.config.settings import JoinSettings, Settings, SketchSettings, TimeSettings
from driftline.errors import BrokerError
from driftline.events.dead_letter import OFFSET_GAP
from driftline.events.model_key import ModelKey
from driftline.events.source import Source
from driftline.panes.flush_record import decode
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.profiles import Profiles
from driftline.runtime.operations.telemetry import Telemetry
from driftline.runtime.sketch.sketch_worker import SketchWorker
from driftline.sketches.scores import DUPLICATES, LABELLED, PREDICTED
from tests.support.real_broker import create_topics, patient, wait_until
from tests.support.sketch_harness import START_MS, RunningWorker, SketchRun, cells, joined

LATENESS_MS = 15_000
TIME = TimeSettings(lateness=Duration(LATENESS_MS))
PROFILE = build_profile(
    ModelKey("risk", ""),
    ReferenceTable(100, {"x": np.linspace(0, 1, 100)}, prediction=[0, 1] * 50),
    ModelSettings(task="binary"),
    START_MS - 3_600_000,
    "training",
)


def send_predictions(run: SketchRun, n: int, time_ms: int = START_MS, first: int = 0) -> None:
    """Write predictions ``first`` to ``first + n - 1``, in turn to each partition."""
    for number in range(first, first + n):
        at = time_ms + number
        value = {"prediction_id": f"p{number}", "model": "risk", "ts": at, "features": {"x": 0.5}, "prediction": 1}
        run.send("predictions", number % run.partitions, json.dumps(value).encode(), at)


def send_labels(run: SketchRun, n: int, time_ms: int = START_MS, first: int = 0) -> None:
    for number in range(first, first + n):
        value = {"prediction_id": f"p{number}", "label": 1, "ts": time_ms + number}
        run.send("labels", number % run.partitions, json.dumps(value).encode(), time_ms + number)


def counted(run: SketchRun) -> Counter[str]:
    return cells(run.flushes(), PROFILE)


def test_a_restart_keeps_the_running_maxima(real_broker: str, topic_prefix: str) -> None:
    run = SketchRun(real_broker, topic_prefix, [PROFILE], time=TIME)
    newest = START_MS + 100_000
    with run.worker() as worker:
        send_predictions(run, 2, newest)
        run.await_committed(worker)
    assert run.committed()["predictions", 0] == (1, f"v2:{newest}:{newest}")
    assert run.committed()["predictions", 1] == (1, f"v2:{newest + 1}:{newest + 1}")
    before = {record[:2] for record in run.read("panes")}

    with run.worker() as worker:
        send_predictions(run, 2, START_MS, first=2)
        run.await_committed(worker)

    assert counted(run)["events"] == 2
    assert counted(run)["late"] == 2
    since = [decode(record.value, "panes") for record in run.read("panes") if record[:2] not in before]
    marks = [mark for flush in since for mark in flush.watermarks if mark.source.kind == "predictions"]
    assert {(mark.source.partition, mark.time_ms) for mark in marks} == {
        (0, newest - LATENESS_MS),
        (1, newest + 1 - LATENESS_MS),
    }
    assert run.committed()["predictions", 0] == (2, f"v2:{newest}:{newest}")


def test_a_gap_in_the_input_is_a_dead_letter_and_reading_goes_on(real_broker: str, topic_prefix: str) -> None:
    run = SketchRun(real_broker, topic_prefix, [PROFILE], partitions=1, time=TIME)
    with run.worker() as worker:
        send_predictions(run, 10)
        run.await_committed(worker)
    send_predictions(run, 10, first=10)
    run.flush()
    delete_before(run, 15)
    with run.worker() as worker:
        run.await_committed(worker)
    assert counted(run)["events"] == 15
    (letter,) = run.read("dead-letters")
    assert letter.headers["driftline_reason"] == OFFSET_GAP
    assert letter.headers["driftline_topic"] == run.inputs["predictions"]
    assert (letter.headers["driftline_partition"], letter.headers["driftline_offset"]) == ("0", "10")
    assert "from offset 10 to 14 of" in letter.headers["driftline_message"]
    assert letter.value == b""


def test_a_gap_up_to_the_end_is_said_once(real_broker: str, topic_prefix: str) -> None:
    run = SketchRun(real_broker, topic_prefix, [PROFILE], partitions=1, time=TIME)
    with run.worker() as worker:
        send_predictions(run, 10)
        run.await_committed(worker)
    send_predictions(run, 10, first=10)
    run.flush()
    delete_before(run, 20)
    for _ in range(2):
        with run.worker() as worker:
            run.await_committed(worker)
    assert len(run.read("dead-letters")) == 1
    assert run.committed()["predictions", 0][0] == 20
    with run.worker() as worker:
        send_predictions(run, 5, first=20)
        run.await_committed(worker)
    assert counted(run)["events"] == 15
    assert len(run.read("dead-letters")) == 1


def delete_before(run: SketchRun, offset: int) -> None:
    gone = run.admin.delete_records([TopicPartition(run.inputs["predictions"], 0, offset)])
    for future in gone.values():
        assert future.result(timeout=patient(30)).low_watermark == offset


def test_topics_that_cannot_be_joined_are_refused(real_broker: str, topic_prefix: str) -> None:
    create_topics(real_broker, {f"{topic_prefix}-p": 3, f"{topic_prefix}-l": 2})
    settings = Settings(
        kafka=KafkaSettings(brokers=real_broker, prefix=topic_prefix),
        predictions=PredictionInput(topic=f"{topic_prefix}-p"),
        labels=LabelInput(topic=f"{topic_prefix}-l"),
        join=JoinSettings(repartition=False),
    )
    credentials = resolve_credentials(settings.kafka.security, {})
    with pytest.raises(BrokerError) as caught:
        SketchWorker(settings, credentials, Profiles(), Telemetry(), "w1")
    message = str(caught.value)
    assert f"{topic_prefix}-p has 3, {topic_prefix}-l has 2" in message
    assert "give both topics the same number, and the prediction id as key" in message

    missing = msgspec.structs.replace(settings, labels=LabelInput(topic=f"{topic_prefix}-none"))
    with pytest.raises(BrokerError, match=f"Expected topic {topic_prefix}-none, got none"):
        SketchWorker(missing, credentials, Profiles(), Telemetry(), "w1")


def test_a_second_worker_of_the_same_name_fences_the_first(real_broker: str, topic_prefix: str) -> None:
    run = SketchRun(real_broker, topic_prefix, [PROFILE], time=TIME)
    first = RunningWorker(run.settings, run.profiles, "same").wait_ready()
    send_predictions(run, 20)
    run.await_committed(first)
    with run.worker("same") as second:
        send_predictions(run, 20, first=20)
        wait_until(lambda: not first.thread.is_alive(), 60, "the first worker to end")
        assert isinstance(first.error, KafkaException)
        assert first.error.args[0].fatal()
        run.await_committed(second)
    assert counted(run)["events"] == 40
    assert counted(run)["late"] == 0


def test_a_rebalance_flushes_what_was_counted(real_broker: str, topic_prefix: str) -> None:
    never = SketchSettings(flush_interval=Duration(3_600_000))
    run = SketchRun(real_broker, topic_prefix, [PROFILE], time=TIME, sketch=never)
    with run.worker("w1") as first:
        send_predictions(run, 50)
        run.flush()
        wait_until(lambda: first.worker._sketcher.n_waiting == 50, 30, "the first worker to have read all")
        assert run.flushes() == []
        with run.worker("w2") as second:
            wait_until(lambda: counted(run)["events"] == 50, 30, "the first worker to flush what it gives up")
            send_predictions(run, 50, first=50)
            run.flush()
            both = (first.worker._sketcher, second.worker._sketcher)
            wait_until(lambda: sum(each.n_waiting for each in both) == 50, 30, "both workers to have read all")
    assert counted(run) == Counter({"events": 100, "x.binned": 100, "prediction.binned": 100})


def test_labels_join_predictions_of_before_a_restart(real_broker: str, topic_prefix: str) -> None:
    run = SketchRun(real_broker, topic_prefix, [PROFILE], time=TIME)
    with run.worker() as worker:
        send_predictions(run, 60)
        send_labels(run, 20)
        run.await_committed(worker)
    with run.worker("another") as worker:
        send_labels(run, 60)  # 20 of them correct what is known
        send_predictions(run, 10)  # these have been seen
        run.await_committed(worker)
    head = joined(run.flushes(), PROFILE)
    assert (head[PREDICTED], head[LABELLED], head[DUPLICATES]) == (60, 60, 10)
    layout = PROFILE.task.performance_layout
    assert layout.confusion_of(np.array(head)).tolist() == [[0, 0, 0], [0, 60, 0], [0, 0, 0]]


def test_labels_before_their_predictions_wait_through_a_restart(real_broker: str, topic_prefix: str) -> None:
    run = SketchRun(real_broker, topic_prefix, [PROFILE], time=TIME)
    with run.worker() as worker:
        send_labels(run, 30)
        run.await_committed(worker)
    with run.worker() as worker:
        send_predictions(run, 30)
        run.await_committed(worker)
    head = joined(run.flushes(), PROFILE)
    assert (head[PREDICTED], head[LABELLED], head[DUPLICATES]) == (30, 30, 0)


def test_partitions_at_their_end_are_declared_idle_and_wake(real_broker: str, topic_prefix: str) -> None:
    time = TimeSettings(lateness=Duration(LATENESS_MS), idle_timeout=Duration(500))
    run = SketchRun(real_broker, topic_prefix, [PROFILE], partitions=1, time=time)
    source = Source("predictions", 0)

    def marks() -> list[bool]:
        return [mark.idle for flush in run.flushes() for mark in flush.watermarks if mark.source == source]

    with run.worker() as worker:
        send_predictions(run, 3)
        run.await_committed(worker)
        wait_until(lambda: marks()[-1:] == [True], 30, "an idle mark")
        send_predictions(run, 3, first=3)
        run.await_committed(worker)
        wait_until(lambda: False in marks()[marks().index(True) :], 30, "the partition to wake")
    assert counted(run)["events"] == 6
