"""What a rebalance callback raises, seen by the caller of ``consume``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition

from driftline.runtime.kafka.callbacks import assigning, revoking
from tests.support.real_broker import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.runtime.demo.embedded_broker import EmbeddedBroker

TOPIC = "records"


def ask_nobody(_consumer: Consumer, _partitions: list[TopicPartition]) -> None:
    """Raise an error of confluent-kafka's own, which no Python code catches."""
    Consumer({"bootstrap.servers": "127.0.0.1:1", "group.id": "nobody", "log_level": 0}).list_topics(timeout=0.1)


def take(consumer: Consumer, partitions: list[TopicPartition]) -> None:
    consumer.assign(partitions)


@pytest.fixture
def consumer(embedded_broker: EmbeddedBroker) -> Iterator[Consumer]:
    embedded_broker.create_topic(TOPIC, 2)
    made = Consumer({"bootstrap.servers": embedded_broker.bootstrap, "group.id": "group", "log_level": 0})
    yield made
    made.close()


def consume_until_it_raises(consumer: Consumer) -> None:
    wait_until(lambda: consumer.consume(10, 0.1) is None, 30, "an exception")


def test_an_error_in_an_assignment_is_an_exception_and_nothing_is_assigned(consumer: Consumer) -> None:
    consumer.subscribe([TOPIC], on_assign=assigning(ask_nobody))
    with pytest.raises(KafkaException):
        consume_until_it_raises(consumer)
    assert consumer.assignment() == []


def test_an_error_in_a_revocation_is_an_exception_and_nothing_stays_assigned(consumer: Consumer) -> None:
    consumer.subscribe([TOPIC], on_assign=assigning(take), on_revoke=revoking(ask_nobody))
    wait_until(lambda: not consumer.consume(10, 0.1) and consumer.assignment(), 30, "an assignment")
    consumer.unsubscribe()
    with pytest.raises(KafkaException):
        consume_until_it_raises(consumer)
    assert consumer.assignment() == []
