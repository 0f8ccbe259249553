"""Asks librdkafka whether it knows the properties of ``kafka.client`` and takes their values, without a broker."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from msgspec.structs import replace

from driftline.config.client_rules import CLIENT, client_refusals
from driftline.config.kafka_settings import SecuritySettings
from driftline.config.places import child
from driftline.config.secrets import Credentials
from driftline.runtime.kafka.client_properties import property_text
from driftline.runtime.kafka.kafka_clients import (
    TRANSACTION_TIMEOUT_MS,
    admin_configuration,
    consumer_configuration,
    producer_configuration,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from driftline.config.kafka_settings import KafkaSettings
    from driftline.config.problem import Problem
    from driftline.config.settings import Settings

_SILENT: Final = logging.getLogger("driftline.kafka.check")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False

_WHEN_MADE: Final = "Failed to create "
"""How librdkafka begins what it says of properties that it knows but that do not fit together."""


def librdkafka_problems(settings: Settings) -> Iterator[Problem]:
    """Yield what librdkafka says against ``kafka.client``: an unknown name, a wrong value, values that do not fit
    together in one of the clients that driftline has.
    """
    client = settings.kafka.client
    refused = {path for _, path, _ in client_refusals(client)}
    tried = {name: value for name, value in client.items() if child(CLIENT, name) not in refused}
    found = False
    for name, value in tried.items():
        reason = _complaint(Producer, {name: property_text(value)})
        if reason is not None and not reason.startswith(_WHEN_MADE):
            found, path = True, child(CLIENT, name)
            yield f"The Kafka client (librdkafka) refuses this setting: {reason} - at `{path}`", path, (path,)
    if tried and not found and not refused:
        depends = (CLIENT, *(child(CLIENT, name) for name in tried))
        for reason in dict.fromkeys(_complaints_of_all(settings.kafka)):
            own = f" (driftline's is {TRANSACTION_TIMEOUT_MS})" if "transaction.timeout.ms" in reason else ""
            yield (
                f"The Kafka client (librdkafka) refuses these settings: {reason}{own} - at `{CLIENT}`",
                CLIENT,
                depends,
            )


def _complaints_of_all(kafka: KafkaSettings) -> Iterator[str]:
    """Yield what is said against each kind of client that driftline has; none is told any broker."""
    kafka, none = replace(kafka, security=SecuritySettings()), Credentials()
    clients: tuple[tuple[Callable[..., Any], Mapping[str, object]], ...] = (
        (AdminClient, admin_configuration(kafka, none)),
        (Consumer, consumer_configuration(kafka, none, "check")),
        (Producer, producer_configuration(kafka, none)),
        (Producer, producer_configuration(kafka, none, "check")),
    )
    for make, properties in clients:
        nowhere = {name: value for name, value in properties.items() if name != "bootstrap.servers"}
        reason = _complaint(make, nowhere)
        if reason is not None:
            yield reason


def _complaint(make: Callable[..., Any], properties: Mapping[str, object]) -> str | None:
    try:
        client = make({**properties, "logger": _SILENT})
    except KafkaException as error:
        return str(error.args[0].str())
    except (TypeError, ValueError) as error:  # of confluent-kafka, for names that it keeps from librdkafka
        return str(error)
    if isinstance(client, Consumer):
        client.close()
    return None
