"""Records of the control topic: what is a command, which partitions are given it, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from driftline.events.dead_letter import UNUSABLE_COMMAND
from driftline.events.model_key import ModelKey, panes_partition
from driftline.events.source import CONTROL
from driftline.panes.flush_record import MAX_COMMAND_BYTES, chunks, decode
from driftline.sketching.control_intake import ControlIntake
from tests.support.commands import batch

NOW = 1_772_366_400_000
DAY = 86_400_000
ACK: dict[str, Any] = {"command": "acknowledge", "by": "ann", "model": "m", "alert": "a"}
MUTE: dict[str, Any] = {"command": "mute", "by": "ann", "until": NOW + DAY}
SPAN: dict[str, Any] = {"command": "maintenance", "by": "ann", "start": NOW, "until": NOW + DAY}


def refusal(command: dict[str, Any] | bytes, stamp_ms: int = NOW) -> str:
    """Return why a record is refused."""
    intake = ControlIntake(1)
    (letter,) = intake.add(batch(command, offset=5, stamp_ms=stamp_ms))
    assert intake.entries == {}
    assert (letter.reason, letter.topic, letter.partition, letter.offset) == (UNUSABLE_COMMAND, "c", 0, 5)
    assert letter.message.endswith(" (c-0@5)")
    return letter.message.removesuffix(" (c-0@5)")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (b"", "Expected a JSON object, got an empty record"),
        (b"\xff\xfe", "UTF-8"),
        (b"{", "Expected JSON"),
        (b"[1]", "Expected a command as a JSON object"),
        ({**ACK, "version": 2}, "Expected a control command of version 1, got version 2"),
        ({**ACK, "version": "é" * 500}, "Expected a control command of version 1, got version"),
        ({**ACK, "command": "explode"}, "Invalid value 'explode'"),
        ({**ACK, "urgent": True}, "Object contains unknown field `urgent`"),
        ({**ACK, "by": ""}, "length >= 1"),
        ({**ACK, "comment": "x" * 2_001}, "length <= 2000"),
        ({**ACK, "at": "soon"}, "Invalid RFC3339 encoded datetime - at `$.at`"),
        ({**ACK, "at": NOW * 1_000}, "microseconds"),
        ({**ACK, "at": NOW - 31 * DAY}, "at most 30 days before the record's own, got 31 days before - at `$.at`"),
        ({**ACK, "at": NOW + 400 * DAY}, "at most 366 days after the record's own, got 400 days - at `$.at`"),
        ({**MUTE, "until": NOW - 1}, "Expected an end after the beginning, got 1 ms before it - at `$.until`"),
        ({**MUTE, "causes": ["bad luck"]}, "Invalid enum value 'bad luck'"),
        ({**SPAN, "until": NOW}, "Expected an end after the beginning, got 0 ms before it"),
        ({**SPAN, "start": NOW - 40 * DAY, "until": NOW}, "got 40 days before - at `$.start`"),
    ],
)
def test_what_is_no_command_is_a_dead_letter(command: dict[str, Any] | bytes, said: str) -> None:
    assert said in refusal(command)


def test_without_a_timestamp_a_command_has_to_say_its_time() -> None:
    assert "as its record has none - at `$.at`" in refusal(ACK, -1)
    intake = ControlIntake(1)
    assert intake.add(batch({**ACK, "at": 5})) == []
    assert (intake.entries[0][0].at_ms, intake.entries[0][0].written_ms) == (5, 5)


def test_time_and_id_are_those_of_the_record_unless_they_are_given() -> None:
    intake = ControlIntake(1)
    given = {**ACK, "id": "mine", "at": "2026-03-01T12:00:01Z"}
    assert intake.add(batch(ACK, given, SPAN, offset=3, stamp_ms=NOW)) == []
    found = [(each.id, each.at_ms - NOW, each.offset, each.written_ms - NOW) for each in intake.entries[0]]
    assert found == [("c-0@3", 0, 3, 0), ("mine", 1_000, 4, 0), ("c-0@5", 0, 5, 0)]
    intake.clear()
    assert intake.entries == {}


def test_commands_go_to_the_partition_of_their_model_and_one_partition_answers() -> None:
    n = 8
    account = panes_partition(CONTROL, n)
    model = next(name for name in map(str, range(99)) if panes_partition(ModelKey(name, ""), n) != account)
    own = panes_partition(ModelKey(model, "3"), n)

    def placed(command: dict[str, Any]) -> dict[int, bool]:
        intake = ControlIntake(n)
        assert intake.add(batch(command, stamp_ms=NOW)) == []
        return {number: entry.answers for number, (entry,) in intake.entries.items()}

    assert placed({**ACK, "model": model}) == {own: True}
    assert placed({**MUTE, "model": model}) == {own: True, account: False}, "there an unmute looks for it"
    everywhere = {number: number == account for number in range(n)}
    assert placed(MUTE) == placed(SPAN) == placed({"command": "unmute", "by": "ann", "mute": "x"}) == everywhere


def test_many_commands_fill_records_of_their_own_before_the_last() -> None:
    intake = ControlIntake(1)
    notes = [{"command": "note", "by": "ann", "model": "m", "text": "x" * 2_000} for _ in range(300)]
    assert intake.add(batch(*notes, stamp_ms=NOW)) == []
    records = chunks([], [], [], control=intake.entries[0])
    assert len(records) > 2
    assert max(map(len, records)) < MAX_COMMAND_BYTES + 5_000
    assert [each.offset for record in records for each in decode(record, "x").control] == [*range(300)]


def test_hostile_texts_come_through_as_they_are() -> None:
    text = "<script>\u202e\x00\n`; DROP"
    intake = ControlIntake(1)
    assert intake.add(batch(json.dumps({**ACK, "comment": text}).encode(), stamp_ms=NOW)) == []
    (record,) = chunks([], [], [], control=intake.entries[0])
    assert decode(record, "x").control[0].command.comment == text
