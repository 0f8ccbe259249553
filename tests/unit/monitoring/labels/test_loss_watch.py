"""The e-detector of a regression's errors, through the whole chain of joins."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from driftline.config.durations import Duration
from driftline.events.cloudevents import epoch_ms
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from tests.support.arrival import KEY, Labelled, arrival_settings, flushes
from tests.support.monitor_runs import run, run_with_crashes
from tests.support.monitoring import START_MS

if TYPE_CHECKING:
    from driftline.config.settings import Settings
    from driftline.profiles.profile import Profile

pytestmark = pytest.mark.slow
EVERY_MS, HOUR_MS, DAY_MS = 20_000, 3_600_000, 86_400_000
ONSET_MS = START_MS + DAY_MS
N = 2 * DAY_MS // EVERY_MS
SPREAD = 50.0


@cache
def settings() -> Settings:
    base = arrival_settings()
    checks = msgspec.convert({"dispersion": {"mode": "estimate"}}, type(base.defaults.checks))
    windows = msgspec.structs.replace(base.defaults.windows, performance=Duration(HOUR_MS))
    defaults = base.defaults.replace(checks=checks, windows=windows, task="regression")
    return msgspec.structs.replace(base, defaults=defaults)


@cache
def profile() -> Profile:
    """Return a fortnight of predictions whose errors are normal, with a standard deviation of 10."""
    rng, n = np.random.default_rng(2), 14 * DAY_MS // EVERY_MS
    says = rng.normal(200, SPREAD, n)
    label = says + rng.normal(0, 10, n)
    times = START_MS - n * EVERY_MS + np.arange(n) * EVERY_MS
    table = ReferenceTable(n, {}, prediction=says.tolist(), label=label.tolist(), times_ms=times)
    return build_profile(KEY, table, settings().defaults, START_MS - HOUR_MS, "training")


def traffic_of(factor: float, *, until_ms: int = 1 << 62, tails: bool = False) -> Labelled:
    """Return two days of predictions whose errors are so many times as large on the second one."""
    rng = np.random.default_rng(7)
    traffic = Labelled.evenly(N, EVERY_MS, rng)
    unit = profile().task.spread
    error = rng.normal(0, 10, N)
    if tails:
        error[rng.random(N) < 0.002] *= 400
    later = (traffic.time_ms >= ONSET_MS) & (traffic.time_ms < until_ms)
    traffic.predicted[:] = rng.normal(200, SPREAD, N) / unit
    traffic.actual[:] = traffic.predicted + error * np.where(later, factor, 1.0) / unit
    traffic.scores[:] = np.nan
    traffic.delay_ms[:] = 5_000
    return traffic


def said(traffic: Labelled, under: Profile | None = None) -> list[dict[str, Any]]:
    chosen = profile() if under is None else under
    outputs = run(list(flushes(settings(), traffic, HOUR_MS, under=chosen)), settings(), [chosen]).outputs
    read = [json.loads(each.value) for each in outputs if each.value and each.channel in {"events", "alerts"}]
    return sorted(read, key=lambda each: (each["window"]["end"], each.get("revision", 0)))


def of_panes(told: list[dict[str, Any]], check: str = "performance.mae") -> list[dict[str, Any]]:
    return [each for each in told if each.get("check") == check and each["window"]["kind"] == "pane"]


def alerts_of(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in told if each.get("cause") == "performance"]


def test_larger_errors_are_found_pane_by_pane() -> None:
    told = said(traffic_of(1.5))
    (first, *_) = [each for each in of_panes(told) if each["severity"] != "info"]
    assert (first["family"], first["statistic"]["name"]) == ("performance", "log_mixture")
    assert 0 < epoch_ms(first["window"]["end"]) - ONSET_MS < 4 * HOUR_MS
    assert abs(epoch_ms(first["since"]) - ONSET_MS) < 2 * HOUR_MS
    effect = first["effect"]
    assert (effect["name"], effect["gate"]) == ("mae_rise", 0.05)
    assert effect["reference"] == pytest.approx(10 * np.sqrt(2 / np.pi), rel=0.02), "in the unit of the prediction"
    assert effect["current"] == pytest.approx(1.5 * effect["reference"], rel=0.25)
    assert effect["corrected"] == pytest.approx(effect["current"] / effect["reference"] - 1)
    alerts = alerts_of(told)
    assert alerts[0]["window"]["kind"] == "pane"
    assert sum(each["notify"] for each in alerts) == 1
    assert alerts[-1]["state"] == "open"


def test_the_alert_ends_with_the_larger_errors() -> None:
    alerts = alerts_of(said(traffic_of(1.6, until_ms=ONSET_MS + 8 * HOUR_MS)))
    assert [alerts[0]["state"], alerts[-1]["state"]] == ["open", "resolved"]
    assert epoch_ms(alerts[-1]["resolved_at"]) > ONSET_MS + 8 * HOUR_MS


def test_smaller_errors_are_told_for_information() -> None:
    (first, *_) = of_panes(said(traffic_of(0.5)), "improvement.mae")
    assert (first["severity"], first["level"]["in_budget"], first["effect"]["name"]) == ("info", False, "mae_drop")
    assert of_panes(said(traffic_of(0.5))) == []


def test_unchanged_errors_find_nothing_and_neither_do_a_few_far_ones() -> None:
    assert of_panes(said(traffic_of(1.0))) == []
    assert of_panes(said(traffic_of(1.0, tails=True))) == [], "each counts as the mean of the last group"


def test_without_groups_in_the_reference_nothing_is_watched() -> None:
    assert of_panes(said(traffic_of(3.0), replace(profile(), error_groups=None))) == []


def test_neither_flushes_nor_crashes_show() -> None:
    traffic = traffic_of(1.5)
    wanted = run(list(flushes(settings(), traffic, HOUR_MS, under=profile())), settings(), [profile()]).outputs
    for seed, every_ms in ((1, 1_200_000), (2, 5 * HOUR_MS)):
        records = list(flushes(settings(), traffic, every_ms, under=profile()))
        got = run_with_crashes(records, settings(), [profile()], random.Random(seed), 4)
        kept = {record for record in got.outputs if record.channel != "references"}
        assert not {record.value for record in kept ^ {each for each in wanted if each.channel != "references"}}
