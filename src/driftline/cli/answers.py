"""``driftline answers``: what became of the commands that people and tools gave."""

from __future__ import annotations

from contextlib import closing, nullcontext
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer

from driftline.cli.answer_lines import REFUSED, as_line
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
from driftline.cli.exit_codes import ExitCode
from driftline.cli.moments import moment_ms, now_ms
from driftline.errors import ParameterError

if TYPE_CHECKING:
    from driftline.config.settings import Settings
    from driftline.runtime.control.answer_topic import Answer

_A_DAY: Final = "-1d"


@app.command()
def answers(
    command: Annotated[
        str | None,
        typer.Argument(
            metavar="[COMMAND]",
            help="The command's id, or the first characters of it; by default all.",
            show_default=False,
        ),
    ] = None,
    start: Annotated[
        str,
        typer.Option("--from", metavar="TIME", help="Answers written from then on: RFC 3339, or such as `-1d`."),
    ] = _A_DAY,
    wait: Annotated[
        str | None,
        typer.Option(
            "--wait",
            metavar="DURATION",
            help="Wait so long for the answer to COMMAND, whose whole id is given.",
            show_default=False,
        ),
    ] = None,
    json_lines: Annotated[bool, typer.Option("--json", help="Print one JSON object per answer.")] = False,
    config: ConfigOption = None,
    brokers: BrokersOption = None,
    prefix: PrefixOption = None,
) -> None:
    """Print what became of commands, one line each: accepted, late or refused, and why.

    Of one COMMAND the exit code is 1 if it was refused or has no answer.
    """
    from driftline.config.durations import Duration

    if wait is not None and command is None:
        raise ParameterError("a COMMAND whose answer to wait for", wait, "--wait")
    wait_s = 0.0 if wait is None else Duration.parse(wait, "--wait") / 1000
    from_ms = moment_ms(start, "--from", now_ms())
    settings = read_settings(config, overrides(brokers=brokers, prefix=prefix))
    found = _answers(settings, command, from_ms, wait_s)
    for answer in found:
        out.print(msgspec.json.encode(answer).decode() if json_lines else as_line(answer), markup=False, soft_wrap=True)
    if command is None:
        if not found and err.is_terminal:
            err.print("no answer", style="dim", markup=False)
        return
    if not found:
        topics = " and ".join(settings.kafka.topic(name) for name in ("control", "dead-letters"))
        text = (
            f"no answer to a command whose id begins with {command!r}. Check that workers run, and that event time has "
            f"come to the command's; a record that is no command is a dead letter ({topics})"
        )
        err.print(text, markup=False, soft_wrap=True)
    if not found or any(answer.status == REFUSED for answer in found):
        raise typer.Exit(ExitCode.FOUND)


def _answers(settings: Settings, command: str | None, from_ms: int, wait_s: float) -> list[Answer]:
    """Return the answers that are there, or the one that comes in time."""
    from driftline.runtime.control.answer_topic import AnswerReader

    quiet_logs(settings)
    with closing(AnswerReader(settings, read_credentials(settings), from_ms)) as reader:
        found = [each for each in reader.given() if command is None or each.command_id.startswith(command)]
        if found or command is None or not wait_s:
            return found
        with err.status("waiting for the answer") if err.is_terminal else nullcontext():
            answer = reader.wait(command, wait_s)
    return [] if answer is None else [answer]
