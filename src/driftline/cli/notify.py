"""``driftline notify``: tells people and programs of alerts, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from driftline.cli.app import app
from driftline.cli.common import (
    BrokersOption,
    ConfigOption,
    PrefixOption,
    err,
    out,
    overrides,
    quiet_logs,
    read_credentials,
    read_settings,
)
from driftline.cli.ending import leave, show_error, stop_on_signals
from driftline.cli.exit_codes import ExitCode
from driftline.errors import ConfigurationError, describe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from driftline.config.settings import Settings
    from driftline.notify.alert import Alert
    from driftline.notify.message import Message
    from driftline.runtime.notify.open_alerts import OpenAlerts

Row = tuple[str, str, str, str]
"""Alert or group, route, sinks and subject."""

SinkOption = Annotated[
    list[str] | None,
    typer.Option("--sink", help="Only this sink of the configuration; may be repeated.", show_default=False),
]


@app.command()
def notify(
    config: ConfigOption = None,
    brokers: BrokersOption = None,
    prefix: PrefixOption = None,
    sink: SinkOption = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            "--metrics-port", help="Port of /metrics, /healthz and /readyz; 0 picks a free one.", show_default=False
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be sent of the open alerts, and where to; send nothing.")
    ] = False,
) -> None:
    """Send alerts to Alertmanager, webhooks, PagerDuty, e-mail and, through Apprise, to chat and SMS.

    Each sink has its own position in the alerts topic: it gets every message at least once, whatever happens to the
    others. Start more processes for a stand-by. Ctrl-C or SIGTERM finishes the current attempts and exits.
    """
    settings = read_settings(config, overrides({"notify.port": metrics_port}, brokers=brokers, prefix=prefix))
    names = _sinks(settings, sink or [])
    if dry_run:
        _print_plan(settings, names)
        return
    _run(settings, names)


def _sinks(settings: Settings, asked_for: list[str]) -> list[str]:
    """Return the sinks to work for, in the order of the configuration."""
    known = settings.notify.sinks
    if not known:
        problem = describe("at least one sink, as docs/notify.md shows", {}, "$.notify.sinks")
        raise ConfigurationError((problem,), "The configuration of notifications")
    unknown = [name for name in asked_for if name not in known]
    if unknown:
        problems = (describe(f"one of {', '.join(f'`{each}`' for each in known)}", name, "--sink") for name in unknown)
        raise ConfigurationError(tuple(problems), "The command line")
    return [name for name in known if not asked_for or name in asked_for]


def _run(settings: Settings, names: list[str]) -> None:
    from driftline.config.notify_secrets import resolve_sinks
    from driftline.runtime.notify.notifier import Notifier
    from driftline.runtime.operations.logs import configure_logs

    configure_logs(settings.telemetry)
    notifier = Notifier(settings, read_credentials(settings), resolve_sinks(settings.notify, os.environ, names))
    stop_on_signals(notifier.stop)
    code: int = ExitCode.OK
    try:
        notifier.run()
    except Exception as error:  # noqa: BLE001  # shown as the command line shows it
        code = show_error(error)
    # All is committed and all clients are closed or given up: whatever of them is left must not hold up the exit.
    leave(code)


def _print_plan(settings: Settings, names: list[str]) -> None:
    from driftline.runtime.notify.open_alerts import open_alerts

    quiet_logs(settings)
    found = open_alerts(settings, read_credentials(settings))
    for line in found.unreadable:
        err.print(Text(line))
    if not found.alerts:
        out.print(f"No alert is open on {settings.kafka.topic('alerts')}; nothing would be sent.", markup=False)
        return
    rows = list(dict.fromkeys(_all_rows(settings, names, found.alerts, _held_back(settings, names, found))))
    heading = ("alert", "route", "sinks", "subject")
    widths = [max(map(len, column)) for column in zip(heading, *rows, strict=True)]
    for row in (heading, *rows):
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        out.print(Text("  ".join(cells).rstrip(), style="dim" if row is heading else ""))


def _held_back(settings: Settings, names: list[str], found: OpenAlerts) -> frozenset[str]:
    """Return the open alerts that sinks of the fleet's set hold back."""
    from driftline.alerts.fleet import Fleet
    from driftline.cli.alert_records import published_models
    from driftline.notify.fleet_gate import FleetGate

    if not any(settings.notify.sinks[name].fleet for name in names):
        return frozenset()
    gate = FleetGate(Fleet(settings, published_models(settings)))
    for alert in (*found.alerts, *found.resolved):
        gate.note(alert)
    return frozenset(alert.alert_id for alert in found.alerts if alert.has_notified and not gate.passes(alert))


def _all_rows(
    settings: Settings, names: list[str], alerts: Sequence[Alert], held_back: frozenset[str]
) -> Iterator[Row]:
    """Yield the rows of all open alerts; those of one problem of several models are the same."""
    from driftline.notify.escaping import plain
    from driftline.notify.message import Message, restated, single
    from driftline.notify.pages import Pages

    pages = Pages()
    told = sorted((alert for alert in alerts if alert.has_notified), key=lambda each: (each.opened_at, each.alert_id))
    of_alerts = {alert.alert_id: pages.place(alert) for alert in told}
    for alert in alerts:
        if not alert.has_notified:  # the alert that it follows from is told for both
            yield plain(alert.alert_id), "none", "none", plain(f"follows from {alert.incident}: {alert.title}")
            continue
        page = of_alerts.get(alert.alert_id)
        entry = restated(alert, "" if page is None else page.page_id)
        is_shared = page is not None and page.is_shared
        message = Message("page", (entry,), page.view()) if page is not None and is_shared else single(entry)
        yield from _rows(settings, names, message, is_held_back=alert.alert_id in held_back)


def _rows(settings: Settings, names: list[str], message: Message, *, is_held_back: bool) -> Iterator[Row]:
    """Yield a row for each route that takes an alert; their texts are harmless on a terminal."""
    from driftline.notify.escaping import plain
    from driftline.notify.routing import Router
    from driftline.runtime.notify.senders import wording_of

    notify, router = settings.notify, Router(settings.notify)
    (entry,) = message.entries
    alert, alert_id = entry.alert, plain(entry.page or entry.alert.alert_id)
    routes = list(router.routes(alert))
    if not routes:
        yield alert_id, "none", "none", plain(alert.title)
    for route in routes:
        by_subject: dict[str, list[str]] = {}
        for name in route.settings.sinks:
            if name in names:
                words = wording_of(notify.sinks[name], notify, router).words(message)
                is_held = is_held_back and notify.sinks[name].fleet
                by_subject.setdefault(words.subject, []).append(f"{name} (held back)" if is_held else name)
        for subject, sinks in by_subject.items():
            yield alert_id, route.name, ", ".join(sinks), subject
        if not by_subject:
            yield alert_id, route.name, "none", plain(alert.title)
