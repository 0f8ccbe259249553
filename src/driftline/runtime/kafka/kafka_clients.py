"""Builds librdkafka's configuration from the Kafka settings, with security and driftline's rules.

Properties of ``kafka.client`` are stronger than driftline's own, which are then a matter of speed alone: the rules of
:mod:`driftline.config.client_rules` have refused all others.
"""

from __future__ import annotations

import logging
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from driftline.errors import BrokerError
from driftline.runtime.kafka.client_properties import further_properties
from driftline.runtime.kafka.oauth_tokens import librdkafka_callback, token_source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.config.kafka_settings import KafkaSettings
    from driftline.config.secrets import Credentials

TRANSACTION_TIMEOUT_MS: Final = 10_000
"""An open transaction of a killed worker holds back every reader of committed data for this long."""

ADMIN_TIMEOUT_S: Final = 10.0
"""How long a broker may take to answer before it counts as unreachable."""

_LIBRDKAFKA_LOG: Final = logging.getLogger("driftline.kafka")
_LIBRDKAFKA_LOG.addHandler(logging.NullHandler())  # a command without logs has its own message to print

_SECRET_PROPERTIES: Final = frozenset({"sasl.username", "sasl.password", "ssl.key.password"})
NOTHING_MORE: Final[Mapping[str, object]] = MappingProxyType({})


class ClientConfiguration(dict[str, Any]):
    """Properties for a librdkafka client; its repr hides secrets."""

    def __repr__(self) -> str:
        return repr({name: "***" if name in _SECRET_PROPERTIES else value for name, value in self.items()})

    __str__ = __repr__


def admin_configuration(kafka: KafkaSettings, credentials: Credentials) -> ClientConfiguration:
    """Return the properties of an admin client: where the brokers are, and how to authenticate."""
    return ClientConfiguration({**_connection(kafka, credentials), **further_properties(kafka.client, "admin")})


def _connection(kafka: KafkaSettings, credentials: Credentials) -> dict[str, object]:
    security = kafka.security
    properties: dict[str, object | None] = {
        "bootstrap.servers": kafka.brokers,
        "client.id": kafka.prefix,
        "security.protocol": security.protocol,
        "ssl.ca.location": security.ca_file,
        "ssl.certificate.location": security.certificate_file,
        "ssl.key.location": security.key_file,
        "ssl.key.password": credentials.key_password.reveal() if credentials.key_password else None,
        "logger": _LIBRDKAFKA_LOG,
    }
    if security.protocol.startswith("SASL"):
        properties["sasl.mechanisms"] = security.mechanism
        source = token_source(security, credentials)
        properties["oauth_cb"] = None if source is None else librdkafka_callback(source)
        properties["sasl.username"] = credentials.username.reveal() if credentials.username else None
        properties["sasl.password"] = credentials.password.reveal() if credentials.password else None
    return {name: value for name, value in properties.items() if value is not None}


def consumer_configuration(
    kafka: KafkaSettings, credentials: Credentials, group: str, more: Mapping[str, object] = NOTHING_MORE
) -> ClientConfiguration:
    """Return the properties of a consumer that reads committed data and whose offsets only we commit.

    ``group`` is the whole ``group.id``, prefix and all; ``more`` are properties besides, or instead.
    """
    return ClientConfiguration(
        {
            **_connection(kafka, credentials),
            "group.id": group,
            "session.timeout.ms": int(kafka.session_timeout),
            "heartbeat.interval.ms": max(1, int(kafka.session_timeout) // 4),
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "partition.assignment.strategy": "range",
            **more,
            **further_properties(kafka.client, "consumer"),
        }
    )


def producer_configuration(
    kafka: KafkaSettings,
    credentials: Credentials,
    transactional_id: str | None = None,
    more: Mapping[str, object] = NOTHING_MORE,
) -> ClientConfiguration:
    """Return the properties of an idempotent producer, a transactional one where an id is given.

    Keys are spread over partitions as Java's clients do it (murmur2), not as librdkafka does (CRC-32), so that other
    people's clients find a key where they look for it.
    """
    transaction: dict[str, object] = {}
    if transactional_id is not None:
        transaction = {"transactional.id": transactional_id, "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS}
    return ClientConfiguration(
        {
            **_connection(kafka, credentials),
            "acks": "all",
            "enable.idempotence": True,
            "compression.type": "lz4",
            "partitioner": "murmur2_random",
            **transaction,
            **more,
            **further_properties(kafka.client, "producer"),
        }
    )


def connect_admin(kafka: KafkaSettings, credentials: Credentials, timeout_s: float = ADMIN_TIMEOUT_S) -> AdminClient:
    """Return an admin client of brokers that have answered.

    Raises
    ------
    BrokerError
        When no broker answers in time, or no token can be had for them.
    """
    source = token_source(kafka.security, credentials)
    if source is not None:
        source.token()  # says what is wrong; librdkafka would wait for a token and say that it got none
    try:
        admin = AdminClient(admin_configuration(kafka, credentials))
    except KafkaException as error:
        # Nothing has been sent yet: librdkafka refuses a certificate or a key.
        raise BrokerError(
            f"Expected usable Kafka settings, got {error.args[0].str()} - at `$.kafka.security`"
        ) from error
    try:
        admin.list_topics(timeout=timeout_s)
    except KafkaException as error:
        raise _unreachable(kafka.brokers, error, timeout_s) from error
    return admin


def _unreachable(brokers: str, error: KafkaException, timeout_s: float) -> BrokerError:
    """Return the error to raise when no broker answers."""
    reason = error.args[0].str() if error.args else str(error)
    return BrokerError(
        f"Expected an answer from Kafka within {timeout_s:g} s, got none ({reason}) - at `{brokers}`. "
        "Check that the brokers run, that `kafka.brokers` has addresses that can be reached from here, "
        "and that `kafka.security` fits their listeners"
    )
