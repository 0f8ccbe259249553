"""The alerts that stand on the alerts topic: the latest state of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from driftline.alerts.comparison import alert_state
from driftline.errors import BrokerError, FormatError
from driftline.events.cloudevents import CONTENT_TYPE_HEADER
from driftline.runtime.encodings.event_decoder import EventDecoder
from driftline.runtime.kafka.kafka_clients import connect_admin
from driftline.runtime.kafka.tail import follow
from driftline.runtime.kafka.topics import partition_counts

if TYPE_CHECKING:
    from driftline.alerts.comparison import AlertState
    from driftline.config.secrets import Credentials
    from driftline.config.settings import Settings


class StandingAlerts(NamedTuple):
    """What the alerts topic says."""

    alerts: dict[str, AlertState]
    """The latest state of each, by id."""
    n_unreadable: int
    """Alerts whose latest record is not one that can be compared."""


def standing_alerts(settings: Settings, credentials: Credentials) -> StandingAlerts:
    """Read the alerts topic to its end.

    Raises
    ------
    BrokerError
        When no broker answers, or the topic is missing.
    """
    topic = settings.kafka.topic("alerts")
    require_driftline(settings, credentials)
    decode = EventDecoder(settings.schema_registry, credentials)
    alerts: dict[str, AlertState] = {}
    unreadable: set[str] = set()
    for record in follow(settings.kafka, credentials, topic, from_beginning=True, until_idle_s=0.0):
        key = (record.key or b"").decode(errors="replace")
        alerts.pop(key, None)
        unreadable.discard(key)
        if record.value is None:
            continue
        try:
            state = alert_state(decode(record.value, record.headers.get(CONTENT_TYPE_HEADER)))
        except FormatError:
            state = None
        if state is None:
            unreadable.add(key)
        else:
            alerts[key] = state
    return StandingAlerts(alerts, len(unreadable))


def require_driftline(settings: Settings, credentials: Credentials) -> None:
    """Make sure that driftline has worked on these brokers under this prefix: there are its topics.

    Raises
    ------
    BrokerError
        When no broker answers, or the topic of alerts or references is missing.
    """
    topics = [settings.kafka.topic(name) for name in ("alerts", "references")]
    counts = partition_counts(connect_admin(settings.kafka, credentials), topics)
    for topic in topics:
        if counts[topic] is None:
            raise BrokerError(
                f"There is no topic {topic} at {settings.kafka.brokers}, so there is nothing to compare a replay with. "
                "A replay needs the prefix of the workers that wrote the alerts: `kafka.prefix`, or --prefix"
            )
