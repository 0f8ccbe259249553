"""driftline's topics on a broker: created where they are missing, and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.runtime.kafka.kafka_clients import connect_admin
from driftline.runtime.kafka.topic_check import check
from driftline.runtime.kafka.topics import create, missing_topic, partition_counts, sources, topic_specs

if TYPE_CHECKING:
    from driftline.config.kafka_settings import KafkaSettings
    from driftline.config.secrets import Credentials
    from driftline.config.settings import Settings
    from driftline.runtime.kafka.topic_check import Difference


def topic_partitions(kafka: KafkaSettings, credentials: Credentials, topic: str) -> int:
    """Return the number of partitions of a topic that must exist.

    Raises
    ------
    BrokerError
        When no broker answers, or the topic is missing.
    """
    n_partitions = partition_counts(connect_admin(kafka, credentials), [topic])[topic]
    if n_partitions is None:
        raise missing_topic(kafka, topic)
    return n_partitions


class TopicAdmin:
    """Creates and checks the topics of a configuration.

    ``specs`` is what they must be like, given the input topics that the broker has.

    Raises
    ------
    BrokerError
        When no broker answers, or it does not describe the input topics.
    """

    def __init__(self, settings: Settings, credentials: Credentials) -> None:
        self._settings = settings
        self._admin = connect_admin(settings.kafka, credentials)
        self._sources = sources(self._admin, settings)
        self.specs = topic_specs(settings, self._sources.greatest, self._sources.max_message_bytes)

    def create(self) -> tuple[str, ...]:
        """Create those of our topics that do not exist; return their names.

        Raises
        ------
        BrokerError
            When the predictions topic does not exist, whose number of partitions ours depend on; or the broker refuses
            a topic.
        """
        for topic in self._sources.predictions:
            if self._sources.partitions[topic] is None:
                raise missing_topic(self._settings.kafka, topic)
        return create(self._admin, self.specs)

    def check(self) -> list[Difference]:
        """Return all differences between the broker's topics and their specifications, including input topics."""
        return check(self._admin, self.specs, self._sources)
