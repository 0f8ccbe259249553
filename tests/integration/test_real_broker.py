"""The real broker is what the promises are tested against, so it is itself held to what they need."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from tests.support.reading import end_offsets
from tests.support.real_broker import EXIT_UNAVAILABLE, create_topics, kafka, patient, topics_on, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.real_broker import RealBroker


def transactional_producer(bootstrap: str, transactional_id: str) -> Producer:
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": transactional_id})
    producer.init_transactions(patient(30))
    return producer


def reader(bootstrap: str, group: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )


def read_to_the_end(bootstrap: str, topic: str) -> list[bytes | None]:
    """Every committed value of the topic's only partition."""
    consumer = reader(bootstrap, f"{topic}-reader")
    partition = TopicPartition(topic, 0, 0)
    # Of all records, committed or not: a commit has been answered before all of its markers are written.
    (end,) = end_offsets(bootstrap, topic, "read_uncommitted")
    consumer.assign([partition])
    values: list[bytes | None] = []

    def at_end() -> bool:
        for message in consumer.consume(100, timeout=0.2):
            assert message.error() is None
            values.append(message.value())
        return consumer.position([partition])[0].offset >= end

    wait_until(at_end, 30, f"offset {end} of {topic} to be read")
    consumer.close()
    return values


def test_an_aborted_transaction_leaves_nothing_to_read(real_broker: str, topic_prefix: str) -> None:
    create_topics(real_broker, {topic_prefix: 1})
    producer = transactional_producer(real_broker, topic_prefix)
    for value, commit in ((b"first", True), (b"aborted", False), (b"second", True)):
        producer.begin_transaction()
        producer.produce(topic_prefix, value)
        producer.flush(patient(20))
        if commit:
            producer.commit_transaction(patient(20))
        else:
            producer.abort_transaction(patient(20))
    assert read_to_the_end(real_broker, topic_prefix) == [b"first", b"second"]


def test_offsets_are_committed_with_their_transaction(real_broker: str, topic_prefix: str) -> None:
    create_topics(real_broker, {topic_prefix: 1})
    producer = transactional_producer(real_broker, topic_prefix)
    consumer = reader(real_broker, topic_prefix)
    consumer.subscribe([topic_prefix])
    partition = TopicPartition(topic_prefix, 0)

    def joined() -> bool:
        consumer.poll(0.1)
        return bool(consumer.assignment())

    wait_until(joined, 30, "an assignment")

    def commit(offset: int, metadata: str, *, keep: bool) -> None:
        producer.begin_transaction()
        offsets = [TopicPartition(topic_prefix, 0, offset, metadata)]
        producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata(), patient(20))
        if keep:
            producer.commit_transaction(patient(20))
        else:
            producer.abort_transaction(patient(20))

    commit(5, "running maximum", keep=True)
    commit(9, "aborted", keep=False)
    committed = consumer.committed([partition], timeout=patient(20))[0]
    consumer.close()
    assert (committed.offset, committed.metadata) == (5, "running maximum")


def test_a_second_producer_fences_the_first(real_broker: str, topic_prefix: str) -> None:
    create_topics(real_broker, {topic_prefix: 1})
    first = transactional_producer(real_broker, topic_prefix)
    first.begin_transaction()
    first.produce(topic_prefix, b"of the first")
    first.flush(patient(20))
    transactional_producer(real_broker, topic_prefix)
    with pytest.raises(KafkaException) as fenced:
        first.commit_transaction(patient(20))
    assert fenced.value.args[0].code() == KafkaError._FENCED
    assert read_to_the_end(real_broker, topic_prefix) == []


def test_a_misspelt_topic_is_an_error(real_broker: str, topic_prefix: str) -> None:
    codes: list[int] = []
    misspelt, impatient = f"{topic_prefix}-predictoins", {"topic.metadata.propagation.max.ms": 100}
    producer = Producer({"bootstrap.servers": real_broker, "message.timeout.ms": 20_000, **impatient})
    producer.produce(misspelt, b"a", on_delivery=lambda error, _: codes.append(error.code() if error else 0))
    producer.flush(patient(30))
    assert codes == [KafkaError.UNKNOWN_TOPIC_OR_PART]
    assert misspelt not in topics_on(real_broker)


def test_a_topic_keeps_its_settings(real_broker: str, topic_prefix: str) -> None:
    create_topics(real_broker, {topic_prefix: 2}, {"cleanup.policy": "compact"})
    resource = ConfigResource(ResourceType.TOPIC, topic_prefix)
    admin = AdminClient({"bootstrap.servers": real_broker})
    described = admin.describe_configs([resource])[resource].result(patient(20))
    assert described["cleanup.policy"].value == "compact"


@pytest.mark.slow
def test_a_killed_broker_comes_back_with_its_data_on_its_address(own_broker: RealBroker, topic_prefix: str) -> None:
    create_topics(own_broker.bootstrap, {topic_prefix: 1})
    producer = transactional_producer(own_broker.bootstrap, topic_prefix)
    producer.begin_transaction()
    producer.produce(topic_prefix, b"kept")
    producer.commit_transaction(patient(20))
    address = own_broker.bootstrap
    own_broker.kill()
    assert kafka("--name", own_broker.name, "status").stdout == "stopped\n"
    own_broker.start()
    assert own_broker.bootstrap == address
    assert read_to_the_end(address, topic_prefix) == [b"kept"]


def test_starting_twice_and_stopping_twice_is_harmless(own_broker: RealBroker) -> None:
    address = own_broker.bootstrap
    status = kafka("--name", own_broker.name, "status").stdout
    own_broker.start()
    assert own_broker.bootstrap == address
    assert kafka("--name", own_broker.name, "status").stdout == status
    own_broker.stop()
    own_broker.stop()
    stopped = kafka("--name", own_broker.name, "bootstrap")
    assert (stopped.returncode, stopped.stdout) == (1, "")
    assert "Expected a running broker, got none" in stopped.stderr


def test_a_machine_without_java_and_maven_is_told_so(tmp_path: Path) -> None:
    bare = {**os.environ, "PATH": str(tmp_path)}
    done = kafka("--dir", str(tmp_path), "up", environment=bare)
    assert done.returncode == EXIT_UNAVAILABLE
    assert done.stderr == "kafka: a real Kafka needs java and mvn, not found on the PATH\n"


@pytest.mark.usefixtures("can_start_kafka")
def test_a_taken_port_is_refused(topic_prefix: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = kafka("--name", topic_prefix, "--port", port, "up")
        kafka("--name", topic_prefix, "down", "--purge")
    assert refused.returncode == 1
    assert f"Expected a free port, got {port}, which is taken - at `--port`" in refused.stderr
