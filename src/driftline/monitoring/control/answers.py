"""The answers to commands: one event each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.checks.contract.common_fields import topic_fields
from driftline.events.cloudevents import rfc3339
from driftline.events.control import Acknowledge, Deploy, Maintenance, Mute, Rebaseline, Rollback, Unmute
from driftline.events.control_answer import AnswerStatus, ControlAnswerEvent
from driftline.events.model_key import ModelKey
from driftline.events.output_record import event_record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.events.output_record import OutputRecord
    from driftline.monitoring.control.kept import KeptCommand


def answer(
    kept: KeptCommand, budget: ErrorBudget, pane_ms: int, refused: str | None = None, flags: Iterable[str] = ()
) -> OutputRecord:
    """Return the record that says what became of a command; ``refused`` says why it changes nothing."""
    entry, command = kept.entry, kept.command
    start_ms = kept.from_ms - kept.from_ms % pane_ms
    offsets = {0: (entry.offset, entry.offset)}
    common = topic_fields(
        ModelKey(kept.model or "", ""), (start_ms, start_ms + pane_ms), {"control": offsets}, flags, budget
    )
    status: AnswerStatus = "refused" if refused is not None else "late" if kept.late else "accepted"
    event = ControlAnswerEvent(
        **common,
        command_id=entry.id,
        command=command.__struct_config__.tag,  # type: ignore[arg-type]  # the tags are the names
        by=command.by,
        status=status,
        message=refused if refused is not None else _done(kept),
        at=rfc3339(entry.at_ms),
        holds_from=None if refused is not None else rfc3339(kept.from_ms),
        until=None if kept.until_ms is None else rfc3339(kept.until_ms),
        alert=kept.alert,
        comment=command.comment,
        useful=command.useful if isinstance(command, Acknowledge) else None,
    )
    return event_record(event, budget.source)


def _done(kept: KeptCommand) -> str:
    """Return what a command does."""
    command = kept.command
    since = rfc3339(kept.from_ms)
    late = f" Its own time, {rfc3339(kept.entry.at_ms)}, had passed already." if kept.late else ""
    until = "" if kept.until_ms is None else rfc3339(kept.until_ms)
    match command:
        case Acknowledge():
            text = "The alert is acknowledged: no reminders, a notification only if it becomes worse."
        case Mute():
            text = f"Alerts that match notify nobody from {since} until {until}."
        case Unmute():
            text = f"The mute {command.mute} ends at {since}."
        case Deploy() | Rollback():
            which = "all others" if command.replaces is None else f"version {command.replaces}"
            text = (
                f"Version {command.model_version or '(none)'} takes over from {which} at {since}: open alerts of what "
                "it replaces resolve, and its own detectors and windows begin anew."
            )
        case Rebaseline():
            about = f" about {', '.join(command.columns)} alone" if command.columns else ""
            text = (
                f"Open alerts of version {command.model_version or '(none)'}{about} resolve at {since}. The command "
                f"itself changes no baseline: the profile {command.profile_id} has to be published."
            )
        case Maintenance():
            text = f"Windows that overlap the span from {since} until {until} open and resolve no alerts."
        case _:
            text = "The note stands in the alert." if kept.alert else "The note is shown in alerts that begin near it."
    return text + late
