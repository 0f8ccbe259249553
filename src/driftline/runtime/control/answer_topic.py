"""The answers to commands, as they stand on the events topic: those that were given, and one that is waited for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import msgspec
from confluent_kafka import TopicPartition
from msgspec import Struct, structs

from driftline.errors import FormatError
from driftline.events.cloudevents import CONTENT_TYPE_HEADER, CONTROL_ANSWER
from driftline.runtime.encodings.event_decoder import EventDecoder
from driftline.runtime.kafka.reading import PartitionReading, assigned_consumer
from driftline.runtime.kafka.topic_admin import topic_partitions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confluent_kafka import Message

    from driftline.config.secrets import Credentials
    from driftline.config.settings import Settings

TOPIC: Final = "events"
_REQUEST_S: Final = 30.0
"""How long the broker may take to say where partitions end."""
_TO_END_S: Final = 60.0
"""How long nothing may come before the end of the topic."""
_BATCH: Final = 500


class Answer(Struct, frozen=True):
    """What became of one command, as far as people are told."""

    command_id: str
    command: str
    by: str
    status: str
    message: str
    at: str
    model: str = ""
    written_ms: int = 0
    """Kafka timestamp of the answer."""


class AnswerReader:
    """Reads the answers to commands from a moment on; joins no group and commits nothing.

    Parameters
    ----------
    settings : Settings
    credentials : Credentials
    from_ms : int, optional
        Kafka timestamp of the first record to read; without it, answers that come after this call.

    Raises
    ------
    BrokerError
        When no broker answers, or the events topic is missing.
    KafkaException
        When the broker does not say where partitions end.
    """

    def __init__(self, settings: Settings, credentials: Credentials, from_ms: int | None = None) -> None:
        kafka = settings.kafka
        topic = kafka.topic(TOPIC)
        n_partitions = topic_partitions(kafka, credentials, topic)
        self._decode = EventDecoder(settings.schema_registry, credentials)
        self._consumer = assigned_consumer(kafka, credentials, "answers")
        try:
            starts = self._starts(topic, n_partitions, from_ms)
            self._reading = PartitionReading(self._consumer, kafka, topic, starts)
        except BaseException:
            self._consumer.close()
            raise

    def close(self) -> None:
        """Let go of the consumer."""
        self._consumer.close()

    def given(self) -> list[Answer]:
        """Return the answers that are there, up to the end of the topic, in the order in which they were written.

        Raises
        ------
        BrokerError
            When the end cannot be reached, or an answer cannot be read.
        """
        batches = self._reading.to_end(_TO_END_S, _BATCH)
        found = [answer for messages in batches for answer in self._answers(messages)]
        return sorted(found, key=lambda answer: answer.written_ms)

    def wait(self, command_id: str, patience_s: float) -> Answer | None:
        """Return the answer to a command as soon as it is there; None where it does not come in time.

        Raises
        ------
        BrokerError, KafkaException
            When the topic cannot be read.
        """
        deadline_s = time.monotonic() + patience_s
        while time.monotonic() < deadline_s:
            for answer in self._answers(self._reading.poll(_BATCH)):
                if answer.command_id == command_id:
                    return answer
        return None

    def _starts(self, topic: str, n_partitions: int, from_ms: int | None) -> dict[int, int]:
        places = [TopicPartition(topic, number) for number in range(n_partitions)]
        ends = {place.partition: self._consumer.get_watermark_offsets(place, timeout=_REQUEST_S)[1] for place in places}
        if from_ms is None:
            return ends
        times = [TopicPartition(topic, number, max(0, from_ms)) for number in range(n_partitions)]
        found = self._consumer.offsets_for_times(times, timeout=_REQUEST_S)
        return {each.partition: each.offset if each.offset >= 0 else ends[each.partition] for each in found}

    def _answers(self, messages: list[Message]) -> Iterator[Answer]:
        for message in messages:
            pairs = message.headers() or []
            headers = dict(pairs.items() if isinstance(pairs, dict) else pairs)
            value = message.value()
            if value is None or _text(headers.get("ce_type")) != CONTROL_ANSWER:
                continue
            try:
                document = self._decode(value, _text(headers.get(CONTENT_TYPE_HEADER)))
                answer = msgspec.json.decode(document, type=Answer)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                place = f"{message.topic()}-{message.partition()}@{message.offset()}"
                raise FormatError(
                    f"Expected an answer to a command, got what cannot be read: {error} - at {place}"
                ) from error
            yield structs.replace(answer, written_ms=message.timestamp()[1])


def _text(header: bytes | str | None) -> str | None:
    return header.decode(errors="replace") if isinstance(header, bytes) else header
