"""The topics that sketch workers read, as the broker has them: names, partition counts, whether they can be joined."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import TopicPartition

from driftline.errors import BrokerError
from driftline.runtime.kafka.kafka_clients import connect_admin
from driftline.runtime.kafka.topic_choice import read_topics, resolved, topic_pairs
from driftline.runtime.kafka.topics import all_partitions, missing_topic, partition_counts

if TYPE_CHECKING:
    from driftline.config.input_settings import LabelInput, PredictionInput
    from driftline.config.secrets import Credentials
    from driftline.config.settings import Settings
    from driftline.events.source import Kind


class InputTopics(NamedTuple):
    """The topics that are read."""

    settings: Settings
    """With the names of the topics that patterns match in their place."""
    read: dict[str, Kind]
    """What each topic holds; a topic of both predictions and labels is read once, as that of the predictions."""
    counts: dict[str, int]
    """Partitions of those that exist; all do but the pending topic."""

    def with_control(self, topic: str, n: int) -> InputTopics:
        """Return them with the control topic, which is read beside them."""
        return self._replace(read={**self.read, topic: "control"}, counts={**self.counts, topic: n})


def pending_partitions(settings: Settings, credentials: Credentials) -> list[TopicPartition]:
    """Return the partitions of the pending topic; none where it does not exist.

    Raises
    ------
    BrokerError
        When no broker answers.
    """
    topic = settings.kafka.topic("pending")
    count = partition_counts(connect_admin(settings.kafka, credentials), [topic])[topic]
    return [TopicPartition(topic, number) for number in range(count or 0)]


def input_topics(settings: Settings, credentials: Credentials) -> InputTopics:
    """Return the topics that are read, with their partitions; the input topics must exist.

    Raises
    ------
    BrokerError
        When a topic is missing, no topic matches a pattern, or the counts differ and repartitioning is off.
    """
    on_broker = all_partitions(connect_admin(settings.kafka, credentials))
    found = resolved(settings, on_broker)
    read: dict[str, Kind] = {topic: kind for kind, topics in read_topics(found).items() for topic in topics}
    for path, given, known in _inputs(settings, found):
        if not known.topics:
            raise BrokerError(
                f"Expected a topic that matches `{given.shown}` - at `{path}`, got none - at "
                f"`{settings.kafka.brokers}`. Create one, or mend the pattern"
            )
    for topic, kind in read.items():
        if topic not in on_broker and kind != "joins":
            raise missing_topic(settings.kafka, topic)
    counts = {topic: on_broker[topic] for topic in read if topic in on_broker}
    if settings.join.repartition is False:
        _require_pairs(found, counts)
    return InputTopics(found, read, counts)


def _inputs(
    settings: Settings, found: Settings
) -> list[tuple[str, PredictionInput | LabelInput, PredictionInput | LabelInput]]:
    both: list[tuple[str, PredictionInput | LabelInput, PredictionInput | LabelInput]] = [
        ("$.predictions.topic", settings.predictions, found.predictions)
    ]
    if settings.labels is not None and found.labels is not None:
        both.append(("$.labels.topic", settings.labels, found.labels))
    return both


def _require_pairs(settings: Settings, counts: dict[str, int]) -> None:
    for one, other in topic_pairs(settings):
        if counts[one] != counts[other]:
            raise BrokerError(
                "Expected predictions and labels with the same number of partitions, got "
                f"{one} has {counts[one]}, {other} has {counts[other]} - at `{settings.kafka.brokers}`. Labels are "
                "joined partition by partition: give both topics the same number, and the prediction id as key; or let "
                "driftline repartition them by id, with `join: {repartition: auto}`."
            )
