"""The options of the commands that write to the control topic."""

from __future__ import annotations

from typing import Annotated

import typer

ByOption = Annotated[
    str | None,
    typer.Option(
        "--by", metavar="NAME", help="Who says it; by default your login name and this host.", show_default=False
    ),
]
IdOption = Annotated[
    str | None,
    typer.Option(
        "--id",
        metavar="ID",
        help="Identifies the command: given again under the same id it changes nothing. By default a new one.",
        show_default=False,
    ),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Print the record, and write nothing.")]
WaitOption = Annotated[
    bool,
    typer.Option("--wait/--no-wait", help="Wait up to 10 s for the answer of the workers; exit code 1 if they refuse."),
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Write it although the model is not known, or the time has passed.")
]
CommentOption = Annotated[
    str | None, typer.Option("--comment", metavar="TEXT", help="Why; it stands in the alerts.", show_default=False)
]
AlertArgument = Annotated[
    str, typer.Argument(metavar="ALERT", help="The alert's id, or the first characters of it.", show_default=False)
]
AnyModelOption = Annotated[
    str | None, typer.Option("--model", "-m", help="Name of the model; by default all models.", show_default=False)
]
AnyVersionOption = Annotated[
    str | None,
    typer.Option(
        "--version", "--model-version", help="Version of the model, as its events name it.", show_default=False
    ),
]
TheVersionOption = Annotated[
    str, typer.Option("--version", "--model-version", help="The version, as events name it.", show_default=False)
]
AtOption = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="TIME",
        help="Event time from which it holds: RFC 3339, `now`, or a duration from now such as `2h`; by default the "
        "moment it is written.",
        show_default=False,
    ),
]
