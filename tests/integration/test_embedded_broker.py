from __future__ import annotations

import _ctypes
import asyncio
import socket
from typing import TYPE_CHECKING

import faust
import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition, cimpl

from driftline.errors import DriftlineError
from driftline.runtime.demo.embedded_broker import EmbeddedBroker, EmbeddedBrokerError
from tests.support.real_broker import patient, topics_on, wait_until

if TYPE_CHECKING:
    from pathlib import Path

N_PARTITIONS = 3


def produce(bootstrap: str, topic: str, values: list[bytes]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    for index, value in enumerate(values):
        producer.produce(topic, value, partition=index % N_PARTITIONS)
    assert producer.flush(patient(20)) == 0


def test_topics_have_the_partitions_asked_for() -> None:
    with EmbeddedBroker({"predictions": 3, "labels": 5}) as broker:
        topics = topics_on(broker.bootstrap)
    assert {name: len(topic.partitions) for name, topic in topics.items()} == {"predictions": 3, "labels": 5}


def test_a_record_comes_back_with_its_partition_and_offset(embedded_broker: EmbeddedBroker, topic_prefix: str) -> None:
    embedded_broker.create_topic(topic_prefix, N_PARTITIONS)
    produce(embedded_broker.bootstrap, topic_prefix, [b"a", b"b", b"c", b"d"])
    consumer = Consumer({"bootstrap.servers": embedded_broker.bootstrap, "group.id": topic_prefix})
    consumer.assign([TopicPartition(topic_prefix, partition, 0) for partition in range(N_PARTITIONS)])
    seen = set()

    def all_seen() -> bool:
        for message in consumer.consume(10, timeout=0.5):
            assert message.error() is None
            seen.add((message.partition(), message.offset(), message.value()))
        return len(seen) == 4

    wait_until(all_seen, 20, "four records")
    consumer.close()
    assert seen == {(0, 0, b"a"), (1, 0, b"b"), (2, 0, b"c"), (0, 1, b"d")}


def test_faust_consumes_from_it(embedded_broker: EmbeddedBroker, topic_prefix: str, tmp_path: Path) -> None:
    embedded_broker.create_topic(topic_prefix, N_PARTITIONS)
    values = [b"%d" % number for number in range(7)]
    produce(embedded_broker.bootstrap, topic_prefix, values)
    seen: set[bytes] = set()

    async def consume_all() -> None:
        app = faust.App(
            topic_prefix,
            broker=f"kafka://{embedded_broker.bootstrap}",
            store="memory://",
            datadir=str(tmp_path),
            topic_allow_declare=False,
            topic_disable_leader=True,
            web_enabled=False,
        )
        done = asyncio.Event()

        @app.agent(app.topic(topic_prefix, value_type=bytes, value_serializer="raw"))
        async def collect(stream: faust.StreamT[bytes]) -> None:
            async for value in stream:
                seen.add(value)
                if len(seen) == len(values):
                    done.set()

        async with app, asyncio.timeout(patient(60)):
            await done.wait()

    asyncio.run(consume_all())
    assert seen == set(values)


def test_nothing_listens_once_it_has_stopped() -> None:
    broker = EmbeddedBroker()
    with broker:
        host, port = broker.bootstrap.split(":")
        socket.create_connection((host, int(port)), timeout=patient(5)).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=patient(5))
    assert broker.bootstrap == ""


def test_it_stops_when_the_block_fails() -> None:
    broker = EmbeddedBroker({"predictions": 1})
    with pytest.raises(ZeroDivisionError), broker:
        _ = 1 / 0
    with pytest.raises(EmbeddedBrokerError, match="a running embedded broker, got 'a stopped one'"):
        broker.create_topic("labels", 1)


@pytest.mark.parametrize(
    ("name", "partitions", "message"),
    [
        ("predictions", 2, "got 'Broker: Topic already exists' - at `create_topic(predictions)`"),
        ("labels", 0, "Expected at least 1 partition, got 0 - at `create_topic(labels)`"),
        ("", 1, "Expected the name of a topic, got '' - at `create_topic`"),
    ],
)
def test_an_impossible_topic_is_refused(name: str, partitions: int, message: str) -> None:
    with EmbeddedBroker({"predictions": 1}) as broker, pytest.raises(EmbeddedBrokerError) as refused:
        broker.create_topic(name, partitions)
    assert message in str(refused.value)


def test_a_bad_topic_at_the_start_leaves_no_broker_behind() -> None:
    broker = EmbeddedBroker({"predictions": 1, "labels": 0})
    with pytest.raises(EmbeddedBrokerError, match="at least 1 partition, got 0"):
        broker.start()
    assert broker.bootstrap == ""


def test_a_library_without_mock_cluster_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cimpl, "__file__", _ctypes.__file__)
    with pytest.raises(DriftlineError) as refused:
        EmbeddedBroker().start()
    assert _ctypes.__file__ in str(refused.value)
    assert "binary wheel" in str(refused.value)


def test_a_partition_that_does_not_exist_is_an_error(embedded_broker: EmbeddedBroker, topic_prefix: str) -> None:
    embedded_broker.create_topic(topic_prefix, 1)
    producer = Producer({"bootstrap.servers": embedded_broker.bootstrap})
    failures: list[object] = []
    try:
        producer.produce(topic_prefix, b"a", partition=1, on_delivery=lambda error, _: failures.append(error))
    except KafkaException as error:  # the client may know the metadata already
        failures.append(error)
    producer.flush(patient(20))
    assert [str(failure) for failure in failures if "UNKNOWN_PARTITION" in str(failure)]
