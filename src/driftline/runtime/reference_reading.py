"""What is on the references topic at this moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.profiles.book import ProfileBook
from driftline.runtime.kafka_clients import connect_admin
from driftline.runtime.references import ReferenceReader

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
    connect_admin(kafka, credentials)
    book = ProfileBook()
    reader = ReferenceReader(kafka, credentials, book)
    reader.start()
    reader.stop()
    return book.all()
