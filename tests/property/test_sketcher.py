"""What a sketcher says adds up to the same, however records are batched and flushed, and aborted and read again."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from driftline.config.durations import Duration
from driftline.config.model import BootstrapSettings, ModelSettings
from driftline.config.settings import Settings, TimeSettings
from driftline.events.model_key import ModelKey
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.monitoring.predictions.open_panes import ProfilePane
from driftline.panes.flush_record import decode
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.profiles import Profiles
from driftline.sketches.bottom_k import smallest
from driftline.sketches.fixed_point import join
from driftline.sketches.pane_sketch import PaneSketch
from driftline.sketching.sketcher import Sketcher
from tests.support.examples import examples
from tests.support.pending import MemoryStores

START_MS = 1_772_366_400_000
N_SAMPLE = 3
SETTINGS = Settings(
    time=TimeSettings(pane=Duration(10_000), lateness=Duration(15_000), max_future=Duration(60_000)),
    defaults=ModelSettings(bootstrap=BootstrapSettings(sample=N_SAMPLE, events=500)),
)
SOURCES = [Source("predictions", 0), Source("predictions", 1)]
TABLE = ReferenceTable(
    100,
    {"x": np.linspace(0, 1, 100), "c": ["a", "b"] * 50},
    prediction=[0, 1] * 50,
    score=np.linspace(0.0, 1.0, 100).tolist(),
)
PROFILES = {
    each.profile_id: each
    for each in (
        build_profile(ModelKey("known", ""), TABLE, ModelSettings(), START_MS - 3_600_000, "training"),
        build_profile(ModelKey("known", ""), TABLE, ModelSettings(), START_MS + 60_000, "training"),
    )
}

VALUES = st.one_of(
    st.floats(-3, 4), st.sampled_from([None, "NaN", "text", True, [1], 10**30, float("nan"), float("inf")])
)
CATEGORIES: st.SearchStrategy[Any] = st.sampled_from(
    ["a", "b", "c", *(f"unlisted {i}" for i in range(12)), 1, None, {}]
)


@st.composite
def partition(draw: st.DrawFn) -> list[tuple[bytes | None, int]]:
    """Values and Kafka timestamps of one partition: good events, late ones and records that are none."""
    now = START_MS
    records: list[tuple[bytes | None, int]] = []
    for _ in range(draw(st.integers(0, 12))):
        now += draw(st.integers(0, 20)) * 1_000
        if draw(st.integers(0, 7)) == 0:
            records.append((draw(st.sampled_from([None, b"", b"{", b"\xff", b"[]", b'{"model": "known"}'])), now))
            continue
        at = now - draw(st.sampled_from([0, 0, 0, 5_000, 40_000, -120_000]))
        event: dict[str, Any] = {
            "prediction_id": draw(st.sampled_from("abcdefgh")),
            "model": draw(st.sampled_from(["known", "new"])),
        }
        event |= {"ts": at, "features": {"x": draw(VALUES), "c": draw(CATEGORIES)}, "prediction": draw(CATEGORIES)}
        event["score"] = draw(st.sampled_from([None, 0.5, 1.5]))
        records.append((json.dumps(event).encode(), now))
    return records


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from([0, 1]), st.integers(1, 5)),
        st.tuples(st.sampled_from(["flush", "flush", "abort", "abort in flight", "move"]), st.just(0)),
    ),
    max_size=15,
)


class Run:
    """A sketcher driven as the worker drives it, and what its committed flushes add up to."""

    def __init__(self, records: list[list[tuple[bytes | None, int]]]) -> None:
        self._records = records
        self._book = Profiles()
        for each in PROFILES.values():
            self._book.add(each)
        self._reached, self._committed = [0, 0], [0, 0]
        self._maxima: list[int | None] = [None, None]
        self.parts: dict[tuple[str, int, str], ProfilePane] = {}
        self.refused: list[tuple[int, int, str]] = []
        self.n = [0, 0]
        self._start()

    def _start(self) -> None:
        self._sketcher = Sketcher(SETTINGS, self._book, 2, MemoryStores)
        for source, reached in zip(SOURCES, self._maxima, strict=True):
            self._sketcher.assign(source, reached)

    def step(self, what: int | str, n: int) -> None:
        if isinstance(what, int):
            self._read(what, n)
        elif what == "flush":
            self._flush()
        else:
            if what == "abort in flight":
                self._sketcher.flush()
            if what == "move":
                self._start()
            self._sketcher.aborted()
            self._reached = list(self._committed)

    def _read(self, number: int, n: int) -> None:
        start = self._reached[number]
        chosen = self._records[number][start : start + n]
        if chosen:
            self._reached[number] += len(chosen)
            values, stamps = [value for value, _ in chosen], [stamp for _, stamp in chosen]
            offsets = list(range(start, start + len(chosen)))
            self._sketcher.add(RecordBatch(SOURCES[number], "predictions", values, offsets, stamps))

    def _flush(self) -> None:
        flush = self._sketcher.flush()
        if flush is None:
            return
        for record in (record for records in flush.panes.values() for record in records):
            for delta in decode(record, "test").panes:
                part = self.parts.setdefault((str(delta.key), delta.pane_ms, delta.profile_id), ProfilePane())
                part.add(delta)
        self.refused += [(letter.partition, letter.offset, letter.reason) for letter in flush.dead_letters]
        self.n = [self.n[0] + flush.n_events, self.n[1] + flush.n_late]
        for number, source in enumerate(SOURCES):
            if source in flush.positions:
                self._committed[number], self._maxima[number], *_ = flush.positions[source]
        self._sketcher.committed()

    def finish(self) -> dict[str, Any]:
        for number, records in enumerate(self._records):
            self._read(number, len(records))
        self._flush()
        return {
            "parts": {key: plain(key[2], part) for key, part in self.parts.items()},
            "refused": sorted(self.refused),
            "n": self.n,
            "maxima": self._maxima,
        }


def plain(profile_id: str, part: ProfilePane) -> dict[str, Any]:
    """Return a part so that equal sums are equal."""
    result: dict[str, Any] = {"n": part.n_events, "offsets": part.offsets, "rows": smallest(part.rows)}
    if profile_id:
        sketch = PaneSketch(PROFILES[profile_id].layout)
        for piece in part.pieces:
            sketch.merge_packed(piece)
        sums = [join(sketch.sums[:, row]) for row in range(sketch.sums.shape[1])]
        result |= {"counts": sketch.counts.tolist(), "sums": sums, "extremes": sketch.extremes.tolist()}
        result["unseen"] = sketch.unseen
    return result


@given(first=partition(), second=partition(), steps=STEPS)
@examples(200)
def test_sums_over_flushes_do_not_depend_on_batches_flushes_or_aborts(
    first: list[tuple[bytes | None, int]], second: list[tuple[bytes | None, int]], steps: list[tuple[int | str, int]]
) -> None:
    at_once = Run([first, second]).finish()
    run = Run([first, second])
    for what, n in steps:
        run.step(what, n)
    assert run.finish() == at_once
    assert sum(at_once["n"]) + len(at_once["refused"]) == len(first) + len(second), "every record is accounted for"
