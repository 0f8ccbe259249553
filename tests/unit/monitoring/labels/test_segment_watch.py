"""The e-detectors of the errors of segments, through the whole chain of joins."""

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
from tests.support.commands import entries, in_time
from tests.support.monitor_runs import run, run_with_crashes
from tests.support.monitoring import PANE_MS, START_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.config.settings import Settings
    from driftline.profiles.profile import Profile

pytestmark = pytest.mark.slow
EVERY_MS = 100
N = 30_000
"""Fifty minutes of ten predictions a second."""
ONSET_MS = START_MS + 1_500_000
DE, FR = 1, 2
"""A tenth of the traffic, and three tenths."""


def settings_of(segments: dict[str, tuple[str, ...]] | None = None, **checks: object) -> Settings:
    base = arrival_settings()
    made = msgspec.convert({"dispersion": {"mode": "independent"}, **checks}, type(base.defaults.checks))
    slices = {"country": ("DE", "FR")} if segments is None else segments
    return msgspec.structs.replace(base, defaults=base.defaults.replace(checks=made, segments=slices))


@cache
def profile() -> Profile:
    """Return a profile of which one prediction in ten is wrong."""
    n = 4_000
    says = [i % 2 for i in range(n)]
    label = [each if i % 10 else 1 - each for i, each in enumerate(says)]
    table = ReferenceTable(n, {}, prediction=says, score=[0.25 + 0.5 * each for each in says], label=label)
    return build_profile(KEY, table, settings_of().defaults, START_MS - 3_600_000, "training")


def traffic_of(wrong_after: dict[int, float], *, until_ms: int = 1 << 62, seed: int = 4) -> Labelled:
    """Return traffic of which one prediction in ten is wrong, but for some segments after the onset; 0 stands for all
    other traffic.
    """
    rng = np.random.default_rng(seed)
    traffic = Labelled.evenly(N, EVERY_MS, rng)
    traffic.segments = rng.choice(np.array([DE, FR, 0], dtype=np.uint32), N, p=[0.1, 0.3, 0.6])
    share = np.full(N, 0.1)
    changed = (traffic.time_ms >= ONSET_MS) & (traffic.time_ms < until_ms)
    for segment, wrong in wrong_after.items():
        share[changed & (traffic.segments == segment)] = wrong
    traffic.actual[:] = np.where(rng.random(N) < share, 1 - traffic.predicted, traffic.predicted)
    traffic.delay_ms[:] = rng.exponential(5_000, N).astype(np.int64)
    return traffic


def said(traffic: Labelled, settings: Settings | None = None) -> list[dict[str, Any]]:
    """Return all findings and alerts, in the order of their windows."""
    chosen = settings_of() if settings is None else settings
    outputs = run(list(flushes(chosen, traffic, 10_000, under=profile())), chosen, [profile()]).outputs
    kinds = (("ce_type", b"io.driftline.finding.v1"), ("ce_type", b"io.driftline.alert.v1"))
    read = [json.loads(each.value) for each in outputs if each.value and any(kind in each.headers for kind in kinds)]
    return sorted(read, key=lambda each: (each["window"]["end"], each.get("revision", 0)))


@cache
def one_segment_falls() -> list[dict[str, Any]]:
    return said(traffic_of({DE: 0.3}))


def found_in(told: Sequence[dict[str, Any]], segment: str, check: str = "performance.accuracy") -> list[dict[str, Any]]:
    return [each for each in told if each.get("check") == check and each["segment"] == segment]


def alerts_of(told: Sequence[dict[str, Any]], segment: str) -> list[dict[str, Any]]:
    return [each for each in told if each.get("cause") == "performance" and each["segment"] == segment]


def test_a_fall_in_one_segment_is_found_before_that_of_all_traffic() -> None:
    told = one_segment_falls()
    (first, *_) = found_in(told, "country=DE")
    assert (first["window"]["kind"], first["statistic"]["name"]) == ("pane", "log_mixture")
    assert first["effect"]["current"] == pytest.approx(0.7, abs=0.12)
    assert first["effect"]["reference"] == pytest.approx(0.9, abs=0.03)
    assert first["effect"]["gate"] == settings_of().defaults.checks.min_accuracy_drop
    assert abs(epoch_ms(first["since"]) - ONSET_MS) < 120_000
    assert epoch_ms(first["window"]["end"]) - ONSET_MS <= 600_000
    assert first["baseline"] == "first windows"
    assert first["message"].startswith("accuracy of country=DE ")
    assert "2 segments" in first["level"]["derivation"]
    assert first["level"]["in_budget"]
    of_all = [each for each in found_in(told, "all") if each["level"]["in_budget"]]
    assert not of_all or of_all[0]["window"]["end"] > first["window"]["end"]
    assert found_in(told, "country=FR") == []


def test_its_alert_names_the_segment() -> None:
    alerts = alerts_of(one_segment_falls(), "country=DE")
    assert sum(each["notify"] for each in alerts) == 1
    first = alerts[0]
    assert (first["state"], first["root"], first["kind"]) == ("open", "performance", "concept drift")
    assert first["title"].startswith("accuracy of country=DE ")
    assert first["incident"] == first["alert_id"]
    assert first["in_budget"]
    assert alerts[-1]["state"] == "open", "it lasts"


def test_the_alert_ends_with_the_fall() -> None:
    over_ms = ONSET_MS + 600_000
    alerts = alerts_of(said(traffic_of({DE: 0.4}, until_ms=over_ms)), "country=DE")
    assert [alerts[0]["state"], alerts[-1]["state"]] == ["open", "resolved"]
    assert epoch_ms(alerts[-1]["resolved_at"]) > over_ms
    assert sum(each["notify"] for each in alerts) == 1


def test_a_fall_of_all_traffic_is_told_once() -> None:
    told = said(traffic_of({DE: 0.3, FR: 0.3, 0: 0.3}))
    (of_all, *_) = alerts_of(told, "all")
    assert of_all["notify"]
    of_segments = [*alerts_of(told, "country=DE"), *alerts_of(told, "country=FR")]
    assert of_segments, "it is found in segments too"
    assert {each["incident"] for each in of_segments} == {of_all["alert_id"]}
    assert not any(each["notify"] for each in of_segments)
    assert {each["kind"] for each in of_segments} == {"performance"}


def test_a_much_greater_fall_is_told_though_an_alert_is_open() -> None:
    traffic, rng = traffic_of({DE: 0.2}), np.random.default_rng(1)
    late = (traffic.time_ms >= ONSET_MS + 800_000) & (traffic.segments == DE)
    wrong = late & (rng.random(N) < 0.8)
    traffic.actual[wrong] = 1 - traffic.predicted[wrong]
    alerts = alerts_of(said(traffic), "country=DE")
    notified = [each for each in alerts if each["notify"]]
    assert len({each["alert_id"] for each in alerts}) == 1
    assert notified[0]["notified_for"] == "opened"
    assert {"far greater effect", "more severe"} & {each["notified_for"] for each in notified[1:]}


def test_a_segment_says_since_when_it_is_watched_or_why_not() -> None:
    told = obeying(traffic_of({}))
    of_segment = [each for each in told if each["segment"] == "country=DE" and "coverage" in each]
    watching = [each["errors_watched"] for each in of_segment]
    assert watching[0] == {
        "n_baseline": 0,
        "since": None,
        "why_not": f"the segment's first windows are its baseline, which lacks {100 - first_labels(of_segment)} labels",
    }
    assert (watching[-1]["why_not"], watching[-1]["n_baseline"] >= 1_600) == (None, True)
    assert START_MS < epoch_ms(watching[-1]["since"]) < ONSET_MS
    assert all("errors_watched" not in each for each in told if each["segment"] == "all")


def first_labels(events: Sequence[dict[str, Any]]) -> int:
    """Return the labels of the first window that had its labels."""
    return next(int(each["n"]) for each in events if each["coverage"] >= 0.8)


def test_unchanged_segments_find_nothing() -> None:
    told = said(traffic_of({}))
    assert found_in(told, "country=DE") == found_in(told, "country=FR") == []


def test_fewer_errors_are_told_for_information() -> None:
    (first, *_) = found_in(said(traffic_of({FR: 0.01})), "country=FR", "improvement.accuracy")
    assert (first["severity"], first["level"]["in_budget"]) == ("info", False)


def test_without_e_detectors_segments_are_not_watched() -> None:
    told = said(traffic_of({DE: 0.9}), settings_of(sequential=False))
    assert found_in(told, "country=DE") == []


def test_nothing_is_watched_while_it_is_not_known_how_errors_vary() -> None:
    assert found_in(said(traffic_of({DE: 0.9}), settings_of(dispersion={"mode": "estimate"})), "country=DE") == []


def test_neither_flushes_nor_crashes_show() -> None:
    settings, traffic = settings_of(), traffic_of({DE: 0.4}, until_ms=ONSET_MS + 600_000)
    wanted = run(list(flushes(settings, traffic, 10_000, under=profile())), settings, [profile()]).outputs
    for seed, every_ms in ((1, 5_000), (2, 700_000)):
        records = list(flushes(settings, traffic, every_ms, under=profile()))
        got = run_with_crashes(records, settings, [profile()], random.Random(seed), 4)
        kept = {record for record in got.outputs if record.channel != "references"}
        assert not {record.value for record in kept ^ {each for each in wanted if each.channel != "references"}}


def test_where_the_reference_says_how_errors_vary_a_day_of_windows_is_the_baseline() -> None:
    """Hours of 180 predictions, three tenths of them in France, where three in ten are wrong from the third day on."""
    base, every_ms, day_ms = settings_of(dispersion={"mode": "estimate"}), 20_000, 86_400_000
    windows = msgspec.structs.replace(base.defaults.windows, performance=Duration(3_600_000))
    settings = msgspec.structs.replace(base, defaults=base.defaults.replace(windows=windows))
    rng, n = np.random.default_rng(2), 14 * day_ms // every_ms
    says = (np.arange(n) % 2).tolist()
    label = np.where(rng.random(n) < 0.1, 1 - np.array(says), says).tolist()
    times = START_MS - n * every_ms + np.arange(n) * every_ms
    table = ReferenceTable(n, {}, prediction=says, label=label, times_ms=times)
    reference = build_profile(KEY, table, settings.defaults, START_MS - 3_600_000, "training")
    traffic = Labelled.evenly(4 * day_ms // every_ms, every_ms, rng)
    size = traffic.time_ms.size
    traffic.segments = rng.choice(np.array([DE, FR, 0], dtype=np.uint32), size, p=[0.1, 0.3, 0.6])
    onset_ms = START_MS + 3 * day_ms
    share = np.where((traffic.segments == FR) & (traffic.time_ms >= onset_ms), 0.3, 0.1)
    traffic.actual[:] = np.where(rng.random(size) < share, 1 - traffic.predicted, traffic.predicted)
    traffic.delay_ms[:] = 5_000
    records = list(flushes(settings, traffic, 3_600_000, under=reference))
    outputs = run(records, settings, [reference]).outputs
    told = [json.loads(each.value) for each in outputs if each.value and each.channel in {"events", "alerts"}]
    told.sort(key=lambda each: (each["window"]["end"], each.get("revision", 0)))
    found = [*found_in(told, "country=FR"), *found_in(told, "country=DE")]
    assert found[0]["segment"] == "country=FR"
    assert 0 < epoch_ms(found[0]["window"]["end"]) - onset_ms < 12 * 3_600_000
    assert abs(epoch_ms(found[0]["since"]) - onset_ms) < 6 * 3_600_000
    begun = [each for each in told if each["segment"] == "country=FR" and each.get("errors_watched", {}).get("since")]
    assert epoch_ms(begun[0]["errors_watched"]["since"]) >= START_MS + day_ms
    assert begun[0]["errors_watched"]["n_baseline"] > 1_000
    (alert, *_) = alerts_of(told, "country=FR")
    assert alert["notify"]


def obeying(traffic: Labelled, *commands: dict[str, Any], profiles: Sequence[Profile] = ()) -> list[dict[str, Any]]:
    """Return all findings and alerts where commands are given in between."""
    settings, published = settings_of(), profiles or (profile(),)
    records = list(flushes(settings, traffic, 10_000, under=profile()))
    records = in_time(records, entries([{"by": "ann", **each} for each in commands]), random.Random(1), PANE_MS)
    outputs = run(records, settings, published).outputs
    read = [json.loads(each.value) for each in outputs if each.value and each.channel in {"events", "alerts"}]
    return sorted(read, key=lambda each: (each.get("window", {}).get("end", ""), each.get("revision", 0)))


def test_a_deploy_begins_anew() -> None:
    """Of the same version, just before its evidence is enough: the fall is found later, from labels since."""
    traffic = traffic_of({DE: 0.3})
    (before, *_) = found_in(one_segment_falls(), "country=DE")
    deployed_ms = epoch_ms(before["window"]["start"])
    deploy = {"command": "deploy", "id": "d", "at": deployed_ms, "model": "m", "model_version": "1"}
    (after, *_) = found_in(obeying(traffic, deploy), "country=DE")
    assert epoch_ms(after["window"]["end"]) > epoch_ms(before["window"]["end"]) + 60_000
    assert epoch_ms(after["since"]) > epoch_ms(before["since"])


def test_another_profile_has_first_windows_of_its_own() -> None:
    """What was a fall is how it is from then on."""
    traffic, later_ms = traffic_of({DE: 0.3}), ONSET_MS
    other = replace(profile(), effective_from_ms=later_ms)
    assert found_in(obeying(traffic, profiles=(profile(), other)), "country=DE") == []


def test_an_alert_of_a_segment_can_be_acknowledged() -> None:
    traffic = traffic_of({DE: 0.3})
    (first, *_) = alerts_of(one_segment_falls(), "country=DE")
    at_ms = epoch_ms(first["opened_at"]) + 60_000
    told = obeying(
        traffic, {"command": "acknowledge", "id": "a", "at": at_ms, "model": "m", "alert": first["alert_id"]}
    )
    said_of = [each for each in told if each.get("alert_id") == first["alert_id"]]
    assert any(each.get("acknowledged") for each in said_of)


def test_a_few_labels_a_window_wait_until_they_say_whether_it_is_over() -> None:
    """Windows of thirty labels: three of them together are clean at most, so the alert takes as long to end."""
    over_ms = ONSET_MS + 600_000
    traffic = traffic_of({DE: 0.5}, until_ms=over_ms)
    assert traffic.segments is not None
    rare = (traffic.segments == DE) & (np.random.default_rng(5).random(N) < 0.85)
    traffic.segments[rare] = 0
    settings = settings_of()
    window_ms = int(settings.defaults.windows.performance)
    per_window = 0.1 * 0.15 * window_ms / EVERY_MS
    assert per_window < 30
    alerts = alerts_of(said(traffic), "country=DE")
    assert alerts[0]["state"] == "open"
    resolved = [each for each in alerts if each["state"] == "resolved"]
    needed_ms = 2 * 100 / per_window * window_ms
    assert all(epoch_ms(each["resolved_at"]) >= epoch_ms(alerts[0]["opened_at"]) + 0.8 * needed_ms for each in resolved)
