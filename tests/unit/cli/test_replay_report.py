from __future__ import annotations

import json
from collections import Counter

import pytest
from msgspec.structs import replace

from driftline.alerts.comparison import AlertState, Span, compare
from driftline.cli.replay_report import as_json, drawn, remarks, summary
from driftline.config.input_settings import LabelInput
from driftline.config.settings import Settings
from driftline.events.cloudevents import epoch_ms
from driftline.runtime.replay.replay import ReplayedAlerts
from driftline.runtime.replay.standing_alerts import StandingAlerts

DRIFT = AlertState(
    alert_id="0123456789abcdef",
    model="credit",
    model_version="3",
    segment="all",
    cause="data drift",
    opened_at="2026-03-01T19:00:00.000Z",
    resolved_at="2026-03-01T22:00:00.000Z",
    severity="warning",
    notification=1,
    state="resolved",
)
MOVED = replace(
    DRIFT,
    alert_id="fedcba9876543210",
    opened_at="2026-03-01T21:00:00.000Z",
    resolved_at=None,
    severity="critical",
    notification=2,
    state="open",
)
INTAKE = replace(DRIFT, alert_id="1" * 16, model="", model_version="intake.labels", cause="intake\n")
SPAN = Span(epoch_ms("2026-03-01T00:00:00Z"), epoch_ms("2026-03-02T00:00:00Z"))
HOUR = 3_600_000


def replayed(**more: object) -> ReplayedAlerts:
    nothing = ReplayedAlerts({}, frozenset(), 10, Counter(), SPAN.end_ms, None)
    return nothing._replace(**more)  # type: ignore[arg-type]  # fields by name


def said(found: ReplayedAlerts, standing: StandingAlerts | None = None, warm_up_ms: int | None = None) -> list[str]:
    settings = Settings(labels=LabelInput())
    return list(remarks(found, standing or StandingAlerts({}, 0), settings, SPAN, warm_up_ms))


def test_a_table_has_a_line_for_each_difference() -> None:
    lines = [line.plain for line in drawn(compare([DRIFT, INTAKE], [MOVED], SPAN))]
    assert lines == [
        "difference     opened                model                       cause       alert         what differs",
        (
            "would be gone  2026-03-01T19:00:00Z  input topics@intake.labels  intake      111111111111  "
            "warning, 1 notification, resolved 2026-03-01T22:00:00Z"
        ),
        (
            "moved          2026-03-01T19:00:00Z  credit@3                    data drift  0123456789ab  "
            "opened 2h later, severity warning → critical, notifications 1 → 2, resolved 2026-03-01T22:00:00Z → open"
        ),
    ]


def test_what_would_have_come_is_told_with_its_notifications() -> None:
    (_, line) = drawn(compare([], [replace(MOVED, segment="DE")], SPAN))
    assert line.plain.startswith("would have come  2026-03-01T21:00:00Z  credit@3 DE  data drift")
    assert line.plain.endswith("critical, 2 notifications, open")


@pytest.mark.parametrize(
    ("opened_at", "words"),
    [
        ("2026-03-01T21:58:55.000Z", "opened 2h 58m later"),
        ("2026-03-01T18:59:59.000Z", "opened 1s earlier"),
        ("2026-03-01T19:00:00.250Z", "opened 250ms later"),
        ("2026-02-27T18:00:00.000Z", "opened 2d 1h earlier"),
        ("2026-03-01T20:00:30.000Z", "opened 1h later"),
    ],
)
def test_how_much_an_alert_moved_is_told_in_its_largest_units(opened_at: str, words: str) -> None:
    moved = replace(MOVED, opened_at=opened_at, resolved_at=DRIFT.resolved_at, severity="warning", notification=1)
    (_, line) = drawn(compare([DRIFT], [replace(moved, state="resolved")], SPAN))
    assert line.plain.endswith(f"0123456789ab  {words}")


def test_json_has_both_states_and_what_differs() -> None:
    (moved,) = compare([DRIFT], [MOVED], SPAN).differences
    content = json.loads(as_json(moved))
    assert content["difference"] == "moved"
    assert content["opened_later_ms"] == 2 * HOUR
    assert content["changes"]["severity"] == ["warning", "critical"]
    assert (content["topic"]["alert_id"], content["replay"]["alert_id"]) == (DRIFT.alert_id, MOVED.alert_id)
    (gone,) = compare([DRIFT], [], SPAN).differences
    content = json.loads(as_json(gone))
    assert (content["difference"], content["replay"], content["opened_later_ms"]) == ("gone", None, None)


def test_a_summary_counts_alerts_and_notifications() -> None:
    assert summary(compare([DRIFT], [DRIFT], SPAN), SPAN) == (
        "no difference: 1 alert, 1 notification, from 2026-03-01T00:00:00Z to 2026-03-02T00:00:00Z"
    )
    assert summary(compare([], [], SPAN), Span(0, 1 << 62)) == (
        "no difference: no alert in either, from the beginning to the end"
    )
    assert summary(compare([DRIFT, INTAKE], [MOVED, INTAKE], SPAN), SPAN) == (
        "1 difference (1 moved), 1 the same. From 2026-03-01T00:00:00Z to 2026-03-02T00:00:00Z 2 alerts with 2 "
        "notifications opened on the topic, 2 with 3 in the replay"
    )


def test_nothing_is_remarked_where_all_was_there() -> None:
    assert said(replayed()) == []


def test_remarks_say_what_limits_the_comparison() -> None:
    (line,) = said(replayed(reached_ms=SPAN.end_ms - HOUR))
    assert line == "the workers have read events up to 2026-03-01T23:00:00Z, which is before --to"
    (line,) = said(replayed(reached_ms=SPAN.start_ms - HOUR))
    assert line.endswith("which is before --from")
    (line,) = said(replayed(reached_ms=None))
    assert "no window ended" in line
    (line,) = said(replayed(kept_from_ms=SPAN.start_ms))
    assert line.startswith("the topics keep all records from 2026-03-01T00:00:00Z on")
    (line,) = said(replayed(refused=Counter(not_json=2, late=1)))
    assert line == "3 of 10 records cannot be used (2 not_json, 1 late)"
    (line,) = said(replayed(), StandingAlerts({}, 4))
    assert line == "4 alerts on the topic cannot be read, and are not compared"


def test_a_short_warm_up_is_remarked() -> None:
    lines = said(replayed(kept_from_ms=SPAN.start_ms), warm_up_ms=HOUR)
    assert [line.split(" ", 3)[:3] for line in lines] == [["records", "from", "before"], ["labels", "come", "up"]]


def test_alerts_that_the_topic_has_forgotten_are_counted() -> None:
    found = replayed(alerts={DRIFT.alert_id: DRIFT}, forgotten=frozenset({DRIFT.alert_id, "older"}))
    (line,) = said(found)
    assert line.startswith("1 alert of the replay was resolved more than 30 days before the end of the topics")
    assert said(found, StandingAlerts({DRIFT.alert_id: DRIFT}, 0)) == []
