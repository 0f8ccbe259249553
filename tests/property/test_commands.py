"""Commands that come before event time has passed them: flushes, workers and crashes cannot be seen in what they do."""

from __future__ import annotations

import json
import random
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from tests.property.test_monitoring import SETTINGS, expected, published_traffic
from tests.support.commands import entries, flush_of, in_time
from tests.support.examples import examples
from tests.support.monitor_runs import Run, run, run_with_crashes
from tests.support.monitoring import PANE_MS, START_MS, records_of, schedule

pytestmark = pytest.mark.slow
EXAMPLES = examples(4, suppress_health_check=[HealthCheck.too_slow])
SEEDS = st.integers(0, 2**32 - 1)


def at(minute: int, second: int = 0) -> int:
    """Return a moment of the traffic, which begins at 12:00."""
    return START_MS + 60_000 * minute + 1_000 * second


def id_of(model: str, cause: str) -> str:
    """Return the alert that a model has without commands."""
    alerts = [json.loads(record.value) for record in expected("published") if record.channel == "alerts"]  # type: ignore[attr-defined]
    (found,) = {each["alert_id"] for each in alerts if (each["model"], each["cause"]) == (model, cause)}
    return str(found)


@cache
def commands() -> tuple[dict[str, Any], ...]:
    """Return commands of every kind, some of which are to be refused."""
    drift, fallen = id_of("steady", "data drift"), id_of("steady", "performance")
    said: list[tuple[int, dict[str, Any]]] = [
        (at(0, 30), {"command": "mute", "id": "m1", "model": "changing", "until": at(5, 10), "columns": ["c", "x"]}),
        (at(0, 30), {"command": "mute", "id": "m1", "model": "changing", "until": at(20)}),
        (at(0, 40), {"command": "note", "model": "steady", "text": "a new\nsupplier"}),
        (at(2, 30), {"command": "acknowledge", "model": "steady", "alert": drift, "useful": True, "comment": "mine"}),
        (at(3, 10), {"command": "note", "model": "steady", "alert": drift, "text": "seen before"}),
        (at(3, 20), {"command": "maintenance", "id": "w", "model": "steady", "until": at(3, 50), "name": "move"}),
        (at(4, 30), {"command": "deploy", "model": "steady", "model_version": "1"}),
        (at(6, 5), {"command": "mute", "id": "m2", "until": at(9)}),
        (at(6, 35), {"command": "unmute", "mute": "m2"}),
        (at(7, 5), {"command": "rebaseline", "model": "changing", "model_version": "", "profile_id": "p"}),
        (at(8, 15), {"command": "acknowledge", "model": "steady", "alert": fallen}),
        (at(8, 20), {"command": "acknowledge", "model": "steady", "alert": "none"}),
        (at(8, 25), {"command": "deploy", "model": "stedy", "model_version": "2"}),
        (at(9, 20), {"command": "rollback", "model": "steady", "model_version": "0"}),
    ]
    return tuple(
        {"by": "ann", **({"start": ms} if each["command"] == "maintenance" else {"at": ms}), **each}
        for ms, each in said
    )


@cache
def wanted() -> frozenset[object]:
    """Return what comes of all commands first, and all traffic in one flush."""
    traffic = published_traffic()
    slices = [(partition, 0, len(items)) for partition, items in enumerate(traffic.partitions)]
    records = [flush_of(entries(commands())), *records_of(traffic, slices, 1)]
    return frozenset(run(records, SETTINGS, traffic.published).outputs)


def said_of(kind: str) -> list[dict[str, Any]]:
    """Return the values of records of a kind."""
    found = [
        json.loads(record.value)  # type: ignore[attr-defined]  # an OutputRecord
        for record in wanted()
        if dict(record.headers).get("ce_type") == f"io.driftline.{kind}.v1".encode()  # type: ignore[attr-defined]
    ]
    return sorted(found, key=lambda each: (each.get("updated_at", each.get("at", "")), each.get("revision", 0)))


def alerts(model: str, cause: str = "data drift") -> list[dict[str, Any]]:
    return [each for each in said_of("alert") if (each["model"], each["cause"]) == (model, cause)]


def test_every_command_has_one_answer() -> None:
    answers = said_of("control")
    assert [(each["command"], each["status"]) for each in answers] == [
        ("mute", "accepted"),
        ("note", "accepted"),
        ("acknowledge", "accepted"),
        ("note", "accepted"),
        ("maintenance", "accepted"),
        ("deploy", "accepted"),
        ("mute", "accepted"),
        ("unmute", "accepted"),
        ("rebaseline", "accepted"),
        ("acknowledge", "accepted"),
        ("acknowledge", "refused"),
        ("deploy", "refused"),
        ("rollback", "accepted"),
    ], "the mute that came again under its id has had its answer"
    assert answers[2]["useful"] is True
    assert "No alert of the id none" in answers[10]["message"]
    assert "No prediction of a model of the name stedy" in answers[11]["message"]


def test_a_mute_holds_the_notification_back_until_it_is_over() -> None:
    first, *others = alerts("changing")
    assert (first["notify"], first["notification"], first["notified_for"]) == (False, 0, "none")
    assert (first["muted_by"], first["muted_until"]) == ("ann", "2026-03-01T12:05:10.000Z")
    over = next(each for each in others if each["notify"])
    assert (over["updated_at"], over["notified_for"]) == ("2026-03-01T12:05:10.000Z", "mute over")
    assert "muted_until" not in over
    assert "muted_until" in next(each for each in others if each["updated_at"] > "2026-03-01T12:06:05"), "m2"
    ended = next(each for each in others if each["updated_at"] == "2026-03-01T12:06:35.000Z")
    assert "muted_until" not in ended, "it is unmuted"


def test_a_new_baseline_ends_alerts_of_its_columns() -> None:
    ended = [each for each in alerts("changing") if each["state"] == "resolved"]
    assert [each["updated_at"] for each in ended] == ["2026-03-01T12:07:05.000Z"]
    assert ended[0]["sentence"].startswith(
        "Over at 2026-03-01 12:07 (UTC): ann set a new baseline for all columns. Before: "
    )
    again = [each for each in alerts("changing") if each["alert_id"] != ended[0]["alert_id"]]
    assert again, "the profile is still the old one: what it does not hold is found again, as another alert"


def test_an_acknowledged_alert_says_by_whom_and_keeps_notes() -> None:
    acknowledged = next(each for each in alerts("steady") if "acknowledged" in each)
    assert acknowledged["acknowledged"] == {
        "by": "ann",
        "at": "2026-03-01T12:02:30.000Z",
        "comment": "mine",
        "useful": True,
    }
    assert not acknowledged["notify"]
    last = alerts("steady")[-1]
    assert [each["text"] for each in last["notes"]] == ["seen before"]
    assert [each["kind"] for each in last["beside"]] == ["note"]
    assert "ann noted 'a new supplier'" in last["sentence"]
    of_labels = alerts("steady", "performance")
    assert "acknowledged" in of_labels[-1], "by the clock of the joins"


def test_windows_in_a_maintenance_change_no_alert() -> None:
    windows = [each for each in said_of("window") if each["model"] == "steady" and "maintenance" in each["flags"]]
    assert {each["window"]["end"][11:19] for each in windows if each["window"]["kind"] == "tumbling"} == {
        "12:04:00",
    }
    assert not [each for each in alerts("steady") if each["window"]["end"][11:19] == "12:04:00"]
    findings = [each for each in said_of("finding") if "maintenance" in each["flags"]]
    assert findings, "they are published all the same"


def test_a_deploy_cuts_windows_and_ends_what_it_replaces() -> None:
    cut = [each for each in said_of("window") if each["window"]["end"][11:19] == "12:04:30"]
    assert {each["window"]["size_ms"] for each in cut if each["window"]["kind"] == "tumbling"} <= {60_000, 120_000}
    begun = [each for each in said_of("window") if each["window"]["start"][11:19] == "12:04:30"]
    assert begun
    for cause in ("data drift", "performance"):
        last = alerts("steady", cause)[-1]
        assert (last["state"], last["updated_at"][11:19]) == ("resolved", "12:09:20"), cause
        assert "the version was replaced by version 0, which ann rolled back to" in last["sentence"]


@EXAMPLES
@given(seed=SEEDS, largest=st.sampled_from((8, 60, 400)), n_workers=st.integers(1, 3))
def test_flushes_and_workers_cannot_be_seen(seed: int, largest: int, n_workers: int) -> None:
    traffic, rng = published_traffic(), random.Random(seed)
    records = schedule(traffic, rng, largest=largest, n_workers=n_workers)
    given_ = in_time(records, entries(commands()), rng, PANE_MS)
    assert run(given_, SETTINGS, traffic.published).outputs == wanted()


@EXAMPLES
@given(seed=SEEDS, largest=st.sampled_from((15, 60, 200)), n_crashes=st.integers(1, 4))
def test_crashes_cannot_be_seen(seed: int, largest: int, n_crashes: int) -> None:
    traffic, rng = published_traffic(), random.Random(seed)
    records = in_time(schedule(traffic, rng, largest=largest), entries(commands()), rng, PANE_MS)
    assert run_with_crashes(records, SETTINGS, traffic.published, rng, n_crashes).outputs == wanted()


def test_what_comes_late_holds_from_the_watermark_on_and_says_so() -> None:
    traffic = published_traffic()
    records = schedule(traffic, random.Random(1), largest=30)
    result = Run(SETTINGS, traffic.published)
    half = next(n for n in range(len(records)) if _reached(result, records, n) > at(5))
    reached = result.monitor.status().predictions_ms
    assert reached is not None
    (entry,) = entries([{"command": "deploy", "by": "ann", "at": at(1), "model": "steady", "model_version": "2"}])
    result.outputs.clear()
    result.outputs.update(result.monitor.apply(flush_of([entry]), 3 * half + 1))
    (answered,) = [json.loads(each.value or b"") for each in result.outputs if b"command_id" in (each.value or b"")]
    assert (answered["status"], answered["at"]) == ("late", "2026-03-01T12:01:00.000Z")
    holds = reached - reached % PANE_MS
    assert answered["holds_from"] > answered["at"]
    result.feed(records, half + 1, len(records))
    ended = [json.loads(each.value) for each in result.outputs if each.channel == "alerts" and each.value]
    replaced = [each for each in ended if "was replaced by" in each["sentence"]]
    assert {each["model"] for each in replaced} == {"steady"}
    assert {each["updated_at"] for each in replaced} == {answered["holds_from"]}
    assert holds == START_MS + round((holds - START_MS) / PANE_MS) * PANE_MS


def _reached(result: Run, records: list[bytes], number: int) -> int:
    result.feed(records, number, number + 1)
    return result.monitor.status().predictions_ms or 0
