"""Translates errors of the Kafka clients into errors that tell the operator what to do."""

from __future__ import annotations

import sys
from typing import Final

from confluent_kafka import KafkaError, KafkaException

from driftline.errors import BrokerError

_FENCED: Final = frozenset(
    {
        KafkaError._FENCED,  # noqa: SLF001  # librdkafka's own names of local events
        KafkaError.PRODUCER_FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.FENCED_INSTANCE_ID,
    }
)
_REFUSED: Final = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)
_TOO_LARGE: Final = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE})


def broker_error(error: BaseException, brokers: str | None = None, worker: str | None = None) -> BrokerError | None:
    """Return the error to show for a Kafka client's error; None for any other error.

    ``worker`` is the name of the sketch worker that it happened to.

    Examples
    --------
    >>> fenced = broker_error(KafkaException(KafkaError(KafkaError.PRODUCER_FENCED)), "kafka:9092", "a")
    >>> str(fenced)[:68]
    'Expected to be the only worker named `a`, got fenced by another one '
    >>> broker_error(ValueError("something else")) is None
    True
    """
    at = "" if brokers is None else f" - at `{brokers}`"
    if isinstance(error, KafkaException):
        reason = error.args[0] if error.args else None
        if isinstance(reason, KafkaError):
            return BrokerError(_message(reason, at, worker))
        return BrokerError(f"Expected Kafka to complete the request, got {error}{at}. {_START_AGAIN}")
    aiokafka = sys.modules.get("aiokafka.errors")  # importing it takes longer than most commands
    if aiokafka is not None and isinstance(error, aiokafka.KafkaError):
        return BrokerError(f"Expected Kafka to complete the request, got {error}{at}. {_START_AGAIN}")
    return None


_START_AGAIN: Final = (
    "Committed work is kept and the rest is read again, so nothing is lost and nothing is counted twice: start the "
    "process again when the brokers answer"
)


def _message(reason: KafkaError, at: str, worker: str | None) -> str:
    code, text = reason.code(), reason.str()
    if code in _FENCED:
        name = "of its name" if worker is None else f"named `{worker}`"
        return (
            f"Expected to be the only worker {name}, got fenced by another one ({text}){at}. "
            "Another process runs under this name: give each worker its own `--name`"
        )
    if code in _REFUSED:
        return (
            f"Expected permission for the request, got {text}{at}. Allow the user that `kafka.security` names to read "
            "the input topics and to write driftline's own topics, groups and transactional ids"
        )
    if code in _TOO_LARGE:
        return f"Expected the topic to accept a record, got {text}{at}. `driftline topics check` shows low limits"
    return f"Expected Kafka to complete the request, got {text} ({reason.name()}){at}. {_START_AGAIN}"
