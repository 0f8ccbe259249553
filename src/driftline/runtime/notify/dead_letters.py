"""Writes the records that a sink did not take to the dead-letters topic, before their offsets are committed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from confluent_kafka import KafkaException, Producer

from driftline.errors import BrokerError
from driftline.events.dead_letter import NOTIFY_FAILED, DeadLetter
from driftline.runtime.kafka.kafka_clients import producer_configuration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from confluent_kafka import KafkaError, Message

    from driftline.config.kafka_settings import KafkaSettings
    from driftline.config.secrets import Credentials

SINK_HEADER: Final = "driftline_sink"
_FLUSH_S: Final = 30.0


class DeadLetters:
    """Writes dead letters of one sink; when :meth:`write` returns, the brokers have them.

    A notifier that is killed before it has committed writes them again.
    """

    def __init__(self, kafka: KafkaSettings, credentials: Credentials, sink: str) -> None:
        self._kafka = kafka
        self._credentials = credentials
        self._sink = sink
        self._producer: Producer | None = None

    def write(self, records: Iterable[tuple[int, int, bytes]], message: str) -> int:
        """Write records of the alerts topic, given as partition, offset and value; return how many.

        Raises
        ------
        BrokerError
            When the brokers do not take them.
        """
        if self._producer is None:  # most notifiers never need one
            self._producer = Producer(producer_configuration(self._kafka, self._credentials))
        errors: list[KafkaError] = []

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                errors.append(error)

        n_records = 0
        for partition, offset, value in records:
            letter = DeadLetter(NOTIFY_FAILED, message, self._kafka.topic("alerts"), partition, offset, value)
            key, shown, headers = letter.record()
            self._producer.produce(
                self._kafka.topic("dead-letters"),
                shown,
                key=key,
                headers=[*headers, (SINK_HEADER, self._sink.encode())],
                on_delivery=delivered,
            )
            n_records += 1
        n_left = self._producer.flush(_FLUSH_S)
        if errors:
            raise KafkaException(errors[0])
        if n_left:
            raise BrokerError(
                f"Expected the brokers to take dead letters within {_FLUSH_S:g} s, got no answer for {n_left}. "
                "Nothing is lost: the notifier reads the alerts again when it is started again"
            )
        return n_records
