"""Commands of the control topic: read, checked, and given to the partitions of the panes topic that they concern.

Nothing here knows which models or alerts there are; that is for the detect stage to judge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.errors import EventError
from driftline.events.control import MAX_AHEAD_MS, MAX_PAST_MS, Maintenance, Mute, Unmute, command_of, time_given
from driftline.events.dead_letter import INVALID_VALUE, UNUSABLE_COMMAND, DeadLetter
from driftline.events.model_key import ModelKey, panes_partition
from driftline.events.source import CONTROL
from driftline.events.times import read_time
from driftline.panes.control_entry import ControlEntry

if TYPE_CHECKING:
    from driftline.events.control import ControlCommand
    from driftline.events.record_batch import RecordBatch


class ControlIntake:
    """Collects the commands since the last flush.

    ``n_partitions`` are those of the panes topic. A command about a model goes to that model's partition. Mutes, and
    what ends them, also go to the one that keeps account of all mutes; without a model a command goes to all.
    """

    def __init__(self, n_partitions: int) -> None:
        self._n_partitions = n_partitions
        self._account = panes_partition(CONTROL, n_partitions)
        self.entries: dict[int, list[ControlEntry]] = {}

    def add(self, batch: RecordBatch) -> list[DeadLetter]:
        """Take records in; return those that are no command that can be carried out."""
        refused = []
        for value, offset, stamp_ms in zip(batch.values, batch.offsets, batch.timestamps_ms, strict=True):
            place = f"{batch.place}@{offset}"
            try:
                command = command_of(value)
                entry = _entry(command, place, offset, stamp_ms)
            except EventError as error:
                text = f"{error} ({place})"
                refused.append(DeadLetter(UNUSABLE_COMMAND, text, batch.topic, batch.partition, offset, value or b""))
                continue
            for number, each in self._placed(entry):
                self.entries.setdefault(number, []).append(each)
        return refused

    def _placed(self, entry: ControlEntry) -> list[tuple[int, ControlEntry]]:
        command = entry.command
        beside = ControlEntry(entry.at_ms, entry.id, command, entry.offset, entry.written_ms, answers=False)
        model = None if isinstance(command, Unmute) else command.model
        if model is None:
            return [(number, entry if number == self._account else beside) for number in range(self._n_partitions)]
        own = panes_partition(ModelKey(model, ""), self._n_partitions)
        others = [(self._account, beside)] if isinstance(command, Mute) and own != self._account else []
        return [(own, entry), *others]

    def clear(self) -> None:
        """Forget what was collected."""
        self.entries = {}


def _entry(command: ControlCommand, place: str, offset: int, stamp_ms: int) -> ControlEntry:
    """Return a command with its times.

    Raises
    ------
    EventError
        When its time is missing, too far from that of its record, or its end is not after its beginning.
    """
    known_ms = stamp_ms if stamp_ms >= 0 else None
    given = time_given(command)
    if given is None:
        if known_ms is None:
            raise EventError(
                INVALID_VALUE, "Expected the time from which the command holds, as its record has none - at `$.at`"
            )
        at_ms = known_ms
    else:
        at_ms = read_time(given, stamp_ms=stamp_ms, at="$.start" if isinstance(command, Maintenance) else "$.at")
    if isinstance(command, Mute | Maintenance):
        until_ms = read_time(command.until, stamp_ms=stamp_ms, at="$.until")
        if until_ms <= at_ms:
            raise EventError(
                INVALID_VALUE,
                f"Expected an end after the beginning, got {at_ms - until_ms} ms before it - at `$.until`",
            )
        if known_ms is not None and until_ms < known_ms - MAX_PAST_MS:
            raise EventError(INVALID_VALUE, "Expected an end in the last 30 days or later - at `$.until`")
    if known_ms is not None:
        _require_near(at_ms, known_ms, command)
    return ControlEntry(at_ms, command.id or place, command, offset, at_ms if known_ms is None else known_ms)


def _require_near(at_ms: int, known_ms: int, command: ControlCommand) -> None:
    at = "$.start" if isinstance(command, Maintenance) else "$.at"
    if at_ms < known_ms - MAX_PAST_MS:
        days = (known_ms - at_ms) // 86_400_000
        raise EventError(
            INVALID_VALUE,
            f"Expected a time at most 30 days before the record's own, got {days} days before - at `{at}`",
        )
    if at_ms > known_ms + MAX_AHEAD_MS:
        days = (at_ms - known_ms) // 86_400_000
        raise EventError(
            INVALID_VALUE, f"Expected a time at most 366 days after the record's own, got {days} days - at `{at}`"
        )
