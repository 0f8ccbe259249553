"""What all commands that write to the control topic have in common: who says it, what is known, and the sending."""

from __future__ import annotations

import getpass
import socket
import uuid
from contextlib import nullcontext
from typing import TYPE_CHECKING, Final

import msgspec
import typer

from driftline.cli.common import err, out, quiet_logs, read_credentials
from driftline.cli.exit_codes import ExitCode
from driftline.cli.moments import now_ms
from driftline.errors import DriftlineError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Collection

    from driftline.config.settings import Settings
    from driftline.events.control import ControlCommand
    from driftline.events.model_key import ModelKey
    from driftline.profiles.profile import Profile
    from driftline.runtime.control.answer_topic import AnswerReader

WAIT_S: Final = 10.0
"""How long a command waits for its answer."""


class Sender:
    """Writes one command of the command line and prints what became of it, or prints the command alone.

    Parameters
    ----------
    settings : Settings
    by, id_ : str, optional
        As given; without them the login name and host, and a new id.
    dry_run : bool
        Print the record instead of writing it.
    wait : bool
        Wait up to ``WAIT_S`` for the answer of the workers.

    Raises
    ------
    ParameterError
        When nobody is named and the system does not know who runs the command.
    BrokerError
        When no broker answers, or the control topic is missing; not in a dry run.
    """

    def __init__(self, settings: Settings, by: str | None, id_: str | None, *, dry_run: bool, wait: bool) -> None:
        from driftline.runtime.control.control_writer import ControlWriter

        quiet_logs(settings)
        self.by = by if by is not None else _whoever_runs_it()
        self.id = id_ if id_ is not None else uuid.uuid4().hex[:16]
        self._settings = settings
        self._dry_run = dry_run
        self._wait = wait
        self._writer = ControlWriter(settings.kafka, read_credentials(settings))
        if not dry_run:
            self._writer.require_topic()

    @property
    def dry_run(self) -> bool:
        """Whether nothing is written, here and by whoever prepares the command."""
        return self._dry_run

    def check(self, command: ControlCommand) -> None:
        """Refuse what the stages would refuse, before anything else is done for the command.

        Raises
        ------
        EventError
            When a field cannot be read, or the time is too far from now.
        """
        from driftline.runtime.control.control_writer import record_of, require_near

        record_of(command)
        require_near(command, now_ms())

    def send(self, command: ControlCommand, said: str) -> None:
        """Write a command and print ``said``, what it does, with who and where, and then its answer; or print its
        record.

        Raises
        ------
        typer.Exit
            With exit code 1 when the workers refuse it.
        EventError
            When the stages would refuse it.
        BrokerError
            When the broker did not take it; says whether it may have been written all the same.
        """
        from driftline.runtime.control.control_writer import record_of

        if self._dry_run:
            self.check(command)
            record = record_of(command)
            shown = {
                "topic": self._settings.kafka.topic("control"),
                "key": None if record.key is None else record.key.decode(),
                "value": msgspec.Raw(record.value),
            }
            out.print(msgspec.json.encode(shown).decode(), markup=False, soft_wrap=True)
            return
        answers = self._reader() if self._wait else None
        try:
            position = self._writer.write(command)
            where = f"{position.topic}-{position.partition}@{position.offset}"
            out.print(f"{said} (command {self.id} by {self.by}, {where})", markup=False, soft_wrap=True)
            if answers is not None:
                self._print_answer(answers)
        finally:
            if answers is not None:
                answers.close()

    def _reader(self) -> AnswerReader | None:
        """Return what reads answers from now on; where they cannot be read, say so: the command can do without."""
        from confluent_kafka import KafkaException

        from driftline.runtime.control.answer_topic import AnswerReader

        try:
            return AnswerReader(self._settings, read_credentials(self._settings))
        except (DriftlineError, KafkaException) as error:
            _tell_unread(error)
            return None

    def _print_answer(self, answers: AnswerReader) -> None:
        from confluent_kafka import KafkaException

        from driftline.cli.answer_lines import REFUSED, told

        try:
            with err.status("waiting for the answer") if err.is_terminal else nullcontext():
                answer = answers.wait(self.id, WAIT_S)
        except (DriftlineError, KafkaException) as error:
            _tell_unread(error)
            return
        if answer is None:
            text = (
                f"no answer within {WAIT_S:g} s. Workers that run answer most commands at once, and one about an alert "
                "when event time has passed the command's, `time.lateness` and `time.pane` later. Wait for it with "
                f"`driftline answers {self.id} --wait 5m`"
            )
            err.print(text, style="yellow", markup=False, soft_wrap=True)
            return
        (err if answer.status == REFUSED else out).print(told(answer), markup=False, soft_wrap=True)
        if answer.status == REFUSED:
            raise typer.Exit(ExitCode.FOUND)


def _tell_unread(error: Exception) -> None:
    text = f"remark: the answer to the command cannot be read: {error}. `--no-wait` does not ask for it"
    err.print(text, style="yellow", markup=False, soft_wrap=True)


def refuse(message: str) -> typer.Exit:
    """Print why a command is not written; return what ends it."""
    err.print(message, markup=False, soft_wrap=True)
    return typer.Exit(ExitCode.FOUND)


def require_known(
    settings: Settings, model: str, published: Collection[ModelKey] | None = None, *, force: bool
) -> None:
    """Refuse a model that neither the configuration nor driftline's topics name; with ``force`` it is a remark.

    Parameters
    ----------
    settings : Settings
    model : str
    published : collection of ModelKey, optional
        Models and versions with a published reference, where they have been read already.
    force : bool
    """
    if model in settings.models:
        return
    named = {key.model for key in (published_keys(settings) if published is None else published)}
    if model in named:
        return
    named |= models_with_alerts(settings)
    if model in named:
        return
    listed = ", ".join(f"`{name}`" for name in sorted({*named, *settings.models})) or "none"
    topics = " and ".join(settings.kafka.topic(name) for name in ("alerts", "references"))
    text = f"no model `{model}` is known: {topics} and the configuration name {listed}"
    if not force:
        raise refuse(f"{text}. Give --force to write the command all the same")
    err.print(f"remark: {text}", style="yellow", markup=False)


def models_with_alerts(settings: Settings) -> set[str]:
    """Return the models that have an alert, open or resolved."""
    from driftline.cli.alert_records import standing_alerts

    return {str(alert.fields["model"]) for alert in standing_alerts(settings) if alert.fields.get("model")}


def published_keys(settings: Settings) -> set[ModelKey]:
    """Return the models and versions that have a published reference."""
    from driftline.runtime.references.reference_topic import published_profiles

    return {profile.key for profile in published_profiles(settings.kafka, read_credentials(settings))}


def publish_reference(settings: Settings, reference: Profile, *, dry_run: bool) -> None:
    """Publish the profile that a command is about, and print from when on it holds; in a dry run only print it."""
    from driftline.profiles.effective import shown
    from driftline.runtime.references.reference_topic import publish

    what = f"{reference.profile_id} for {reference.key}, holds from {shown(reference.effective_from_ms)}"
    if dry_run:
        err.print(f"would publish {what}", markup=False)
        return
    publish(settings.kafka, read_credentials(settings), reference)
    out.print(f"published {what}", markup=False)


def _whoever_runs_it() -> str:
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError) as error:  # as Python's versions say that there is no such user
        raise ParameterError("the name of who says it, as this user has no login name", None, "--by") from error
    return f"{user}@{socket.gethostname()}"
