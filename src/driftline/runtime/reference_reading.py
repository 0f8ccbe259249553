"""What is on the references topic at this moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.profiles.book import ProfileBook
from driftline.runtime.kafka_clients import ADMIN_TIMEOUT_S, connect_admin
from driftline.runtime.references import TOPIC, ReferenceReader, missing_topic

if TYPE_CHECKING:
    from driftline.config.secrets import Credentials
    from driftline.config.settings import KafkaSettings
    from driftline.profiles.profile import Profile


def published_profiles(kafka: KafkaSettings, credentials: Credentials) -> list[Profile]:
    """Return all published profiles, by the time they become effective.

    Raises
    ------
    BrokerError
        When no broker answers, or the topic is missing.
    """
    require_topic(kafka, credentials)
    book = ProfileBook()
    reader = ReferenceReader(kafka, credentials, book)
    try:
        reader.start()
    finally:
        reader.stop()
    return book.all()


def require_topic(kafka: KafkaSettings, credentials: Credentials) -> None:
    """Make sure, at once, that the references topic exists: a consumer would wait for it to appear.

    Raises
    ------
    BrokerError
        When no broker answers, or the topic is missing.
    """
    found = connect_admin(kafka, credentials).list_topics(timeout=ADMIN_TIMEOUT_S).topics
    if kafka.topic(TOPIC) not in found:
        raise missing_topic(kafka)
