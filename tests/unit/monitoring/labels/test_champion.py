"""Champion and challenger: the performance of a model's versions side by side, over the same windows."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import orjson
from msgspec.structs import replace

from driftline.config.durations import Duration
from driftline.config.input_settings import LabelInput
from driftline.config.kafka_settings import KafkaSettings
from driftline.config.model import LabelSettings, ModelSettings, PerformanceSettings, WindowSettings
from driftline.config.settings import Settings, TimeSettings
from driftline.events.model_key import ModelKey
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.monitoring.partition_monitor import PartitionMonitor
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.profiles import Profiles
from driftline.sketching.sketcher import Sketcher
from tests.support.pending import MemoryStores

START_MS = 1_772_366_400_000
HOUR_MS = 3_600_000
P0, L0 = Source("predictions", 0), Source("labels", 0)
MODEL = ModelSettings(
    task="binary",
    windows=WindowSettings(performance=Duration(HOUR_MS)),
    labels=LabelSettings(horizon=Duration(2 * HOUR_MS), revisions=(Duration(HOUR_MS), Duration(2 * HOUR_MS))),
    performance=PerformanceSettings(champion="2"),
)


def performance_events(model: ModelSettings, batch: int) -> list[dict[str, Any]]:
    """Let version 2 be right four times in five and version 1 twice in three, on the same ids and labels."""
    settings = Settings(
        kafka=KafkaSettings(panes_partitions=3),
        labels=LabelInput(),
        time=TimeSettings(lateness=Duration(0)),
        defaults=model,
    )
    book = Profiles()
    for version in ("1", "2"):
        table = ReferenceTable(2, {}, prediction=[0, 1], score=None)
        book.add(build_profile(ModelKey("risk", version), table, model, START_MS - HOUR_MS, "training"))
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 2, 900)
    predictions: list[dict[str, Any]] = []
    for i, label in enumerate(labels.tolist()):
        for version, share in (("1", 0.67), ("2", 0.8)):
            says = label if rng.random() < share else 1 - label
            event = {"prediction_id": f"p{i}", "ts": START_MS + i * 4_000, "model": "risk", "model_version": version}
            predictions.append(event | {"prediction": says})
    end = {"prediction_id": "end", "ts": START_MS + 5 * HOUR_MS}
    predictions.append(end | {"model": "risk", "model_version": "1", "prediction": 0})
    truths = [
        {"prediction_id": f"p{i}", "ts": START_MS + i * 4_000 + 9_000, "label": y}
        for i, y in enumerate(labels.tolist())
    ]
    sketcher = Sketcher(settings, book, 1, MemoryStores)
    sketcher.assign(P0, None)
    sketcher.assign(L0, None)
    monitors = [PartitionMonitor(number, settings, book) for number in range(3)]
    outputs = []
    for start in range(0, len(predictions), batch):
        for source, records in ((P0, predictions), (L0, [*truths, end | {"label": 0}])):
            values: list[bytes | None] = [json.dumps(record).encode() for record in records[start : start + batch]]
            if values:
                offsets = list(range(start, start + len(values)))
                sketcher.add(RecordBatch(source, "topic", values, offsets, [-1] * len(values)))
        flush = sketcher.flush()
        assert flush is not None
        sketcher.committed()
        for number, flushed in flush.panes.items():
            for at, record in enumerate(flushed):
                outputs += monitors[number].apply(record, start * 10 + at)
    read = [orjson.loads(output.value) for output in outputs if output.value and output.channel == "events"]
    return [event for event in read if "confusion" in event and event["window"]["start"] == "2026-03-01T12:00:00.000Z"]


def test_a_version_is_shown_beside_the_champion_of_the_same_window() -> None:
    events = performance_events(MODEL, 100)
    by_version = {(event["model_version"], event["revision"]): event for event in events}
    assert sorted(by_version) == [("1", 0), ("1", 1), ("2", 0), ("2", 1)]
    for revision in (0, 1):
        champion, challenger = by_version["2", revision], by_version["1", revision]
        assert champion["champion"] is None
        shown = challenger["champion"]
        assert (shown["model_version"], shown["n"]) == ("2", champion["n"])
        assert shown["metrics"] == champion["metrics"]
        difference = shown["differences"]["accuracy"]
        assert difference[0] == challenger["metrics"]["accuracy"] - champion["metrics"]["accuracy"]
        assert difference[2] < 0, "it is worse beyond doubt"


def test_how_flushes_fall_does_not_show() -> None:
    assert performance_events(MODEL, 100) == performance_events(MODEL, 3_000)


def test_without_a_champion_nothing_is_shown() -> None:
    alone = MODEL.replace(performance=replace(MODEL.performance, champion=None))
    assert {event["model_version"]: event["champion"] for event in performance_events(alone, 3_000)} == {
        "1": None,
        "2": None,
    }
