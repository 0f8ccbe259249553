"""By which schemas a window's events were read: from the batch to the window event, its findings and its alert."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest

from driftline.config.durations import Duration
from driftline.config.kafka_settings import KafkaSettings
from driftline.config.model import CheckSettings, DispersionSettings, ModelSettings, WindowSettings
from driftline.config.settings import Settings, TimeSettings
from driftline.events.model_key import ModelKey
from driftline.events.record_batch import RecordBatch
from driftline.events.schema_counts import MAX_SCHEMAS
from driftline.events.source import Source
from driftline.monitoring.partition_monitor import META_KEY, PartitionMonitor
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.profiles import Profiles
from driftline.sketching.sketcher import Sketcher
from tests.support.pending import MemoryStores

if TYPE_CHECKING:
    from collections.abc import Callable

START_MS = 1_772_366_400_000
HOUR_MS = 3_600_000
N = 1_200
P0 = Source("predictions", 0)
MODEL = ModelSettings(
    windows=WindowSettings(verdict=(Duration(HOUR_MS),), display=Duration(HOUR_MS), hop=Duration(HOUR_MS // 2)),
    checks=CheckSettings(dispersion=DispersionSettings(mode="independent")),
)
SETTINGS = Settings(kafka=KafkaSettings(panes_partitions=1), time=TimeSettings(lateness=Duration(0)), defaults=MODEL)
PROFILE = build_profile(
    ModelKey("risk", ""),
    ReferenceTable(4_000, {"x": np.linspace(0.0, 1.0, 4_000)}, prediction=[0, 1] * 2_000, score=None),
    MODEL,
    START_MS - HOUR_MS,
    "training",
)


def value(number: int) -> bytes:
    """Return a prediction of the first hour, whose x has moved; the last one closes the hour."""
    ts = START_MS + number * 1_000 if number < N else START_MS + 3 * HOUR_MS
    features = {"x": 0.5 + 0.5 * (number * 0.618 % 1)}
    event = {"prediction_id": f"p{number}", "model": "risk", "ts": ts, "features": features, "prediction": number % 2}
    return json.dumps(event).encode()


def events(
    schema_of: Callable[[int], str | None] | None, *, batch: int = 100, every: int = 1, restart: bool = False
) -> list[dict[str, Any]]:
    """Run predictions with these schemas through both stages; return the events, in order."""
    book = Profiles([PROFILE])
    sketcher = Sketcher(SETTINGS, book, 1, MemoryStores)
    sketcher.assign(P0, None)
    monitor, entries, seen = PartitionMonitor(0, SETTINGS, book), dict[bytes, bytes](), []
    offset = 0
    for number, start in enumerate(range(0, N + 1, batch)):
        numbers = range(start, min(start + batch, N + 1))
        values: list[bytes | None] = [value(each) for each in numbers]
        schemas = None if schema_of is None else [schema_of(each) for each in numbers]
        sketcher.add(RecordBatch(P0, "topic", values, [*numbers], [-1] * len(numbers), schemas=schemas))
        if number % every and numbers[-1] < N:
            continue
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
            if restart and checkpoint.position == offset:  # no pane is open, so nothing has to be read again
                monitor = PartitionMonitor.restore(0, SETTINGS, book, entries)
    return [orjson.loads(output.value) for output in seen if output.value and output.channel != "references"]


def changed(number: int) -> str | None:
    """A schema that changes in mid-hour, with plain JSON among the records."""
    return None if number % 10 == 9 else "299" if number < 900 else "1300"


def of_hour(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in found if event["window"]["kind"] == "tumbling"]


def test_window_finding_and_alert_say_which_schemas() -> None:
    found = of_hour(events(changed))
    kinds = {"columns" in event and "block" in event: event for event in found}
    assert kinds[True]["n"] == N
    assert any("alert_id" in event for event in found)
    assert any("finding_id" in event for event in found)
    assert len(found) > 2
    for event in found:
        assert event["schemas"] == {"299": 810, "1300": 270}
        assert sum(event["schemas"].values()) == N - N // 10


def test_sliding_windows_say_it_too() -> None:
    sliding = [event for event in events(changed) if event["window"]["kind"] == "sliding"]
    assert sliding
    for event in sliding:
        assert sum(event["schemas"].values()) in {event["n"] - event["n"] // 10, event["n"]}


@pytest.mark.parametrize(("batch", "every"), [(7, 1), (100, 3), (1_201, 1), (1, 50)])
@pytest.mark.parametrize("restart", [False, True])
def test_it_depends_on_no_batch_flush_or_restart(batch: int, every: int, *, restart: bool) -> None:
    def many(number: int) -> str | None:
        return None if number % 7 == 0 else str(95 + number % 13)

    expected = events(many)
    assert len(of_hour(expected)[0]["schemas"]) == MAX_SCHEMAS
    assert list(of_hour(expected)[0]["schemas"]) == sorted(str(95 + n) for n in range(MAX_SCHEMAS))
    assert events(many, batch=batch, every=every, restart=restart) == expected


def test_plain_json_says_nothing_of_schemas() -> None:
    plain = events(None)
    assert plain == events(lambda _: None)
    assert of_hour(plain)
    assert not any("schemas" in event for event in plain)
    with_schemas = events(changed)
    assert [{**event, "schemas": None} for event in plain] == [{**event, "schemas": None} for event in with_schemas]


def test_events_of_later_windows_are_not_counted() -> None:
    def late_end(number: int) -> str | None:
        return "7" if number == N else "8"

    found = of_hour(events(late_end))
    assert {name for event in found for name in event["schemas"]} == {"8"}
