"""The sketch stage on records of other shapes: the same counts, however records are batched or written."""

from __future__ import annotations

import json
from collections import Counter  # noqa: TC003
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from driftline.config.field_places import Constant, FeaturesAt, Where
from driftline.config.input_settings import LabelFields, LabelInput, PredictionFields, PredictionInput
from driftline.config.model import ModelSettings
from driftline.config.settings import Settings
from driftline.events.model_key import ModelKey
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.panes.flush_record import decode as decode_flush
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.profiles import Profiles
from driftline.sketches.scores import LABELLED, PREDICTED
from driftline.sketching.sketcher import Sketcher
from tests.support.pending import MemoryStores
from tests.support.sketch_harness import cells, joined

if TYPE_CHECKING:
    from driftline.sketching.flush import Flush

NOW_MS = 1_772_366_400_000
PROFILE = build_profile(
    ModelKey("risk", "1"),
    ReferenceTable(
        400,
        {"x": np.linspace(0, 1, 400), "c": ["a", "b"] * 200},
        prediction=[0, 1] * 200,
        score=np.linspace(0.1, 0.9, 400).tolist(),
    ),
    ModelSettings(task="binary"),
    NOW_MS - 3_600_000,
    "training",
)
ROWS = PredictionFields(
    prediction_id="/id",
    model=Constant("risk"),
    model_version=Constant(1),
    rows="/x",
    features=FeaturesAt("row:", ("x", "c")),
    prediction="/p/*",
    score="/s/*",
)
MARKED = Settings(
    predictions=PredictionInput("all", where=Where("/type", equals="prediction")),
    labels=LabelInput("all", where=Where("/type", equals="label")),
)
TOGETHER = Settings(
    predictions=PredictionInput("all"),
    labels=LabelInput("all", fields=LabelFields(ts="/label_ts"), where=Where("/label")),
)


def run(settings: Settings, records: list[Any], sizes: list[int], *, parsed: bool = False) -> Flush:
    """Sketch records of one partition in batches of some sizes."""
    sketcher = Sketcher(settings, Profiles([PROFILE]), 1, MemoryStores)
    source = Source("predictions", 0)
    sketcher.assign(source, None)
    start = 0
    for size in sizes:
        part = records[start : start + size]
        if not part:
            break
        values: list[bytes | None] = [json.dumps(each).encode() for each in part]
        offsets = [*range(start, start + len(part))]
        stamps = [NOW_MS] * len(part)
        sketcher.add(RecordBatch(source, "all", values, offsets, stamps, part if parsed else None))
        start += len(part)
    flush = sketcher.flush()
    assert flush is not None
    return flush


def event(number: int, **more: Any) -> dict[str, Any]:  # noqa: ANN401  # any JSON
    return {
        "type": "prediction",
        "prediction_id": f"p{number}",
        "model": "risk",
        "model_version": 1,
        "ts": NOW_MS + number * 1_000,
        "features": {"x": number / 10, "c": "a"},
        "prediction": number % 2,
        "score": 0.25,
        **more,
    }


def counted(flush: Flush) -> tuple[Counter[str], list[int]]:
    decoded = [decode_flush(record, "") for records in flush.panes.values() for record in records]
    return cells(decoded, PROFILE), joined(decoded, PROFILE)


def test_rows_are_counted_and_joined_like_records_of_their_own() -> None:
    records: list[Any] = [
        {"id": f"r{n}", "x": [[n / 10, "a"], [n / 20, "b"]], "p": [n % 2, 1], "s": [0.25, 0.75]} for n in range(6)
    ]
    alone = []
    for record in records:
        for row, (x, c) in enumerate(record["x"]):
            values = {"prediction": record["p"][row], "score": record["s"][row], "features": {"x": x, "c": c}}
            alone.append(event(0, prediction_id=f"{record['id']}#{row}", **values) | {"ts": None})
    settings = Settings(predictions=PredictionInput(fields=ROWS), labels=LabelInput())
    together = run(settings, records, [6])
    assert counted(together) == counted(run(Settings(labels=LabelInput()), alone, [12]))
    assert run(settings, records, [1, 2, 3]) == together, "batches change nothing"
    assert together.n_events == 12
    decoded = [decode_flush(record, "") for records in together.panes.values() for record in records]
    assert [delta.offsets for flush in decoded for delta in flush.panes if delta.n_events] == [{0: (0, 5)}]


@pytest.mark.parametrize("fields", [PredictionFields(), ROWS])
def test_parsed_records_are_counted_like_json(fields: PredictionFields) -> None:
    records: list[Any] = [event(number) for number in range(5)]
    records[2]["features"] = {"x": "text", "c": [1], "new": 1}
    records[3]["score"] = True
    if fields is ROWS:
        rows = [[0.5, "a"], ["text", None]]
        records = [{"id": f"r{number}", "x": rows, "p": [[], 1], "s": [1.5, 0.75]} for number in range(6)]
    settings = Settings(predictions=PredictionInput(fields=fields), labels=LabelInput())
    assert run(settings, records, [9], parsed=True) == run(settings, records, [2, 9])


@pytest.mark.parametrize("sizes", [[20], [1] * 20, [3, 1, 16]])
def test_kinds_of_records_in_one_topic(sizes: list[int]) -> None:
    records: list[Any] = []
    for number in range(6):
        records.append(event(number))
        records.append({"type": "label", "prediction_id": f"p{number}", "label": 1, "ts": NOW_MS + number * 1_000})
        records.append({"type": "heartbeat"})
    flush = run(MARKED, [*records, 7], sizes)
    head = counted(flush)[1]
    assert (head[PREDICTED], head[LABELLED]) == (6, 6)
    assert (flush.n_skipped, flush.n_events, len(flush.dead_letters)) == (6, 6, 1)
    assert [*flush.positions] == [Source("predictions", 0)]
    assert flush == run(MARKED, [*records, 7], [20])


@pytest.mark.parametrize("sizes", [[20], [1] * 20, [3, 1, 16]])
def test_a_prediction_and_its_label_in_one_record_or_later(sizes: list[int]) -> None:
    records: list[Any] = [event(number, label=number % 3 or None, label_ts=NOW_MS) for number in range(9)]
    flush = run(TOGETHER, records, sizes)
    head = counted(flush)[1]
    assert (head[PREDICTED], head[LABELLED]) == (9, 6)
    assert (flush.n_skipped, flush.dead_letters) == (0, [])
    assert flush == run(TOGETHER, records, [20])


def test_the_watermarks_of_a_shared_topic_are_told_for_both_kinds_and_measured_once() -> None:
    sketcher = Sketcher(TOGETHER, Profiles([PROFILE]), 1, MemoryStores)
    sketcher.assign(Source("predictions", 0), NOW_MS)
    flush = sketcher.flush()
    assert flush is not None
    marks = decode_flush(flush.panes[0][0], "").watermarks
    assert {(mark.source.kind, mark.time_ms) for mark in marks} == {
        ("predictions", NOW_MS - 60_000),
        ("labels", NOW_MS - 60_000),
    }
    assert sketcher.watermarks_ms() == {Source("predictions", 0): NOW_MS - 60_000}
