"""The properties of ``kafka.client``, for the kinds of librdkafka's clients that know them.

librdkafka warns of a consumer's property in a producer and the other way round; each kind is given its own alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.config.kafka_settings import ClientValue

ClientKind = Literal["admin", "consumer", "producer"]

CONSUMER_ONLY: Final = frozenset(
    {
        "check.crcs",
        "consume.callback.max.messages",
        "coordinator.query.interval.ms",
        "fetch.error.backoff.ms",
        "fetch.max.bytes",
        "fetch.message.max.bytes",
        "fetch.min.bytes",
        "fetch.queue.backoff.ms",
        "fetch.wait.max.ms",
        "max.partition.fetch.bytes",
        "max.poll.interval.ms",
        "max.poll.records",
        "queued.max.messages.kbytes",
        "queued.min.messages",
    }
)
"""Properties that librdkafka (2.16, CONFIGURATION.md) has for consumers alone, without those that are refused."""

PRODUCER_ONLY: Final = frozenset(
    {
        "batch.num.messages",
        "batch.size",
        "compression.codec",
        "compression.level",
        "compression.type",
        "delivery.timeout.ms",
        "enable.gapless.guarantee",
        "linger.ms",
        "message.send.max.retries",
        "message.timeout.ms",
        "msg_order_cmp",
        "produce.offset.report",
        "queue.buffering.backpressure.threshold",
        "queue.buffering.max.kbytes",
        "queue.buffering.max.messages",
        "queue.buffering.max.ms",
        "queuing.strategy",
        "request.timeout.ms",
        "retries",
        "sticky.partitioning.linger.ms",
    }
)
"""Properties that librdkafka (2.16) has for producers alone, without those that are refused."""


def further_properties(client: Mapping[str, ClientValue], kind: ClientKind) -> dict[str, str]:
    """Return the properties of ``kafka.client`` that a kind of client knows, as librdkafka writes them.

    Examples
    --------
    >>> further_properties({"socket.keepalive.enable": True, "linger.ms": 5, "fetch.min.bytes": 10}, "consumer")
    {'socket.keepalive.enable': 'true', 'fetch.min.bytes': '10'}
    """
    others = {"admin": CONSUMER_ONLY | PRODUCER_ONLY, "consumer": PRODUCER_ONLY, "producer": CONSUMER_ONLY}[kind]
    return {name: property_text(value) for name, value in client.items() if name not in others}


def property_text(value: ClientValue) -> str:
    """Return a value as librdkafka writes it.

    Examples
    --------
    >>> [property_text(value) for value in (True, 5.0, 2.5, "zstd")]
    ['true', '5', '2.5', 'zstd']
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
