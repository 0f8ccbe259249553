"""Several topics on a real broker: who has which numbers, and topics that come, grow and go."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import msgspec
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import NewPartitions

from driftline.config.input_settings import LabelInput, PredictionInput
from driftline.config.secrets import Credentials
from driftline.config.settings import JoinSettings, Settings
from driftline.errors import BrokerError
from driftline.events.source import Source
from driftline.events.source_numbers import TopicPart
from driftline.runtime.kafka.input_partitions import input_topics
from driftline.runtime.kafka.number_log import NumberLog, number_sources
from driftline.runtime.sketch.source_topics import SourceTopics, TopicsChanged
from tests.integration.test_sketch_worker import PROFILE, TIME, counted, send_predictions
from tests.support.reading import committed_offsets
from tests.support.real_broker import create_topics, patient, wait_until
from tests.support.sketch_harness import START_MS, SketchRun

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.panes.flush_record import FlushRecord
    from tests.support.sketch_harness import RunningWorker


def with_topics(run: SketchRun, *predictions: str) -> None:
    """Let the next workers of a run read other topics, and no labels."""
    topic = predictions if len(predictions) > 1 else predictions[0]
    run.settings = msgspec.structs.replace(run.settings, predictions=PredictionInput(topic), labels=None)


def send(run: SketchRun, topic: str, n: int, *, partition: int = 0, first: int = 0) -> None:
    producer = Producer({"bootstrap.servers": run.bootstrap})
    for number in range(first, first + n):
        at = START_MS + number
        value = {
            "prediction_id": f"{topic}{number}",
            "model": "risk",
            "ts": at,
            "features": {"x": 0.5},
            "prediction": 1,
        }
        producer.produce(topic, json.dumps(value), partition=partition, timestamp=at)
    assert producer.flush(patient(60)) == 0


def await_read(run: SketchRun, topic: str, partition: int, n: int) -> None:
    def committed() -> bool:
        (answer,) = committed_offsets(run.bootstrap, f"{run.prefix}-sketch", [(topic, partition)])
        return answer.offset >= n

    wait_until(committed, 60, f"{n} records of {topic}-{partition} to be committed")


def states(flushes: Iterable[FlushRecord]) -> dict[Source, bool]:
    """Return whether each source is gone, by what was said last."""
    return {mark.source: mark.gone for flush in flushes for mark in flush.watermarks}


def ended(worker: RunningWorker) -> str:
    """Wait until a worker has ended as it reads other topics than there are; return why."""
    error = wait_until(lambda: worker.error, 60, "the worker to end")
    assert isinstance(error, TopicsChanged)
    worker.error = None
    return str(error)


def test_a_topic_that_was_alone_keeps_its_numbers_and_what_goes_holds_nothing_back(
    real_broker: str, topic_prefix: str
) -> None:
    run = SketchRun(real_broker, topic_prefix, [PROFILE], time=TIME)
    old, new = run.inputs["predictions"], f"{topic_prefix}-a-first-by-name"
    with_topics(run, old)
    with run.worker() as worker:
        send_predictions(run, 10)
        run.flush()
        await_read(run, old, 1, 5)
        assert worker.error is None
    assert run.read("input-partitions") == [], "of one topic nothing is written"

    create_topics(real_broker, {new: 1})
    with_topics(run, new, old)
    send(run, new, 7)
    with run.worker():
        await_read(run, new, 0, 7)
    assert counted(run)["events"] == 17
    assert run.flushes()[-1].places == [TopicPart("predictions", old, 0, 2), TopicPart("predictions", new, 0, 1)]

    with_topics(run, old)
    with run.worker():
        send_predictions(run, 4, first=10)
        run.flush()
        await_read(run, old, 1, 7)
    assert counted(run)["events"] == 21
    predictions = [Source("predictions", number) for number in range(3)]
    assert [states(run.flushes())[source] for source in predictions] == [False, False, True]

    with_topics(run, old, new)
    send(run, new, 2, first=7)
    with run.worker():
        await_read(run, new, 0, 9)
    assert counted(run)["events"] == 23, "it is read on where it was left"
    assert not any(states(run.flushes()).values())


def test_a_worker_ends_in_good_order_where_a_topic_grows_or_appears(real_broker: str, topic_prefix: str) -> None:
    run = SketchRun(real_broker, topic_prefix, [PROFILE], time=TIME)
    first, second, third = (f"{topic_prefix}-in-{name}" for name in ("a", "b", "c"))
    create_topics(real_broker, {first: 1, second: 1})
    with_topics(run, f"^{topic_prefix}-in-", f"{topic_prefix}-predictions")
    send(run, first, 5)
    send(run, second, 5)

    with run.worker() as worker:
        await_read(run, first, 0, 5)
        for future in run.admin.create_partitions([NewPartitions(second, 2)]).values():
            future.result(timeout=patient(30))
        assert ended(worker) == f"with more partitions: {second}"
    send(run, second, 3, partition=1, first=5)
    with run.worker() as worker:
        await_read(run, second, 1, 3)
        create_topics(real_broker, {third: 1})
        assert ended(worker) == f"new: {third}"
    send(run, third, 4)
    with run.worker() as worker:
        await_read(run, third, 0, 4)
        for deleted in run.admin.delete_topics([first]).values():
            deleted.result(timeout=patient(30))
        assert ended(worker) == f"gone: {first}"
    assert counted(run)["events"] == 17
    assert [part.topic.removeprefix(topic_prefix) for part in run.flushes()[-1].places] == [
        "-predictions",
        "-in-a",
        "-in-b",
        "-in-b",
        "-in-c",
    ]
    with run.worker():
        send(run, third, 1, first=4)
        await_read(run, third, 0, 5)
    assert [source.partition for source, gone in states(run.flushes()).items() if gone] == [2], "that of `-in-a`"


def test_workers_that_begin_at_once_agree(real_broker: str, topic_prefix: str) -> None:
    run = SketchRun(real_broker, topic_prefix)
    names = [f"{topic_prefix}-{name}" for name in "abcd"]
    create_topics(real_broker, dict.fromkeys(names, 2))
    found: list[tuple[TopicPart, ...]] = []

    def number(topics: tuple[str, ...]) -> None:
        settings = msgspec.structs.replace(run.settings, predictions=PredictionInput(topics), labels=None)
        numbers = number_sources(settings, Credentials(), input_topics(settings, Credentials()))
        found.append(numbers.parts)

    threads = [threading.Thread(target=number, args=((*names[start:], *names[:start]),)) for start in range(len(names))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(patient(60))
    assert len(found) == len(names)
    number(tuple(names))
    assert set(found) == {found[-1]}
    assert {part.topic for part in found[-1]} == {*names}


def test_numbers_that_are_gone_are_not_given_anew(real_broker: str, topic_prefix: str) -> None:
    run = SketchRun(real_broker, topic_prefix)
    settings = msgspec.structs.replace(run.settings, predictions=PredictionInput((*run.inputs.values(),)), labels=None)
    inputs = input_topics(settings, Credentials())
    number_sources(settings, Credentials(), inputs)
    for future in run.admin.delete_records([TopicPartition(f"{topic_prefix}.input-partitions", 0, 1)]).values():
        future.result(timeout=patient(30))
    with pytest.raises(BrokerError, match=r"records before offset 1 have been deleted.*another `--prefix`"):
        NumberLog(settings.kafka, Credentials()).read()
    one = msgspec.structs.replace(settings, predictions=PredictionInput(run.inputs["predictions"]))
    with pytest.raises(BrokerError, match="have been deleted"):
        number_sources(one, Credentials(), input_topics(one, Credentials()))


def test_topics_that_cannot_be_read_together_are_refused(real_broker: str, topic_prefix: str) -> None:
    run = SketchRun(real_broker, topic_prefix)
    names = [f"{topic_prefix}-{name}" for name in "abxy"]
    create_topics(real_broker, dict(zip(names, (2, 3, 2, 4), strict=True)))

    def refusal(predictions: tuple[str, ...] | str, labels: tuple[str, ...] | str | None = None) -> str:
        settings: Settings = msgspec.structs.replace(
            run.settings,
            predictions=PredictionInput(predictions),
            labels=None if labels is None else LabelInput(labels),
            join=JoinSettings(repartition=False),
        )
        with pytest.raises(BrokerError) as caught:
            SourceTopics(settings, Credentials())
        return str(caught.value)

    a, b, x, y = names
    assert f"{b} has 3, {y} has 4" in refusal((a, b), (x, y))
    assert f"Expected topic {topic_prefix}-none, got none" in refusal((a, f"{topic_prefix}-none"))
    assert f"Expected a topic that matches `^{topic_prefix}-none`" in refusal(f"^{topic_prefix}-none")
    create_topics(real_broker, {f"{topic_prefix}-z": 2, f"{topic_prefix}-w": 2})
    few = refusal((a, x), (f"{topic_prefix}-z", f"{topic_prefix}-w"))
    assert few.startswith(
        "Expected 4 partitions at least, one for each of the partitions that have been numbered, got 2"
    )
    assert f"kafka-topics.sh --alter --topic {topic_prefix}.pending --partitions 4" in few
    swapped = refusal((x, a), (f"{topic_prefix}-z", f"{topic_prefix}-w"))
    assert f"Expected the partitions of `{x}` and `{topic_prefix}-z` to have the same numbers" in swapped
