"""The root of the command line: what is printed for ``driftline`` alone, and global options."""

from __future__ import annotations

from typing import Annotated

import typer

from driftline import __version__
from driftline.cli.common import out
from driftline.cli.exit_codes import EPILOG
from driftline.native.library import description

app = typer.Typer(
    name="driftline",
    help="Watch machine-learning models on Kafka: drift, data quality and performance, with the evidence.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(asked_for: bool) -> None:
    if asked_for:
        out.print(f"driftline {__version__} ({description()})")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_show_version,
            is_eager=True,
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    """Watch machine-learning models on Kafka: drift, data quality and performance, with the evidence."""
