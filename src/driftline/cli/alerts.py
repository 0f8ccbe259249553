"""``driftline alerts``: those that are open, one in full, and all as they open, change and resolve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from driftline.cli.alert_lines import NewAlerts, as_json, as_line
from driftline.cli.alert_records import alert_records, published_models, standing_alerts, the_alert
from driftline.cli.app import app as root
from driftline.cli.common import BrokersOption, ConfigOption, PrefixOption, err, out, overrides, read_settings
from driftline.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from driftline.config.settings import Settings

app = typer.Typer(help="Read alerts, and say what becomes of them.", no_args_is_help=True)
root.add_typer(app, name="alerts")


@app.command("tail")
def tail(
    config: ConfigOption = None,
    brokers: BrokersOption = None,
    prefix: PrefixOption = None,
    from_now: Annotated[bool, typer.Option("--from-now", help="Skip the alerts that exist already.")] = False,
    updates: Annotated[
        bool, typer.Option("--updates", help="Print each state of each alert: updates, resolutions, what is forgotten.")
    ] = False,
    json_lines: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
    until_idle: Annotated[
        float | None,
        typer.Option(
            min=0.0, metavar="SECONDS", help="Stop after this long without a record; for scripts.", show_default=False
        ),
    ] = None,
) -> None:
    """Print a line when an alert opens and when it notifies again, from the beginning, and follow until Ctrl-C."""
    settings = read_settings(config, overrides(brokers=brokers, prefix=prefix))
    try:
        _print_records(settings, from_now=from_now, updates=updates, json_lines=json_lines, until_idle=until_idle)
    except KeyboardInterrupt:
        raise typer.Exit(ExitCode.INTERRUPTED) from None


@app.command("list")
def list_(
    config: ConfigOption = None,
    brokers: BrokersOption = None,
    prefix: PrefixOption = None,
    resolved: Annotated[bool, typer.Option("--all", help="Show resolved alerts too.")] = False,
    model: Annotated[str | None, typer.Option("--model", help="Show this model alone.", show_default=False)] = None,
    flat: Annotated[bool, typer.Option("--flat", help="Print each alert, also of groups of models.")] = False,
    json_lines: Annotated[bool, typer.Option("--json", help="Print one JSON object per alert.")] = False,
) -> None:
    """Print the open alerts, the most severe first, one line each; what follows from an alert stands below it.

    A problem that many models have at once is one line, unless one model is asked for.
    """
    from driftline.cli.alert_book import folded, list_line
    from driftline.cli.alert_groups import grouped_lines

    settings = read_settings(config, overrides(brokers=brokers, prefix=prefix))
    alerts = [
        alert
        for alert in standing_alerts(settings)
        if (resolved or alert.is_open) and model in {None, alert.fields.get("model")}
    ]
    if json_lines:
        for alert, _ in folded(alerts):
            out.print(msgspec.json.encode(alert.fields).decode(), markup=False, soft_wrap=True)
    elif flat or model is not None:
        for alert, follows in folded(alerts):
            out.print(list_line(alert, follows=follows), soft_wrap=True)
    else:
        for line in grouped_lines(alerts):
            out.print(line, soft_wrap=True)
    if not alerts and err.is_terminal:
        err.print("no alert" if resolved else "no open alert", style="dim", markup=False)


@app.command("fleet")
def fleet(
    config: ConfigOption = None,
    brokers: BrokersOption = None,
    prefix: PrefixOption = None,
    resolved: Annotated[bool, typer.Option("--all", help="Show resolved incidents too.")] = False,
    json_document: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Print which incidents of all models are in the set of which at most a share is expected to be false.

    The share is `fleet.false_share`. Each month has a set, of all incidents with findings in it, resolved or not.
    """
    from driftline.cli.alert_fleet import FleetBook

    settings = read_settings(config, overrides(brokers=brokers, prefix=prefix))
    book = FleetBook(settings, published_models(settings), standing_alerts(settings))
    report = book.report(also_resolved=resolved)
    if json_document:
        out.print(msgspec.json.encode(report).decode(), markup=False, soft_wrap=True)
        return
    for line in book.lines(report):
        out.print(line, soft_wrap=True)
    if not report.incidents and err.is_terminal:
        err.print("no alert" if resolved else "no open alert", style="dim", markup=False)


@app.command("show")
def show(
    alert_id: Annotated[str, typer.Argument(metavar="ID", help="Its id, or the first characters of it.")],
    config: ConfigOption = None,
    brokers: BrokersOption = None,
    prefix: PrefixOption = None,
    json_lines: Annotated[bool, typer.Option("--json", help="Print the record's JSON object.")] = False,
) -> None:
    """Print one alert in full: what happened, since when, and the evidence; then what follows from it, and the other
    models that have the same problem.
    """
    from driftline.cli.alert_book import detail_lines, list_line
    from driftline.cli.alert_groups import others_of_group

    settings = read_settings(config, overrides(brokers=brokers, prefix=prefix))
    alerts = standing_alerts(settings)
    alert = the_alert(alerts, alert_id, settings.kafka.topic("alerts"))
    if json_lines:
        out.print(msgspec.json.encode(alert.fields).decode(), markup=False, soft_wrap=True)
        return
    for line in detail_lines(alert):
        out.print(line, soft_wrap=True)
    for other in alerts:
        if other.incident == alert.alert_id and other is not alert:
            out.print(list_line(other, follows=True), soft_wrap=True)
    others = others_of_group(alert, alerts)
    if others:
        out.print(f"\nThe same problem at other models ({len(others)}):", markup=False)
    for other in others:
        out.print(list_line(other, follows=True), soft_wrap=True)


def _print_records(
    settings: Settings, *, from_now: bool, updates: bool, json_lines: bool, until_idle: float | None
) -> None:
    new = NewAlerts()
    if err.is_terminal:
        topic = settings.kafka.topic("alerts")
        err.print(f"following {topic} on {settings.kafka.brokers}; Ctrl-C stops", style="dim", markup=False)
    for record in alert_records(settings, from_now=from_now, until_idle=until_idle):
        if not updates and not new.has(record):
            continue
        if json_lines:
            out.print(as_json(record), markup=False)
        else:
            out.print(as_line(record))
