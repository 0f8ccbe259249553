"""``driftline alerts ack``, ``mute``, ``mutes``, ``unmute`` and ``note``: what people say about alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from driftline.cli.alert_lines import shown_line
from driftline.cli.alert_records import standing_alerts, the_alert
from driftline.cli.alerts import app
from driftline.cli.common import BrokersOption, ConfigOption, PrefixOption, err, out, overrides, read_settings
from driftline.cli.control_options import (
    AlertArgument,
    AnyModelOption,
    AnyVersionOption,
    AtOption,
    ByOption,
    CommentOption,
    DryRunOption,
    ForceOption,
    IdOption,
    WaitOption,
)
from driftline.cli.control_sending import Sender, refuse, require_known
from driftline.cli.moments import as_moment, moment_ms, now_ms, shown
from driftline.errors import ParameterError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from driftline.cli.alert_book import Alert
    from driftline.config.settings import Settings
    from driftline.events.alert import Cause
    from driftline.events.control import Mute

UsefulOption = Annotated[
    bool | None,
    typer.Option(
        "--useful/--not-useful", help="Whether the page was worth it, for the account of pages.", show_default=False
    ),
]


@app.command("ack")
def acknowledge(
    alert: AlertArgument,
    useful: UsefulOption = None,
    comment: CommentOption = None,
    at: AtOption = None,
    by: ByOption = None,
    id_: IdOption = None,
    dry_run: DryRunOption = False,
    wait: WaitOption = True,
    config: ConfigOption = None,
    brokers: BrokersOption = None,
    prefix: PrefixOption = None,
) -> None:
    """Take care of an alert: it notifies again only if it becomes worse."""
    from driftline.events.control import Acknowledge

    settings, sender = _prepared(config, brokers, prefix, by, id_, dry_run=dry_run, wait=wait)
    found = _standing_alert(settings, alert, if_resolved=useful is not None)
    command = Acknowledge(
        by=sender.by,
        id=sender.id,
        at=_at(at),
        comment=comment,
        model=_model(found),
        alert=found.alert_id,
        useful=useful,
    )
    sender.send(command, f"acknowledged: {_named(found)}")


@app.command("mute")
def mute(
    alert: Annotated[
        str | None,
        typer.Argument(
            metavar="[ALERT]",
            help="Mute what is like this alert: its model, version, columns and causes. By its id, or the first "
            "characters of it.",
            show_default=False,
        ),
    ] = None,
    model: AnyModelOption = None,
    version: AnyVersionOption = None,
    column: Annotated[
        list[str] | None,
        typer.Option("--column", help="Alerts about this column alone; may be repeated.", show_default=False),
    ] = None,
    cause: Annotated[
        list[str] | None,
        typer.Option(
            "--cause", help="Alerts of this cause alone, such as `data drift`; may be repeated.", show_default=False
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--until",
            metavar="TIME",
            help="Event time from which on they notify again: RFC 3339, or a duration from now such as `4h`.",
            show_default=False,
        ),
    ] = None,
    for_: Annotated[
        str | None,
        typer.Option(
            "--for", metavar="DURATION", help="The same as --until, from now or from --at.", show_default=False
        ),
    ] = None,
    comment: CommentOption = None,
    at: AtOption = None,
    by: ByOption = None,
    id_: IdOption = None,
    dry_run: DryRunOption = False,
    wait: WaitOption = True,
    force: ForceOption = False,
    config: ConfigOption = None,
    brokers: BrokersOption = None,
    prefix: PrefixOption = None,
) -> None:
    """Let alerts notify nobody until a time; they still open, update and resolve."""
    from driftline.events.control import Mute

    start_ms, causes = now_ms() if at is None else moment_ms(at, "--at", now_ms()), _causes(cause or [])
    until_ms = _end_ms(until, for_, start_ms)
    chosen = (model, version, column, cause)
    if alert is None and not any(chosen):
        raise ParameterError("an ALERT, or at least one of --model, --version, --column and --cause", None, "mute")
    if alert is not None and any(chosen):
        raise ParameterError("either an ALERT, or --model, --version, --column and --cause", alert, "mute")
    settings, sender = _prepared(config, brokers, prefix, by, id_, dry_run=dry_run, wait=wait)
    match: dict[str, Any] = {"model": model, "model_version": version, "columns": column or [], "causes": causes}
    if alert is not None:
        match = _match_of(_standing_alert(settings, alert))
    elif model is not None:
        require_known(settings, model, force=force)
    command = Mute(by=sender.by, id=sender.id, at=_at(at), comment=comment, until=as_moment(until_ms), **match)
    sender.send(command, f"muted {_described(command)}")


@app.command("mutes")
def mutes(config: ConfigOption = None, brokers: BrokersOption = None, prefix: PrefixOption = None) -> None:
    """Print the mutes that hold now, one line each: its id, what it mutes, until when, and who said so."""
    from driftline.cli.common import quiet_logs, read_credentials
    from driftline.runtime.control.standing_mutes import standing_mutes

    settings = read_settings(config, overrides(brokers=brokers, prefix=prefix))
    quiet_logs(settings)
    standing = standing_mutes(settings.kafka, read_credentials(settings), now_ms())
    for name, each in standing:
        comment = f": {each.comment}" if each.comment else ""
        out.print(shown_line(f"{name}  {_described(each)}, by {each.by}{comment}"), soft_wrap=True)
    if not standing and err.is_terminal:
        err.print("no mute", style="dim", markup=False)


@app.command("unmute")
def unmute(
    mute: Annotated[
        str,
        typer.Argument(metavar="MUTE", help="The mute's id, or the first characters of it: `driftline alerts mutes`."),
    ],
    comment: CommentOption = None,
    at: AtOption = None,
    by: ByOption = None,
    id_: IdOption = None,
    dry_run: DryRunOption = False,
    wait: WaitOption = True,
    config: ConfigOption = None,
    brokers: BrokersOption = None,
    prefix: PrefixOption = None,
) -> None:
    """End a mute before its time."""
    from driftline.cli.common import read_credentials
    from driftline.events.control import Unmute
    from driftline.runtime.control.standing_mutes import standing_mutes

    settings, sender = _prepared(config, brokers, prefix, by, id_, dry_run=dry_run, wait=wait)
    standing = standing_mutes(settings.kafka, read_credentials(settings), now_ms())
    found = [each for each in standing if each.id.startswith(mute)]
    found = [each for each in found if each.id == mute] or found
    if len(found) != 1:
        what = "no mute that holds has" if not found else f"{len(found)} mutes have"
        topic = settings.kafka.topic("control")
        raise refuse(f"{what} an id that begins with {mute!r} in {topic}: `driftline alerts mutes`")
    command = Unmute(by=sender.by, id=sender.id, at=_at(at), comment=comment, mute=found[0].id)
    sender.send(command, f"no longer muted: {_described(found[0].mute)}")


@app.command("note")
def note(
    first: Annotated[
        str, typer.Argument(metavar="[ALERT]", help="The alert's id, or the first characters of it; not with --model.")
    ],
    second: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="What there is to know.", show_default=False)
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", help="A note on the model instead: alerts show it that begin near it.", show_default=False
        ),
    ] = None,
    at: AtOption = None,
    by: ByOption = None,
    id_: IdOption = None,
    dry_run: DryRunOption = False,
    wait: WaitOption = True,
    force: ForceOption = False,
    config: ConfigOption = None,
    brokers: BrokersOption = None,
    prefix: PrefixOption = None,
) -> None:
    """Note something about an alert, or with --model about a model."""
    from driftline.events.control import Note

    if model is None and second is None:
        raise ParameterError("ALERT and TEXT, or --model and TEXT", first, "note")
    if model is not None and second is not None:
        raise ParameterError("either an ALERT or --model beside the text", first, "note")
    settings, sender = _prepared(config, brokers, prefix, by, id_, dry_run=dry_run, wait=wait)
    if model is not None:
        require_known(settings, model, force=force)
        sender.send(Note(by=sender.by, id=sender.id, at=_at(at), model=model, text=first), f"noted on {model}")
        return
    found = _standing_alert(settings, first, if_resolved=True)
    command = Note(by=sender.by, id=sender.id, at=_at(at), model=_model(found), text=str(second), alert=found.alert_id)
    sender.send(command, f"noted: {_named(found)}")


def _prepared(
    config: Path | None,
    brokers: str | None,
    prefix: str | None,
    by: str | None,
    id_: str | None,
    *,
    dry_run: bool,
    wait: bool,
) -> tuple[Settings, Sender]:
    settings = read_settings(config, overrides(brokers=brokers, prefix=prefix))
    return settings, Sender(settings, by, id_, dry_run=dry_run, wait=wait)


def _standing_alert(settings: Settings, start: str, *, if_resolved: bool = False) -> Alert:
    """Return the alert whose id begins so; say why there is none, or that it is resolved, and end."""
    topic = settings.kafka.topic("alerts")
    found = the_alert(standing_alerts(settings), start, topic)
    if not found.is_open and not if_resolved:
        since = f" since {found.fields['resolved_at']}" if found.fields.get("resolved_at") else ""
        raise refuse(
            f"alert {found.alert_id} is resolved{since}: it can be noted on, and `ack` can say whether its page was "
            "--useful or --not-useful"
        )
    return found


def _model(alert: Alert) -> str:
    """Return the model's name; empty for alerts about an input topic, which belong to no model."""
    return str(alert.fields.get("model") or "")


def _named(alert: Alert) -> str:
    return shown_line(f"{alert.alert_id} of {alert.model}, {alert.fields.get('title') or 'no title'}")


def _at(text: str | None) -> datetime | None:
    return None if text is None else as_moment(moment_ms(text, "--at", now_ms()))


def _end_ms(until: str | None, for_: str | None, start_ms: int) -> int:
    """Return the end of a mute that begins at ``start_ms``, in milliseconds since the epoch."""
    from driftline.config.durations import Duration

    if (until is None) == (for_ is None):
        raise ParameterError("one of --until and --for", until, "--until")
    end_ms = start_ms + Duration.parse(str(for_), "--for") if until is None else moment_ms(until, "--until", now_ms())
    if end_ms <= start_ms:
        raise ParameterError("an end after the beginning, which is now without --at", until or for_, "--until")
    return end_ms


def _causes(given: list[str]) -> list[Cause]:
    """Return causes as alerts have them; hyphens may stand for spaces."""
    from driftline.events.alert import Cause

    causes: list[Cause] = []
    for text in given:
        match = next((cause for cause in get_args(Cause) if cause == text.replace("-", " ")), None)
        if match is None:
            raise ParameterError(f"one of {', '.join(f'`{cause}`' for cause in get_args(Cause))}", text, "--cause")
        causes.append(match)
    return causes


def _match_of(alert: Alert) -> dict[str, Any]:
    """Return the fields of a mute that matches an alert: any columns where not all of its findings name one."""
    fields = alert.fields
    findings = fields.get("findings")
    listed = [each for each in findings if isinstance(each, dict)] if isinstance(findings, list) else []
    columns = [each.get("column") for each in listed]
    complete = bool(columns) and all(columns) and len(columns) == fields.get("n_findings", len(columns))
    causes = fields.get("causes") or [fields.get("cause")]
    return {
        "model": _model(alert) or None,
        "model_version": fields.get("model_version") if _model(alert) else None,
        "columns": sorted({str(each) for each in columns}) if complete else [],
        "causes": [cause for cause in causes if cause],
    }


def _described(mute: Mute) -> str:
    """Return what a mute mutes, and until when."""
    version = "" if mute.model_version is None else f"@{mute.model_version}"
    parts = ["all models" if mute.model is None else mute.model]
    parts[0] += version if mute.model is not None or not version else f", version {version[1:]}"
    parts.append("any column" if not mute.columns else "columns " + ", ".join(mute.columns))
    parts.append("any cause" if not mute.causes else ", ".join(mute.causes))
    return f"{'; '.join(parts)}; until {shown(mute.until)}"
