"""Writes control commands to the control topic: each is checked as the stages will check it, and acknowledged."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from confluent_kafka import KafkaException, Producer

from driftline.errors import BrokerError, EventError
from driftline.events.cloudevents import rfc3339
from driftline.events.control import MAX_AHEAD_MS, MAX_PAST_MS, command_of, time_given
from driftline.events.dead_letter import INVALID_VALUE
from driftline.events.times import read_time
from driftline.runtime.kafka.kafka_clients import producer_configuration
from driftline.runtime.kafka.topic_admin import topic_partitions

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message

    from driftline.config.kafka_settings import KafkaSettings
    from driftline.config.secrets import Credentials
    from driftline.events.control import ControlCommand

TOPIC: Final = "control"
TIMEOUT_S: Final = 30.0
"""How long the broker may take to acknowledge a command."""


class ControlRecord(NamedTuple):
    """A command as it stands on the topic."""

    key: bytes | None
    """The model's name; None where the command is about no single model."""
    value: bytes


class Position(NamedTuple):
    """Where a command stands."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    """The record's Kafka timestamp."""


def record_of(command: ControlCommand) -> ControlRecord:
    """Return the record of a command, without the fields that say nothing.

    Raises
    ------
    EventError
        When the stages would refuse it, such as for a time that cannot be read.
    """
    content: dict[str, Any] = msgspec.to_builtins(command)
    value = msgspec.json.encode({name: each for name, each in content.items() if each is not None and each != []})
    command_of(value)
    model: str | None = getattr(command, "model", None)
    return ControlRecord(model.encode() if model else None, value)


def require_near(command: ControlCommand, now_ms: int) -> None:
    """Refuse a command whose time is so far from that of its record that the stages would refuse it.

    Raises
    ------
    EventError
        When it begins to hold more than 30 days before ``now_ms``, or more than 366 days after it.
    """
    given = time_given(command)
    if given is None:
        return
    at_ms = read_time(given)
    if not now_ms - MAX_PAST_MS <= at_ms <= now_ms + MAX_AHEAD_MS:
        raise EventError(
            INVALID_VALUE,
            f"Expected a command that holds from a time at most 30 days ago or 366 days ahead on, got {rfc3339(at_ms)}",
        )


class ControlWriter:
    """Writes commands, one after the other, each acknowledged by all in-sync replicas before the call returns."""

    def __init__(self, kafka: KafkaSettings, credentials: Credentials) -> None:
        self._kafka = kafka
        self._credentials = credentials
        self._topic = kafka.topic(TOPIC)
        self._producer: Producer | None = None

    def require_topic(self) -> None:
        """Make sure, at once, that the control topic exists: a producer would wait for it to appear.

        Raises
        ------
        BrokerError
            When no broker answers, or the topic is missing; says which command creates it.
        """
        topic_partitions(self._kafka, self._credentials, self._topic)

    def write(self, command: ControlCommand) -> Position:
        """Write a command; return where it stands.

        Raises
        ------
        EventError
            When the stages would refuse it, also for its time; nothing is written.
        BrokerError
            When the topic is missing, the broker refuses the record, or does not answer in time.
        """
        record = record_of(command)
        require_near(command, time.time_ns() // 1_000_000)
        if self._producer is None:
            self.require_topic()
            more = {"message.timeout.ms": int(TIMEOUT_S * 1000)}
            self._producer = Producer(producer_configuration(self._kafka, self._credentials, more=more))
        answers: list[tuple[KafkaError | None, Message]] = []
        try:
            self._producer.produce(
                self._topic,
                record.value,
                record.key,
                partition=0,
                on_delivery=lambda error, message: answers.append((error, message)),
            )
            # A little longer than the client's own limit, so that its answer says what was wrong.
            self._producer.flush(TIMEOUT_S + 1)
        except KafkaException as error:
            raise self._not_taken(command, error.args[0]) from error
        if not answers:
            raise self._not_taken(command, None)
        refused, message = answers[0]
        if refused is not None:
            raise self._not_taken(command, refused)
        return Position(self._topic, message.partition() or 0, message.offset() or 0, message.timestamp()[1])

    def _not_taken(self, command: ControlCommand, error: KafkaError | None) -> BrokerError:
        reason = f"no answer within {TIMEOUT_S:g} s" if error is None else error.str()
        text = f"Expected `{self._topic}` to acknowledge the command, got {reason} - at `{self._kafka.brokers}`"
        if error is not None and not error.retriable() and error.code() != error._MSG_TIMED_OUT:  # noqa: SLF001  # librdkafka's name
            return BrokerError(f"{text}. It was not written")
        again = "" if command.id is None else f" again with `--id {command.id}`, which changes nothing if it was"
        return BrokerError(f"{text}. It may have been written all the same: give it{again}")
