from __future__ import annotations

import json

import pytest
from confluent_kafka import KafkaError, KafkaException

from driftline.cli.exit_codes import ExitCode
from driftline.errors import BrokerError
from driftline.runtime.control.answer_topic import Answer
from tests.support.control_topic import ControlTopic

NOW_MS = 1_772_366_400_000
AT = "2026-03-01T12:00:00.000Z"
ACCEPTED = Answer("i1", "deploy", "bot", "accepted", "Version 4 takes over.", AT, "credit")
REFUSED = Answer("i2", "note", "ada", "refused", "No such alert.", AT)


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> ControlTopic:
    monkeypatch.setattr("time.time_ns", lambda: NOW_MS * 1_000_000)
    return ControlTopic(monkeypatch, capsys)


@pytest.mark.parametrize("status", ["accepted", "late"])
def test_a_command_says_that_it_was_accepted(topic: ControlTopic, status: str) -> None:
    topic.status = status
    code, out, errors = topic.run("alerts", "ack", "xyz3")
    assert (code, errors, topic.n_closed) == (ExitCode.OK, "", 1)
    assert out.splitlines()[1:] == [f"{status}: So it is."]


def test_a_command_that_is_refused_says_why_and_ends_with_1(topic: ControlTopic) -> None:
    topic.status = "refused"
    code, out, errors = topic.run("maintenance", "--from", "now", "--until", "2h")
    assert (code, len(out.splitlines()), errors) == (ExitCode.FOUND, 1, "refused: So it is.\n")


def test_a_command_without_an_answer_says_when_and_where_there_will_be_one(topic: ControlTopic) -> None:
    topic.status = ""
    code, out, errors = topic.run("deploy", "--model", "credit", "--version", "3", "--id", "d1", "--force")
    assert (code, len(out.splitlines())) == (ExitCode.OK, 1)
    assert "no answer within 10 s" in errors
    assert "`driftline answers d1 --wait 5m`" in errors


def test_no_answer_is_asked_for_where_none_is_wanted(topic: ControlTopic) -> None:
    topic.unreadable = AssertionError("nobody reads")
    code, out, errors = topic.run("alerts", "note", "xyz3", "text", "--no-wait")
    assert (code, len(out.splitlines()), errors) == (ExitCode.OK, 1, "")


@pytest.mark.parametrize(
    "error", [BrokerError("no topic"), KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED, "no topic"))]
)
def test_a_command_does_without_an_answer_that_it_may_not_read(topic: ControlTopic, error: Exception) -> None:
    topic.unreadable = error
    code, out, errors = topic.run("alerts", "ack", "xyz3")
    assert (code, len(out.splitlines()), len(topic.records)) == (ExitCode.OK, 1, 1)
    assert "remark: the answer to the command cannot be read: " in errors
    assert "no topic" in errors
    assert "`--no-wait` does not ask for it" in errors


def test_answers_are_one_line_each(topic: ControlTopic) -> None:
    topic.said = [ACCEPTED, REFUSED]
    code, out, _ = topic.run("answers")
    assert code == ExitCode.OK
    assert out.splitlines() == [
        "2026-03-01T12:00:00Z  accepted  deploy       credit  by bot: Version 4 takes over.  i1",
        "2026-03-01T12:00:00Z  refused   note         by ada: No such alert.  i2",
    ]
    code, out, _ = topic.run("answers", "--json")
    assert [json.loads(line)["status"] for line in out.splitlines()] == ["accepted", "refused"]


@pytest.mark.parametrize(("command", "code"), [("i1", ExitCode.OK), ("i2", ExitCode.FOUND), ("i", ExitCode.FOUND)])
def test_the_exit_code_says_whether_a_command_was_refused(topic: ControlTopic, command: str, code: ExitCode) -> None:
    topic.said = [ACCEPTED, REFUSED]
    left, out, _ = topic.run("answers", command)
    assert (left, len(out.splitlines())) == (code, 2 if command == "i" else 1)


def test_an_answer_can_be_waited_for(topic: ControlTopic) -> None:
    code, out, _ = topic.run("answers", "d1", "--wait", "5m")
    assert (code, out.split()[-1]) == (ExitCode.OK, "d1")
    topic.status = ""
    code, out, errors = topic.run("answers", "d1", "--wait", "5m")
    assert (code, out) == (ExitCode.FOUND, "")
    assert errors.startswith("no answer to a command whose id begins with 'd1'")
    code, _, errors = topic.run("answers", "--wait", "5m")
    assert code == ExitCode.CONFIGURATION
    assert "Expected a COMMAND whose answer to wait for" in errors


def test_what_an_answer_repeats_commands_no_terminal(topic: ControlTopic) -> None:
    topic.said = [Answer("i3", "note", "\x1b[31mada\u202e", "refused", "two\nlines", AT, "<b>m\u061c")]
    _, out, _ = topic.run("answers")
    assert out == "2026-03-01T12:00:00Z  refused   note         <b>m\\u061c  by \\x1b[31mada\\u202e: two lines  i3\n"
