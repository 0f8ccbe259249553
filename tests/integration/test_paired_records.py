"""Requests and responses in separate records on a real broker: each event counts once, whatever happens to workers."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from driftline.config.field_places import Where
from driftline.config.input_settings import PredictionFields, PredictionInput
from driftline.config.load import load_settings
from driftline.config.model import ModelSettings
from driftline.config.record_forms import Pair
from driftline.config.settings import JoinSettings
from driftline.events.dead_letter import UNPAIRED
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.runtime.sketch import sketch_transaction
from driftline.runtime.sketch.offset_metadata import from_metadata
from driftline.runtime.sketch.routing_mark import RoutingNeeded
from driftline.runtime.sketch.sketch_transaction import FlushAborted
from tests.support.real_broker import wait_until
from tests.support.sketch_harness import START_MS, RunningWorker, SketchRun, cells

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from confluent_kafka import Consumer

    from driftline.runtime.sketch.sketch_transaction import SketchTransactions
    from driftline.sketching.flush import Flush

FIELDS = PredictionFields(
    prediction_id="/request/id",
    model="/request/model",
    model_version="/request/version",
    ts="/request/ts",
    features="/request/features",
    prediction="/response/prediction",
    score="/response/score",
    segments="/request/segments",
)
PAIR = Pair("/id", Where("/kind", equals="in"), Where("/kind", equals="out"), max_records=400)
PROFILE = build_profile(
    ModelKey("risk", ""),
    ReferenceTable(100, {"x": np.linspace(0, 1, 100)}, prediction=[0, 1] * 50),
    ModelSettings(task="binary"),
    START_MS - 3_600_000,
    "training",
)


@pytest.fixture
def run(real_broker: str, topic_prefix: str) -> SketchRun:
    predictions = PredictionInput(topic=f"{topic_prefix}-predictions", fields=FIELDS, pair=PAIR)
    return SketchRun(real_broker, topic_prefix, [PROFILE], predictions=predictions, labels=None)


def send(run: SketchRun, kind: str, number: int, partition: int = 0) -> None:
    value: dict[str, Any] = {"kind": kind, "id": f"p{number}"}
    value |= {"model": "risk", "ts": START_MS, "features": {"x": 0.5}} if kind == "in" else {"prediction": 1}
    run.send("predictions", partition, json.dumps(value).encode())


def committed(run: SketchRun, partition: int = 0) -> tuple[int, list[int]]:
    """Return up to where records have been used or wait, and the offsets of those that wait."""
    offset, metadata = run.committed()["predictions", partition]
    seen = from_metadata(metadata).seen
    assert seen is None or seen.start == offset
    return (-1, []) if seen is None else (seen.next_offset, [*seen.waiting])


def await_seen(run: SketchRun, n: int, error: Callable[[], object] = lambda: None) -> list[int]:
    """Wait until ``n`` records of the first partition are committed; return the offsets of those that wait."""
    run.flush()
    wait_until(lambda: error() is None and committed(run)[0] == n, 60, lambda: f"{n} records, got {committed(run)}")
    return committed(run)[1]


def figure(run: SketchRun, worker: RunningWorker) -> float | None:
    labels = {"topic": run.inputs["predictions"], "partition": "0"}
    return worker.telemetry.registry.get_sample_value("driftline_halves_waiting", labels)


def n_events(run: SketchRun) -> int:
    return cells(run.flushes(), PROFILE)["events"]


def test_halves_that_wait_over_a_handover_are_neither_lost_nor_counted_twice(run: SketchRun) -> None:
    with run.worker("w1") as first:
        for number in range(50):
            send(run, "in", number)
            if number % 5:
                send(run, "out", number)
        assert len(await_seen(run, 90, lambda: first.error)) == 10
        offset, _metadata = run.committed()["predictions", 0]
        assert offset == 0, "the first request waits"
        wait_until(lambda: figure(run, first) == 10, 20, lambda: f"10 waiting halves, got {figure(run, first)}")
    with run.worker("w2") as second:
        for number in range(0, 45, 5):
            send(run, "out", number)
        assert len(await_seen(run, 99, lambda: second.error)) == 1
        for number in range(100, 350):  # past max_records behind the one that still waits
            send(run, "in", number)
            send(run, "out", number)
        assert await_seen(run, 599, lambda: second.error) == []
    assert n_events(run) == 49 + 250
    (letter,) = run.read("dead-letters")
    assert letter.headers["driftline_reason"] == UNPAIRED
    assert "the request `p45` within 400 records" in letter.headers["driftline_message"]
    assert json.loads(letter.value)["id"] == "p45"


class _Traffic:
    """Requests, some of which wait for a while."""

    def __init__(self, run: SketchRun, rng: random.Random) -> None:
        self._run, self._rng = run, rng
        self._waiting: list[int] = []
        self.n_sent = self.n_requests = 0

    def send(self, n: int) -> None:
        for _ in range(n):
            if self._waiting and (len(self._waiting) >= 40 or self._rng.random() < 0.5):
                oldest = len(self._waiting) >= 40
                place = 0 if oldest else self._rng.randrange(len(self._waiting))
                send(self._run, "out", self._waiting.pop(place))
            else:
                send(self._run, "in", self.n_requests)
                self._waiting.append(self.n_requests)
                self.n_requests += 1
            self.n_sent += 1
        self._run.flush()

    def finish(self) -> None:
        for number in self._waiting:
            send(self._run, "out", number)
            self.n_sent += 1
        self._run.flush()


class _Workers:
    """One worker at a time; after its death another takes over."""

    def __init__(self, run: SketchRun) -> None:
        self._run = run
        self._worker: RunningWorker | None = None
        self._n = 0

    def _running(self) -> RunningWorker:
        if self._worker is not None and self._worker.error is not None:
            assert isinstance(self._worker.error, ZeroDivisionError), self._worker.error
            self.end()
        if self._worker is None:
            self._n += 1
            self._worker = RunningWorker(self._run.settings, self._run.profiles, f"w{self._n % 2}")
        return self._worker

    def await_something(self, n_sent: int, happened: Counter[str]) -> None:
        worker, before = self._running(), happened.total()
        wait_until(
            lambda: worker.error is not None or happened.total() > before or committed(self._run)[0] == n_sent,
            60,
            "a commit or a disturbance",
        )

    def await_the_end(self, n_sent: int) -> list[int]:
        worker = self._running()
        return await_seen(self._run, n_sent, lambda: worker.error)

    def end(self) -> None:
        if self._worker is not None:
            self._worker.worker.stop()
            self._worker.thread.join(60)
            assert not self._worker.thread.is_alive()
        self._worker = None


def test_aborted_transactions_and_crashes_change_nothing(run: SketchRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """Transactions abort, and workers die before a commit, at random; the counts are those of an undisturbed run."""
    rng = random.Random(3)
    happened: Counter[str] = Counter()
    commit = sketch_transaction.SketchTransactions.commit

    def disturbed(self: SketchTransactions, flush: Flush, consumer: Consumer) -> dict[int, int]:
        if flush.positions and happened.total() < 12:
            kind = rng.choice(["abort", "crash", "none"])
            happened[kind] += 1
            if kind == "abort":
                raise FlushAborted("by the test")
            if kind == "crash":
                raise ZeroDivisionError("the worker dies")
        return commit(self, flush, consumer)

    monkeypatch.setattr(sketch_transaction.SketchTransactions, "commit", disturbed)
    traffic = _Traffic(run, rng)
    workers = _Workers(run)
    try:
        while happened.total() < 12 or traffic.n_sent < 1_500:
            traffic.send(60)
            workers.await_something(traffic.n_sent, happened)
        traffic.finish()
        assert workers.await_the_end(traffic.n_sent) == []
    finally:
        workers.end()
    assert happened["abort"] >= 2
    assert happened["crash"] >= 2
    assert run.read("dead-letters") == []
    assert n_events(run) == traffic.n_requests


def test_kserves_logger_on_several_partitions_with_labels(real_broker: str, topic_prefix: str, tmp_path: Path) -> None:
    """Binary CloudEvents; labels have the ids of rows, so their keys lead to other partitions than the requests'."""
    path = tmp_path / "driftline.yaml"
    path.write_text("predictions: {preset: kserve-v1, fields: {features: {names: [x]}}}\nlabels: {}")
    given = load_settings(path, {})
    predictions = msgspec.structs.replace(given.predictions, topic=f"{topic_prefix}-predictions")
    run = SketchRun(real_broker, topic_prefix, [PROFILE], predictions=predictions, join=JoinSettings())
    for number in range(100):
        partition = number % 2
        for kind, body in (("request", {"instances": [[0.5], [0.25]]}), ("response", {"predictions": [1, 0]})):
            headers = {
                "ce_specversion": "1.0",
                "ce_id": f"r{number}",
                "ce_type": f"org.kubeflow.serving.inference.{kind}",
                "ce_source": "http://localhost:9081/",
                "ce_time": datetime.fromtimestamp((START_MS + number) / 1000, UTC).isoformat(),
                "ce_inferenceservicename": "risk",
                "content-type": "application/json",
            }
            run._producer.produce(
                run.inputs["predictions"],
                json.dumps(body).encode(),
                partition=partition,
                timestamp=START_MS + number,
                headers=[(name, text.encode()) for name, text in headers.items()],
            )
    run.flush()
    first = RunningWorker(run.settings, run.profiles, "w1")
    first.thread.join(60)
    assert isinstance(first.error, RoutingNeeded)
    assert "the records of" in str(first.error)
    routed = msgspec.structs.replace(run.settings.join, repartition=True)
    run.settings = msgspec.structs.replace(run.settings, join=routed)
    with run.worker("w1") as worker:
        run.await_committed(worker)
    assert n_events(run) == 200
    assert run.read("dead-letters") == []
