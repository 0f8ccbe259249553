"""``driftline maintenance``: a span of event time whose traffic is not usual."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from driftline.cli.app import app
from driftline.cli.common import BrokersOption, ConfigOption, PrefixOption, overrides, read_settings
from driftline.cli.control_options import (
    AnyModelOption,
    ByOption,
    CommentOption,
    DryRunOption,
    ForceOption,
    IdOption,
    WaitOption,
)
from driftline.cli.control_sending import Sender, refuse, require_known
from driftline.cli.moments import as_moment, moment_ms, now_ms
from driftline.errors import ParameterError


class Kind(StrEnum):
    """Why traffic is not usual."""

    MAINTENANCE = "maintenance"
    HOLIDAY = "holiday"


@app.command()
def maintenance(
    start: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="TIME",
            help="Event time of its beginning: RFC 3339, `now`, or a duration from now such as `2h`.",
            show_default=False,
        ),
    ],
    until: Annotated[
        str, typer.Option("--until", metavar="TIME", help="Event time of its end, as --from.", show_default=False)
    ],
    kind: Annotated[Kind, typer.Option("--kind", help="Why its traffic is not usual.")] = Kind.MAINTENANCE,
    name: Annotated[
        str, typer.Option("--name", metavar="TEXT", help="What it is: `Thanksgiving`.", show_default=False)
    ] = "",
    model: AnyModelOption = None,
    comment: CommentOption = None,
    by: ByOption = None,
    id_: IdOption = None,
    dry_run: DryRunOption = False,
    wait: WaitOption = True,
    force: ForceOption = False,
    config: ConfigOption = None,
    brokers: BrokersOption = None,
    prefix: PrefixOption = None,
) -> None:
    """Announce a span whose traffic is not usual: windows that overlap it open no alert and notify nobody."""
    from driftline.events.cloudevents import rfc3339
    from driftline.events.control import Maintenance

    now = now_ms()
    start_ms, until_ms = moment_ms(start, "--from", now), moment_ms(until, "--until", now)
    if until_ms <= start_ms:
        raise ParameterError("a time after --from", until, "--until")
    settings = read_settings(config, overrides(brokers=brokers, prefix=prefix))
    sender = Sender(settings, by, id_, dry_run=dry_run, wait=wait)
    if until_ms <= now and not force:
        raise refuse(
            f"{rfc3339(until_ms)} has passed, and windows that closed by then are not checked again. Give --force if "
            "event times are behind the clock"
        )
    if model is not None:
        require_known(settings, model, force=force)
    command = Maintenance(
        by=sender.by,
        id=sender.id,
        comment=comment,
        start=as_moment(start_ms),
        until=as_moment(until_ms),
        kind=kind.value,
        name=name,
        model=model,
    )
    whose = "all models" if model is None else model
    sender.send(command, f"{name or kind.value} of {whose} from {rfc3339(start_ms)} until {rfc3339(until_ms)}")
