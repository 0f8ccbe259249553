"""When labels arrive: cohorts, the maturity curve, and the alert when labels come later than usual."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from driftline.events.cloudevents import epoch_ms
from driftline.events.label_arrival import LabelArrivalEvent
from driftline.monitoring.labels.cohorts import KEPT
from tests.support.arrival import AGES_MS, COHORT_MS, KEY, Labelled, arrival_settings, flushes
from tests.support.monitor_runs import Run, run, run_with_crashes
from tests.support.monitoring import START_MS, training_profile

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.events.output_record import OutputRecord

SETTINGS = arrival_settings()
PROFILES = [training_profile(KEY, 0)]


def events(outputs: Iterable[OutputRecord], kind: str) -> list[dict[str, Any]]:
    """Return the data of one type of event, by time."""
    wanted = ("ce_type", f"io.driftline.{kind}.v1".encode())
    found = [json.loads(record.value or b"null") for record in outputs if wanted in record.headers]
    return sorted(found, key=lambda data: (data["window"]["end"], data.get("age_ms", 0), data.get("revision", 0)))


def traffic_of(n_cohorts: int, late: range = range(0)) -> Labelled:
    """Return 150 predictions a cohort; in the late ones labels take twenty times as long."""
    traffic = Labelled.evenly(n_cohorts * 150, 2_000, np.random.default_rng(5))
    cohort = (traffic.time_ms - START_MS) // COHORT_MS
    traffic.delay_ms[np.isin(cohort, list(late))] *= 20
    never = np.arange(traffic.delay_ms.size) % 10 == 3
    traffic.delay_ms[never] = -1
    return traffic


def done(traffic: Labelled, every_ms: int = 300_000) -> Run:
    return run(list(flushes(SETTINGS, traffic, every_ms)), SETTINGS, PROFILES)


def test_each_cohort_says_at_each_age_how_many_have_a_label() -> None:
    traffic = traffic_of(4)
    found = events(done(traffic).outputs, "label_arrival")
    assert [event["age_ms"] for event in found] == list(AGES_MS) * 4
    for event in found:
        msgspec.convert(event, LabelArrivalEvent)
        assert (event["n_predictions"], event["status"], event["test"]) == (150, "calibrating", None)
    first, _, last = found[:3]
    cohort = (traffic.time_ms < START_MS + COHORT_MS) & (traffic.delay_ms >= 0)
    in_time = (traffic.time_ms + traffic.delay_ms) < (traffic.time_ms // 60_000 + 2) * 60_000
    assert first["n"] == int((cohort & in_time).sum()), "what had come when each window was a minute old"
    assert (last["n"], last["final"], first["final"]) == (135, True, False)
    assert sum(last["by_age"]) == 135
    within_a_minute = int((cohort & (traffic.delay_ms < 60_000)).sum())
    assert sum(last["by_age"][: last["ages_ms"].index(60_000) + 1]) == within_a_minute


def test_the_curve_takes_only_cohorts_past_an_age() -> None:
    traffic = traffic_of(12)
    found = events(done(traffic).outputs, "label_arrival")
    curve = {point["age_ms"]: point for point in found[-1]["curve"]}
    assert max(curve) == 600_000, "no edge between the last point and the horizon of twenty minutes"
    minute = curve[60_000]
    truth = ((traffic.delay_ms >= 0) & (traffic.delay_ms < 60_000)).mean()
    assert (minute["n_cohorts"], minute["n_predictions"]) == (12, 1_800)
    assert minute["share"] == truth
    early = next(event for event in found if event["age_ms"] == AGES_MS[0] and event["window"] == found[15]["window"])
    ages = [point["age_ms"] for point in early["curve"]]
    assert 60_000 in ages
    n_cohorts = [point["n_cohorts"] for point in early["curve"]]
    assert n_cohorts == sorted(n_cohorts, reverse=True), "fewer cohorts are as old as that"
    assert n_cohorts[-1] < n_cohorts[0]


def test_labels_that_come_later_than_usual_open_an_alert_that_resolves() -> None:
    outputs = done(traffic_of(24, late=range(14, 17))).outputs
    late = [event for event in events(outputs, "label_arrival") if event["status"] == "late"]
    numbers = {(event["window"]["start"], event["age_ms"]) for event in late}
    assert len({start for start, _ in numbers}) == 3, "each late cohort, and no other"
    assert AGES_MS[0] in {age for _, age in numbers}
    findings = [event for event in events(outputs, "finding") if event["family"] == "labels"]
    assert len(findings) == len(late)
    assert {event["check"] for event in findings} <= {"labels.arrival.1m", "labels.arrival.5m", "labels.arrival.20m"}
    for event in findings:
        assert event["effect"]["name"] == "labelled_share_drop"
        assert event["statistic"]["p_value"] <= event["level"]["level"]
        assert event["level"]["split"]["spender"] == "labels"
    alerts = [event for event in events(outputs, "alert") if event["cause"] == "labels"]
    assert len({event["alert_id"] for event in alerts}) == 1
    assert alerts[0]["title"] == "labels come late: 70 % → 8 % of predictions have one within 1m"
    assert [event["notify"] for event in alerts if event["revision"] == 1] == [True]
    assert any(event["state"] == "resolved" for event in alerts)


def test_an_open_alert_is_in_the_status() -> None:
    status = done(traffic_of(16, late=range(13, 16))).monitor.status()
    assert [alert.cause for alert in status.models[KEY].open_alerts] == ["labels"]


def test_unchanged_arrival_opens_nothing() -> None:
    outputs = done(traffic_of(24)).outputs
    statuses = [event["status"] for event in events(outputs, "label_arrival")]
    assert statuses.count("usual") > 40
    assert "late" not in statuses


def test_a_stall_does_not_become_the_usual_at_once_but_in_the_end() -> None:
    traffic = traffic_of(40, late=range(14, 40))
    found = [event for event in events(done(traffic).outputs, "label_arrival") if event["age_ms"] == AGES_MS[0]]
    statuses = [event["status"] for event in found]
    assert statuses[14:28] == ["late"] * 14
    assert set(statuses[29:]) == {"usual"}


@pytest.mark.slow
def test_neither_flushes_nor_crashes_show() -> None:
    traffic = traffic_of(16, late=range(12, 14))
    wanted = done(traffic).outputs
    for seed, every_ms in ((1, 5_000), (2, 70_000), (3, 333_000)):
        records = list(flushes(SETTINGS, traffic, every_ms))
        got = run_with_crashes(records, SETTINGS, PROFILES, random.Random(seed), 4)
        kept = {record for record in got.outputs if record.channel != "references"}
        differing = {record.value for record in kept ^ wanted}
        assert not differing


@pytest.mark.slow
def test_the_state_does_not_grow_with_time() -> None:
    settings = SETTINGS
    traffic = traffic_of(KEPT + 40)
    result = run(list(flushes(settings, traffic, 60_000)), settings, PROFILES)
    result.checkpoint()
    cohorts = [name for name in result.store if b"cohort" in name]
    assert KEPT <= len(cohorts) <= KEPT + AGES_MS[-1] // COHORT_MS + 2


def biased_traffic() -> Labelled:
    """Return 1,500 predictions a cohort; labels of positives come eight times as soon, a tenth of all never."""
    traffic = Labelled.evenly(14 * 1_500, 200, np.random.default_rng(8))
    rng = np.random.default_rng(9)
    mean_ms = np.where(traffic.actual == 1, 30_000, 240_000)
    traffic.delay_ms = np.minimum(rng.exponential(1.0, mean_ms.size) * mean_ms, AGES_MS[-1] - 30_000).astype(np.int64)
    traffic.delay_ms[rng.random(mean_ms.size) < 0.1] = -1
    return traffic


@pytest.fixture(scope="module")
def biased() -> list[dict[str, Any]]:
    """Return the performance events of biased traffic."""
    return events(done(biased_traffic()).outputs, "performance")


def test_performance_is_corrected_for_early_labels_being_biased(biased: list[dict[str, Any]]) -> None:
    last = {event["window"]["start"]: event for event in biased if event["final"]}
    early = [event for event in biased if event["revision"] == 0]
    first, *_, recent = early
    assert (first["corrected"]["status"], first["corrected"]["reason"]) == (
        "withheld",
        "too few cohorts past the horizon",
    )
    assert recent["corrected"]["status"] == "corrected"
    assert len(recent["corrected"]["assumptions"]) == 3
    assert recent["corrected"]["n_effective"] < recent["n"]
    off, raw_off, within = [], [], []
    for event in early:
        corrected, truth = event["corrected"], last[event["window"]["start"]]["metrics"]["accuracy"]
        low, high = corrected["bounds"]["accuracy"]
        assert low <= truth <= high
        if corrected["status"] == "corrected":
            off.append(corrected["metrics"]["accuracy"] - truth)
            raw_off.append(event["metrics"]["accuracy"] - truth)
            within.append(abs(off[-1]) < 1.96 * corrected["standard_errors"]["accuracy"])
    assert len(off) >= 25
    assert abs(np.mean(off)) < 0.015
    assert abs(np.mean(raw_off)) > 0.05
    assert np.mean(within) > 0.9


def test_the_last_revision_needs_no_correction_but_bounds_what_never_gets_a_label(biased: list[dict[str, Any]]) -> None:
    found = [event for event in biased if event["final"]]
    for event in found:
        corrected = event["corrected"]
        assert (corrected["status"], corrected["reason"], corrected["metrics"]) == ("mature", None, {})
        low, high = corrected["bounds"]["accuracy"]
        assert high - low == pytest.approx(1 - event["coverage"])


def test_a_kind_whose_labels_have_hardly_come_withholds_the_correction() -> None:
    traffic = biased_traffic()
    slow = (traffic.actual == 0) & (traffic.delay_ms >= 0)
    traffic.delay_ms[slow] = np.maximum(traffic.delay_ms[slow], 400_000)
    found = events(done(traffic).outputs, "performance")
    recent = [event["corrected"] for event in found if event["revision"] == 0][-1]
    assert (recent["status"], recent["metrics"], recent["least_rate"]) == ("withheld", {}, 0.0)
    assert "too soon" in recent["reason"]
    assert recent["bounds"]["accuracy"][0] < recent["bounds"]["accuracy"][1]


def test_labels_that_stop_are_told_with_the_moment_of_the_last_one() -> None:
    traffic = traffic_of(24)
    stop_ms = START_MS + 15 * COHORT_MS + COHORT_MS // 2
    traffic.delay_ms[(traffic.delay_ms >= 0) & (traffic.time_ms + traffic.delay_ms >= stop_ms)] = -1
    alerts = [each for each in events(done(traffic).outputs, "alert") if each["cause"] == "labels" and each["notify"]]
    (page,) = [each for each in alerts if each["model"] == KEY.model]
    assert (page["root"], page["kind"]) == ("silence", "silence")
    assert page["title"].startswith("labels: none since ")
    last_ms = int((traffic.time_ms + traffic.delay_ms)[traffic.delay_ms >= 0].max())
    pane_ms = int(SETTINGS.time.pane)
    assert epoch_ms(page["onset"]["from"]) == last_ms - last_ms % pane_ms
