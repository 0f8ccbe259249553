"""Answers to commands in words: what became of them, one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.cli.alert_lines import as_time, shown_line

if TYPE_CHECKING:
    from driftline.runtime.control.answer_topic import Answer

REFUSED: Final = "refused"


def told(answer: Answer) -> str:
    """Return what became of a command that was just given."""
    return shown_line(f"{answer.status}: {answer.message}")


def as_line(answer: Answer) -> str:
    """Return an answer among others: when, what became of which command, by whom, what it does or why not, its id."""
    whose = f"  {answer.model}" if answer.model else ""
    head = f"{as_time(answer.at)}  {answer.status:<8}  {answer.command:<11}{whose}  by {answer.by}"
    return shown_line(f"{head}: {answer.message}  {answer.command_id}")
