from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer
from rich.text import Text

from driftline.cli import main
from driftline.cli.alert_book import detail_lines, folded, latest, list_line
from driftline.cli.alert_groups import grouped_lines, others_of_group
from driftline.cli.alert_lines import one_line
from driftline.cli.exit_codes import ExitCode
from driftline.runtime.kafka.tail import TailedRecord
from tests.support.fleets import fleet_alert, fleet_resolved

if TYPE_CHECKING:
    from driftline.runtime.demo.embedded_broker import EmbeddedBroker


def alert(alert_id: str, **more: object) -> dict[str, object]:
    return {
        "alert_id": alert_id,
        "state": "open",
        "severity": "warning",
        "model": "credit",
        "model_version": "3",
        "cause": "data drift",
        "title": f"title of {alert_id}",
        "opened_at": "2026-03-01T12:00:00.000Z",
        "since": "2026-03-01T11:00:00.000Z",
        "findings": [{"check": "distribution.pearson", "column": "age", "message": "age: PSI 0.31"}],
        **more,
    }


def records(*alerts: dict[str, object] | str) -> list[TailedRecord]:
    """Return records; an id alone is a tombstone."""
    made = []
    for offset, each in enumerate(alerts):
        key = each if isinstance(each, str) else str(each["alert_id"])
        value = None if isinstance(each, str) else json.dumps(each).encode()
        made.append(TailedRecord(0, offset, 0, key.encode(), value, {}))
    return made


def test_the_latest_state_of_an_alert_counts_and_a_forgotten_one_is_none() -> None:
    found = latest(records(alert("a"), alert("b"), alert("a", severity="critical"), "b", alert("c", state="resolved")))
    assert [(each.alert_id, each.severity, each.is_open) for each in found] == [
        ("a", "critical", True),
        ("c", "warning", False),
    ]


def test_the_most_severe_and_latest_come_first_and_what_follows_stands_below() -> None:
    found = latest(
        records(
            alert("old"),
            alert("follows", incident="root", severity="critical"),
            alert("new", opened_at="2026-03-01T13:00:00.000Z"),
            alert("root", incident="root"),
            alert("of one that is gone", incident="gone", severity="info"),
        )
    )
    assert [(each.alert_id, follows) for each, follows in folded(found)] == [
        ("root", False),
        ("follows", True),
        ("new", False),
        ("old", False),
        ("of one that is gone", False),
    ]


def test_a_problem_of_many_models_is_one_line_with_what_follows_from_it() -> None:
    fleet = [fleet_alert(number, severity="warning" if number else "critical") for number in range(7)]
    fall = fleet_alert(20, model="model-3", incident="a003", root="performance", severity="critical")
    found = latest(records(alert("alone"), *fleet, fall, fleet_resolved(8), {**fleet_alert(9), "revision": "?"}))
    lines = [line.plain for line in grouped_lines(found)]
    seven = (
        "critical  7 models  since 2026-03-01T12:00:00Z  income: missing 3 % → 43 %  "
        "(model-0@1, model-1@1, model-2@1, model-3@1, model-4@1 and 2 more)  a000"
    )
    assert lines == [
        seven,
        "resolved  model-8@1  since 2026-03-01T12:00:00Z  income: missing 3 % → 43 %  a008",
        "critical  model-9@1  since 2026-03-01T12:00:00Z  income: missing 3 % → 43 %  a009",
        "warning   credit@3  since 2026-03-01T11:00:00Z  title of alone  alone",
    ]
    by_id = {each.alert_id: each for each in found}
    assert [each.alert_id for each in others_of_group(by_id["a001"], found)] == [
        f"a00{number}" for number in (0, 2, 3, 4, 5, 6)
    ]
    assert others_of_group(by_id["alone"], found) == []


def test_versions_of_one_model_are_alerts_of_it() -> None:
    found = latest(records(*(fleet_alert(number, model="credit", model_version=str(number)) for number in (1, 2))))
    [line] = [each.plain for each in grouped_lines(found)]
    assert "  2 alerts of credit  since " in line


def test_a_line_has_the_sentence_where_there_is_one() -> None:
    [first] = latest(records(alert("a", sentence="Since 11:00 incomes are higher.")))
    assert list_line(first, follows=False).plain == (
        "warning   credit@3  since 2026-03-01T11:00:00Z  Since 11:00 incomes are higher.  a"
    )
    [bare] = latest(records({"alert_id": "x"}))
    assert list_line(bare, follows=True).plain == "  └ ?         ?  since ?  no title  x"


SAID: dict[str, object] = {
    "acknowledged": {"by": "ada", "at": "2026-03-01T12:30:00Z", "comment": "known", "useful": False},
    "muted_until": "2026-03-01T16:00:00.000Z",
    "notes": [{"by": "bob", "at": 1_772_368_200_000, "text": "a new\nsupplier"}, {"text": "odd"}, "odder"],
    "beside": [{"kind": "deploy", "at": "2026-03-01T11:30:00Z", "by": "ci", "model_version": "4", "text": ""}],
    "muted_by": "bot",
}


def test_what_people_said_stands_in_the_line_and_in_full() -> None:
    [one] = latest(records(alert("a", **SAID)))
    assert list_line(one, follows=False).plain.endswith(
        "title of a  (acknowledged by ada, muted until 2026-03-01T16:00:00Z, 3 notes)  a"
    )
    lines = [line.plain for line in detail_lines(one)]
    start = lines.index("acked     2026-03-01T12:30:00Z by ada: known; the page was not useful")
    assert lines[start + 1 : start + 6] == [
        "muted     until 2026-03-01T16:00:00Z by bot",
        "note      2026-03-01T12:30:00Z by bob: a new supplier",
        "note      odd",
        "note      odder",
        "deploy    2026-03-01T11:30:00Z by ci: model version 4",
    ]


@pytest.mark.parametrize("more", [dict.fromkeys(SAID), {"acknowledged": 1, "notes": 2, "muted_until": "", "beside": 3}])
def test_what_nobody_said_or_cannot_be_read_is_left_out(more: dict[str, object]) -> None:
    [one], [bare] = latest(records(alert("a", **more))), latest(records(alert("a")))
    assert list_line(one, follows=False) == list_line(bare, follows=False)
    assert [*detail_lines(one)] == [*detail_lines(bare)]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", "a b"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("\x9b2J", "\\u009b2J"),
        ("a\u202eb\u061c", "a\\u202eb\\u061c"),
        ("ä → b", "ä → b"),
    ],
)
def test_control_characters_are_shown_and_command_nothing(text: str, shown: str) -> None:
    assert one_line(Text(text)).plain == shown


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["alerts", *arguments])
    output = capsys.readouterr()
    return int(left.value.code or 0), output.out, output.err


@pytest.fixture
def topic(embedded_broker: EmbeddedBroker) -> str:
    """Write three alerts, and return the address of their broker."""
    embedded_broker.create_topic("driftline.alerts", 1)
    producer = Producer({"bootstrap.servers": embedded_broker.bootstrap})
    for each in (alert("abc1"), alert("abd2", state="resolved"), alert("xyz", model="other", severity="critical")):
        producer.produce("driftline.alerts", json.dumps(each).encode(), key=str(each["alert_id"]).encode())
    producer.flush(30)
    return embedded_broker.bootstrap


def test_the_list_has_open_alerts_and_on_request_all(topic: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown, _ = run(capsys, "list", "--brokers", topic)
    assert (code, [line.split()[-1] for line in shown.splitlines()]) == (ExitCode.OK, ["xyz", "abc1"])
    code, shown, _ = run(capsys, "list", "--brokers", topic, "--all", "--model", "credit", "--json")
    assert code == ExitCode.OK
    assert [json.loads(line)["alert_id"] for line in shown.splitlines()] == ["abc1", "abd2"]


def test_one_alert_is_shown_in_full_by_the_beginning_of_its_id(topic: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown, _ = run(capsys, "show", "x", "--brokers", topic)
    assert code == ExitCode.OK
    assert shown.startswith("other@3: title of xyz\n")
    assert "distribution.pearson, age: age: PSI 0.31" in shown


def test_a_group_is_listed_by_its_models_on_request_and_shown_with_each_of_them(
    topic: str, capsys: pytest.CaptureFixture[str]
) -> None:
    producer = Producer({"bootstrap.servers": topic})
    for each in (fleet_alert(1), fleet_alert(2)):
        producer.produce("driftline.alerts", json.dumps(each).encode(), key=str(each["alert_id"]).encode())
    producer.flush(30)
    ids = {
        options: [line.split()[-1] for line in run(capsys, "list", "--brokers", topic, *options)[1].splitlines()]
        for options in ((), ("--flat",), ("--model", "model-2"))
    }
    assert ids == {
        (): ["a001", "xyz", "abc1"],
        ("--flat",): ["a001", "a002", "xyz", "abc1"],
        ("--model", "model-2"): ["a002"],
    }
    shown = run(capsys, "show", "a002", "--brokers", topic)[1].splitlines()
    assert shown[-2] == "The same problem at other models (1):"
    assert shown[-1].split()[-1] == "a001"


@pytest.mark.parametrize(("asked", "said"), [("ab", "2 alerts have an id"), ("q", "no alert has an id")])
def test_an_id_that_names_no_single_alert_is_an_error(
    topic: str, capsys: pytest.CaptureFixture[str], asked: str, said: str
) -> None:
    code, _, errors = run(capsys, "show", asked, "--brokers", topic)
    assert code == ExitCode.FOUND
    assert said in errors
