"""The e-detector of errors, through the whole chain of joins: it finds what a window cannot, and begins late enough."""

from __future__ import annotations

import json
import random
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from driftline.checks.contract.closed_window import PerformanceBaseline
from driftline.checks.contract.error_budget import ErrorBudget
from driftline.events.cloudevents import epoch_ms
from driftline.monitoring.labels.error_watch import ErrorWatch
from driftline.monitoring.labels.open_joins import ClosedLabels
from driftline.monitoring.model_setup import ModelSetup
from driftline.profiles.profiles import Profiles
from tests.support.arrival import KEY, Labelled, arrival_settings, flushes
from tests.support.monitor_runs import run, run_with_crashes
from tests.support.monitoring import PANE_MS, START_MS, training_profile

if TYPE_CHECKING:
    from driftline.config.settings import Settings

PROFILE = training_profile(KEY, 0, n=4_000, labelled=True)
"""One in twenty of its predictions is wrong."""
ONSET_MS = START_MS + 1_500_000
FLUSH_MS = 60_000


def settings_of(*, sequential: bool = True, dispersion: str = "independent") -> Settings:
    base = arrival_settings()
    checks = msgspec.convert(
        {"sequential": sequential, "dispersion": {"mode": dispersion}, "min_accuracy_drop": 0.02},
        type(base.defaults.checks),
    )
    return msgspec.structs.replace(base, defaults=base.defaults.replace(checks=checks))


def traffic_of(wrong_after: float, *, wrong_before: float = 0.05, seed: int = 4) -> Labelled:
    """Return half an hour of four predictions a second, whose labels come after some seconds."""
    rng = np.random.default_rng(seed)
    traffic = Labelled.evenly(8_000, 250, rng)
    wrong = rng.random(traffic.predicted.size) < np.where(traffic.time_ms < ONSET_MS, wrong_before, wrong_after)
    traffic.actual[:] = np.where(wrong, 1 - traffic.predicted, traffic.predicted)
    traffic.delay_ms[:] = rng.exponential(5_000, traffic.delay_ms.size).astype(np.int64)
    return traffic


@cache
def findings(
    wrong_after: float, *, sequential: bool = True, dispersion: str = "independent", wrong_before: float = 0.05
) -> list[dict[str, Any]]:
    settings = settings_of(sequential=sequential, dispersion=dispersion)
    traffic = traffic_of(wrong_after, wrong_before=wrong_before)
    outputs = run(list(flushes(settings, traffic, FLUSH_MS, under=PROFILE)), settings, [PROFILE]).outputs
    kinds = (("ce_type", b"io.driftline.finding.v1"), ("ce_type", b"io.driftline.alert.v1"))
    found = [json.loads(each.value or b"null") for each in outputs if any(kind in each.headers for kind in kinds)]
    shown = (each for each in found if each is not None)
    return sorted(shown, key=lambda each: (each["window"]["end"], each.get("revision", 0)))


def of_panes(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in found if each.get("check", "").endswith(".accuracy") and each["window"]["kind"] == "pane"]


def test_a_fall_that_no_window_shows_is_found() -> None:
    (first, *_) = of_panes(findings(0.11))
    assert (first["check"], first["family"], first["severity"]) == ("performance.accuracy", "performance", "critical")
    assert first["statistic"]["name"] == "log_mixture"
    assert first["statistic"]["value"] >= first["statistic"]["threshold"]
    assert first["effect"]["current"] == pytest.approx(0.89, abs=0.03)
    assert first["effect"]["reference"] == pytest.approx(0.95, abs=0.01)
    since_ms = epoch_ms(first["since"])
    assert abs(since_ms - ONSET_MS) < 120_000, "it dates the predictions"
    assert epoch_ms(first["window"]["end"]) - ONSET_MS <= 300_000
    alone = [each for each in findings(0.11, sequential=False) if each.get("check") == "performance.accuracy"]
    assert not alone or epoch_ms(alone[0]["window"]["end"]) > epoch_ms(first["window"]["end"])
    alerts = [each for each in findings(0.11) if each.get("cause") == "performance"]
    assert [each["notify"] for each in alerts].count(True) == 1
    assert "resolved" not in [each["state"] for each in alerts], "it lasts"


def test_a_great_fall_is_told_before_its_window_is_tested() -> None:
    (first, *_) = of_panes(findings(0.5))
    windows = [each for each in findings(0.5) if each.get("check") == "performance.accuracy"]
    tested = [each for each in windows if each["window"]["kind"] != "pane"]
    assert first["severity"] == "critical"
    assert epoch_ms(first["window"]["end"]) - ONSET_MS <= 4 * PANE_MS
    assert epoch_ms(first["window"]["end"]) < epoch_ms(tested[0]["window"]["end"])


def test_one_alert_lasts_as_long_as_the_fall() -> None:
    alerts = [each for each in findings(0.5) if each.get("cause") == "performance"]
    assert len({each["alert_id"] for each in alerts}) == 1
    assert [each["state"] for each in alerts].count("resolved") <= 1
    assert sum(each["notify"] for each in alerts) == 1


def test_unchanged_errors_find_nothing() -> None:
    assert of_panes(findings(0.05)) == []


def test_fewer_errors_are_told_for_information() -> None:
    (first, *_) = of_panes(findings(0.001, wrong_before=0.05))
    assert (first["check"], first["severity"]) == ("improvement.accuracy", "info")
    assert not first["level"]["in_budget"]


def test_without_anything_known_of_how_errors_vary_nobody_is_told() -> None:
    assert of_panes(findings(0.5, dispersion="estimate")) == []


def test_it_begins_when_labels_are_as_usual() -> None:
    """Panes of nothing but errors say nothing before the first window has been tested."""
    settings = settings_of()
    watch = ErrorWatch(ModelSetup(KEY, ErrorBudget.of(settings, KEY.model), PANE_MS, Profiles([PROFILE])))
    assert PROFILE.performance is not None
    baseline = PerformanceBaseline(vector=PROFILE.performance, origin="reference")

    def told(number: int) -> bool:
        start_ms = START_MS + number * PANE_MS
        pane = ClosedLabels(start_ms, start_ms + PANE_MS, {}, {}, ())
        return watch.add(PROFILE, baseline, pane, (0, 40)) is not None

    assert not any(told(number) for number in range(10))
    watch.begin(START_MS + 12 * PANE_MS)
    assert [told(number) for number in range(10, 14)] == [False, False, True, False]


def test_labels_of_no_class_are_not_told_as_errors() -> None:
    """Labels that are spelled otherwise from a moment on: the finding about that comes, and none of panes."""
    settings, traffic = settings_of(), traffic_of(0.05)
    traffic.actual[traffic.time_ms >= ONSET_MS] = 9.0
    outputs = run(list(flushes(settings, traffic, FLUSH_MS, under=PROFILE)), settings, [PROFILE]).outputs
    wanted = ("ce_type", b"io.driftline.finding.v1")
    found = [json.loads(each.value or b"null") for each in outputs if wanted in each.headers]
    assert of_panes(found) == []
    assert "performance.label_classes" in {each["check"] for each in found}


def test_an_alert_ends_though_windows_have_too_few_labels_to_be_tested() -> None:
    """From the onset on one prediction in five gets a label; five minutes later predictions are right again."""
    settings, traffic = settings_of(), traffic_of(0.05)
    rng = np.random.default_rng(9)
    after = traffic.time_ms >= ONSET_MS
    wrong = rng.random(after.size) < np.where(after & (traffic.time_ms < ONSET_MS + 150_000), 0.6, 0.05)
    traffic.actual[after] = np.where(wrong, 1 - traffic.predicted, traffic.predicted)[after]
    traffic.delay_ms[after & (rng.random(after.size) >= 0.2)] = -1
    outputs = run(list(flushes(settings, traffic, FLUSH_MS, under=PROFILE)), settings, [PROFILE]).outputs
    wanted = ("ce_type", b"io.driftline.alert.v1")
    read = [json.loads(each.value) for each in outputs if each.value and wanted in each.headers]
    alerts = sorted((each for each in read if each["cause"] == "performance"), key=lambda each: each["revision"])
    assert [alerts[0]["state"], alerts[0]["window"]["kind"], alerts[-1]["state"]] == ["open", "pane", "resolved"]
    assert sum(each["notify"] for each in alerts) == 1


@pytest.mark.slow
def test_neither_flushes_nor_crashes_show() -> None:
    settings, traffic = settings_of(), traffic_of(0.11)
    wanted = run(list(flushes(settings, traffic, FLUSH_MS, under=PROFILE)), settings, [PROFILE]).outputs
    for seed, every_ms in ((1, 5_000), (2, 70_000)):
        records = list(flushes(settings, traffic, every_ms, under=PROFILE))
        got = run_with_crashes(records, settings, [PROFILE], random.Random(seed), 4)
        kept = {record for record in got.outputs if record.channel != "references"}
        assert not {record.value for record in kept ^ {each for each in wanted if each.channel != "references"}}
