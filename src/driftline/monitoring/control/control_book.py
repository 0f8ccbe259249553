"""All commands that concern the models of one partition, by event time.

What a command does is looked up with the event time of what it is asked for, so it does not matter in which flush it
came, as long as it came before the watermark of predictions had passed its time. One that comes later holds from the
watermark on, and its answer says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from driftline.checks.contract.error_budget import ErrorBudget
from driftline.events.control import Maintenance, Mute, Unmute
from driftline.monitoring.control.answers import answer
from driftline.monitoring.control.kept import KeptCommand, kept
from driftline.monitoring.state.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from driftline.config.settings import Settings
    from driftline.events.output_record import OutputRecord
    from driftline.panes.control_entry import ControlEntry

MAX_COMMANDS: Final = 1_000
"""Commands that are kept at most; further ones are refused."""
MAX_PAST: Final = 10_000
"""Ids of commands that are remembered after they have been forgotten, so that a repetition changes nothing."""
MAX_CHANGES: Final = 10
"""Changes of the configuration of a model that are remembered, the latest."""
_DAY_MS: Final = 86_400_000


class KnownModel(Struct, array_like=True):
    """What is known of a model, whatever its version."""

    first_ms: int | None = None
    """Start of the first pane with predictions."""
    settings: str = ""
    """Hash of its settings when it was last seen to be other than before."""
    changes: list[tuple[int, str]] = []
    """Event times at which its settings were found to be other ones, and their hashes; the latest last."""


class ControlBook:
    """The commands of one partition of the panes topic.

    Attributes
    ----------
    reached_ms : int or None
        How far the watermark of predictions has come, in whole panes.

    Notes
    -----
    *State*: at most ``MAX_COMMANDS`` commands. They are forgotten when no window that they overlap can be evaluated any
    more, and no alert can begin near them. *Cost* of an observation: a few steps for each command that is kept of its
    kind.
    """

    def __init__(self, settings: Settings, pane_ms: int) -> None:
        self._settings = settings
        self._pane_ms = pane_ms
        self._commands = Table("command", str, KeptCommand, self._changed)
        self._past = Table("past", str, int)
        self._models = Table("model", str, KnownModel)
        self.tables = (self._commands, self._past, self._models)
        self.reached_ms: int | None = None
        models = (settings.defaults, *settings.models.values())
        self._keep_ms = 2 * _DAY_MS + max(
            int(model.labels.horizon) + int(model.windows.performance) + max(map(int, model.windows.verdict), default=0)
            for model in models
        )
        self._budgets: dict[str, ErrorBudget] = {}
        self._by_kind: dict[str, list[KeptCommand]] = {}

    def __len__(self) -> int:
        return len(self._commands)

    def _changed(self) -> None:
        self._by_kind = {}

    # --- what comes ---------------------------------------------------------------------------------------------------

    def see(self, model: str, pane_ms: int) -> None:
        """Note predictions of a model in an open pane."""
        known = self._models.get(model)
        if known is not None and known.first_ms is not None and known.first_ms <= pane_ms:
            return
        known = KnownModel() if known is None else known
        known.first_ms = pane_ms
        self._models.put(model, known)

    def configured(self, model: str, settings: str) -> None:
        """Note the hash of a model's settings; another one than before is a change at the watermark."""
        known = self._models.get(model) or KnownModel()
        if known.settings == settings:
            return
        if known.settings and self.reached_ms is not None:
            known.changes = [*known.changes, (self.reached_ms, settings)][-MAX_CHANGES:]
        known.settings = settings
        self._models.put(model, known)

    def take(self, entries: Iterable[ControlEntry]) -> list[OutputRecord]:
        """Take in the commands of one record of the panes topic; return the answers to those that are refused at once.

        One whose id is known changes nothing, and has had its answer.
        """
        outputs: list[OutputRecord] = []
        for entry in entries:
            if entry.id in self._commands or entry.id in self._past:
                continue
            command = kept(entry, self.reached_ms)
            problem = self._problem(command)
            if isinstance(command.command, Unmute):
                outputs += self._unmute(command)
            elif problem is not None:
                outputs += self._answered(command, problem)
                self._forget(command)
            else:
                self._commands.put(entry.id, command)
                self._changed()
        return outputs

    def _problem(self, command: KeptCommand) -> str | None:
        if command.until_ms is not None and command.until_ms <= command.from_ms:
            return "Event time has passed its end already, so there is nothing that it could change."
        if len(self._commands) >= MAX_COMMANDS:
            return (
                f"There are {MAX_COMMANDS:,} commands already that have not expired. End mutes and maintenances that "
                "are no longer needed, or give them an earlier end."
            )
        return None

    def _unmute(self, command: KeptCommand) -> list[OutputRecord]:
        said = command.command
        mute = self._commands.get(said.mute) if isinstance(said, Unmute) else None
        problem = None
        if mute is None or not isinstance(mute.command, Mute):
            problem = f"No mute of the id {said.mute if isinstance(said, Unmute) else ''} is known, or it is over."
        elif mute.over_ms <= command.from_ms:
            problem = f"The mute {mute.entry.id} is over by then."
        else:
            mute.unmuted_ms = max(mute.from_ms, command.from_ms)
            self._commands.changed(mute.entry.id)
            self._changed()
        outputs = self._answered(command, problem)
        self._forget(command)
        return outputs

    # --- answers ------------------------------------------------------------------------------------------------------

    def answers(self) -> list[OutputRecord]:
        """Return the answers that can be given by now to commands that are about no alert.

        That a model is not known can be said only when event time has reached the command.
        """
        outputs: list[OutputRecord] = []
        for command in [each for each in self._commands.values() if not each.answered and each.alert is None]:
            if self._known(command):
                outputs += self._answered(command, None)
                command.answered = True
                self._commands.changed(command.entry.id)
            elif self.reached_ms is not None and self.reached_ms > command.from_ms:
                text = (
                    f"No prediction of a model of the name {command.model} had come by then, and the configuration has "
                    "no section for it. Mind the name."
                )
                outputs += self._answered(command, text)
                self._forget(command)
        return outputs

    def _known(self, command: KeptCommand) -> bool:
        model = command.model
        if model is None or not command.entry.answers or model in self._settings.models:
            return True
        known = self._models.get(model)
        return known is not None and known.first_ms is not None and known.first_ms < command.from_ms

    def settle(self, command: KeptCommand, refused: str | None, flags: Iterable[str] = ()) -> list[OutputRecord]:
        """Return the answer to a command about an alert, which is done with."""
        outputs = self._answered(command, refused, flags)
        self._forget(command)
        return outputs

    def _answered(self, command: KeptCommand, refused: str | None, flags: Iterable[str] = ()) -> list[OutputRecord]:
        if not command.entry.answers:
            return []
        return [answer(command, self._budget(command.model or ""), self._pane_ms, refused, flags)]

    def _budget(self, model: str) -> ErrorBudget:
        if model not in self._settings.models:
            model = ""
        budget = self._budgets.get(model)
        if budget is None:
            budget = self._budgets[model] = ErrorBudget.of(self._settings, model)
        return budget

    # --- what is asked for --------------------------------------------------------------------------------------------

    def of_kind(self, name: str, chosen: Callable[[KeptCommand], bool]) -> Sequence[KeptCommand]:
        """Return commands of a kind in the order in which they hold; ``name`` stands for what ``chosen`` chooses."""
        found = self._by_kind.get(name)
        if found is None:
            every = [each for each in self._commands.values() if chosen(each)]
            found = self._by_kind[name] = sorted(every, key=lambda each: each.order)
        return found

    @property
    def maintenances(self) -> Sequence[KeptCommand]:
        """All of them."""
        return self.of_kind("maintenance", lambda each: isinstance(each.command, Maintenance))

    @property
    def mutes(self) -> Sequence[KeptCommand]:
        """All of them."""
        return self.of_kind("mute", lambda each: isinstance(each.command, Mute))

    @property
    def undecided(self) -> Sequence[KeptCommand]:
        """Commands about alerts that are not carried out yet."""
        return self.of_kind("alert", lambda each: each.alert is not None)

    def changes(self, model: str) -> list[tuple[int, str]]:
        """Return the changes of a model's settings: event time, and the new hash."""
        known = self._models.get(model)
        return [] if known is None else known.changes

    # --- what goes ----------------------------------------------------------------------------------------------------

    def expire(self, slowest_ms: int) -> None:
        """Forget what nothing from a time on can ask for."""
        before_ms = slowest_ms - self._keep_ms
        for command in [
            each for each in self._commands.values() if each.answered and max(each.from_ms, each.over_ms) < before_ms
        ]:
            self._forget(command)

    def _forget(self, command: KeptCommand) -> None:
        self._commands.drop(command.entry.id)
        self._changed()
        self._past.put(command.entry.id, command.entry.written_ms)
        if len(self._past) > MAX_PAST:
            oldest = sorted(self._past.items(), key=lambda each: (each[1], each[0]))
            for name, _ in oldest[: MAX_PAST // 10]:
                self._past.drop(name)
