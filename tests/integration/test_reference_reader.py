"""Following the references topic on a real broker, whatever else stands on it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
from confluent_kafka import Producer

from driftline.config.kafka_settings import KafkaSettings
from driftline.config.model import ModelSettings
from driftline.config.secrets import Credentials
from driftline.errors import FormatError
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.codec import VERSION
from driftline.profiles.profiles import Profiles
from driftline.runtime.references.reference_topic import ReferenceReader, publish
from tests.support.real_broker import create_topics, patient, wait_until

if TYPE_CHECKING:
    from driftline.errors import DriftlineError

PROFILE = build_profile(
    ModelKey("risk", "3"), ReferenceTable(20, {"x": np.linspace(0, 1, 20)}), ModelSettings(), 0, "training"
)


@pytest.fixture
def kafka(real_broker: str, topic_prefix: str) -> KafkaSettings:
    create_topics(real_broker, {f"{topic_prefix}.references": 1})
    return KafkaSettings(brokers=real_broker, prefix=topic_prefix)


def write(kafka: KafkaSettings, *values: bytes) -> None:
    producer = Producer({"bootstrap.servers": kafka.brokers})
    for value in values:
        producer.produce(kafka.topic("references"), value, partition=0)
    assert producer.flush(patient(30)) == 0


@pytest.mark.parametrize("garbage", [b"", b"{}", b"not ours", b"\xff\xfe", msgspec.msgpack.encode([1, "x"])])
def test_records_of_others_are_skipped(kafka: KafkaSettings, garbage: bytes) -> None:
    write(kafka, garbage)
    publish(kafka, Credentials(), PROFILE)
    write(kafka, garbage)
    profiles = Profiles()
    reader = ReferenceReader(kafka, Credentials(), profiles)
    reader.start()
    assert profiles.get(PROFILE.profile_id) is not None
    assert reader.healthy() is None
    reader.stop()


def test_a_newer_version_is_a_failure_that_nobody_can_overlook(kafka: KafkaSettings) -> None:
    failures: list[DriftlineError] = []
    reader = ReferenceReader(kafka, Credentials(), Profiles(), failures.append)
    reader.start()
    assert reader.healthy() is None
    write(kafka, msgspec.msgpack.encode([VERSION + 1, ["risk", "3"], "id", {"new": True}]))
    (failure,) = wait_until(lambda: failures, 30, "the failure to be told")
    assert isinstance(failure, FormatError)
    says = f"version {VERSION}, got version {VERSION + 1}"
    assert says in str(failure)
    assert says in (reader.healthy() or "")
    with pytest.raises(FormatError, match=says):
        asyncio.run(reader.wait_for({"id"}, time.monotonic() + patient(30)))
    late = ReferenceReader(kafka, Credentials(), Profiles())
    with pytest.raises(FormatError, match=says):
        late.start()
