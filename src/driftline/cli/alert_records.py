"""The records of the alerts topic for the command line, and one alert among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from driftline.cli.alert_book import latest
from driftline.cli.common import err, quiet_logs, read_credentials
from driftline.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from driftline.cli.alert_book import Alert
    from driftline.config.settings import Settings
    from driftline.runtime.kafka.tail import TailedRecord


def alert_records(settings: Settings, *, from_now: bool, until_idle: float | None) -> Iterator[TailedRecord]:
    """Yield the records of the alerts topic, whose values are JSON however they were written."""
    from msgspec.structs import replace

    from driftline.errors import FormatError
    from driftline.events.cloudevents import CONTENT_TYPE_HEADER
    from driftline.runtime.encodings.event_decoder import EventDecoder
    from driftline.runtime.kafka.tail import follow

    quiet_logs(settings)
    topic = settings.kafka.topic("alerts")
    credentials = read_credentials(settings)
    decode = EventDecoder(settings.schema_registry, credentials)
    for each in follow(settings.kafka, credentials, topic, from_beginning=not from_now, until_idle_s=until_idle):
        value = each.value
        if value is not None:
            try:
                value = decode(value, each.headers.get(CONTENT_TYPE_HEADER))
            except FormatError as error:  # shown as unreadable, like what is no JSON
                err.print(str(error), markup=False)
        yield replace(each, value=value)


def standing_alerts(settings: Settings) -> list[Alert]:
    """Return the latest state of each alert on the topic."""
    return latest(alert_records(settings, from_now=False, until_idle=0.0))


def the_alert(alerts: Sequence[Alert], start: str, topic: str) -> Alert:
    """Return the one alert whose id is ``start`` or begins with it; where there is none or several, say so and end."""
    found = [alert for alert in alerts if alert.alert_id.startswith(start)]
    exact = [alert for alert in found if alert.alert_id == start]
    if len(exact or found) != 1:
        what = "no alert has" if not found else f"{len(found)} alerts have"
        err.print(f"{what} an id that begins with {start!r} in {topic}: `driftline alerts list --all`", markup=False)
        raise typer.Exit(ExitCode.FOUND)
    [alert] = exact or found
    return alert
