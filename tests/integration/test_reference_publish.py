"""Profiles and simulated traffic through a real broker, from the command line."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, TopicPartition

from driftline import read_profile
from driftline.config.kafka_settings import KafkaSettings
from driftline.config.secrets import Credentials
from driftline.profiles.profiles import Profiles
from driftline.runtime.kafka.kafka_clients import consumer_configuration
from driftline.runtime.references.reference_topic import ReferenceReader, published_profiles
from tests.support.command import driftline
from tests.support.real_broker import create_topics, patient, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from confluent_kafka import Message


def everything_on(broker: str, topic: str, n: int) -> list[Message]:
    kafka = KafkaSettings(brokers=broker)
    consumer = Consumer(consumer_configuration(kafka, Credentials(), f"{topic}-test"))
    partitions = consumer.list_topics(topic, timeout=patient(30)).topics[topic].partitions
    consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
    found: list[Message] = []

    def read() -> bool:
        found.extend(message for message in consumer.consume(n, 0.2) if message.error() is None)
        return len(found) >= n

    wait_until(read, 60, lambda: f"{n} records, of which {len(found)} came")
    consumer.close()
    return found


def test_a_profile_is_built_published_followed_and_shown(real_broker: str, topic_prefix: str, tmp_path: Path) -> None:
    rows, file = tmp_path / "r.parquet", tmp_path / "x.profile"
    model = ("-m", "credit-risk", "--model-version", "3")
    broker = ("-b", real_broker, "--prefix", topic_prefix)
    assert driftline("simulate", "--reference-out", rows, "--reference-rows", 2_000).returncode == 0
    assert driftline("reference", "build", rows, *model, "-o", file).returncode == 0

    absent = driftline("reference", "publish", file, *broker, "--before-start")
    assert absent.returncode == 3
    assert f"Run `driftline topics create --prefix {topic_prefix}`" in absent.stderr
    create_topics(real_broker, {f"{topic_prefix}.references": 1}, {"cleanup.policy": "compact"})
    kafka = KafkaSettings(brokers=real_broker, prefix=topic_prefix)
    profiles = Profiles()
    reader = ReferenceReader(kafka, Credentials(), profiles)
    reader.start()
    assert len(profiles) == 0

    early = driftline("reference", "publish", file, *broker, "--effective-from", "beginning")
    assert early.returncode == 4
    assert "Expected the profile to hold from" in early.stderr
    assert "--before-start" in early.stderr
    first = driftline("reference", "publish", file, *broker, "--before-start")
    assert first.returncode == 0, first.stderr
    assert "holds from the beginning" in first.stdout
    built = read_profile(file)
    wait_until(lambda: profiles.get(built.profile_id), 30, "the profile to reach a reader that follows")

    before_ms = time.time_ns() // 1_000_000
    second = driftline("reference", "publish", rows, *model, *broker)
    assert second.returncode == 0, second.stderr
    latest = wait_until(lambda: profiles.of(built.key)[1:], 30, "the second profile to reach the reader")[0]
    reader.stop()
    assert latest.grid_id == built.grid_id
    assert latest.effective_from_ms >= before_ms + 660_000
    assert profiles.at(built.key, latest.effective_from_ms - 1) == profiles.get(built.profile_id)
    assert [each.profile_id for each in published_profiles(kafka, Credentials())] == [
        built.profile_id,
        latest.profile_id,
    ]

    shown = driftline("reference", "show", "-m", "credit-risk", *broker, "--json")
    assert json.loads(shown.stdout)["profile_id"] == latest.profile_id
    assert f"also published: {built.profile_id}" in shown.stderr
    older = driftline("reference", "show", "-m", "credit-risk", *broker, "--profile", built.profile_id)
    assert f"profile {built.profile_id}" in older.stdout
    unknown = driftline("reference", "show", "-m", "other", *broker)
    assert unknown.returncode == 4
    assert "Expected a published profile of `other`, got none" in unknown.stderr


def test_simulated_traffic_meets_on_equal_partitions(real_broker: str, topic_prefix: str, tmp_path: Path) -> None:
    predictions, labels = f"{topic_prefix}-p", f"{topic_prefix}-l"
    topics = ("-b", real_broker, "--predictions", predictions, "--labels", labels)
    scenario = ("--start", "2026-03-01T12:00:00Z", "--rate", 50, "--duration", "2m", "--label-delay", "5s")
    refused = driftline("simulate", *topics, *scenario)
    assert refused.returncode == 3
    assert "Give --create-topics to create them" in refused.stderr

    made = ("--create-topics", "--partitions", 4, "--speed", 0, "--all-labels", "--record-time", "event")
    sent = driftline("simulate", *topics, *scenario, *made)
    assert sent.returncode == 0, sent.stderr
    assert "sent         6000 predictions and 6000 labels" in sent.stdout
    by_id: dict[bytes, int | None] = {}
    for topic in (predictions, labels):
        records = everything_on(real_broker, topic, 6_000)
        for record in records:
            key, value = record.key(), record.value()
            assert key is not None
            assert value is not None
            event = json.loads(value)
            assert event["prediction_id"].encode() == key
            moment = record.timestamp()[1]
            assert (
                event["ts"] == time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment // 1000)) + f".{moment % 1000:03}Z"
            )
            assert by_id.setdefault(bytes(key), record.partition()) == record.partition()
    assert len(by_id) == 6_000
    assert set(by_id.values()) == {0, 1, 2, 3}

    files = ("--out-predictions", tmp_path / "p.ndjson", "--out-labels", tmp_path / "l.ndjson")
    assert driftline("simulate", *scenario, *files).returncode == 0
    values = sorted(record.value() or b"" for record in everything_on(real_broker, predictions, 6_000))
    assert sorted((tmp_path / "p.ndjson").read_bytes().splitlines()) == values


def test_simulation_keeps_the_pace_that_was_asked_for(real_broker: str, topic_prefix: str) -> None:
    topics = ("-b", real_broker, "--predictions", f"{topic_prefix}-p", "--labels", f"{topic_prefix}-l")
    paced = driftline("simulate", *topics, "--create-topics", "--rate", 100, "--duration", "30s", "--speed", 10)
    assert paced.returncode == 0, paced.stderr
    records = sorted(everything_on(real_broker, f"{topic_prefix}-p", 3_000), key=lambda each: each.timestamp()[1])
    took_ms = records[-1].timestamp()[1] - records[0].timestamp()[1]
    assert 2_500 <= took_ms <= 10_000, "30 s at ten times the speed"
    unequal = (*topics[:4], "--labels", f"{topic_prefix}-one")
    create_topics(real_broker, {f"{topic_prefix}-one": 1})
    refused = driftline("simulate", *unequal, "--duration", "1s")
    assert refused.returncode == 3
    assert "Expected as many partitions" in refused.stderr
