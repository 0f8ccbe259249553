"""The references topic, read by a thread of its own: profiles become known whole; damage to one is said aloud."""

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
from driftline.config.secrets import resolve_credentials
from driftline.errors import BrokerError
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.codec import encode_profile
from driftline.profiles.profiles import Profiles
from driftline.runtime.references.reference_topic import ReferenceReader, publish, published_profiles
from tests.support.real_broker import patient, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.profiles.profile import Profile
    from driftline.runtime.demo.embedded_broker import EmbeddedBroker

CREDENTIALS = resolve_credentials(KafkaSettings().security, {})


def profile(effective_from_ms: int, n_columns: int = 2) -> Profile:
    table = ReferenceTable(50, {f"x{i}": np.linspace(0, i + 1, 50) for i in range(n_columns)}, prediction=[0, 1] * 25)
    return build_profile(ModelKey("risk", "1"), table, ModelSettings(), effective_from_ms, "training")


@pytest.fixture
def kafka(embedded_broker: EmbeddedBroker) -> KafkaSettings:
    settings = KafkaSettings(brokers=embedded_broker.bootstrap, prefix="refs")
    embedded_broker.create_topic(settings.topic("references"), 1)
    return settings


@pytest.fixture
def profiles() -> Profiles:
    return Profiles()


@pytest.fixture
def reader(kafka: KafkaSettings, profiles: Profiles) -> Iterator[ReferenceReader]:
    made = ReferenceReader(kafka, CREDENTIALS, profiles)
    yield made
    made.stop()


def test_what_was_published_is_known_when_start_returns(
    kafka: KafkaSettings, profiles: Profiles, reader: ReferenceReader
) -> None:
    wide = profile(0, n_columns=300)
    assert publish(kafka, CREDENTIALS, wide) == len(encode_profile(wide)) > 1, "a wide profile is several records"
    reader.start()
    known = profiles.get(wide.profile_id)
    assert known is not None
    assert known.profile_id == wide.profile_id
    assert profiles.at(wide.key, 5) is known


def test_an_empty_topic_is_read_too_and_then_followed(
    kafka: KafkaSettings, profiles: Profiles, reader: ReferenceReader
) -> None:
    reader.start()
    assert len(profiles) == 0
    later = profile(1_000)
    publish(kafka, CREDENTIALS, later)
    asyncio.run(reader.wait_for([later.profile_id], time.monotonic() + 20))
    assert profiles.get(later.profile_id) is not None
    assert reader.healthy() is None


def test_waiting_ends_at_the_deadline(reader: ReferenceReader) -> None:
    reader.start()
    asyncio.run(reader.wait_for(["nobody published this"], time.monotonic() + 0.05))
    assert reader.healthy() is None


def test_half_a_profile_is_not_known(kafka: KafkaSettings, profiles: Profiles, reader: ReferenceReader) -> None:
    wide = profile(0, n_columns=300)
    producer = Producer({"bootstrap.servers": kafka.brokers})
    for key, value in encode_profile(wide)[:-1]:
        producer.produce(kafka.topic("references"), value, key, 0)
    producer.produce(kafka.topic("references"), None, b"a tombstone", 0)
    assert producer.flush(patient(20)) == 0
    reader.start()
    assert profiles.get(wide.profile_id) is None


def test_damage_ends_the_reader_and_is_said(kafka: KafkaSettings, reader: ReferenceReader) -> None:
    reader.start()
    producer = Producer({"bootstrap.servers": kafka.brokers})
    producer.produce(
        kafka.topic("references"), msgspec.msgpack.encode([1, ["risk", "1"], "an id", "no block"]), b"key", 0
    )
    assert producer.flush(patient(20)) == 0
    problem = wait_until(reader.healthy, 20, "the reader to say what is wrong")
    assert problem is not None
    assert problem.startswith("references: Expected ")
    assert "refs.references-0@0" in problem


def test_what_others_wrote_is_skipped(kafka: KafkaSettings, profiles: Profiles, reader: ReferenceReader) -> None:
    producer = Producer({"bootstrap.servers": kafka.brokers})
    producer.produce(kafka.topic("references"), b"junk", b"key", 0)
    assert producer.flush(patient(20)) == 0
    behind = profile(0)
    publish(kafka, CREDENTIALS, behind)
    reader.start()
    assert profiles.get(behind.profile_id) is not None
    assert reader.healthy() is None


def test_a_topic_that_is_missing_is_named(embedded_broker: EmbeddedBroker, profiles: Profiles) -> None:
    settings = KafkaSettings(brokers=embedded_broker.bootstrap, prefix="nowhere")
    reader = ReferenceReader(settings, CREDENTIALS, profiles)
    try:
        with pytest.raises(BrokerError, match=r"nowhere\.references to be read within 1 s"):
            reader.start(1)
    finally:
        reader.stop()


@pytest.mark.parametrize(("prefix", "advice"), [("nowhere", " --prefix nowhere"), ("driftline", "")])
def test_who_asks_for_profiles_is_told_at_once_that_the_topic_is_missing(
    embedded_broker: EmbeddedBroker, prefix: str, advice: str
) -> None:
    settings = KafkaSettings(brokers=embedded_broker.bootstrap, prefix=prefix)
    begin_s = time.monotonic()
    message = rf"Expected topic {prefix}\.references, got none - at .* Run `driftline topics create{advice}`"
    with pytest.raises(BrokerError, match=message):
        published_profiles(settings, CREDENTIALS)
    assert time.monotonic() - begin_s < patient(10), "a consumer would wait for 30 s"
