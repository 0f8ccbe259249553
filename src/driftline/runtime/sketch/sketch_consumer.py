"""The consumer of the sketch group: how much it fetches ahead, and what it tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.runtime.kafka.kafka_clients import consumer_configuration

if TYPE_CHECKING:
    from driftline.config.secrets import Credentials
    from driftline.config.settings import Settings
    from driftline.runtime.kafka.kafka_clients import ClientConfiguration


def sketch_consumer_configuration(settings: Settings, credentials: Credentials) -> ClientConfiguration:
    """Return the properties of a consumer of the sketch group."""
    more = {
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
        "queued.min.messages": 5 * settings.sketch.batch,
        "queued.max.messages.kbytes": 16 << 10,  # for each partition; by default 64 MB
        "fetch.wait.max.ms": 100,
        "fetch.queue.backoff.ms": 10,  # once its queue is full librdkafka waits for so long: by default a whole second
    }
    return consumer_configuration(settings.kafka, credentials, f"{settings.kafka.prefix}-sketch", more)
