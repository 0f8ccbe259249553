"""The topics that a sketch worker reads: which source each partition is, and whether there are other topics by now."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from confluent_kafka import OFFSET_INVALID, KafkaException, TopicPartition

from driftline.config.topic_names import has_pattern
from driftline.errors import BrokerError
from driftline.runtime.kafka.input_partitions import input_topics, pending_partitions
from driftline.runtime.kafka.kafka_clients import connect_admin
from driftline.runtime.kafka.number_log import TOPIC as NUMBER_LOG
from driftline.runtime.kafka.number_log import number_sources
from driftline.runtime.kafka.topic_choice import resolved, topic_pairs
from driftline.runtime.kafka.topics import missing_topic, partition_counts
from driftline.runtime.operations.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterable

    from confluent_kafka import Consumer

    from driftline.config.secrets import Credentials
    from driftline.config.settings import Settings
    from driftline.events.source import Kind, Source

MOST_S: Final = 30.0
"""Between two looks for new topics at most: librdkafka's own five minutes are longer than events are waited for."""
_LEAST_S: Final = 1.0
_REQUEST_S: Final = 5.0
_CREATE: Final = "`driftline topics create` makes it; workers find it by themselves"
_log = get_logger(__name__)


class TopicsChanged(Exception):  # noqa: N818  # no error: the worker starts again with the topics there are now
    """Which topics or partitions are new, or gone."""


class SourceTopics:
    """The topics of one worker, as they are when it starts.

    Raises
    ------
    BrokerError
        When a topic is missing, or topics cannot be joined in place though that is configured.
    """

    def __init__(self, settings: Settings, credentials: Credentials) -> None:
        self._given = settings
        inputs = input_topics(settings, credentials)
        for topic in inputs.read:
            if topic not in inputs.counts:
                raise missing_topic(settings.kafka, topic)
        self.control = settings.kafka.topic("control")
        n_control = partition_counts(connect_admin(settings.kafka, credentials), [self.control])[self.control]
        self.has_control = bool(n_control)
        """Whether there is a control topic; without one, workers go on without commands."""
        if n_control:
            inputs = inputs.with_control(self.control, n_control)
        else:
            _log.warning("there is no control topic, so no command is read", topic=self.control, remedy=_CREATE)
        self.settings = inputs.settings
        """With the names of the topics that patterns match."""
        self.counts = inputs.counts
        """Partitions of each topic."""
        self.numbers = number_sources(settings, credentials, inputs)
        self._require_pairs()
        self._require_changelog(credentials)
        self._watched = has_pattern(settings.predictions.topic) or bool(self.numbers.parts) or not self.has_control
        self._watched |= settings.labels is not None and has_pattern(settings.labels.topic)
        self._interval_s = max(_LEAST_S, min(MOST_S, int(settings.time.lateness) / 2000))
        self._looked_s = time.monotonic()

    def _require_pairs(self) -> None:
        """Raise if topics that are joined partition by partition were numbered differently."""
        kafka = self._given.kafka
        for one, other in topic_pairs(self.settings):
            here, there = self.numbers.source(one, 0), self.numbers.source(other, 0)
            if here.partition != there.partition:
                raise BrokerError(
                    f"Expected the partitions of `{one}` and `{other}` to have the same numbers, as labels are joined "
                    f"where they are, got those from {here.partition} and from {there.partition} on, which they were "
                    f"given as topics came and went - at `{kafka.topic(NUMBER_LOG)}` (`{kafka.brokers}`). Let "
                    "driftline repartition them by id, with `join: {repartition: auto}`, or start with another "
                    "`--prefix`"
                )

    def _require_changelog(self, credentials: Credentials) -> None:
        """Raise if labels of several topics are joined in place, and the pending topic has too few partitions."""
        if self.settings.labels is None or self.settings.join.routed or not self.numbers.parts:
            return
        kafka, needed = self._given.kafka, max(self.numbers.n_partitions.values())
        n = len(pending_partitions(self._given, credentials))
        if n < needed:
            raise BrokerError(
                f"Expected {needed} partitions at least, one for each of the partitions that have been numbered, got "
                f"{n} - at `{kafka.topic('pending')}` (`{kafka.brokers}`). Add some while no worker runs: "
                f"kafka-topics.sh --alter --topic {kafka.topic('pending')} --partitions {needed}"
            )

    @property
    def names(self) -> list[str]:
        """The topics to subscribe to."""
        return self.numbers.topics

    def kind(self, topic: str) -> Kind:
        """Return what a topic holds."""
        return self.numbers.kind(topic)

    def source_at(self, topic: str, partition: int) -> Source:
        """Return the source that a partition of a topic is.

        Raises
        ------
        TopicsChanged
            When the partition is new.
        """
        try:
            return self.numbers.source(topic, partition)
        except KeyError:
            raise TopicsChanged(f"`{topic}` has got the partition {partition}") from None

    def source(self, partition: TopicPartition) -> Source:
        """Return the source that a partition is; raises as :meth:`source_at`."""
        return self.source_at(partition.topic, partition.partition)

    def known(self, partitions: Iterable[TopicPartition]) -> list[Source]:
        """Return the sources that partitions are, without those that are new."""
        found = []
        for partition in partitions:
            try:
                found.append(self.source(partition))
            except TopicsChanged:
                continue  # it was never read
        return found

    def place(self, source: Source, offset: int = OFFSET_INVALID) -> TopicPartition:
        """Return the partition that a source is, at an offset."""
        topic, number = self.numbers.place(source)
        return TopicPartition(topic, number, offset)

    def name(self, source: Source) -> str:
        """Return topic and partition of a source, for people."""
        return str(self.numbers.place(source))

    def every(self) -> list[TopicPartition]:
        """Return all partitions that are read."""
        return [TopicPartition(topic, number) for topic, number in self.numbers.every()]

    def look(self, consumer: Consumer, now_s: float) -> None:
        """Ask the broker from time to time whether there are other topics; the time is that of a monotonic clock.

        Raises
        ------
        TopicsChanged
            When there are: to be called when everything that was read is committed.
        """
        if not self._watched or now_s - self._looked_s < self._interval_s:
            return
        self._looked_s = now_s
        try:
            topics = consumer.list_topics(timeout=_REQUEST_S).topics
        except KafkaException as error:
            _log.warning("cannot ask the broker for new topics", error=str(error))
            return
        counts = {name: len(topic.partitions) for name, topic in topics.items() if topic.error is None}
        unclear = {name: self.counts[name] for name in topics.keys() & self.counts.keys() if name not in counts}
        counts |= unclear  # what cannot be told of now is not gone
        changes = self._changes(resolved(self._given, counts), counts)
        if changes:
            raise TopicsChanged("; ".join(changes))

    def _changes(self, found: Settings, counts: dict[str, int]) -> list[str]:
        now = {*found.predictions.topics, *(() if found.labels is None else found.labels.topics)}
        if not self.has_control and counts.get(self.control):
            now.add(self.control)
        before = {topic for topic in self.counts if self.kind(topic) not in {"joins", "control"}}
        grown = sorted(topic for topic in now & before if counts.get(topic, 0) > self.counts[topic])
        texts = {"new": sorted(now - before), "gone": sorted(before - now), "with more partitions": grown}
        return [f"{what}: {', '.join(topics)}" for what, topics in texts.items() if topics]
