"""Slices of a model's traffic: performance of their own, from the event to the performance event and over a restart."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest

from driftline.config.durations import Duration
from driftline.config.input_settings import LabelInput
from driftline.config.kafka_settings import KafkaSettings
from driftline.config.load import load_settings
from driftline.config.model import LabelSettings, ModelSettings, WindowSettings
from driftline.config.settings import Settings, TimeSettings
from driftline.errors import ConfigurationError
from driftline.events.model_key import ModelKey
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.monitoring.partition_monitor import META_KEY, PartitionMonitor
from driftline.panes.segments import SegmentBits
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.profiles import Profiles
from driftline.sketching.sketcher import Sketcher
from tests.support.pending import MemoryStores

if TYPE_CHECKING:
    from pathlib import Path

START_MS = 1_772_366_400_000
HOUR_MS = 3_600_000
P0, L0 = Source("predictions", 0), Source("labels", 0)
MODEL = ModelSettings(
    task="binary",
    segments={"country": ("DE", "FR"), "tier": ("1",)},
    windows=WindowSettings(performance=Duration(HOUR_MS)),
    labels=LabelSettings(horizon=Duration(2 * HOUR_MS), revisions=(Duration(2 * HOUR_MS),)),
)
SETTINGS = Settings(
    kafka=KafkaSettings(panes_partitions=1),
    labels=LabelInput(),
    time=TimeSettings(lateness=Duration(0)),
    defaults=MODEL,
)
PROFILE = build_profile(
    ModelKey("risk", ""), ReferenceTable(2, {}, prediction=[0, 1], score=None), MODEL, START_MS - HOUR_MS, "training"
)


def traffic(n: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return predictions of one hour with their segments, and their labels, then one of each a day later."""
    rng = np.random.default_rng(3)
    countries, tiers = rng.choice(["DE", "FR", "IT", ""], n), rng.integers(0, 3, n)
    predictions, labels = [], []
    for i in range(n):
        segments: dict[str, Any] | None = {"country": str(countries[i]), "tier": int(tiers[i])}
        base = {"prediction_id": f"p{i}", "ts": START_MS + i * 1_000}
        predictions.append(base | {"model": "risk", "prediction": int(i % 2), "segments": segments if i % 7 else None})
        labels.append(base | {"ts": START_MS + i * 1_000 + 5_000, "label": int(rng.random() < 0.5)})
    end = {"prediction_id": "end", "ts": START_MS + 24 * HOUR_MS}
    return [*predictions, end | {"model": "risk", "prediction": 0}], [*labels, end | {"label": 0}]


def events(*, restart: bool) -> list[dict[str, Any]]:
    """Run the traffic through both stages; return the performance events of the first hour."""
    book = Profiles()
    book.add(PROFILE)
    sketcher = Sketcher(SETTINGS, book, 1, MemoryStores)
    for source in (P0, L0):
        sketcher.assign(source, None)
    monitor, entries, seen = PartitionMonitor(0, SETTINGS, book), dict[bytes, bytes](), []
    predictions, labels = traffic(1_200)
    offset = 0
    for start in range(0, len(predictions), 100):
        for source, records in ((P0, predictions), (L0, labels)):
            part = records[start : start + 100]
            values: list[bytes | None] = [json.dumps(record).encode() for record in part]
            offsets = list(range(start, start + len(part)))
            sketcher.add(RecordBatch(source, "topic", values, offsets, [-1] * len(part)))
        flush = sketcher.flush()
        assert flush is not None
        sketcher.committed()
        for record in flush.panes[0]:
            seen += monitor.apply(record, offset)
            offset += 1
            checkpoint = monitor.checkpoint()
            for key, payload in checkpoint.entries.items():
                if payload is None:
                    entries.pop(key, None)
                else:
                    entries[key] = payload
            entries[META_KEY] = checkpoint.meta
            if restart:
                monitor = PartitionMonitor.restore(0, SETTINGS, book, entries)
    read = [orjson.loads(output.value) for output in seen if output.value and output.channel == "events"]
    return [event for event in read if "confusion" in event and event["window"]["start"].startswith("2026-03-01T12")]


def test_slices_get_the_performance_of_their_own_events() -> None:
    found = {event["segment"]: event for event in events(restart=False) if event["final"]}
    assert sorted(found) == ["all", "country=DE", "country=FR", "tier=1"]
    predictions, labels = traffic(1_200)
    for segment in ("country=DE", "country=FR", "tier=1"):
        field, _, value = segment.partition("=")
        rows = [i for i, p in enumerate(predictions[:-1]) if str((p["segments"] or {}).get(field)) == value]
        right = sum(predictions[i]["prediction"] == labels[i]["label"] for i in rows)
        event = found[segment]
        assert (event["n"], event["n_predictions"]) == (len(rows), len(rows))
        assert event["metrics"]["accuracy"] == right / len(rows)
        assert not event["tested"]


def test_a_restart_at_every_record_changes_nothing() -> None:
    assert events(restart=True) == events(restart=False)


def test_segments_that_typed_decoding_has_not_looked_into_are_read_as_far_as_they_can_be() -> None:
    bits = SegmentBits({"country": ["DE"]})
    odd = [b'{"country": "DE", "n": 1e400}', b'{"country": "DE", "n": "\\ud800"}', b'{"country": ' + b"[" * 5_000]
    assert bits(odd).tolist() == [1, 0, 0]


def test_what_is_no_object_belongs_to_no_slice() -> None:
    bits = SegmentBits({"country": ["DE"], "tier": ["1"]})
    shown = [
        b"",
        b"null",
        b"3",
        b'"DE"',
        b'{"country": "DE"}',
        b'{"tier": 1}',
        b'{"tier": true, "country": "DE"}',
        b"[]",
    ]
    assert bits(shown).tolist() == [0, 0, 0, 0, 1, 2, 3, 0]


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        ("{a: [" + ", ".join(f"v{i}" for i in range(32)) + "]}", "at most 31 values in all, got 32"),
        ("{a=b: [c]}", "names without `/`, fields without `=`, got 'a=b'"),
        ("{a: [b/c]}", "names without `/`, fields without `=`, got 'b/c'"),
        ("{a: [b, b]}", "each value once"),
    ],
)
def test_slices_that_could_not_be_told_apart_are_refused(tmp_path: Path, segments: str, message: str) -> None:
    path = tmp_path / "driftline.yaml"
    path.write_text(f"defaults: {{segments: {segments}}}")
    with pytest.raises(ConfigurationError, match=message):
        load_settings(path, {})
