"""The references topic: read to its end at the start and then followed; and published to."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Final

from confluent_kafka import Producer

from driftline.errors import BrokerError, DriftlineError
from driftline.profiles.codec import ProfileAssembler, decode_block, encode_profile, is_profile_block
from driftline.profiles.profiles import Profiles
from driftline.runtime.kafka.broker_failures import broker_error
from driftline.runtime.kafka.kafka_clients import producer_configuration
from driftline.runtime.kafka.reading import PartitionReading, assigned_consumer
from driftline.runtime.kafka.topic_admin import topic_partitions
from driftline.runtime.operations.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from confluent_kafka import KafkaError, Message

    from driftline.config.kafka_settings import KafkaSettings
    from driftline.config.secrets import Credentials
    from driftline.profiles.profile import Profile

TOPIC: Final = "references"
_TIMEOUT_S: Final = 30.0
_STOP_S: Final = 5.0  # it ends within a poll; only librdkafka may take longer to close its consumer
_SHOWN: Final = 80
_log = get_logger(__name__)


class ReferenceReader:
    """Keeps profiles up to date with the references topic, from a thread of its own.

    A profile is added as soon as its last block has been read. ``on_failure`` is called from the reader's thread with
    the error that ends it: the profiles then go out of date, so no worker may go on with them. A record that is not a
    profile is logged and skipped; it is not an error.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        credentials: Credentials,
        profiles: Profiles,
        on_failure: Callable[[DriftlineError], None] | None = None,
    ) -> None:
        self._kafka = kafka
        self._credentials = credentials
        self._profiles = profiles
        self._on_failure = on_failure
        self._assembler = ProfileAssembler()
        self._changed = threading.Condition()
        self._at_end = False
        self._error: DriftlineError | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="references", daemon=True)

    def start(self, timeout_s: float = _TIMEOUT_S) -> None:
        """Read the topic to its end, and go on in the background.

        Raises
        ------
        BrokerError
            When the topic is missing or was not read in time.
        FormatError
            When a profile is of a newer version.
        """
        self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._at_end or self._error is not None, timeout_s)
        if self._error is not None:
            raise self._error
        if not self._at_end:
            message = (
                f"Expected {self._topic} to be read within {timeout_s:.0f} s, got no end - at `{self._kafka.brokers}`"
            )
            raise BrokerError(message)

    def stop(self) -> bool:
        """Stop following; return whether the reader ended in time."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_S)
        return not self._thread.is_alive()

    def healthy(self) -> str | None:
        """Return what is wrong, or None."""
        return None if self._error is None else f"references: {self._error}"

    async def wait_for(self, ids: Collection[object], deadline: float) -> None:
        """Return when the profiles are known, or at the deadline (``time.monotonic()``).

        Raises
        ------
        DriftlineError
            When the reader has failed, before or meanwhile.
        """
        await asyncio.to_thread(self._wait_for, ids, deadline)

    def _wait_for(self, ids: Collection[object], deadline: float) -> None:
        def is_over() -> bool:
            return self._error is not None or all(self._profiles.get(str(each)) is not None for each in ids)

        with self._changed:
            self._changed.wait_for(is_over, max(0.0, deadline - time.monotonic()))
        if self._error is not None:
            raise self._error

    @property
    def _topic(self) -> str:
        return self._kafka.topic(TOPIC)

    def _run(self) -> None:
        consumer = assigned_consumer(self._kafka, self._credentials, "references-reader")
        try:
            reading = PartitionReading(consumer, self._kafka, self._topic, {0: 0})
            while not self._stopping.is_set():
                for message in reading.poll():
                    self._take(message)
                if not self._at_end and not reading.unfinished:
                    with self._changed:
                        self._at_end = True
                        self._changed.notify_all()
        except Exception as error:  # noqa: BLE001  # handed on: without its reader no worker may go on
            self._fail(error)
        finally:
            consumer.close()

    def _fail(self, error: Exception) -> None:
        _log.error("reading the references topic failed", topic=self._topic, error=str(error))
        failure = error if isinstance(error, DriftlineError) else broker_error(error, self._kafka.brokers)
        if failure is None:
            failure = BrokerError(f"Expected to read {self._topic}, got {error!r} - at `{self._kafka.brokers}`")
            failure.__cause__ = error
        with self._changed:
            self._error = failure
            self._changed.notify_all()
        if self._on_failure is not None:
            self._on_failure(failure)

    def _take(self, message: Message) -> None:
        value = message.value()
        if value is None:
            return
        at = f"{self._topic}-0@{message.offset()}"
        if not is_profile_block(value):
            _log.error(
                "skipped a record that is not a profile",
                at=at,
                key=repr(message.key())[:_SHOWN],
                value=repr(value[:_SHOWN]),
            )
            return
        profile = self._assembler.add(decode_block(value, at))
        if profile is not None:
            with self._changed:
                self._profiles.add(profile)
                self._changed.notify_all()
            _log.info(
                "profile loaded",
                model=str(profile.key),
                profile=profile.profile_id,
                origin=profile.origin,
                effective_from_ms=profile.effective_from_ms,
                n=profile.n_events,
            )


def publish(kafka: KafkaSettings, credentials: Credentials, profile: Profile) -> int:
    """Write a profile to the references topic, acknowledged; return the number of records.

    Raises
    ------
    BrokerError
        When the broker did not take every record.
    """
    producer = Producer(producer_configuration(kafka, credentials))
    failures: list[KafkaError] = []

    def delivered(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            failures.append(error)

    records = encode_profile(profile)
    topic = kafka.topic(TOPIC)
    for key, value in records:
        producer.produce(topic, key=key, value=value, partition=0, on_delivery=delivered)
    n_left = producer.flush(_TIMEOUT_S)
    if n_left or failures:
        reason = str(failures[0]) if failures else f"no answer within {_TIMEOUT_S:.0f} s"
        message = f"Expected {len(records)} records to be taken by {topic}, got {reason} - at `{kafka.brokers}`"
        raise BrokerError(message)
    return len(records)


def published_profiles(kafka: KafkaSettings, credentials: Credentials) -> list[Profile]:
    """Return all published profiles, by the time they become effective.

    Raises
    ------
    BrokerError
        When no broker answers, or the topic is missing.
    """
    require_topic(kafka, credentials)
    profiles = Profiles()
    reader = ReferenceReader(kafka, credentials, profiles)
    try:
        reader.start()
    finally:
        reader.stop()
    return profiles.all()


def require_topic(kafka: KafkaSettings, credentials: Credentials) -> None:
    """Make sure, at once, that the references topic exists: a consumer would wait for it to appear.

    Raises
    ------
    BrokerError
        When no broker answers, or the topic is missing.
    """
    topic_partitions(kafka, credentials, kafka.topic(TOPIC))
