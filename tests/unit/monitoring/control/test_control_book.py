"""The commands of a partition: kept within bounds, answered once, forgotten, and looked up by event time."""

from __future__ import annotations

import json
from typing import Any

from driftline.alerts.directives import MuteSubject
from driftline.alerts.onsets import Interval
from driftline.config.settings import Settings
from driftline.events.model_key import ModelKey
from driftline.monitoring.control import control_book
from driftline.monitoring.control.control_book import MAX_COMMANDS, ControlBook
from driftline.monitoring.control.model_control import ModelControl
from tests.support.commands import entries

MINUTE = 60_000
DAY = 86_400_000
KEY = ModelKey("m", "1")
DRIFT = MuteSubject(frozenset(("data drift",)), frozenset(("x",)))


def book(*commands: dict[str, Any], reached_ms: int | None = 0) -> ControlBook:
    """Return a book with commands about a model that is known."""
    made = ControlBook(Settings(), 10_000)
    made.see("m", -10_000)
    made.reached_ms = reached_ms
    assert made.take(entries([{"by": "ann", **each} for each in commands])) == []
    return made


def answers(outputs: list[Any]) -> list[tuple[str, str, str]]:
    found = [json.loads(each.value) for each in outputs]
    return [(each["command_id"], each["status"], each["message"]) for each in found]


def test_a_mute_matches_all_that_it_gives() -> None:
    made = book(
        {"command": "mute", "at": 5, "until": 50, "model": "m", "columns": ["x", "y"], "causes": ["data drift"]}
    )
    control = ModelControl(made, KEY)
    assert control.muting(DRIFT, 5) is None, "what was found up to its time is not muted"
    assert control.muting(DRIFT, 6) is not None
    assert control.muting(DRIFT, 50) is None
    assert control.muting(DRIFT._replace(columns=frozenset("xz")), 6) is None
    assert control.muting(DRIFT._replace(columns=None), 6) is None, "a finding about no column is not in these"
    assert control.muting(DRIFT._replace(causes=frozenset(("data drift", "performance"))), 6) is None
    assert ModelControl(made, ModelKey("other", "1")).muting(DRIFT, 6) is None
    assert ModelControl(made, ModelKey("m", "2")).muting(DRIFT, 6) is not None


def test_of_several_mutes_the_one_that_ends_last_is_shown() -> None:
    made = book(
        {"command": "mute", "id": "a", "at": 1, "until": 90, "by": "bob"},
        {"command": "mute", "id": "b", "at": 2, "until": 70, "model_version": "1"},
    )
    muting = ModelControl(made, KEY).muting(DRIFT, 10)
    assert muting is not None
    assert (muting.by, muting.until_ms) == ("bob", 90)


def test_a_repeated_id_changes_nothing_and_has_had_its_answer() -> None:
    made = book({"command": "mute", "id": "a", "at": 1, "until": 90})
    assert [each[:2] for each in answers(made.answers())] == [("a", "accepted")]
    made.take(entries([{"command": "mute", "by": "eve", "id": "a", "at": 1, "until": 900}]))
    assert made.answers() == []
    assert ModelControl(made, KEY).muting(DRIFT, 100) is None
    made.take(entries([{"command": "unmute", "by": "eve", "id": "u", "at": 5, "mute": "a"}]))
    assert made.take(entries([{"command": "unmute", "by": "eve", "id": "u", "at": 5, "mute": "none"}])) == []


def test_an_unmute_of_nothing_is_refused() -> None:
    made = book(
        {"command": "mute", "id": "a", "at": 1, "until": 90},
        {"command": "note", "id": "n", "at": 1, "model": "m", "text": "x"},
    )
    said = [
        *made.take(entries([{"command": "unmute", "by": "ann", "id": "1", "at": 5, "mute": "b"}])),
        *made.take(entries([{"command": "unmute", "by": "ann", "id": "2", "at": 5, "mute": "n"}])),
        *made.take(entries([{"command": "unmute", "by": "ann", "id": "3", "at": 95, "mute": "a"}])),
    ]
    assert [each[1] for each in answers(said)] == ["refused"] * 3


def test_a_model_that_nobody_knows_is_refused_once_its_time_has_come() -> None:
    made = book({"command": "deploy", "id": "d", "at": 50, "model": "mm", "model_version": "2"})
    assert made.answers() == []
    made.see("mm", 60)
    made.reached_ms = 50
    assert made.answers() == [], "a prediction from before may still come"
    made.reached_ms = 60
    ((name, status, text),) = answers(made.answers())
    assert (name, status) == ("d", "refused")
    assert "No prediction of a model of the name mm" in text
    assert len(made) == 0


def test_what_is_over_when_it_comes_is_refused() -> None:
    made = book(reached_ms=100)
    said = made.take(entries([{"command": "mute", "by": "ann", "id": "a", "at": 1, "until": 90}]))
    assert answers(said)[0][1] == "refused"
    late = made.take(entries([{"command": "mute", "by": "ann", "id": "b", "at": 1, "until": 200}])) + made.answers()
    assert answers(late)[0][1] == "late"
    assert ModelControl(made, KEY).muting(DRIFT, 100) is None


def test_there_are_bounds() -> None:
    commands = [{"command": "mute", "id": str(i), "at": 1, "until": 90} for i in range(MAX_COMMANDS)]
    made = book(*commands)
    said = made.take(entries([{"command": "mute", "by": "ann", "id": "more", "at": 1, "until": 90}]))
    assert answers(said)[0][1] == "refused"
    assert "1,000 commands already" in answers(said)[0][2]
    made.answers()
    made.expire(400 * DAY)
    assert len(made) == 0


def test_ids_that_are_remembered_are_bounded(monkeypatch: Any) -> None:  # noqa: ANN401  # pytest's own
    monkeypatch.setattr(control_book, "MAX_PAST", 20)
    made = book()
    for i in range(60):
        made.take(entries([{"command": "unmute", "by": "ann", "id": str(i), "at": i, "mute": "none"}]))
    kept = len(made.tables[1])
    assert 18 <= kept <= 20


def test_absence_is_counted_after_a_maintenance() -> None:
    control = ModelControl(
        book(
            {"command": "maintenance", "start": 100, "until": 200, "model": "m"},
            {"command": "maintenance", "start": 190, "until": 300},
            {"command": "maintenance", "start": 305, "until": 400, "model": "other"},
        ),
        KEY,
    )
    assert control.after_maintenance(10, 90) == 10
    assert control.after_maintenance(50, 100) == 300
    assert not control.in_maintenance(0, 100)
    assert control.in_maintenance(0, 101)
    assert not control.in_maintenance(300, 400)


def test_what_stands_beside_an_onset_is_near_it_and_was_known() -> None:
    made = book(
        {"command": "deploy", "id": "d", "at": 700, "model": "m", "model_version": "2"},
        {"command": "note", "id": "n", "at": 990, "model": "m", "text": "x"},
        {"command": "note", "id": "a", "at": 990, "model": "m", "text": "x", "alert": "alert"},
        {"command": "deploy", "id": "o", "at": 990, "model": "other", "model_version": "2"},
        {"command": "rebaseline", "id": "r", "at": 1_050, "model": "m", "model_version": "1", "profile_id": "p"},
        {"command": "maintenance", "id": "w", "start": 1_101, "until": 2_000},
    )
    control = ModelControl(made, KEY)
    made.configured("m", "a")
    made.reached_ms = 1_020
    made.configured("m", "b")
    found = [each.kind for each in control.beside(Interval(1_000, 1_100), 5_000)]
    assert found == ["note", "configuration", "rebaseline"]
    assert [each.kind for each in control.beside(Interval(1_000, 1_100), 1_050)] == ["note", "configuration"]
    assert next(each.kind for each in control.beside(Interval(1_000, 1_300), 5_000)) == "deploy"
