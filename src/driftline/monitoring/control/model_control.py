"""The commands that concern one version of a model, as its windows and alerts ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.alerts.directives import Muting
from driftline.config.settings import Settings
from driftline.events.alert import Beside
from driftline.events.cloudevents import rfc3339
from driftline.events.control import Deploy, Maintenance, Mute, Note, Rebaseline, Rollback
from driftline.monitoring.control.control_book import ControlBook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.alerts.directives import MuteSubject
    from driftline.alerts.onsets import Interval
    from driftline.events.alert import BesideKind
    from driftline.events.model_key import ModelKey
    from driftline.monitoring.control.kept import KeptCommand

MAINTENANCE: Final = "maintenance"
"""Flag of what overlaps a maintenance, and so opens no alert."""
REPLACED: Final = "replaced"
"""Flag of a window of a version that has been replaced since its start."""
DEPLOYED: Final = "deployed"
"""Flag of a window in which its version was deployed."""
MAX_BESIDE: Final = 10


class Moment(NamedTuple):
    """Something that happens to alerts at a moment."""

    at_ms: int
    order: int
    command: KeptCommand
    """A mute happens twice: when it begins, and when it ends."""


class ModelControl:
    """What is asked of the commands for one version of a model, as :class:`~driftline.alerts.directives.Directives`."""

    def __init__(self, book: ControlBook, key: ModelKey) -> None:
        self.book = book
        self._key = key

    # --- spans --------------------------------------------------------------------------------------------------------

    def in_maintenance(self, start_ms: int, end_ms: int) -> bool:
        """Whether a span overlaps a maintenance."""
        return any(each.from_ms < end_ms and start_ms < each.over_ms for each in self._maintenances())

    def after_maintenance(self, start_ms: int, length_ms: int) -> int:
        """Return the first moment from which on so long a span overlaps no maintenance; absence is counted from it."""
        for each in self._maintenances():
            if each.from_ms < start_ms + length_ms and start_ms < each.over_ms:
                start_ms = each.over_ms
        return start_ms

    def _maintenances(self) -> Iterator[KeptCommand]:
        return (each for each in self.book.maintenances if each.model in {None, self._key.model})

    def flags(self, start_ms: int, end_ms: int, at_ms: int, begun_ms: int) -> frozenset[str]:
        """Return what is to be said of a window that is evaluated at a moment; what it shows has begun at another."""
        found = {MAINTENANCE} if self.in_maintenance(start_ms, end_ms) else set()
        for each in self._deploys():
            if each.replaces(self._key.version) and begun_ms < each.from_ms < at_ms:
                found.add(REPLACED)
            if self._is_mine(each) and start_ms < each.from_ms < end_ms:
                found.add(DEPLOYED)
        return frozenset(found)

    # --- deploys ------------------------------------------------------------------------------------------------------

    def _deploys(self) -> Iterator[KeptCommand]:
        every = self.book.of_kind("deploy", lambda each: each.is_deploy)
        return (each for each in every if each.model == self._key.model)

    def _is_mine(self, each: KeptCommand) -> bool:
        command = each.command
        return isinstance(command, Deploy | Rollback) and command.model_version == self._key.version

    def deployed_after(self, time_ms: int) -> int | None:
        """Return when this version is next deployed, after a moment; None where that is not known."""
        return next((each.from_ms for each in self._deploys() if self._is_mine(each) and each.from_ms > time_ms), None)

    def deployed_by(self, time_ms: int) -> int | None:
        """Return when this version was last deployed up to a moment; None where that is not known."""
        times = [each.from_ms for each in self._deploys() if self._is_mine(each) and each.from_ms <= time_ms]
        return max(times, default=None)

    # --- alerts -------------------------------------------------------------------------------------------------------

    def muting(self, subject: MuteSubject, at_ms: int) -> Muting | None:
        """Return the mute that holds for a problem at a moment and ends last; None where there is none."""
        found = [
            (each.until_ms or 0, each.order, each.command.by)
            for each in self.book.mutes
            if each.from_ms < at_ms < each.over_ms and self._matches(each, subject)
        ]
        return None if not found else Muting(max(found)[2], max(found)[0])

    def _concerns(self, each: KeptCommand) -> bool:
        command = each.command
        return (
            isinstance(command, Mute)
            and command.model in {None, self._key.model}
            and command.model_version in {None, self._key.version}
        )

    def _matches(self, each: KeptCommand, subject: MuteSubject) -> bool:
        command = each.command
        if not isinstance(command, Mute) or not self._concerns(each):
            return False
        of_columns = not command.columns or (subject.columns is not None and subject.columns.issubset(command.columns))
        return of_columns and (not command.causes or subject.causes.issubset(command.causes))

    def beside(self, onset: Interval, at_ms: int) -> list[Beside]:
        """Return what happened in an interval, or as long before it as it lasts, and was known at a moment."""
        first_ms = onset.from_ms - (onset.to_ms - onset.from_ms)
        found: list[tuple[int, int, Beside]] = []
        for each in self.book.of_kind("beside", lambda each: _beside(each) is not None):
            told = _beside(each)
            if told is not None and each.model in {None, self._key.model} and each.from_ms < at_ms:
                found.append((each.entry.at_ms, each.entry.offset, told))
        for time_ms, settings in self.book.changes(self._key.model):
            if time_ms < at_ms:
                change = Beside(kind="configuration", at=rfc3339(time_ms), by="", model_version=None, text=settings)
                found.append((time_ms, -1, change))
        near = [each for each in found if first_ms <= each[0] <= onset.to_ms]
        return [told for _, _, told in sorted(near, key=lambda each: each[:2])][-MAX_BESIDE:]

    # --- moments ------------------------------------------------------------------------------------------------------

    def moments(self, after_ms: int | None, until_ms: int) -> list[Moment]:
        """Return what happens to alerts from a moment on, up to but not including another."""
        found = [moment for each in self._acting() for moment in self._of(each)]
        due = (each for each in found if each.at_ms < until_ms and (after_ms is None or after_ms <= each.at_ms))
        return sorted(due, key=lambda each: each[:2])

    def _acting(self) -> Iterator[KeptCommand]:
        yield from (each for each in self.book.undecided if each.model == self._key.model)
        yield from (each for each in self._deploys() if each.replaces(self._key.version))
        yield from (each for each in self.book.mutes if self._concerns(each))
        for each in self.book.of_kind("rebaseline", lambda each: isinstance(each.command, Rebaseline)):
            command = each.command
            if isinstance(command, Rebaseline) and (command.model, command.model_version) == self._key_pair:
                yield each

    @property
    def _key_pair(self) -> tuple[str, str]:
        return self._key.model, self._key.version

    def _of(self, each: KeptCommand) -> list[Moment]:
        moments = [Moment(each.from_ms, each.entry.offset, each)]
        if isinstance(each.command, Mute):
            moments.append(Moment(each.over_ms, each.entry.offset, each))
        return moments


def _beside(each: KeptCommand) -> Beside | None:
    """Return a command as alerts show it beside them; None for those that are not shown so."""
    command, at = each.command, rfc3339(each.entry.at_ms)
    match command:
        case Deploy() | Rollback():
            kind: BesideKind = "deploy" if isinstance(command, Deploy) else "rollback"
            version, text = command.model_version, command.comment or ""
            return Beside(kind=kind, at=at, by=command.by, model_version=version, text=text)
        case Rebaseline():
            text = ", ".join(command.columns)
            return Beside(kind="rebaseline", at=at, by=command.by, model_version=command.model_version, text=text)
        case Maintenance():
            return Beside(kind="maintenance", at=at, by=command.by, model_version=None, text=command.name)
        case Note() if command.alert is None:
            return Beside(kind="note", at=at, by=command.by, model_version=None, text=command.text)
        case _:
            return None


def no_control(key: ModelKey) -> ModelControl:
    """Return the commands of a model of which nothing is ever said."""
    settings = Settings()
    return ModelControl(ControlBook(settings, int(settings.time.pane)), key)
