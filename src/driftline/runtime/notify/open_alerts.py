"""The alerts that are open now, read from the topic without a group; nothing is committed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from driftline.errors import FormatError
from driftline.events.cloudevents import CONTENT_TYPE_HEADER
from driftline.notify.alert import Alert, read_alert
from driftline.runtime.encodings.event_decoder import EventDecoder
from driftline.runtime.kafka.tail import follow

if TYPE_CHECKING:
    from driftline.config.secrets import Credentials
    from driftline.config.settings import Settings


class OpenAlerts(NamedTuple):
    """Open alerts in the order of their latest records, why others could not be read, and the resolved ones."""

    alerts: tuple[Alert, ...]
    unreadable: tuple[str, ...]
    resolved: tuple[Alert, ...] = ()


def open_alerts(settings: Settings, credentials: Credentials) -> OpenAlerts:
    """Return what is open at the end of the alerts topic.

    Raises
    ------
    BrokerError
        When no broker answers, the topic does not exist, or its end cannot be reached.
    """
    decode = EventDecoder(settings.schema_registry, credentials)
    found: dict[str, Alert] = {}
    unreadable: list[str] = []
    topic = settings.kafka.topic("alerts")
    for record in follow(settings.kafka, credentials, topic, from_beginning=True, until_idle_s=0.0):
        key = (record.key or b"").decode(errors="replace")
        if record.value is None:
            found.pop(key, None)
            continue
        try:
            alert = read_alert(decode(record.value, record.headers.get(CONTENT_TYPE_HEADER)))
        except FormatError as error:
            unreadable.append(f"{topic}-{record.partition}@{record.offset}: {error}")
            continue
        earlier = found.pop(alert.alert_id, None)
        found[alert.alert_id] = alert if earlier is None or earlier.revision <= alert.revision else earlier
    is_open, over = ([each for each in found.values() if each.is_open is asked] for asked in (True, False))
    return OpenAlerts(tuple(is_open), tuple(unreadable), tuple(over))
