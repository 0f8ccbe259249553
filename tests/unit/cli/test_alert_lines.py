from __future__ import annotations

import json

import pytest

from driftline.cli.alert_lines import NewAlerts, as_json, as_line
from driftline.runtime.kafka.tail import TailedRecord

ALERT = {
    "alert_id": "a1b2",
    "state": "open",
    "severity": "critical",
    "model": "credit-risk",
    "model_version": "3",
    "cause": "drift",
    "title": "age has drifted: PSI 0.31",
    "opened_at": "2026-03-01T12:00:00Z",
    "updated_at": "2026-03-01T13:00:00+01:00",
    "window": {"start": 1_772_362_800_000, "end": "2026-03-01T12:00:00Z"},
    "findings": [{"column": "age"}, {"column": "income"}],
}


def record(value: object, **headers: str) -> TailedRecord:
    encoded = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
    return TailedRecord(0, 7, 1_772_366_400_000, b"a1b2", encoded, headers)


def test_an_alert_is_one_readable_line() -> None:
    assert as_line(record(ALERT)).plain == (
        "2026-03-01T12:00:00Z  open      critical  credit-risk 3  age has drifted: PSI 0.31  "
        "(2 findings, window 2026-03-01T11:00:00Z to 2026-03-01T12:00:00Z)  a1b2"
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "2026-03-01T12:00:00Z  forgotten  a1b2"),
        (b"\xff", "2026-03-01T12:00:00Z  unreadable  a1b2: b'\\xff'"),
        ([1], "2026-03-01T12:00:00Z  unreadable  a1b2: b'[1]'"),
        ({}, "2026-03-01T12:00:00Z  ?         ?         ?  no title  a1b2"),
        (
            {"state": "resolved", "cause": "drift", "findings": "x", "window": {"start": 1}, "updated_at": "soon"},
            "soon  resolved  ?         ?  drift  a1b2",
        ),
        (
            {"n_findings": 1, "updated_at": 1_000},
            "1970-01-01T00:00:01Z  ?         ?         ?  no title  (1 finding)  a1b2",
        ),
        ({"title": "two\nlines", "updated_at": 1e300}, "1e+300  ?         ?         ?  two lines  a1b2"),
    ],
)
def test_what_is_missing_or_unknown_does_not_stop_the_tail(value: object, expected: str) -> None:
    assert as_line(record(value)).plain == expected


def test_a_further_page_says_why() -> None:
    again = {**ALERT, "notify": True, "notification": 2, "notified_for": "far greater effect"}
    assert "(2 findings, page 2: far greater effect, window" in as_line(record(again)).plain
    for quiet in ({"notify": True, "notification": 1}, {"notify": False, "notification": 2}, {"notify": True}):
        assert "page" not in as_line(record({**again, "notification": None, **quiet})).plain


def test_the_sentence_stands_for_the_title_and_what_people_said_behind_it() -> None:
    line = as_line(record({**ALERT, "sentence": "Since 11:00 age is higher.", "acknowledged": {"by": "ada"}})).plain
    assert "credit-risk 3  Since 11:00 age is higher.  (2 findings, window" in line
    assert "12:00:00Z, acknowledged by ada)  a1b2" in line


def test_an_alert_is_new_once_and_when_it_notifies_again() -> None:
    new = NewAlerts()
    states: list[object] = [ALERT, ALERT, {**ALERT, "notify": True}, {**ALERT, "state": "resolved"}, None, ALERT]
    assert [new.has(record(state)) for state in states] == [True, False, True, False, False, True]
    assert new.has(TailedRecord(0, 8, 0, b"other", b"no JSON", {}))


def test_an_alert_names_the_incident_that_it_belongs_to() -> None:
    assert "incident" not in as_line(record({**ALERT, "incident": "a1b2"})).plain
    assert "2026-03-01T12:00:00Z, incident c3d4)  a1b2" in as_line(record({**ALERT, "incident": "c3d4"})).plain


def test_a_title_is_data_and_no_markup() -> None:
    assert "[bold]x[/]" in as_line(record({**ALERT, "title": "[bold]x[/]"})).plain


def test_json_lines_hold_the_alert_and_where_it_stands() -> None:
    line = as_json(record(ALERT, ce_id="e1", traceparent="t"))
    assert "\n" not in line
    assert json.loads(line) == {
        "key": "a1b2",
        "partition": 0,
        "offset": 7,
        "timestamp_ms": 1_772_366_400_000,
        "headers": {"ce_id": "e1"},
        "alert": ALERT,
    }
    assert json.loads(as_json(record(None)))["alert"] is None
    assert json.loads(as_json(record(b"no")))["unreadable"] == "no"
