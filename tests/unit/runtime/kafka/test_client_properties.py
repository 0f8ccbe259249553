"""Further properties of librdkafka: each kind of client gets its own, and librdkafka itself checks them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Consumer, Producer

from driftline.config.kafka_settings import KafkaSettings
from driftline.config.secrets import Credentials
from driftline.config.settings import Settings
from driftline.runtime.kafka.client_check import librdkafka_problems
from driftline.runtime.kafka.client_properties import CONSUMER_ONLY, PRODUCER_ONLY
from driftline.runtime.kafka.kafka_clients import admin_configuration, consumer_configuration, producer_configuration

if TYPE_CHECKING:
    from driftline.config.kafka_settings import ClientValue

NONE = Credentials()
VALUES: dict[str, str] = {
    "check.crcs": "false",
    "compression.codec": "lz4",
    "compression.type": "lz4",
    "enable.gapless.guarantee": "false",
    "produce.offset.report": "false",
    "queuing.strategy": "fifo",
    "msg_order_cmp": "",
    "compression.level": "-1",
    "fetch.max.bytes": "52428800",
    "max.poll.interval.ms": "300000",
}
"""Values of properties that do not take the number 10."""


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def warnings_of(kind: type[Producer | Consumer], properties: dict[str, str]) -> list[str]:
    """Return what librdkafka warns of when it makes a client that knows no broker."""
    lines, logger = Lines(), logging.getLogger(f"{__name__}.librdkafka")
    logger.handlers = [lines]
    if kind is Consumer:
        properties = {"group.id": "g", **properties}
    client = kind({**properties, "logger": logger})
    client.poll(0)
    if isinstance(client, Consumer):
        client.close()
    return [text for text in lines.texts if "CONFWARN" in text and "is a " in text]


@pytest.mark.parametrize(
    ("names", "own", "other"), [(CONSUMER_ONLY, Consumer, Producer), (PRODUCER_ONLY, Producer, Consumer)]
)
def test_librdkafka_agrees_whose_each_property_is(
    names: frozenset[str], own: type[Producer | Consumer], other: type[Producer | Consumer]
) -> None:
    for name in names - {"msg_order_cmp", "max.poll.records", "consume.callback.max.messages"}:
        value = {name: VALUES.get(name, "10")}
        assert warnings_of(own, value) == [], name
        (warning,) = warnings_of(other, value) or [name]
        assert "will be ignored by this" in warning, name


def test_each_client_gets_what_it_knows() -> None:
    client: dict[str, ClientValue] = {"client.rack": "a", "linger.ms": 50, "fetch.min.bytes": 10, "client.id": "mine"}
    kafka = KafkaSettings(client=client)
    admin = admin_configuration(kafka, NONE)
    consumer = consumer_configuration(kafka, NONE, "g", {"fetch.min.bytes": 1})
    producer = producer_configuration(kafka, NONE, "t", {"linger.ms": 5})
    for configuration in (admin, consumer, producer):
        assert (configuration["client.rack"], configuration["client.id"]) == ("a", "mine")
    assert not {"linger.ms", "fetch.min.bytes"} & admin.keys()
    assert consumer["fetch.min.bytes"] == "10", "stronger than driftline's own"
    assert "linger.ms" not in consumer
    assert producer["linger.ms"] == "50", "stronger than driftline's own"
    assert "fetch.min.bytes" not in producer


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        ({"fetch.mim.bytes": 3}, ['No such configuration property: "fetch.mim.bytes"']),
        ({"socket.keepalive.enable": "perhaps"}, ['Expected bool value for "socket.keepalive.enable"']),
        ({"queued.min.messages": "many"}, ['Invalid value for configuration property "queued.min.messages"']),
        ({"retries": 0}, ["`retries` must be set >= 1 when `enable.idempotence` is true"]),
        ({"socket.timeout.ms": 60_000}, ["must be set <= `transaction.timeout.ms` + 100 (driftline's is 10000)"]),
        ({"max.poll.interval.ms": 5_000}, ["`max.poll.interval.ms`must be >= `session.timeout.ms`"]),
        ({"a.b": 1, "c.d": 2}, ['"a.b"', '"c.d"']),
        ({"isolation.level": "no such level"}, []),  # refused elsewhere, with the reason
        ({"client.rack": "a", "compression.type": "zstd", "max.in.flight": 3, "ssl.cipher.suites": "HIGH"}, []),
        ({}, []),
    ],
)
def test_librdkafka_says_what_is_wrong(client: dict[str, ClientValue], expected: list[str]) -> None:
    found = [message for message, _, _ in librdkafka_problems(Settings(kafka=KafkaSettings(client=client)))]
    assert len(found) == len(expected)
    for message, words in zip(found, expected, strict=True):
        assert words in message
        assert " - at `$.kafka.client" in message
