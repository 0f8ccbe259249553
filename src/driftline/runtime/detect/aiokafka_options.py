"""Further arguments of aiokafka's consumer and producer: those of ``kafka.client`` that it has too, and its own.

aiokafka does not check its arguments' types, so a wrong one would show up as an error in the middle of a run.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import aiokafka
from msgspec import Struct

from driftline.config.client_rules import AIOKAFKA, aiokafka_refusals
from driftline.config.kafka_settings import ClientValue
from driftline.config.places import child
from driftline.errors import describe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from driftline.config.kafka_settings import KafkaSettings
    from driftline.config.problem import Problem
    from driftline.config.settings import Settings

TLS_PROPERTIES: Final = (
    "enable.ssl.certificate.verification",
    "ssl.cipher.suites",
    "ssl.endpoint.identification.algorithm",
)
"""Properties of librdkafka that the TLS connections of the detect stage follow too."""

_CODECS: Final = ("gzip", "snappy", "lz4", "zstd")
MIN_REQUEST_TIMEOUT_MS: Final = 60_000
"""A request to join the group may take as long as a rebalance."""


def _whole(value: ClientValue) -> int:
    return int(float(value))


def _unless_zero(value: ClientValue) -> int | None:
    return _whole(value) or None


def _boolean(value: ClientValue) -> bool:
    return str(value).lower() in ("true", "t", "1")


def _codec(value: ClientValue) -> str | None:
    return str(value) if value in _CODECS else None


class _Same(Struct, frozen=True):
    """An argument of aiokafka that means what a property of librdkafka means."""

    argument: str
    convert: Callable[[ClientValue], Any] = _whole
    consumer: bool = True
    producer: bool = True


SAME: Final[Mapping[str, _Same]] = MappingProxyType(
    {
        "client.id": _Same("client_id", str),
        "connections.max.idle.ms": _Same("connections_max_idle_ms", _unless_zero),
        "metadata.max.age.ms": _Same("metadata_max_age_ms"),
        "retry.backoff.ms": _Same("retry_backoff_ms"),
        "client.rack": _Same("client_rack", str, producer=False),
        "check.crcs": _Same("check_crcs", _boolean, producer=False),
        "fetch.max.bytes": _Same("fetch_max_bytes", producer=False),
        "fetch.min.bytes": _Same("fetch_min_bytes", producer=False),
        "fetch.wait.max.ms": _Same("fetch_max_wait_ms", producer=False),
        "fetch.message.max.bytes": _Same("max_partition_fetch_bytes", producer=False),
        "max.partition.fetch.bytes": _Same("max_partition_fetch_bytes", producer=False),
        "max.poll.interval.ms": _Same("max_poll_interval_ms", producer=False),
        "batch.size": _Same("max_batch_size", consumer=False),
        "compression.codec": _Same("compression_type", _codec, consumer=False),
        "compression.type": _Same("compression_type", _codec, consumer=False),
        "linger.ms": _Same("linger_ms", float, consumer=False),
        "queue.buffering.max.ms": _Same("linger_ms", float, consumer=False),
        "request.timeout.ms": _Same("request_timeout_ms", consumer=False),
    }
)
"""What the detect stage takes over from ``kafka.client``, by librdkafka's name."""


class ClientOptions(Struct, frozen=True):
    """Arguments by client, stronger than driftline's defaults."""

    consumer: dict[str, Any]
    producer: dict[str, Any]


def client_options(kafka: KafkaSettings) -> ClientOptions:
    """Return what ``kafka.client`` and ``kafka.aiokafka`` say to the detect stage's clients; the latter is stronger.

    Examples
    --------
    >>> from driftline.config.kafka_settings import KafkaSettings
    >>> kafka = KafkaSettings(client={"client.rack": "eu-1a", "linger.ms": 20}, aiokafka={"linger_ms": 10})
    >>> client_options(kafka)
    ClientOptions(consumer={'client_rack': 'eu-1a'}, producer={'linger_ms': 10})
    """
    consumer: dict[str, Any] = {}
    producer: dict[str, Any] = {}
    for name, same in SAME.items():
        if name in kafka.client:
            value = same.convert(kafka.client[name])
            consumer |= {same.argument: value} if same.consumer else {}
            producer |= {same.argument: value} if same.producer else {}
    for options, arguments in ((consumer, _arguments(aiokafka.AIOKafkaConsumer)), (producer, _producer_arguments())):
        options.update({name: value for name, value in kafka.aiokafka.items() if name in arguments})
    return ClientOptions(consumer, producer)


def sketch_stage_only(kafka: KafkaSettings) -> list[str]:
    """Return the properties of ``kafka.client`` that the detect stage's clients have no counterpart for."""
    return [name for name in kafka.client if name not in SAME and name not in TLS_PROPERTIES]


def aiokafka_problems(settings: Settings) -> Iterator[Problem]:
    """Yield what is wrong with ``kafka.aiokafka`` by the signatures of aiokafka's consumer and producer."""
    given = settings.kafka.aiokafka
    refused = {path for _, path, _ in aiokafka_refusals(given)}
    known = {**_producer_arguments(), **_arguments(aiokafka.AIOKafkaConsumer)}
    for name, value in given.items():
        path = child(AIOKAFKA, name)
        if path in refused:
            continue
        if name in known:
            wanted = _wanted(name, known[name], value)
            if wanted is not None:
                yield describe(wanted, value, path), path, (path,)
            continue
        near = difflib.get_close_matches(name.replace(".", "_"), known, n=1)
        hint = f": did you mean `{near[0]}`?" if near else ", or has another name for it"
        yield f"aiokafka's consumer and producer have no argument `{name}`{hint} - at `{path}`", path, (path,)


def _arguments(client: type) -> dict[str, object]:
    """Return the defaults of a client's arguments by name."""
    parameters = inspect.signature(client).parameters.values()
    return {each.name: each.default for each in parameters if each.kind is not inspect.Parameter.VAR_POSITIONAL}


def _producer_arguments() -> dict[str, object]:
    return _arguments(aiokafka.AIOKafkaProducer)


def _wanted(name: str, default: object, value: ClientValue) -> str | None:
    """Return what an argument has to be, where it is something else."""
    if name == "compression_type":
        return None if value in _CODECS else "one of " + ", ".join(f"`{codec}`" for codec in _CODECS)
    if name == "request_timeout_ms":
        fits = _is_number(value) and float(value) >= MIN_REQUEST_TIMEOUT_MS
        return None if fits else f"at least {MIN_REQUEST_TIMEOUT_MS}, the time that joining the group may take"
    if isinstance(default, bool):
        return None if isinstance(value, bool) else "`true` or `false`"
    if isinstance(default, int) or name == "max_poll_records":
        fits = _is_number(value) and float(value) >= 0 and (name == "linger_ms" or isinstance(value, int))
        return None if fits else "a whole number of at least 0"
    return None if isinstance(value, str) else "a string"


def _is_number(value: ClientValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
