"""Windows without a finding, by segment, are what a change of the traffic is split by."""

from __future__ import annotations

import json
import random
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from driftline.checks.contract.closed_window import SegmentWindow
from driftline.config.durations import Duration
from driftline.config.input_settings import LabelInput
from driftline.config.kafka_settings import KafkaSettings
from driftline.config.model import CheckSettings, DispersionSettings, LabelSettings, ModelSettings, WindowSettings
from driftline.config.settings import Settings, TimeSettings
from driftline.events.model_key import ModelKey
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.monitoring.labels.performance_windows import DueRevision, WindowState
from driftline.monitoring.labels.segment_windows import SegmentWindows
from driftline.performance.cases import Cases
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.profiles import Profiles
from driftline.profiles.task import Task
from driftline.sketching.sketcher import Sketcher
from tests.support.monitor_runs import run, run_with_crashes
from tests.support.pending import MemoryStores

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.events.output_record import OutputRecord
    from driftline.profiles.profile import Profile

START_MS = 1_772_366_400_000
HOUR_MS = 3_600_000
KEY = ModelKey("risk", "1")
P0, L0 = Source("predictions", 0), Source("labels", 0)
HOURS, PER_HOUR = 8, 400
MOVED = 6
"""The hour from which most of the traffic comes from a country where the model is often wrong."""
SETTINGS = Settings(
    kafka=KafkaSettings(panes_partitions=1),
    labels=LabelInput(),
    time=TimeSettings(lateness=Duration(0)),
    defaults=ModelSettings(
        task="binary",
        windows=WindowSettings(performance=Duration(HOUR_MS)),
        checks=CheckSettings(dispersion=DispersionSettings(mode="independent")),
        labels=LabelSettings(horizon=Duration(2 * HOUR_MS), revisions=(Duration(HOUR_MS), Duration(2 * HOUR_MS))),
        segments={"country": ("DE", "FR"), "channel": ("fax",)},
    ),
)


@cache
def published() -> tuple[Profile, ...]:
    rows = 4_000
    says = [i % 2 for i in range(rows)]
    table = ReferenceTable(rows, {}, prediction=says, label=[y if i % 10 else 1 - y for i, y in enumerate(says)])
    return (build_profile(KEY, table, SETTINGS.defaults, START_MS - HOUR_MS, "training"),)


def events() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return predictions and their labels: in Germany three of ten are wrong, elsewhere one of twenty."""
    rng = random.Random(3)
    predictions, labels = [], []
    for i in range(HOURS * PER_HOUR):
        at_ms, moved = START_MS + i * HOUR_MS // PER_HOUR, i >= MOVED * PER_HOUR
        country = rng.choices(("DE", "FR", "IT"), (0.6, 0.2, 0.2) if moved else (0.2, 0.5, 0.3))[0]
        says = rng.randrange(2)
        wrong = rng.random() < (0.3 if country == "DE" else 0.05)
        event = {"prediction_id": f"p{i}", "ts": at_ms, "model": "risk", "model_version": "1", "prediction": says}
        predictions.append(event | {"segments": {"country": country}})
        labels.append({"prediction_id": f"p{i}", "ts": at_ms + 9_000, "label": says ^ wrong})
    end = {"prediction_id": "end", "ts": START_MS + (HOURS + 3) * HOUR_MS}
    predictions.append(end | {"model": "risk", "model_version": "1", "prediction": 0})
    return predictions, [*labels, end | {"label": 0}]


def flushes(batch: int) -> list[bytes]:
    """Return what the sketch stage says of all events, so many at a time."""
    sketcher = Sketcher(SETTINGS, Profiles(published()), 1, MemoryStores)
    sketcher.assign(P0, None)
    sketcher.assign(L0, None)
    predictions, labels = events()
    records: list[bytes] = []
    for start in range(0, len(predictions), batch):
        for source, told in ((P0, predictions), (L0, labels)):
            values: list[bytes | None] = [json.dumps(each).encode() for each in told[start : start + batch]]
            offsets = list(range(start, start + len(values)))
            sketcher.add(RecordBatch(source, "topic", values, offsets, [-1] * len(values)))
        flush = sketcher.flush()
        assert flush is not None
        sketcher.committed()
        records += flush.panes[0]
    return records


@cache
def outputs(batch: int) -> frozenset[OutputRecord]:
    return frozenset(run(flushes(batch), SETTINGS, published()).outputs)


def findings(of: Iterable[OutputRecord]) -> list[dict[str, Any]]:
    read = [json.loads(output.value) for output in of if output.value and output.channel == "events"]
    of_accuracy = (each for each in read if each.get("check") == "performance.accuracy")
    found = [each for each in of_accuracy if each["window"]["kind"] != "pane"]
    return sorted(found, key=lambda each: str(each["window"]["start"]))


def test_traffic_from_elsewhere_is_told_with_the_windows_before_as_what_was_usual() -> None:
    first, second = findings(outputs(100))
    for finding in (first, second):
        explained = finding["explained"]
        assert explained["compared"]["start"] == "2026-03-01T12:00:00.000Z"
        assert (explained["compared"]["n_windows"], explained["compared"]["end"]) == (MOVED, "2026-03-01T18:00:00.000Z")
        mix = explained["mix"][0]
        assert mix["segments"][0]["segment"] == "country=DE"
        assert mix["field"] == "country"
        assert mix["mix"]["fraction"] > 0.6
        change = explained["compared"]["change"]
        assert mix["mix"]["value"] + mix["within"]["value"] == pytest.approx(change, abs=1e-9)
        assert "because the mix of country changed, above all country=DE from 2" in finding["message"]
        assert [each["segment"] for each in explained["mix"][1]["segments"]] == [None], "no fax ever came"
        assert explained["scores_missing"] == "no scores"


def test_the_event_shows_what_its_findings_show() -> None:
    for finding in findings(outputs(100)):
        read = [json.loads(output.value) for output in outputs(100) if output.value and output.channel == "events"]
        (event,) = [
            each
            for each in read
            if each.get("tested") and each["window"] == finding["window"] and each["segment"] == "all"
        ]
        assert event["explained"][0] == finding["explained"]
        assert [each["metric"] for each in event["explained"]] == ["accuracy", "positive_share"]


def test_how_flushes_fall_does_not_show() -> None:
    assert outputs(100) == outputs(7_000)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_crashes_do_not_show(seed: int) -> None:
    disturbed = run_with_crashes(flushes(100), SETTINGS, published(), random.Random(seed), 4)
    assert disturbed.outputs == outputs(100)


def due(hour: int) -> DueRevision:
    start_ms = START_MS + hour * HOUR_MS
    window = WindowState({}, {}, [], 1, tested=True)
    return DueRevision(start_ms, start_ms + HOUR_MS, start_ms + 2 * HOUR_MS, 0, final=False, window=window)


TASK = Task("binary", ("0", "1"))
NOTHING = np.zeros(TASK.performance_layout.n_cells, dtype=np.int64)


def test_only_the_latest_windows_are_kept_and_only_earlier_ones_compared() -> None:
    kept = SegmentWindows({"country": ("DE",)})
    for hour in range(30):
        evidence = kept.take(due(hour), TASK, NOTHING)
        assert evidence is not None
        assert len(evidence.earlier) == min(hour, SegmentWindows.KEPT)
        kept.keep(evidence.now)
    late = kept.take(due(10), TASK, NOTHING)
    assert late is not None
    assert [each.start_ms for each in late.earlier] == [due(hour).start_ms for hour in range(6, 10)]


def test_another_task_or_other_segments_are_not_compared_with() -> None:
    kept = SegmentWindows({"country": ("DE",)})
    first = kept.take(due(0), TASK, NOTHING)
    assert first is not None
    kept.keep(first.now)
    same, other = kept.take(due(1), TASK, NOTHING), kept.take(due(1), Task("binary", ("no", "yes")), NOTHING)
    assert same is not None
    assert other is not None
    assert (len(same.earlier), len(other.earlier)) == (1, 0)
    changed = SegmentWindows({"country": ("DE", "FR")})
    changed.keep(first.now)
    after = changed.take(due(1), TASK, NOTHING)
    assert after is not None
    assert after.earlier == ()


def test_without_segments_there_is_nothing_to_split_by() -> None:
    assert SegmentWindows({}).take(due(0), TASK, NOTHING) is None


def test_the_slices_of_the_same_revision_are_taken() -> None:
    windows, cases = SegmentWindows({"country": ("DE",)}), {"accuracy": Cases(4.0, 3.0, 3.0, 4.0)}
    windows.revisions = {"country=DE": {(START_MS, 0): cases, (START_MS, 1): {}}}
    evidence = windows.take(due(0), TASK, NOTHING)
    assert evidence is not None
    assert isinstance(evidence.now, SegmentWindow)
    assert evidence.now.segments == {"all": {}, "country=DE": cases}
