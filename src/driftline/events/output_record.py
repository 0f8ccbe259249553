"""Records for the output topics: events as CloudEvents in Kafka's binary binding, profiles, tombstones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
import orjson
from msgspec import Struct

from driftline.events.alert import AlertEvent
from driftline.events.cloudevents import headers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.events.evidence import Event

Channel = Literal["events", "alerts", "references"]

_ATTRIBUTE_PREFIX: Final = "ce_"


class OutputRecord(Struct, frozen=True):
    """One record to be written.

    Parameters
    ----------
    channel : {"events", "alerts", "references"}
        Which of the output topics.
    key : bytes
    value : bytes or None
        None deletes the key from a compacted topic.
    headers : tuple of (str, bytes)
    """

    channel: Channel
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


def event_record(event: Event, source: str) -> OutputRecord:
    """Return the record of an event: the same event gives the same bytes.

    Parameters
    ----------
    event : Event
        A window, finding, performance or alert event. Alerts go to their own topic, keyed by their id; all others are
        keyed by the model key.
    source : str
        ``ce_source``: ``driftline/<prefix>``.
    """
    value = orjson.dumps(msgspec.to_builtins(event), option=orjson.OPT_SORT_KEYS)
    key = event.alert_id if isinstance(event, AlertEvent) else str(event.key)
    return OutputRecord(channel_of(type(event)), key.encode(), value, headers(event, source))


def channel_of(event: type[Event]) -> Channel:
    """Return which of the output topics the events of a type go to."""
    return "alerts" if issubclass(event, AlertEvent) else "events"


def event_records(events: Iterable[Event], source: str) -> list[OutputRecord]:
    """Return the records of several events, in their order."""
    return [event_record(event, source) for event in events]


def reference_records(pairs: Iterable[tuple[bytes, bytes]]) -> list[OutputRecord]:
    """Return the records of an encoded profile."""
    return [OutputRecord("references", key, value, ()) for key, value in pairs]


def tombstone(alert_id: str) -> OutputRecord:
    """Return the record that lets compaction forget an alert."""
    return OutputRecord("alerts", alert_id.encode(), None, ())


def structured(record: OutputRecord) -> dict[str, Any]:
    """Return an event's record in the structured mode of CloudEvents: attributes and ``data`` in one object.

    For files and terminals, which have no headers. A record without a value has ``data`` null.

    Examples
    --------
    >>> record = OutputRecord("events", b"m", b'{"n":1}', (("ce_id", b"7"), ("content-type", b"application/json")))
    >>> structured(record)
    {'id': '7', 'datacontenttype': 'application/json', 'data': {'n': 1}}
    """
    return {**attributes(record), "data": None if record.value is None else orjson.loads(record.value)}


def attributes(record: OutputRecord) -> dict[str, Any]:
    """Return the CloudEvents attributes that the headers of a record hold, by their names in structured mode."""
    return {
        name.removeprefix(_ATTRIBUTE_PREFIX) if name.startswith(_ATTRIBUTE_PREFIX) else "datacontenttype": text.decode()
        for name, text in record.headers
    }
