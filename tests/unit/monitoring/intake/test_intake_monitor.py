"""The intake alert: too many refused records of a topic, labels that meet no prediction."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from driftline.config.durations import Duration
from driftline.config.settings import IntakeSettings
from driftline.events.alert import AlertEvent
from driftline.events.finding import FindingEvent
from driftline.events.source import LABEL_STREAM, SEGMENT_ALL, Source, Watermark, intake_key
from driftline.events.source_numbers import TopicPart
from driftline.panes.flush_record import VERSION, FlushRecord, JoinDelta, encode
from driftline.panes.intake_record import FirstRefused, IntakeMark, IntakeSpan, SeenId
from tests.support.monitor_runs import run, run_with_crashes
from tests.support.monitoring import START_MS, small_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from driftline.events.output_record import OutputRecord
    from driftline.events.source import Kind

HOUR_MS = 3_600_000
SETTINGS = small_settings()
WAIT_MS = int(SETTINGS.defaults.labels.wait)
PREDICTIONS, LABELS = intake_key("predictions"), intake_key("labels")


def events(outputs: Iterable[OutputRecord], kind: str) -> list[dict[str, Any]]:
    wanted = ("ce_type", f"io.driftline.{kind}.v1".encode())
    found = [json.loads(record.value or b"null") for record in outputs if wanted in record.headers]
    return sorted(found, key=lambda data: (data["window"]["end"], data.get("revision", 0)))


def mark(
    hour: int,
    n_read: int,
    refused: dict[str, int],
    *,
    kind: Kind = "predictions",
    partition: int = 0,
    n_partitions: int = 1,
    reached: int | None = None,
) -> IntakeMark:
    """Return what a flush says of an hour of a partition, after which its clock stands at the hour ``reached``."""
    start_ms = START_MS + hour * HOUR_MS
    first = (
        FirstRefused(100 * hour + 3, f"refused in hour {hour} (t-{partition}@{100 * hour + 3})") if refused else None
    )
    span = IntakeSpan(start_ms, n_read, refused, (100 * hour, 100 * hour + 99), first)
    reached_ms = START_MS + (hour + 1 if reached is None else reached) * HOUR_MS
    return IntakeMark(Source(kind, partition), n_partitions, reached_ms, idle=False, spans=[span])


def flushes(*marks: IntakeMark | Sequence[IntakeMark]) -> list[bytes]:
    """Return a record of the panes topic for each mark, or several of one flush."""
    every = [[each] if isinstance(each, IntakeMark) else [*each] for each in marks]
    return [encode(FlushRecord(VERSION, [], [], [], intake=each)) for each in every]


def test_many_refused_records_open_an_alert_that_clean_hours_resolve() -> None:
    bad = {"missing_field": 20, "not_json": 100}
    records = flushes(mark(0, 1_000, {}), mark(1, 1_000, bad), mark(2, 1_000, {"not_json": 50}), mark(3, 1_000, {}))
    outputs = run(records, SETTINGS, []).outputs
    (finding,) = events(outputs, "finding")
    msgspec.convert(finding, FindingEvent)
    assert (finding["check"], finding["family"], finding["severity"]) == ("intake.refused", "intake", "warning")
    assert finding["n"] == 1_000
    assert (finding["effect"]["corrected"], finding["effect"]["gate"], finding["baseline"]) == (
        0.12,
        0.05,
        "configured",
    )
    assert finding["statistic"]["p_value"] is None
    assert finding["level"]["in_budget"] is False
    assert finding["offsets"] == {"predictions": {"0": [100, 199]}}
    assert finding["message"].startswith(
        "120 of 1,000 records of `predictions` were refused (12.0 %): 100 not_json, 20 missing_field. The first: "
        "refused in hour 1 (t-0@103). Mend the producer"
    )
    alerts = [msgspec.convert(alert, AlertEvent) for alert in events(outputs, "alert")]
    assert [(alert.cause, alert.state, alert.notify, alert.in_budget) for alert in alerts] == [
        ("intake", "open", True, False),
        ("intake", "resolved", False, False),
    ]
    assert {(alert.model, alert.model_version, alert.profile) for alert in alerts} == {("", "intake.predictions", None)}
    assert alerts[0].title == "predictions: 12 % of records are refused"
    assert alerts[0].window.end == "2026-03-01T14:00:00.000Z"


@pytest.mark.parametrize(
    ("n_read", "n_refused", "severity"),
    [
        (1_000, 50, None),
        (1_000, 51, "warning"),
        (1_000, 500, "warning"),
        (1_000, 501, "critical"),
        (99, 99, None),
        (100, 100, "critical"),
    ],
)
def test_the_share_decides_among_enough_records(n_read: int, n_refused: int, severity: str | None) -> None:
    outputs = run(flushes(mark(0, n_read, {"not_json": n_refused})), SETTINGS, []).outputs
    assert [alert["severity"] for alert in events(outputs, "alert")] == ([] if severity is None else [severity])


def test_of_several_topics_the_worst_decides_and_is_named_with_its_partitions() -> None:
    parts = [TopicPart("predictions", topic, 0, 2) for topic in ("eu", "us")]

    def hour(number: int, refused: dict[str, int]) -> bytes:
        clean = [mark(number, 10_000, {}, partition=each, n_partitions=4) for each in (0, 1)]
        of_us = [mark(number, 100, refused, partition=each, n_partitions=4) for each in (2, 3)]
        return encode(FlushRecord(VERSION, [], [], [], intake=[*clean, *of_us], places=parts))

    records = [hour(0, {"not_json": 60}), hour(1, {})]
    outputs = run(records, SETTINGS, []).outputs
    (finding,) = events(outputs, "finding")
    assert finding["message"].startswith("120 of 200 records of `us` were refused (60.0 %): 120 not_json. The first: ")
    assert finding["offsets"] == {"predictions": {"us-0": [0, 99], "us-1": [0, 99]}}
    assert [alert["state"] for alert in events(outputs, "alert")] == ["open"]
    assert run_with_crashes(records, SETTINGS, [], random.Random(3), n_crashes=4).outputs == outputs


def test_too_few_records_neither_open_nor_resolve() -> None:
    records = flushes(mark(0, 1_000, {"not_json": 900}), *(mark(hour, 20, {"not_json": 19}) for hour in range(1, 5)))
    assert [alert["state"] for alert in events(run(records, SETTINGS, []).outputs, "alert")] == ["open"]


def test_limits_are_configured() -> None:
    settings = small_settings(intake=IntakeSettings(window=Duration(2 * HOUR_MS), max_refused=0.5, min_records=2_000))
    records = flushes(mark(0, 1_000, {"not_json": 400}), mark(1, 1_000, {"not_json": 700}))
    (alert,) = events(run(records, settings, []).outputs, "alert")
    assert (alert["window"]["start"], alert["window"]["size_ms"], alert["n"]) == (
        "2026-03-01T12:00:00.000Z",
        2 * HOUR_MS,
        2_000,
    )
    assert (
        alert["settings"] != events(run(flushes(mark(0, 100, {"a": 9})), SETTINGS, []).outputs, "alert")[0]["settings"]
    )


def test_both_topics_have_alerts_of_their_own() -> None:
    records = flushes([mark(0, 500, {"not_json": 500}), mark(0, 500, {"empty_record": 500}, kind="labels")])
    result = run(records, SETTINGS, [])
    alerts = events(result.outputs, "alert")
    assert {alert["model_version"] for alert in alerts} == {"intake.predictions", "intake.labels"}
    assert len({alert["alert_id"] for alert in alerts}) == 2
    models = result.monitor.status().models
    assert [len(models[key].open_alerts) for key in (PREDICTIONS, LABELS, LABEL_STREAM)] == [1, 1, 0]


def test_an_hour_closes_when_every_partition_has_passed_it() -> None:
    first = mark(0, 500, {"not_json": 400}, n_partitions=2)
    second = mark(0, 500, {"not_json": 200}, n_partitions=2, partition=1)
    assert not events(run(flushes(first), SETTINGS, []).outputs, "alert")
    one, other = (run(flushes(*order), SETTINGS, []).outputs for order in ((first, second), (second, first)))
    assert one == other
    (alert,) = events(one, "alert")
    assert (alert["n"], "(t-0@3)" in alert["message"]) == (1_000, True), "the example is of the least partition"


def test_an_idle_partition_holds_nothing_up_and_what_it_brings_late_is_flagged() -> None:
    idle = msgspec.structs.replace(mark(0, 1, {}, n_partitions=2, partition=1, reached=0), idle=True)
    late = mark(0, 500, {}, n_partitions=2, partition=1)
    after = [mark(1, 500, {"not_json": 400}, n_partitions=2), mark(1, 500, {}, n_partitions=2, partition=1)]
    records = flushes(idle, mark(0, 500, {"not_json": 400}, n_partitions=2), late, after)
    first, second = events(run(records, SETTINGS, []).outputs, "finding")
    assert first["flags"] == ["idle"]
    assert second["flags"] == ["after_idle"]


def test_flushes_and_crashes_do_not_change_what_is_said() -> None:
    rng = random.Random(5)
    parts: list[IntakeMark] = []
    for hour in range(12):
        for _ in range(4):
            bad = {} if rng.random() < 0.5 else {rng.choice(["not_json", "missing_field"]): rng.randint(1, 200)}
            parts.append(mark(hour, 200, bad, reached=hour))
    records = flushes(*parts, mark(12, 1, {}))
    whole = run(records, SETTINGS, []).outputs
    assert events(whole, "alert"), "something happens"
    for seed in range(5):
        crashed = run_with_crashes(records, SETTINGS, [], random.Random(seed), n_crashes=4)
        assert crashed.outputs == whole


# --- labels -----------------------------------------------------------------------------------------------------------


def joins(minute: int, n_joined: int, n_orphans: int, n_predictions: int = 10) -> JoinDelta:
    counts = (n_predictions, n_joined, n_orphans)
    at_ms = START_MS + minute * 60_000
    return JoinDelta(LABEL_STREAM, SEGMENT_ALL, at_ms, "", {"labels": {0: (minute, minute)}}, [], (0, 0, 0), counts)


_PARTITIONS: list[tuple[Kind, int]] = [("labels", 1), ("labels", 0), ("predictions", 1)]
_KINDS: list[Kind] = ["predictions", "labels"]
SEEN = [
    IntakeMark(Source(kind, partition), 2, None, idle=False, spans=[], seen=SeenId(9, START_MS, f"{kind}-{partition}"))
    for kind, partition in _PARTITIONS
]


def labels(deltas: Sequence[JoinDelta], until_minute: int) -> list[bytes]:
    """Return a record a delta, and one that lets event time be at a minute."""
    marks = [Watermark(Source(kind, 0), 1, START_MS + until_minute * 60_000, idle=False) for kind in _KINDS]
    records = [FlushRecord(VERSION, [], [delta], [], intake=SEEN) for delta in deltas]
    return [encode(record) for record in (*records, FlushRecord(VERSION, [], [], marks))]


def unmatched(outputs: Iterable[OutputRecord]) -> list[dict[str, Any]]:
    return [alert for alert in events(outputs, "alert") if alert["cause"] == "intake"]


def test_labels_that_meet_no_prediction_from_the_first_day_open_an_alert() -> None:
    settings = small_settings(intake=IntakeSettings(window=Duration(60_000)))
    deltas = [joins(0, 0, 0), *(joins(minute, 5, 395) for minute in range(1, 4)), joins(4, 400, 0), joins(5, 400, 0)]
    outputs = run(labels(deltas, 6), settings, []).outputs
    opened, *_, resolved = unmatched(outputs)
    assert (opened["model"], opened["model_version"]) == ("", "labels")
    assert (opened["title"], opened["severity"]) == ("99 % of labels meet no prediction", "warning")
    assert opened["message"].startswith(
        "395 of 400 labels met no prediction (98.8 %). Either their ids differ (a label names `labels-0`, a prediction "
        "is called `predictions-1`): look at `labels.fields.prediction_id`"
    )
    assert (opened["state"], resolved["state"]) == ("open", "resolved")
    assert resolved["message"].startswith("Resolved after 2 clean windows")


def test_labels_of_predictions_before_the_beginning_are_not_judged() -> None:
    settings = small_settings(intake=IntakeSettings(window=Duration(60_000)))
    wait = WAIT_MS // 60_000
    early = [joins(minute, 0, 400, 0) for minute in range(5)]
    assert not unmatched(run(labels(early, 6), settings, []).outputs), "no prediction could meet a label"
    begun = [*early[:3], joins(3, 0, 400), *(joins(minute, 400, 0) for minute in range(3 + wait, 9))]
    assert not unmatched(run(labels(begun, 9), settings, []).outputs)


def test_windows_with_few_labels_are_judged_together() -> None:
    settings = small_settings(intake=IntakeSettings(window=Duration(60_000)))
    deltas = [joins(0, 0, 0), *(joins(minute, 0, 100) for minute in range(1, 8))]
    first, second = events(run(labels(deltas, 8), settings, []).outputs, "finding")
    assert (first["n"], second["n"]) == (300, 300)
    assert first["window"]["start"] == "2026-03-01T12:01:00.000Z"
    assert first["window"]["end"] == second["window"]["start"] == "2026-03-01T12:04:00.000Z"


def test_crashes_do_not_change_what_is_said_of_labels() -> None:
    settings = small_settings(intake=IntakeSettings(window=Duration(60_000)))
    records = [
        record for minute in range(12) for record in labels([joins(minute, 200, 300 if minute % 4 else 0)], minute)
    ]
    whole = run(records, settings, []).outputs
    assert unmatched(whole)
    for seed in range(5):
        assert run_with_crashes(records, settings, [], random.Random(seed), n_crashes=4).outputs == whole
