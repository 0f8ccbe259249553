"""A start without a reference on topics with a backlog: nothing of it is thrown away, and no layout or speed shows."""

from __future__ import annotations

import json
import random
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import yaml
from confluent_kafka import Producer

from driftline.config.load import load_settings
from driftline.panes.flush_record import decode
from driftline.profiles.profiles import Profiles
from driftline.runtime.files.backtest import Backtest
from tests.support.reading import read_topic
from tests.support.real_broker import SESSION_TIMEOUT_S, create_topics, patient, wait_until
from tests.support.workers import workers_of

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.events.output_record import OutputRecord
    from tests.support.workers import Workers

pytestmark = pytest.mark.slow

N = 60_000
PARTITIONS = 4
START_MS = 1_772_366_400_000
GAP_MS = 200
SAMPLE, EVENTS = 4_096, 20_000
SECTIONS: dict[str, Any] = {
    "time": {"pane": "10s", "lateness": "30s", "idle_timeout": "1h"},
    "defaults": {
        "windows": {"verdict": ["10m"], "performance": "10m", "display": "10m", "hop": "10m", "min_samples": 200},
        "checks": {"dispersion": {"mode": "independent"}},
        "labels": {"horizon": "2h", "wait": "10m", "revisions": ["20m"]},
        "bootstrap": {"sample": SAMPLE, "events": EVENTS},
    },
}


class Sent(NamedTuple):
    """A record of an input topic."""

    kind: str
    partition: int
    timestamp_ms: int
    value: dict[str, Any]


def backlog() -> list[Sent]:
    """Return predictions with labels that come a minute to an hour later, both a little out of order."""
    rng, predictions, labels = random.Random(7), [], []
    for i in range(N):
        partition, time_ms = rng.randrange(PARTITIONS), START_MS + i * GAP_MS + rng.randrange(3_000)
        yes = rng.random() < 0.5
        right = rng.random() < (0.9 if i < 0.8 * N else 0.6)
        features = {"x": rng.gauss(0, 1) + (0.5 if i > 0.9 * N else 0), "c": rng.choice("abc")}
        event = {"prediction_id": f"p{i}", "model": "loan", "model_version": "1", "ts": time_ms}
        outcome = {"prediction": "yes" if yes else "no", "score": 0.75 if yes else 0.25, "features": features}
        predictions.append(Sent("predictions", partition, time_ms, {**event, **outcome}))
        label_ms = time_ms + rng.randrange(60_000, 3_600_000)
        label = {"prediction_id": f"p{i}", "label": "yes" if yes == right else "no", "ts": label_ms}
        labels.append(Sent("labels", partition, label_ms, label))
    labels.sort(key=lambda sent: sent.timestamp_ms)
    return predictions + labels


def configuration(bootstrap: str, source: str, prefix: str, sketch: dict[str, Any]) -> dict[str, Any]:
    return {
        "kafka": {
            "brokers": bootstrap,
            "prefix": prefix,
            "panes_partitions": 2,
            "session_timeout": f"{SESSION_TIMEOUT_S:g}s",
        },
        "predictions": {"topic": f"{source}-predictions"},
        "labels": {"topic": f"{source}-labels"},
        "telemetry": {"log_format": "json"},
        "detect": {"checkpoint_interval": "300ms", "session_timeout": f"{SESSION_TIMEOUT_S:g}s"},
        "sketch": sketch,
        **SECTIONS,
    }


Outcome = tuple[str, bytes, str, bytes]


def outcome(channel: str, headers: Any, value: bytes | None) -> Outcome:  # noqa: ANN401  # pairs of a record
    found = dict(headers)
    return channel, found["ce_id"], found["ce_type"].decode(), value or b""


@pytest.fixture(scope="module")
def given() -> list[Sent]:
    return backlog()


@pytest.fixture(scope="module")
def wanted(given: list[Sent], tmp_path_factory: pytest.TempPathFactory) -> frozenset[Outcome]:
    """What a backtest of the same records in the same partitions says."""
    folder = tmp_path_factory.mktemp("backtest")
    (folder / "driftline.yaml").write_text(yaml.safe_dump(configuration("localhost:1", "backlog", "any", {})))
    ends: dict[tuple[str, int], int] = {}
    with (folder / "predictions").open("w") as predictions, (folder / "labels").open("w") as labels:
        for sent in given:
            offset = ends[sent.kind, sent.partition] = ends.get((sent.kind, sent.partition), -1) + 1
            place = {"partition": sent.partition, "offset": offset, "timestamp": sent.timestamp_ms}
            file = predictions if sent.kind == "predictions" else labels
            file.write(json.dumps({**sent.value, "kafka": place}) + "\n")
    found: set[Outcome] = set()

    def emit(output: OutputRecord) -> None:
        if output.channel != "references":
            found.add(outcome(output.channel, output.headers, output.value))

    run = Backtest(load_settings(folder / "driftline.yaml", {}), Profiles(), PARTITIONS)
    run.run(folder / "predictions", folder / "labels", emit)
    assert run.learning == {}
    return frozenset(found)


def test_the_backlog_is_worth_reading(wanted: frozenset[Outcome]) -> None:
    kinds = {ce_type.split(".")[2] for _, _, ce_type, _ in wanted}
    assert kinds >= {"window", "performance", "finding", "alert"}
    tumbling = [json.loads(value) for _, _, ce_type, value in wanted if ".window." in ce_type]
    evaluated = sum(event["n"] for event in tumbling if event["window"]["kind"] == "tumbling")
    closed = N - SAMPLE - EVENTS
    assert closed - 2 * 3_000 - 500 < evaluated <= closed, "all that came behind the reference, up to the open window"
    assert {event["profile"]["origin"] for event in tumbling} == {"bootstrap"}
    performance = [json.loads(value) for _, _, ce_type, value in wanted if ".performance." in ce_type]
    assert all(event["coverage"] > 0.3 for event in performance), "labels meet predictions of before the grid too"


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("n_workers", "sketch"),
    [
        ((1, 1), {"batch": 5_000}),
        ((1, 1), {"batch": 50_000, "flush_interval": "3s", "flush_events": 200_000}),
        ((3, 2), {"batch": 300, "flush_interval": "100ms", "flush_events": 2_000}),
    ],
)
def test_nothing_of_a_backlog_is_thrown_away(
    real_broker: str,
    topic_prefix: str,
    tmp_path: Path,
    given: list[Sent],
    wanted: frozenset[Outcome],
    n_workers: tuple[int, int],
    sketch: dict[str, Any],
) -> None:
    create_topics(
        real_broker,
        {f"{topic_prefix}-{kind}": PARTITIONS for kind in ("predictions", "labels")},
        {"retention.ms": "-1"},
    )
    producer = Producer(
        {
            "bootstrap.servers": real_broker,
            "enable.idempotence": True,
            "linger.ms": 20,
            "queue.buffering.max.messages": 1 << 20,
        }
    )
    for sent in given:
        topic = f"{topic_prefix}-{sent.kind}"
        value, key = json.dumps(sent.value).encode(), sent.value["prediction_id"].encode()
        producer.produce(topic, value, key, sent.partition, timestamp=sent.timestamp_ms)
        producer.poll(0)
    assert producer.flush(patient(60)) == 0
    config = tmp_path / "driftline.yaml"
    config.write_text(yaml.safe_dump(configuration(real_broker, topic_prefix, topic_prefix, sketch)))
    with workers_of(config, tmp_path / "logs") as workers:
        for number in range(n_workers[0]):
            workers.start("sketch", f"sketch-{number}")
        for number in range(n_workers[1]):
            workers.start("detect", f"detect-{number}")
        await_outputs(workers, real_broker, topic_prefix, wanted)
        unprofiled: set[float] = set()
        for worker in workers.started:
            worker.expect_running()
            metrics = worker.metrics()
            assert 'driftline_joins_total{outcome="orphaned"}' not in metrics, metrics
            unprofiled |= values(metrics, "driftline_unprofiled_events_total")
            assert values(metrics, "driftline_held_for_reference") <= {0.0}
            assert values(metrics, "driftline_reference_learnt_events") == set(), "it goes once there is a reference"
        assert unprofiled == {0.0}
        logs = workers.logs()
        for worker in workers.started:
            worker.stop()
    assert "waiting for a reference" in logs
    assert "reading on" in logs or n_workers[0] > 1, "who joins later may take held partitions over"
    assert read_outputs(real_broker, topic_prefix) == wanted
    n_counted = sum(
        delta.n_events + delta.n_late
        for record in read_topic(real_broker, f"{topic_prefix}.panes")
        for delta in decode(record.value or b"", "panes").panes
    )
    assert n_counted == N


def values(metrics: str, name: str) -> set[float]:
    """Return the values that a metric has."""
    return {float(value) for value in re.findall(rf"^{name}{{[^}}]*}} (\S+)$", metrics, re.MULTILINE)}


def read_outputs(bootstrap: str, prefix: str) -> frozenset[Outcome]:
    """Return what a run wrote; the prefix, which is part of each event's source, is not in its id or value."""
    return frozenset(
        outcome(channel, record.headers, record.value)
        for channel in ("events", "alerts")
        for record in read_topic(bootstrap, f"{prefix}.{channel}")
    )


def await_outputs(workers: Workers, bootstrap: str, prefix: str, wanted: frozenset[Outcome]) -> None:
    def what_is_missing() -> str:
        found = read_outputs(bootstrap, prefix)
        return f"{len(wanted - found)} of {len(wanted)} outputs ({len(found - wanted)} others)\n{workers.logs()}"

    wait_until(lambda: all(_has_topic(workers)) and wanted <= read_outputs(bootstrap, prefix), 90, what_is_missing)


def _has_topic(workers: Workers) -> list[bool]:
    """Return of each worker whether it has started, after which driftline's topics exist."""
    for worker in workers.started:
        worker.expect_running()
    return ['"started"' in worker.log() for worker in workers.started]
