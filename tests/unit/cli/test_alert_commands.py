from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from confluent_kafka import KafkaError

from driftline.cli.exit_codes import ExitCode
from driftline.events.control import Acknowledge, Mute, Note, Unmute
from tests.support.control_topic import ControlTopic, alert

NOW_MS = 1_772_366_400_000
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> ControlTopic:
    monkeypatch.setattr("time.time_ns", lambda: NOW_MS * 1_000_000)
    monkeypatch.setenv("LOGNAME", "ada")
    monkeypatch.setattr("socket.gethostname", lambda: "laptop")
    return ControlTopic(monkeypatch, capsys)


def test_an_alert_is_acknowledged_by_the_beginning_of_its_id(topic: ControlTopic) -> None:
    code, said, _ = topic.run("alerts", "ack", "x", "--not-useful", "--comment", "known", "--id", "i1")
    assert code == ExitCode.OK
    assert said == (
        "acknowledged: xyz3 of credit@3, income: mean 52,000 → 70,200 "
        "(command i1 by ada@laptop, driftline.control-0@17)\naccepted: So it is.\n"
    )
    assert topic.commands == [
        Acknowledge(by="ada@laptop", id="i1", comment="known", model="credit", alert="xyz3", useful=False)
    ]
    assert topic.records[0][0] == b"credit"
    assert json.loads(topic.records[0][1]) == {
        "command": "acknowledge",
        "by": "ada@laptop",
        "id": "i1",
        "comment": "known",
        "version": 1,
        "model": "credit",
        "alert": "xyz3",
        "useful": False,
    }


def test_each_command_has_an_id_of_its_own_unless_one_is_given(topic: ControlTopic) -> None:
    for _ in range(2):
        assert topic.run("alerts", "ack", "xyz3", "--by", "bot")[0] == ExitCode.OK
    first, second = topic.commands
    assert first.by == second.by == "bot"
    assert first.id
    assert second.id
    assert first.id != second.id
    assert "useful" not in json.loads(topic.records[0][1])


@pytest.mark.parametrize("command", [("ack",), ("mute", "--for", "4h"), ("note", "text")])
@pytest.mark.parametrize(
    ("start", "said"),
    [
        ("q", "no alert has an id that begins with 'q' in driftline.alerts: `driftline alerts list --all`"),
        ("ab", "2 alerts have an id that begins with 'ab' in driftline.alerts: `driftline alerts list --all`"),
    ],
)
def test_an_alert_that_nothing_can_be_said_about_is_refused(
    topic: ControlTopic, command: tuple[str, ...], start: str, said: str
) -> None:
    code, out, errors = topic.run("alerts", command[0], start, *command[1:])
    assert (code, out, errors.strip()) == (ExitCode.FOUND, "", said)
    assert topic.records == []


@pytest.mark.parametrize("command", [("ack",), ("mute", "--for", "4h")])
def test_a_resolved_alert_is_not_taken_care_of_any_more(topic: ControlTopic, command: tuple[str, ...]) -> None:
    code, out, errors = topic.run("alerts", command[0], "abd", *command[1:])
    assert (code, out) == (ExitCode.FOUND, "")
    assert errors.strip() == (
        "alert abd2 is resolved: it can be noted on, and `ack` can say whether its page was --useful or --not-useful"
    )
    assert topic.records == []


def test_of_a_resolved_alert_the_use_of_its_page_can_be_said_and_notes_can_be_left(topic: ControlTopic) -> None:
    assert topic.run("alerts", "ack", "abd", "--not-useful")[0] == ExitCode.OK
    assert topic.run("alerts", "note", "abd", "a sale")[0] == ExitCode.OK
    ack, note = topic.commands
    assert isinstance(ack, Acknowledge)
    assert (ack.alert, ack.useful) == ("abd2", False)
    assert isinstance(note, Note)
    assert note.alert == "abd2"


def test_a_dry_run_prints_the_record_and_writes_nothing(topic: ControlTopic) -> None:
    topic.exists = False
    code, out, _ = topic.run("alerts", "note", "xyz", "they know", "--dry-run", "--id", "i")
    assert code == ExitCode.OK
    assert json.loads(out) == {
        "topic": "driftline.control",
        "key": "credit",
        "value": {
            "command": "note",
            "by": "ada@laptop",
            "id": "i",
            "version": 1,
            "model": "credit",
            "text": "they know",
            "alert": "xyz3",
        },
    }
    assert topic.records == []


def test_a_missing_topic_says_what_to_do(topic: ControlTopic) -> None:
    topic.exists = False
    code, _, errors = topic.run("alerts", "ack", "xyz3")
    assert code == ExitCode.BROKER
    assert "Expected topic driftline.control, got none" in errors
    assert "Run `driftline topics create`" in errors


def test_no_answer_may_have_been_written_and_can_be_given_again(topic: ControlTopic) -> None:
    topic.answers = False
    code, out, errors = topic.run("alerts", "ack", "xyz3", "--id", "i1")
    assert (code, out) == (ExitCode.BROKER, "")
    assert "Expected `driftline.control` to acknowledge the command, got no answer within 30 s" in errors
    assert "It may have been written all the same: give it again with `--id i1`" in errors


def test_a_refusal_of_the_broker_is_told_as_one(topic: ControlTopic) -> None:
    topic.answer = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    code, out, errors = topic.run("alerts", "ack", "xyz3")
    assert (code, out) == (ExitCode.BROKER, "")
    assert "It was not written" in errors


def test_a_command_that_the_stages_would_refuse_is_not_written(topic: ControlTopic) -> None:
    code, _, errors = topic.run("alerts", "note", "xyz3", "n" * 2_001)
    assert code == ExitCode.DATA
    assert "Expected a control command" in errors
    assert topic.records == []


def test_what_is_like_an_alert_is_muted(topic: ControlTopic) -> None:
    code, said, _ = topic.run("alerts", "mute", "xyz3", "--for", "4h", "--id", "i")
    assert code == ExitCode.OK
    assert said.startswith("muted credit@3; columns income; data drift; until 2026-03-01T16:00:00.000Z (command i")
    until = datetime(2026, 3, 1, 16, tzinfo=UTC)
    assert topic.commands == [
        Mute(
            by="ada@laptop",
            id="i",
            until=until,
            model="credit",
            model_version="3",
            columns=["income"],
            causes=["data drift"],
        )
    ]


@pytest.mark.parametrize("more", [{"n_findings": 12}, {"findings": [{"column": None}]}, {"findings": []}])
def test_an_alert_that_does_not_name_all_columns_is_muted_for_any(topic: ControlTopic, more: dict[str, object]) -> None:
    topic.alerts = [alert("a", **more)]
    assert topic.run("alerts", "mute", "a", "--until", "+1d")[0] == ExitCode.OK
    [command] = topic.commands
    assert isinstance(command, Mute)
    assert command.columns == []


def test_alerts_are_muted_by_column_and_cause_over_all_models(topic: ControlTopic) -> None:
    given = ("--column", "a", "--column", "b", "--cause", "data-quality", "--until", "2026-03-02T00:00:00+01:00")
    code, said, _ = topic.run("alerts", "mute", *given)
    assert code == ExitCode.OK
    assert said.startswith("muted all models; columns a, b; data quality; until 2026-03-01T23:00:00.000Z")
    assert topic.records[0][0] is None
    [command] = topic.commands
    assert isinstance(command, Mute)
    assert (command.model, command.columns, command.causes) == (None, ["a", "b"], ["data quality"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--for", "4h"), "Expected an ALERT, or at least one of --model"),
        (("xyz3", "--model", "credit", "--for", "4h"), "Expected either an ALERT, or --model"),
        (("xyz3",), "Expected one of --until and --for"),
        (("xyz3", "--for", "4h", "--until", "5h"), "Expected one of --until and --for"),
        (("xyz3", "--for", "soon"), "Expected a duration such as"),
        (("xyz3", "--until", "soon"), "Expected RFC 3339 with an offset"),
        (("--cause", "ghosts", "--for", "4h"), "Expected one of `data drift`"),
    ],
)
def test_a_wrong_mute_is_a_wrong_command_line(topic: ControlTopic, given: tuple[str, ...], said: str) -> None:
    code, _, errors = topic.run("alerts", "mute", *given)
    assert code == ExitCode.CONFIGURATION
    assert said in errors


def test_a_mute_ends_after_it_begins(topic: ControlTopic) -> None:
    code, _, errors = topic.run("alerts", "mute", "xyz3", "--until", "-1h")
    assert code == ExitCode.CONFIGURATION
    assert "Expected an end after the beginning, which is now without --at, got '-1h'" in errors
    assert topic.run("alerts", "mute", "xyz3", "--at", "-3h", "--for", "2h")[0] == ExitCode.OK
    [command] = topic.commands
    assert isinstance(command, Mute)
    assert (command.at, command.until) == (datetime(2026, 3, 1, 9, tzinfo=UTC), datetime(2026, 3, 1, 11, tzinfo=UTC))


@pytest.mark.parametrize("dry_run", [(), ("--dry-run",)])
@pytest.mark.parametrize(("at", "shown"), [("-31d", "2026-01-29"), ("367d", "2027-03-03")])
def test_a_command_may_not_hold_from_far_away(
    topic: ControlTopic, at: str, shown: str, dry_run: tuple[str, ...]
) -> None:
    code, _, errors = topic.run("alerts", "ack", "xyz3", "--at", at, *dry_run)
    assert code == ExitCode.DATA
    assert f"at most 30 days ago or 366 days ahead on, got {shown}" in errors
    assert topic.records == []
    for near in ("-29d", "365d"):
        assert topic.run("alerts", "ack", "xyz3", "--at", near)[0] == ExitCode.OK


def test_an_alert_of_no_model_is_muted_by_its_causes(topic: ControlTopic) -> None:
    topic.alerts = [alert("i1", model="", model_version="", cause="intake", causes=["intake"], findings=[])]
    code, said, _ = topic.run("alerts", "mute", "i1", "--for", "1h")
    assert code == ExitCode.OK
    assert said.startswith("muted all models; any column; intake; until")
    assert topic.records[0][0] is None


@pytest.mark.parametrize("command", [("mute", "--for", "1h"), ("note", "text")])
def test_a_model_that_nothing_names_has_to_be_forced(topic: ControlTopic, command: tuple[str, ...]) -> None:
    code, _, errors = topic.run("alerts", *command, "--model", "kredit")
    assert code == ExitCode.FOUND
    assert "no model `kredit` is known" in errors
    assert "name `credit`. Give --force" in errors
    assert topic.records == []
    code, _, errors = topic.run("alerts", *command, "--model", "kredit", "--force")
    assert code == ExitCode.OK
    assert "remark: no model `kredit` is known" in errors
    assert topic.records[0][0] == b"kredit"


def test_mutes_that_hold_are_listed_and_ended(topic: ControlTopic) -> None:
    for name, hours in (("m1", 1), ("m2", 2), ("other", 3)):
        topic.run("alerts", "mute", "--model", "credit", "--for", f"{hours}h", "--id", name, "--comment", "why")
    topic.records.append((None, b"no command"))
    _, listed, _ = topic.run("alerts", "mutes")
    assert listed.splitlines()[0] == (
        "m1  credit; any column; any cause; until 2026-03-01T13:00:00.000Z, by ada@laptop: why"
    )
    code, said, _ = topic.run("alerts", "unmute", "o")
    assert code == ExitCode.OK
    assert said.startswith("no longer muted: credit; any column")
    *_, ended = topic.commands_readable()
    assert isinstance(ended, Unmute)
    assert ended.mute == "other"
    assert [line.split()[0] for line in topic.run("alerts", "mutes")[1].splitlines()] == ["m1", "m2"]
    for start, said in (("m", "2 mutes have an id"), ("other", "no mute that holds has an id")):
        code, _, errors = topic.run("alerts", "unmute", start)
        assert code == ExitCode.FOUND
        assert said in errors


def test_a_mute_without_an_id_goes_by_its_place(topic: ControlTopic) -> None:
    topic.records.append((None, b'{"command": "mute", "by": "x", "until": "2026-03-02T00:00:00Z"}'))
    assert topic.run("alerts", "mutes")[1].startswith("driftline.control-0@0  all models; any column; any cause;")
    topic.run("alerts", "unmute", "driftline.control-0@0")
    assert topic.run("alerts", "mutes")[1] == ""


def test_a_note_may_be_about_a_model(topic: ControlTopic) -> None:
    code, said, _ = topic.run("alerts", "note", "--model", "credit", "new supplier", "--id", "i")
    assert (code, said.split(" (")[0]) == (ExitCode.OK, "noted on credit")
    assert topic.commands == [Note(by="ada@laptop", id="i", model="credit", text="new supplier")]
    for given in (("xyz3",), ("xyz3", "text", "--model", "credit")):
        assert topic.run("alerts", "note", *given)[0] == ExitCode.CONFIGURATION


def test_who_says_it_must_be_known(topic: ControlTopic, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise OSError("no such user")

    monkeypatch.setattr("getpass.getuser", nobody)
    code, _, errors = topic.run("alerts", "ack", "xyz3")
    assert code == ExitCode.CONFIGURATION
    assert "at `--by`" in errors
