"""The partition counts of the topics that sketch workers read, and whether these can be joined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confluent_kafka import TopicPartition

from driftline.errors import BrokerError
from driftline.runtime.kafka.kafka_clients import connect_admin
from driftline.runtime.kafka.topics import missing_topic, partition_counts

if TYPE_CHECKING:
    from driftline.config.secrets import Credentials
    from driftline.config.settings import Settings
    from driftline.events.source import Kind


def read_topics(settings: Settings) -> dict[Kind, str]:
    """Return the topics that sketch workers read: where joins are routed the pending topic too.

    A topic of both predictions and labels is read once, as that of the predictions.
    """
    topics: dict[Kind, str] = {"predictions": settings.predictions.topic}
    if settings.labels is not None:
        if not settings.shares_topic:
            topics["labels"] = settings.labels.topic
        if settings.join.routed:
            topics["joins"] = settings.kafka.topic("pending")
    return topics


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


def input_partitions(settings: Settings, credentials: Credentials) -> dict[Kind, int]:
    """Return the number of partitions of each existing topic; the input topics must exist.

    Raises
    ------
    BrokerError
        When a topic is missing, or the counts differ and repartitioning is off.
    """
    topics = read_topics(settings)
    on_broker = partition_counts(connect_admin(settings.kafka, credentials), topics.values())
    at = f"`{settings.kafka.brokers}`"
    counts: dict[Kind, int] = {}
    for kind, topic in topics.items():
        count = on_broker[topic]
        if count is not None:
            counts[kind] = count
        elif kind != "joins":
            raise missing_topic(settings.kafka, topic)
    if settings.join.repartition is False and len(set(counts.values())) > 1:
        shown = ", ".join(f"{topics[kind]} has {count}" for kind, count in counts.items())
        raise BrokerError(
            f"Expected predictions and labels with the same number of partitions, got {shown} - at {at}. Labels are "
            "joined partition by partition: give both topics the same number, and the prediction id as key; or let "
            "driftline repartition them by id, with `join: {repartition: auto}`."
        )
    return counts
