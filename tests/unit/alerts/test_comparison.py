from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from driftline.alerts.comparison import AlertState, Comparison, Span, alert_state, compare
from driftline.events.cloudevents import rfc3339

HOUR = 3_600_000
DAY = Span(0, 24 * HOUR)


def alert(
    alert_id: str,
    opened: float,
    resolved: float | None = None,
    *,
    severity: str = "warning",
    notification: int = 1,
    cause: str = "data drift",
    version: str = "3",
) -> AlertState:
    """Return an alert that was open between two hours of the day."""
    return AlertState(
        alert_id=alert_id,
        model="credit",
        model_version=version,
        segment="all",
        cause=cause,
        opened_at=rfc3339(round(opened * HOUR)),
        resolved_at=None if resolved is None else rfc3339(round(resolved * HOUR)),
        severity=severity,
        notification=notification,
        state="open" if resolved is None else "resolved",
    )


def kinds(found: Comparison) -> list[tuple[str, str | None, str | None]]:
    return [(each.kind, _id(each.before), _id(each.after)) for each in found.differences]


def _id(state: AlertState | None) -> str | None:
    return None if state is None else state.alert_id


def test_the_same_alerts_are_no_difference() -> None:
    alerts = [alert("a", 1, 2), alert("b", 3), alert("c", 30)]
    found = compare(alerts, list(reversed(alerts)), DAY)
    assert found == Comparison([], 2, 2, 2, (2, 2))


def test_what_is_on_one_side_alone_would_have_come_or_be_gone() -> None:
    found = compare([alert("a", 1, 2), alert("b", 5)], [alert("b", 5), alert("c", 3, 4)], DAY)
    assert kinds(found) == [("gone", "a", None), ("new", None, "c")]
    assert (found.n_same, found.n_before, found.n_after) == (1, 2, 2)
    assert [each.changes() for each in found.differences] == [{}, {}]


@pytest.mark.parametrize(
    ("after", "changes"),
    [
        (alert("a", 1, 2, severity="critical"), {"severity": ("warning", "critical")}),
        (alert("a", 1, 2, notification=3), {"notification": (1, 3)}),
        (alert("a", 1, 4), {"resolved_at": (rfc3339(2 * HOUR), rfc3339(4 * HOUR))}),
        (alert("a", 1), {"resolved_at": (rfc3339(2 * HOUR), None), "state": ("resolved", "open")}),
    ],
)
def test_the_same_id_with_another_life_has_changed(after: AlertState, changes: dict[str, object]) -> None:
    (difference,) = compare([alert("a", 1, 2)], [after], DAY).differences
    assert (difference.kind, difference.changes(), difference.later_ms) == ("changed", changes, 0)


def test_an_alert_that_opened_at_another_window_while_the_first_was_open_has_moved() -> None:
    (difference,) = compare([alert("a", 1, 5)], [alert("b", 3, 5, notification=2)], DAY).differences
    assert (difference.kind, difference.later_ms) == ("moved", 2 * HOUR)
    assert difference.changes().keys() == {"opened_at", "notification"}
    (earlier,) = compare([alert("a", 3)], [alert("b", 1)], DAY).differences
    assert (earlier.kind, earlier.later_ms) == ("moved", -2 * HOUR)


@pytest.mark.parametrize(
    "after",
    [alert("b", 3, 4), alert("b", 1.5, 4, cause="performance"), alert("b", 1.5, 4, version="4")],
    ids=["not at the same time", "another cause", "another version"],
)
def test_nothing_moves_to_another_time_cause_or_model(after: AlertState) -> None:
    assert {each.kind for each in compare([alert("a", 1, 2)], [after], DAY).differences} == {"gone", "new"}


def test_an_incident_that_another_cause_names_has_moved_where_they_have_one_in_common() -> None:
    before = replace(alert("a", 1, 5, cause="data quality"), causes=["data quality", "data drift"])
    assert kinds(compare([before], [alert("b", 2, 5)], DAY)) == [("moved", "a", "b")]


def test_alerts_are_paired_with_those_that_opened_nearest_each_once() -> None:
    before = [alert("a", 1, 9), alert("b", 4, 9)]
    assert kinds(compare(before, [alert("c", 5, 9)], DAY)) == [("gone", "a", None), ("moved", "b", "c")]
    both = compare(before, [alert("c", 5, 9), alert("d", 2, 9)], DAY)
    assert kinds(both) == [("moved", "a", "d"), ("moved", "b", "c")]
    halfway = compare([alert("late", 7), alert("early", 3)], [alert("c", 5)], DAY)
    assert ("moved", "early", "c") in kinds(halfway)


def test_a_pair_counts_where_one_of_both_opened_in_the_span() -> None:
    across = compare([alert("a", 23)], [alert("b", 25)], DAY)
    assert (kinds(across), across.n_before, across.n_after) == ([("moved", "a", "b")], 1, 0)
    assert compare([alert("a", 24)], [alert("b", 25), alert("c", 26, 27)], DAY).differences == []
    assert kinds(compare([], [alert("a", 0), alert("b", 24)], DAY)) == [("new", None, "a")]


def test_the_order_of_alerts_does_not_matter() -> None:
    before = [alert(f"a{i}", i % 5, 6 + i) for i in range(6)]
    after = [alert(f"b{i}", (i + 1) % 6, 7 + i) for i in range(5)]
    found = compare(before, after, DAY)
    assert compare(before[::-1], after[::-1], DAY) == found
    times = [each.opened_ms for each in found.differences]
    assert times == sorted(times)


def test_a_record_is_read_whatever_fields_it_has_besides() -> None:
    record = {
        "alert_id": "a",
        "model": "credit",
        "model_version": "3",
        "segment": "all",
        "cause": "data drift",
        "opened_at": rfc3339(HOUR),
        "resolved_at": rfc3339(2 * HOUR),
        "severity": "warning",
        "notification": 1,
        "state": "resolved",
        "incident": "b",
        "causes": ["data drift", "performance"],
    }
    expected = replace(alert("a", 1, 2), causes=["data drift", "performance"])
    assert alert_state(record) == alert_state(json.dumps(record).encode()) == expected


@pytest.mark.parametrize("record", [b"\xff", b"[]", b"{}", {"alert_id": "a"}, {"opened_at": "soon"}])
def test_what_is_no_alert_is_not_compared(record: bytes | dict[str, object]) -> None:
    assert alert_state(record) is None
    full = {"alert_id": "a", "model": "m", "cause": "c", "opened_at": "soon", "severity": "info", "state": "open"}
    assert alert_state(full) is None
    assert alert_state(full | {"opened_at": rfc3339(0), "resolved_at": "later"}) is None
