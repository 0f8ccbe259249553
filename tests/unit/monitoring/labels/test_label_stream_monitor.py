"""The labels topic as a whole: orphans by rate, and silence."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from driftline.events.label_stream import LabelStreamEvent
from driftline.events.source import LABEL_STREAM, SEGMENT_ALL, Source, Watermark
from driftline.panes.flush_record import VERSION, FlushRecord, JoinDelta, encode
from driftline.profiles.profiles import Profiles
from driftline.runtime.files.backtest import Backtest
from tests.support.arrival import COHORT_MS, KEY, arrival_settings
from tests.support.monitor_runs import Run, run, run_with_crashes
from tests.support.monitoring import PANE_MS, START_MS, training_profile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from driftline.events.output_record import OutputRecord

SETTINGS = arrival_settings()
STALL_MS = int(SETTINGS.defaults.labels.stall_after)
PREDICTIONS, LABELS = Source("predictions", 0), Source("labels", 0)


def events(outputs: Iterable[OutputRecord], kind: str) -> list[dict[str, Any]]:
    """Return the data of one type of event, by time."""
    wanted = ("ce_type", f"io.driftline.{kind}.v1".encode())
    found = [json.loads(record.value or b"null") for record in outputs if wanted in record.headers]
    return sorted(found, key=lambda data: (data["window"]["end"], data.get("revision", 0)))


def delta(pane_ms: int, counts: tuple[int, int, int]) -> JoinDelta:
    return JoinDelta(LABEL_STREAM, SEGMENT_ALL, pane_ms, "", {"labels": {0: (1, 2)}}, [], (0, 0, 0), labels=counts)


def record(
    deltas: Sequence[JoinDelta], predictions_ms: int, labels_ms: int | None = None, *, labels_idle: bool = False
) -> bytes:
    """Return a flush record; the labels have come as far as the predictions where nothing else is said."""
    labels = Watermark(LABELS, 1, predictions_ms if labels_ms is None else labels_ms, labels_idle)
    return encode(
        FlushRecord(VERSION, [], list(deltas), [Watermark(PREDICTIONS, 1, predictions_ms, idle=False), labels])
    )


def spans(shares: Sequence[float], n: int = 1_000) -> list[bytes]:
    """Return a record a span, of n labels of which some are orphans."""
    records = []
    for number, share in enumerate(shares):
        start_ms = START_MS + number * COHORT_MS
        orphans = round(n * share)
        parts = [delta(start_ms, (n, n - orphans, 0)), delta(start_ms + COHORT_MS - PANE_MS, (0, 0, orphans))]
        records.append(record(parts, start_ms + COHORT_MS))
    return records


def test_more_orphans_than_usual_open_an_alert() -> None:
    shares = [0.02, 0.021, 0.018, 0.02, 0.022, 0.019, 0.02, 0.021, 0.2, 0.02, 0.02, 0.02]
    outputs = run(spans(shares), SETTINGS, []).outputs
    found = events(outputs, "label_stream")
    assert [event["n_orphans"] for event in found] == [round(1_000 * share) for share in shares]
    assert [event["status"] for event in found] == [*["calibrating"] * 7, "usual", "many", *["usual"] * 3]
    for event in found:
        msgspec.convert(event, LabelStreamEvent)
        assert (event["model"], event["model_version"], event["profile"]) == ("", "labels", None)
        assert (event["n"], event["n_predictions"]) == (1_000, 1_000)
        assert event["offsets"] == {"labels": {"0": [1, 2]}}
    (finding,) = events(outputs, "finding")
    assert (finding["check"], finding["effect"]["name"]) == ("labels.orphans", "orphan_share_rise")
    assert finding["level"]["split"]["tests_per_window"] == 1
    alerts = events(outputs, "alert")
    assert [(alert["cause"], alert["state"], alert["notify"]) for alert in alerts] == [
        ("labels", "open", True),
        ("labels", "resolved", False),
    ]
    assert alerts[0]["title"] == "labels whose prediction never came 2 % → 20 %"


def test_a_few_more_orphans_do_not_matter() -> None:
    outputs = run(spans([0.02] * 10 + [0.028], n=100_000), SETTINGS, []).outputs
    last = events(outputs, "label_stream")[-1]
    assert last["test"]["p_value"] < 1e-5, "it is real"
    assert last["status"] == "usual", "it does not matter"


def silence(until_ms: int, *, idle: bool = True, n_spans: int = 8) -> list[bytes]:
    """Return spans with labels, then predictions alone."""
    records = spans([0.02] * n_spans)
    since_ms = START_MS + n_spans * COHORT_MS
    for at_ms in range(since_ms, since_ms + until_ms + 1, 30_000):
        records.append(record([delta(at_ms, (10, 0, 0))], at_ms, since_ms, labels_idle=idle))
    return records


def test_silence_of_the_labels_opens_an_alert_once_while_predictions_go_on() -> None:
    assert not events(run(silence(STALL_MS - 30_000), SETTINGS, []).outputs, "alert")
    outputs = run(silence(4 * STALL_MS), SETTINGS, []).outputs
    (finding,) = events(outputs, "finding")
    assert (finding["check"], finding["severity"], finding["flags"]) == ("labels.silent", "warning", ["idle"])
    assert finding["statistic"]["p_value"] is None
    assert finding["level"]["in_budget"] is False
    (alert,) = events(outputs, "alert")
    assert (alert["cause"], alert["state"], alert["notify"], alert["in_budget"]) == ("labels", "open", True, False)
    assert alert["since"] == finding["window"]["start"]
    assert alert["title"] == "labels: there are none"


def test_open_alerts_of_the_stream_are_in_the_status() -> None:
    status = run(silence(2 * STALL_MS), SETTINGS, []).monitor.status()
    assert [alert.cause for alert in status.models[LABEL_STREAM].open_alerts] == ["labels"]


def test_labels_that_are_only_behind_are_not_silent() -> None:
    assert not events(run(silence(4 * STALL_MS, idle=False), SETTINGS, []).outputs, "alert")


def test_labels_that_never_came_at_all_are_silent_since_the_first_prediction() -> None:
    records = [
        encode(
            FlushRecord(
                VERSION,
                [],
                [delta(at_ms, (10, 0, 0))],
                [Watermark(PREDICTIONS, 1, at_ms, idle=False), Watermark(LABELS, 1, None, idle=True)],
            )
        )
        for at_ms in range(START_MS, START_MS + 2 * STALL_MS, 60_000)
    ]
    (alert,) = events(run(records, SETTINGS, []).outputs, "alert")
    assert alert["since"] == "2026-03-01T12:00:00.000Z"


@pytest.mark.parametrize("n_spans", [8, 2])
def test_spans_with_labels_end_the_alert_of_a_silence(n_spans: int) -> None:
    records = silence(2 * STALL_MS, n_spans=n_spans)
    back_ms = START_MS + n_spans * COHORT_MS + 2 * STALL_MS
    back_ms += -back_ms % COHORT_MS
    for number in range(4):
        at_ms = back_ms + number * COHORT_MS
        records.append(record([delta(at_ms, (1_000, 980, 20))], at_ms + COHORT_MS))
    alerts = events(run(records, SETTINGS, []).outputs, "alert")
    assert [alert["state"] for alert in alerts] == ["open", "resolved"]
    assert len({alert["alert_id"] for alert in alerts}) == 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_crashes_do_not_show(seed: int) -> None:
    records = silence(2 * STALL_MS)
    wanted = run(records, SETTINGS, []).outputs
    got: Run = run_with_crashes(records, SETTINGS, [], random.Random(seed), 5)
    assert got.outputs == wanted


def test_orphans_are_counted_from_the_topics(tmp_path: Path) -> None:
    predictions, labels = tmp_path / "p.ndjson", tmp_path / "l.ndjson"
    base = {"model": KEY.model, "model_version": KEY.version, "features": {"x": 0.1, "c": "a"}}
    lines, told = [], []
    for number in range(900):
        ts = START_MS + number * 1_000
        lines.append({**base, "prediction_id": f"p{number}", "ts": ts, "prediction": 1, "score": 0.75})
        name = f"unknown{number}" if number % 50 == 0 else f"p{number}"
        told.append({"prediction_id": name, "label": 1, "ts": ts + 500})
    predictions.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    labels.write_text("\n".join(map(json.dumps, told)), encoding="utf-8")
    outputs: list[OutputRecord] = []
    Backtest(SETTINGS, Profiles([training_profile(KEY, 0)]), 2).run(predictions, labels, outputs.append)
    found = events(outputs, "label_stream")
    assert sum(event["n_orphans"] for event in found) >= 10
    assert all(event["n_orphans"] in range(4, 9) for event in found[1:])
    assert found[0]["n_predictions"] == 300
    first, *_ = events(outputs, "label_arrival")
    assert (first["n"], first["n_predictions"]) == (294, 300)
    assert first["by_age"][0] == 294, "all within a second"
