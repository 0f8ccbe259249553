"""A stream in which a model fails, is slow and is silent, through both stages."""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from driftline.config.durations import Duration
from driftline.monitoring.operations import operations_monitor
from tests.support.operations import LATENESS_MS, MINUTE_MS, START_MS, Pipeline, event, settings_of

if TYPE_CHECKING:
    from collections.abc import Sequence

N_PARTITIONS = 3
MINUTES = 40
FAILS, SLOW, SILENT = range(20, 23), range(26, 29), range(33, 36)
"""Minutes."""


@cache
def stream(*, told: bool = True) -> tuple[tuple[bytes, ...], ...]:
    """Return the records of each partition: 200 predictions a minute of one model, and a few of another."""
    rng = random.Random(5)
    partitions: list[list[bytes]] = [[] for _ in range(N_PARTITIONS)]
    for number in range(MINUTES * 200):
        time_ms = START_MS + number * MINUTE_MS // 200
        minute = number // 200
        if number % 40 == 0:
            partitions[rng.randrange(N_PARTITIONS)].append(event(time_ms, number, model="other"))
        if minute in SILENT:
            continue
        more: dict[str, Any] = {}
        if told:
            more["latency_ms"] = round(rng.lognormvariate(3, 0.4) * (3 if minute in SLOW else 1), 3)
            if minute in FAILS and rng.random() < 0.3:
                more |= {"error": rng.choice(("timeout", {"code": "OOM"})), "prediction": None}
        late_ms = rng.choice((0, 0, 4_000)) if number % 200 > 20 else 0  # in the same minute
        partitions[rng.randrange(N_PARTITIONS)].append(event(time_ms - late_ms, number, **more))
    return tuple(tuple(values) for values in partitions)


def run(
    streams: Sequence[Sequence[bytes]], seed: int, measures: dict[str, str] | None = None, **operations: object
) -> Pipeline:
    """Run both stages with batches, flushes and restarts as they happen, never far apart in event time."""
    rng = random.Random(seed)
    pipeline = Pipeline(settings_of(measures, **operations), N_PARTITIONS)
    at = [0] * N_PARTITIONS
    while any(at[p] < len(streams[p]) for p in range(N_PARTITIONS)):
        for partition in rng.sample(range(N_PARTITIONS), N_PARTITIONS):
            n = rng.randint(1, 600)
            pipeline.read(partition, streams[partition][at[partition] : at[partition] + n])
            at[partition] = min(at[partition] + n, len(streams[partition]))
            if rng.random() < 0.5:
                pipeline.flush()
        if rng.random() < 0.3:
            pipeline.restart()
    pipeline.flush()
    return pipeline


def minute(window: dict[str, Any]) -> int:
    hours, minutes = window["window"]["start"][11:16].split(":")
    return 60 * (int(hours) - 12) + int(minutes)


def test_it_says_when_the_model_fails_is_slow_and_is_silent() -> None:
    pipeline = run(stream(), 0, silence=Duration(MINUTE_MS))
    windows = {minute(each): each for each in pipeline.said("operations")}
    status = {at: window["status"] for at, window in windows.items()}
    assert {at for at, each in status.items() if each == "degraded"} == {*FAILS, *SLOW}
    assert {at for at, each in status.items() if each == "calibrating"} == set(range(10))
    assert {status[at] for at in SILENT} == {"waiting"}
    failing = windows[21]
    assert failing["n"] == 200
    assert failing["n_failed"] == sum(failing["reasons"].values())
    assert 0.15 < failing["failed_share"] < 0.45
    assert set(failing["reasons"]) == {"timeout", "OOM"}
    assert failing["latency_ms"]["n"] == 200
    assert windows[27]["latency_ms"]["p95"] > 2 * windows[19]["latency_ms"]["p95"]
    opened = [(each["cause"], each["title"]) for each in pipeline.said("alert") if each["revision"] == 1]
    assert opened == [
        ("operations", "failed predictions 0 % → 29 %"),
        ("operations", "latency p95 39 → 120 ms"),
        ("silence", "no predictions for 1m"),
    ]
    resolved = [each["cause"] for each in pipeline.said("alert") if each["state"] == "resolved"]
    assert resolved == ["operations", "operations", "silence"]


def test_silence_is_told_after_its_limit_and_measured_to_the_pane() -> None:
    pipeline = run(stream(), 0, silence=Duration(MINUTE_MS))
    opened, resolved = (each for each in pipeline.said("alert") if each["cause"] == "silence")
    assert (opened["model"], opened["model_version"], opened["severity"]) == ("loan", "1", "critical")
    assert opened["opened_at"] == "2026-03-01T12:34:00.000Z"
    assert opened["in_budget"] is False
    assert resolved["resolved_at"].startswith("2026-03-01T12:36:")
    windows = {minute(each): each for each in pipeline.said("operations")}
    assert windows[33]["uptime_share"] == 1.0
    assert windows[34]["uptime_share"] == pytest.approx(0.0, abs=1e-9)
    assert windows[35]["longest_gap_ms"] == 3 * MINUTE_MS
    assert windows[37]["uptime_share"] == 1.0


@pytest.mark.parametrize("seed", range(1, 5))
def test_it_depends_on_no_batch_flush_or_restart(seed: int) -> None:
    limits: dict[str, object] = {"silence": Duration(MINUTE_MS), "max_failed": 0.1, "max_p95_ms": 60.0}
    assert run(stream(), seed, None, **limits).outputs == run(stream(), 0, None, **limits).outputs


def test_limits_speak_without_earlier_windows() -> None:
    limits: dict[str, object] = {"max_failed": 0.1, "max_p95_ms": 60.0, "max_p99_ms": 1e6}
    found = {(each["check"], minute(each)) for each in run(stream(), 0, None, **limits).said("finding")}
    assert {at for check, at in found if check == "operations.max_failed"} == set(FAILS)
    assert {at for check, at in found if check == "operations.max_p95_ms"} == set(SLOW)
    assert not {at for check, at in found if check == "operations.max_p99_ms"}


def usage(seed: int) -> Pipeline:
    """Run both stages over half an hour in which memory grows for three minutes."""
    rng = random.Random(3)
    values = [
        event(
            START_MS + number * 500,
            number,
            memory=round(1e9 * rng.lognormvariate(0, 0.1) * (2.2 if 20 <= number // 120 < 23 else 1)),
        )
        for number in range(30 * 120)
    ]
    return run([values[0::3], values[1::3], values[2::3]], seed, measures={"memory_bytes": "/memory"})


def test_an_alert_names_the_resource_of_which_a_model_uses_more() -> None:
    pipeline = usage(0)
    (opened,) = (each for each in pipeline.said("alert") if each["revision"] == 1)
    assert (opened["cause"], opened["root"], opened["kind"]) == ("operations", "resource use", "operations")
    assert opened["title"] == "memory_bytes: p95 1.17 → 2.50 GB"
    assert "predictions use more `memory_bytes` than before" in opened["sentence"]
    assert [each["state"] for each in pipeline.said("alert")] == ["open", "open", "open", "resolved"]
    assert usage(1).outputs == pipeline.outputs


def test_events_without_such_fields_say_nothing() -> None:
    assert run(stream(told=False), 0).outputs == set()


def test_windows_with_few_predictions_are_evaluated_together() -> None:
    pipeline = run(stream(), 0, min_events=500, max_failed=0.05)
    status = {minute(each): each["status"] for each in pipeline.said("operations")}
    assert [status[at] for at in range(6)] == ["waiting", "waiting", "calibrating"] * 2
    together = [each for each in pipeline.said("finding") if each["check"] == "operations.max_failed"]
    assert [(minute(each), each["n"], each["window"]["extended"]) for each in together] == [
        (18, 600, True),
        (21, 600, True),
    ]


def test_a_model_that_is_gone_is_reported_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations_monitor, "MAX_EMPTY", 2)
    pipeline = Pipeline(settings_of())
    times = [*range(0, 2 * MINUTE_MS, 500), *range(60 * MINUTE_MS, 61 * MINUTE_MS, 500)]
    pipeline.read(0, [event(START_MS + at, at, latency_ms=5) for at in times])
    pipeline.read(0, [event(START_MS + 62 * MINUTE_MS + LATENESS_MS, -1, model="other")])
    pipeline.flush()
    said = [(minute(each), each["n"], each["longest_gap_ms"]) for each in pipeline.said("operations")]
    assert said == [
        (0, 120, None),
        (1, 120, None),
        (2, 0, MINUTE_MS),
        (3, 0, 2 * MINUTE_MS),
        (60, 120, 58 * MINUTE_MS),
        (61, 0, MINUTE_MS),
    ]


def test_slow_windows_are_no_baseline_until_they_last() -> None:
    pipeline = Pipeline(settings_of())
    for number in range(60 * 120):
        at = number * 500
        slow = at >= 20 * MINUTE_MS
        pipeline.read(0, [event(START_MS + at, number, latency_ms=(200 if slow else 20) + number % 7)])
    pipeline.flush()
    status = [each["status"] for each in pipeline.said("operations")]
    assert status[20:34] == ["degraded"] * 14
    assert status[35:] == ["usual"] * len(status[35:])


def test_the_end_of_the_input_is_no_silence() -> None:
    pipeline = Pipeline(settings_of(silence=Duration(MINUTE_MS)))
    pipeline.read(0, [event(START_MS + 500 * number, number, latency_ms=5) for number in range(150)])
    pipeline.flush()
    pipeline.monitor.end_input()
    pipeline.sketcher.advance_to(START_MS + 60 * MINUTE_MS)
    pipeline.flush()
    assert pipeline.said("alert") == []
    windows = pipeline.said("operations")
    assert [(each["n"], each["uptime_share"], each["longest_gap_ms"]) for each in windows] == [
        (120, 1.0, None),
        (30, 1.0, None),
    ]
