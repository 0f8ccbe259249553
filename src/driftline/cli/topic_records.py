"""The records of one of driftline's topics of events, for the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.cli.common import quiet_logs, read_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.config.settings import Settings
    from driftline.errors import FormatError
    from driftline.runtime.kafka.tail import TailedRecord


def topic_records(
    settings: Settings,
    topic: str,
    *,
    from_now: bool = False,
    until_idle: float | None = 0.0,
    ce_type: str | None = None,
) -> Iterator[tuple[TailedRecord, FormatError | None]]:
    """Yield the records of a topic, whose values are JSON however they were written.

    Parameters
    ----------
    topic : str
        Its full name.
    from_now : bool
        Leave out what stands on the topic already.
    until_idle : float or None
        Seconds without a record, at the end of the topic, after which to stop; None never stops.
    ce_type : str or None
        The one type of event whose values are to be decoded; None decodes all.

    Yields
    ------
    record : TailedRecord
        With its value as it was written where that cannot be decoded.
    problem : FormatError or None
        Why it cannot be.
    """
    from msgspec.structs import replace

    from driftline.errors import FormatError
    from driftline.events.cloudevents import CONTENT_TYPE_HEADER
    from driftline.runtime.encodings.event_decoder import EventDecoder
    from driftline.runtime.kafka.tail import follow

    quiet_logs(settings)
    credentials = read_credentials(settings)
    decode = EventDecoder(settings.schema_registry, credentials)
    for each in follow(settings.kafka, credentials, topic, from_beginning=not from_now, until_idle_s=until_idle):
        if each.value is None or (ce_type is not None and each.headers.get("ce_type") != ce_type):
            yield each, None
            continue
        try:
            yield replace(each, value=decode(each.value, each.headers.get(CONTENT_TYPE_HEADER))), None
        except FormatError as error:
            yield each, error
