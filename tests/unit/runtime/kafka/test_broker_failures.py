"""What Kafka's clients raise becomes a message that says what to do."""

from __future__ import annotations

import pytest
from aiokafka.errors import GroupAuthorizationFailedError
from confluent_kafka import KafkaError, KafkaException

from driftline.runtime.kafka.broker_failures import broker_error


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (KafkaError._FENCED, "give each worker its own `--name`"),
        (KafkaError.INVALID_PRODUCER_EPOCH, "give each worker its own `--name`"),
        (KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, "Allow the user that `kafka.security` names"),
        (KafkaError.MSG_SIZE_TOO_LARGE, "`driftline topics check`"),
        (KafkaError._TIMED_OUT, "start the process again"),
    ],
)
def test_each_kind_of_failure_has_its_advice(code: int, advice: str) -> None:
    message = str(broker_error(KafkaException(KafkaError(code)), "kafka:9092", "a"))
    assert message.startswith("Expected ")
    assert " - at `kafka:9092`. " in message
    assert advice in message


def test_aiokafkas_errors_are_known_and_others_are_not_kafkas() -> None:
    assert "GroupAuthorizationFailedError" in str(broker_error(GroupAuthorizationFailedError("g")))
    assert "start the process again" in str(broker_error(KafkaException("no reason given")))
    assert broker_error(OSError("disk full")) is None
