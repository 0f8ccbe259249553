"""The records of the alerts topic for the command line, and one alert among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from driftline.cli.alert_book import latest
from driftline.cli.common import err, read_credentials
from driftline.cli.exit_codes import ExitCode
from driftline.cli.topic_records import topic_records

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from driftline.cli.alert_book import Alert
    from driftline.config.settings import Settings
    from driftline.runtime.kafka.tail import TailedRecord


def alert_records(settings: Settings, *, from_now: bool, until_idle: float | None) -> Iterator[TailedRecord]:
    """Yield the records of the alerts topic, whose values are JSON however they were written."""
    for record, problem in topic_records(
        settings, settings.kafka.topic("alerts"), from_now=from_now, until_idle=until_idle
    ):
        if problem is not None:  # shown as unreadable, like what is no JSON
            err.print(str(problem), markup=False)
        yield record


def standing_alerts(settings: Settings) -> list[Alert]:
    """Return the latest state of each alert on the topic."""
    return latest(alert_records(settings, from_now=False, until_idle=0.0))


def published_models(settings: Settings) -> frozenset[tuple[str, str]]:
    """Return the models and versions with a published reference; none where `fleet.models` says how many there are."""
    from driftline.runtime.references.watched_models import watched_models

    if settings.fleet.models is not None:
        return frozenset()
    return watched_models(settings.kafka, read_credentials(settings))


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
