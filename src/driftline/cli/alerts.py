"""``driftline alerts tail``: the alerts as they open, change and resolve, one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from driftline.cli.alert_lines import as_json, as_line
from driftline.cli.app import app as root
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
from driftline.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from driftline.config.settings import Settings

app = typer.Typer(help="Read the alerts topic.", no_args_is_help=True)
root.add_typer(app, name="alerts")


@app.command("tail")
def tail(
    config: ConfigOption = None,
    brokers: BrokersOption = None,
    prefix: PrefixOption = None,
    from_now: Annotated[bool, typer.Option("--from-now", help="Skip the alerts that exist already.")] = False,
    json_lines: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
    until_idle: Annotated[
        float | None,
        typer.Option(
            min=0.0, metavar="SECONDS", help="Stop after this long without a record; for scripts.", show_default=False
        ),
    ] = None,
) -> None:
    """Print each state of each alert, from the beginning, and follow until Ctrl-C."""
    settings = read_settings(config, overrides(brokers=brokers, prefix=prefix))
    try:
        _print_records(settings, from_now, json_lines, until_idle)
    except KeyboardInterrupt:
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _print_records(settings: Settings, from_now: bool, json_lines: bool, until_idle: float | None) -> None:
    from msgspec.structs import replace

    from driftline.errors import FormatError
    from driftline.events.cloudevents import CONTENT_TYPE_HEADER
    from driftline.runtime.encodings.event_decoder import EventDecoder
    from driftline.runtime.kafka.tail import follow

    quiet_logs(settings)
    topic = settings.kafka.topic("alerts")
    credentials = read_credentials(settings)
    if err.is_terminal:
        err.print(f"following {topic} on {settings.kafka.brokers}; Ctrl-C stops", style="dim", markup=False)
    decode = EventDecoder(settings.schema_registry, credentials)
    for each in follow(settings.kafka, credentials, topic, from_beginning=not from_now, until_idle_s=until_idle):
        value = each.value
        if value is not None:
            try:
                value = decode(value, each.headers.get(CONTENT_TYPE_HEADER))
            except FormatError as error:  # shown as unreadable, like what is no JSON
                err.print(str(error), markup=False)
        record = replace(each, value=value)
        if json_lines:
            out.print(as_json(record), markup=False)
        else:
            out.print(as_line(record))
