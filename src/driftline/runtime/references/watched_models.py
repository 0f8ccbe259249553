"""Which models and versions have a published reference, by the keys of the references topic alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.runtime.kafka.tail import follow
from driftline.runtime.references.reference_topic import TOPIC

if TYPE_CHECKING:
    from driftline.config.kafka_settings import KafkaSettings
    from driftline.config.secrets import Credentials

_PARTS: Final = 4
"""Of a key: model, version, profile and block."""


def watched_models(kafka: KafkaSettings, credentials: Credentials) -> frozenset[tuple[str, str]]:
    """Return the models and versions with a published reference.

    Raises
    ------
    BrokerError
        When no broker answers, or the topic is missing.
    """
    found: dict[bytes, tuple[str, str]] = {}
    for record in follow(kafka, credentials, kafka.topic(TOPIC), from_beginning=True, until_idle_s=0.0):
        key = record.key or b""
        parts = key.decode(errors="replace").split("\0")
        if record.value is None:
            found.pop(key, None)
        elif len(parts) == _PARTS:
            found[key] = (parts[0], parts[1])
    return frozenset(found.values())
