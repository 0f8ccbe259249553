"""The doctor on topics of a real broker: what it writes is a configuration under which all records are accepted."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import yaml
from confluent_kafka import Producer

from tests.support.command import driftline
from tests.support.reading import committed_offsets, consumer_of, end_offsets, read_topic
from tests.support.real_broker import create_topics, patient, wait_until
from tests.support.workers import workers_of

if TYPE_CHECKING:
    from pathlib import Path

N = 600
START_MS = 1_772_366_400_000
PARTITIONS = 2
NOTHING = [-1001] * PARTITIONS


def write(bootstrap: str, prefix: str) -> tuple[str, str]:
    """Write predictions and labels as nobody has written them for driftline; return the names of their topics."""
    scores, outcomes = f"{prefix}-scores", f"{prefix}-outcomes"
    create_topics(bootstrap, {scores: PARTITIONS, outcomes: PARTITIONS}, {"retention.ms": "-1"})
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 20})
    rng = random.Random(5)
    for number in range(N):
        at_ms, score = START_MS + 1_000 * number, rng.random()
        record = {
            "requestId": f"req-{number}",
            "scoredAt": at_ms // 1000,
            "modelName": "credit-risk",
            "inputs": {"age": rng.randint(18, 90), "country": rng.choice(["DE", "FR"])},
            "decision": "yes" if score > 0.5 else "no",
            "probability": score,
        }
        key = f"req-{number}".encode()
        producer.produce(scores, json.dumps(record).encode(), key, timestamp=at_ms)
        label = {"request": f"req-{number}", "outcome": rng.choice(["yes", "no"])}
        producer.produce(outcomes, json.dumps(label).encode(), key, timestamp=at_ms + 30_000)
    assert producer.flush(patient(60)) == 0
    return scores, outcomes


def test_what_the_doctor_writes_is_accepted_and_accepts_everything(
    real_broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    scores, outcomes = write(real_broker, topic_prefix)
    config = tmp_path / "driftline.yaml"
    options = ("-b", real_broker, "--prefix", topic_prefix, "--predictions", scores, "--labels", outcomes)
    done = driftline("doctor", *options, "--write", config)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No problem was found." in done.stdout
    assert "600 ids of the samples are in both topics (100 % of the labels')" in done.stdout
    assert "labels are joined in place" in done.stdout
    assert yaml.safe_load(config.read_text())["predictions"]["fields"] == {
        "prediction_id": "/requestId",
        "model": "/modelName",
        "ts": {"pointer": "/scoredAt", "unit": "s"},
        "features": "/inputs",
        "prediction": "/decision",
        "score": "/probability",
    }
    with consumer_of(real_broker) as consumer:
        assert not [name for name in consumer.list_topics().topics if name.startswith(f"{topic_prefix}.")]
    again = driftline("doctor", *options, "--write", config)
    assert again.returncode == 2
    assert "Expected a new file" in again.stderr

    assert driftline("check-config", config).returncode == 0
    assert driftline("topics", "create", "--config", config).returncode == 0
    places = [(topic, number) for topic in (scores, outcomes) for number in range(PARTITIONS)]
    ends = [*end_offsets(real_broker, scores), *end_offsets(real_broker, outcomes)]
    with workers_of(config, tmp_path / "logs") as workers:
        worker = workers.start("all", "only")

        def all_read() -> bool:
            worker.expect_running()
            return [each.offset for each in committed_offsets(real_broker, f"{topic_prefix}-sketch", places)] == ends

        wait_until(all_read, 90, workers.logs)
        worker.stop()
    assert not read_topic(real_broker, f"{topic_prefix}.dead-letters")


def test_the_doctor_leaves_no_group_behind_and_says_what_is_refused(real_broker: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}-avro"
    create_topics(real_broker, {topic: PARTITIONS})
    producer = Producer({"bootstrap.servers": real_broker})
    for number in range(40):
        producer.produce(topic, bytes([0, 0, 0, 0, 7, 2, 8]) + b"p-%d" % number)
    assert producer.flush(patient(30)) == 0
    done = driftline("doctor", "-b", real_broker, "--prefix", topic_prefix, "--predictions", topic, "--json")
    assert done.returncode == 7, done.stderr
    lines = [line for section in json.loads(done.stdout)["sections"] for line in section["lines"]]
    assert any("40 of 40 would be refused" in line["text"] for line in lines)
    assert any("schema id 7" in line["text"] + line["advice"] for line in lines)
    places = [(topic, number) for number in range(PARTITIONS)]
    assert [each.offset for each in committed_offsets(real_broker, f"{topic_prefix}-doctor", places)] == NOTHING

    registry = driftline(
        "doctor", "-b", real_broker, "--predictions", topic, "--registry", "http://127.0.0.1:1", deadline_s=60
    )
    assert registry.returncode == 7
    assert "the schema registry http://127.0.0.1:1 cannot be asked" in registry.stdout
