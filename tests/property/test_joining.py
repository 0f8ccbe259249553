"""The join adds the same, however predictions and labels come: interleaved, cut, rolled back or restored."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from driftline.config.durations import Duration
from driftline.config.input_settings import LabelInput
from driftline.config.model import LabelSettings, ModelSettings, WindowSettings
from driftline.config.settings import Settings, TimeSettings
from driftline.events.model_key import ModelKey
from driftline.events.record_batch import RecordBatch
from driftline.events.source import LABEL_STREAM, Source
from driftline.panes.flush_record import decode
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.profiles import Profiles
from driftline.sketches.scores import DUPLICATES, ERROR_SCALE, HEAD, LABELLED, PREDICTED, SQUARE_SCALE
from driftline.sketches.sparse import unpack_into
from driftline.sketching.joins.waiting import pending
from driftline.sketching.sketcher import Sketcher
from tests.support.examples import examples
from tests.support.pending import MemoryStores

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.panes.flush_record import JoinDelta
    from driftline.profiles.profile import Profile
    from driftline.profiles.task import TaskKind

KEYS = [ModelKey("risk", ""), ModelKey("rival", "")]  # both say something of the same ids
START_MS = 1_772_366_400_000
PANE_MS, LATENESS_MS, HORIZON_MS, WAIT_MS, WINDOW_MS = 10_000, 15_000, 60_000, 30_000, 20_000
SWITCH_MS = START_MS + 100_000  # a second profile holds from here on
SETTINGS = Settings(
    labels=LabelInput(),
    time=TimeSettings(pane=Duration(PANE_MS), lateness=Duration(LATENESS_MS)),
    defaults=ModelSettings(
        windows=WindowSettings(performance=Duration(WINDOW_MS)),
        labels=LabelSettings(horizon=Duration(HORIZON_MS), wait=Duration(WAIT_MS), revisions=(Duration(HORIZON_MS),)),
    ),
)
SUMS = ("error", "absolute", "square")
SOURCES = {"p": Source("predictions", 0), "l": Source("labels", 0)}


@pytest.fixture(autouse=True, scope="module")
def entries_expire_at_once() -> Iterator[None]:
    """In production they go a sixteenth of the horizon late, which would hide an entry that goes too early."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pending, "EXPIRY_BUCKETS", 60_000)
        patch.setattr(pending, "SHORTEST_BUCKET_MS", 1)
        yield


def profile(key: ModelKey, kind: TaskKind, effective_from_ms: int) -> Profile:
    values: list[object] = [0.0, 2.5] if kind == "regression" else ["0", "1"]
    table = ReferenceTable(2, {"x": np.array([0.0, 1.0])}, prediction=values, score=None)
    return build_profile(key, table, ModelSettings(task=kind), effective_from_ms, "training")


KINDS: tuple[TaskKind, ...] = ("binary", "regression")
PROFILES = {
    (kind, key.model): [profile(key, kind, START_MS - 1_000_000), profile(key, kind, SWITCH_MS)]
    for kind in KINDS
    for key in KEYS
}


# --- what is generated ------------------------------------------------------------------------------------------------


class Made(NamedTuple):
    """One record; ``says`` is its prediction or label."""

    id: str
    time_ms: int
    says: Any
    score: float | None
    model: str

    def value(self, kind: str) -> bytes:
        record = {"prediction_id": self.id, "ts": self.time_ms}
        record |= {"model": self.model, "prediction": self.says, "score": self.score} if kind == "p" else {}
        return json.dumps(record if kind == "p" else record | {"label": self.says}).encode()


@st.composite
def topics(draw: st.DrawFn, says: list[Any], ids: str) -> list[Made]:
    """Records in the order of one partition: event time goes on, and now and then one comes late."""
    now = START_MS
    made = []
    for _ in range(draw(st.integers(0, 14))):
        now += draw(st.integers(0, 30)) * 1_000
        back = draw(st.sampled_from([0, 0, 0, 5_000, 20_000, 45_000]))
        score = draw(st.sampled_from([None, 0.0, 0.25, 0.5, 1.0]))
        model = draw(st.sampled_from([key.model for key in KEYS]))
        made.append(Made(draw(st.sampled_from(ids)), now - back, draw(st.sampled_from(says)), score, model))
    return made


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from("pl"), st.integers(1, 6)),
        st.tuples(st.sampled_from(["commit", "commit", "abort", "abort in flight", "restart"]), st.just(0)),
    ),
    max_size=20,
)
SAYS: dict[str, tuple[list[Any], list[Any]]] = {
    "binary": ([0, 1, True, "0", None, "maybe", math.nan], [0, 1, False, "1", None, "maybe"]),
    "regression": ([0.0, 1.25, -3, None, "many", math.inf], [0.5, 2, None, "many", True]),
}


# --- the rules, written down plainly ----------------------------------------------------------------------------------


@dataclass
class Totals:
    """What all deltas add up to, by (profile id, join pane)."""

    cells: dict[tuple[str, int, int], Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    sums: dict[tuple[str, int, int], list[Fraction]] = field(
        default_factory=lambda: defaultdict(lambda: [Fraction(0)] * 3)
    )
    errors: dict[tuple[str, int], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0]))
    offsets: dict[tuple[str, int, str], tuple[int, int]] = field(default_factory=dict)

    def note(self, profile_id: str, pane: int, kind: str, low: int, high: int) -> None:
        known = self.offsets.get((profile_id, pane, kind), (low, high))
        self.offsets[profile_id, pane, kind] = (min(low, known[0]), max(high, known[1]))

    def plain(self) -> dict[str, Any]:
        return {
            "cells": {k: kept for k, v in self.cells.items() if (kept := {c: n for c, n in v.items() if n})},
            "sums": {k: v for k, v in self.sums.items() if any(v)},
            "errors": {k: v for k, v in self.errors.items() if any(v)},
            "offsets": self.offsets,
        }


@dataclass
class Remembered:
    """A prediction, and the label that counts for it."""

    time_ms: int
    effective_ms: int
    profile: Profile
    predicted: float
    score: float | None
    joined_ms: int
    actual: float | None = None
    n_labels: int = 0


def effective_times(records: list[Made]) -> list[int]:
    """Return each event's own time, or the watermark it came under where that is later."""
    latest = -math.inf
    result = []
    for record in records:
        latest = max(latest, record.time_ms)
        result.append(int(max(record.time_ms, latest - LATENESS_MS)))
    return result


def expected(kind: TaskKind, predictions: list[Made], labels: list[Made]) -> dict[str, Any]:
    """Return what the join must add up to: first all predictions, then all labels, one at a time."""
    totals = Totals()
    seen: dict[tuple[str, str], list[Remembered]] = defaultdict(list)
    for offset, (made, effective) in enumerate(zip(predictions, effective_times(predictions), strict=True)):
        pane = made.time_ms - made.time_ms % PANE_MS
        used = PROFILES[kind, made.model][pane >= SWITCH_MS]
        predicted = code(used, made.says)
        if predicted is None and kind == "binary" and made.score is not None:
            predicted = float(made.score >= 0.5)
        if predicted is None:
            continue
        known = seen[made.model, made.id]
        is_duplicate = bool(known) and effective <= known[-1].time_ms + HORIZON_MS
        if not is_duplicate:
            known.append(Remembered(made.time_ms, effective, used, predicted, made.score, effective))
        place = place_of(used, effective, made.time_ms)
        totals.cells[place][DUPLICATES if is_duplicate else PREDICTED] += 1
        totals.note(*place[:2], "predictions", offset, offset)
    for offset, (made, effective) in enumerate(zip(labels, effective_times(labels), strict=True)):
        for key in KEYS:
            for entry in seen[key.model, made.id]:
                if effective <= entry.time_ms + HORIZON_MS and entry.effective_ms <= made.time_ms + WAIT_MS:
                    apply(totals, entry, made.says, effective, offset)
                    break
    return totals.plain()


def code(used: Profile, value: object) -> float | None:
    """Return a class code or a standardised value; None where it is neither."""
    if used.task.kind == "regression":
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        return float(value) / used.task.spread if is_number else None  # type: ignore[arg-type]  # told just before
    if value is None or value != value:  # noqa: PLR0124  # not-a-number
        return None
    name = str(int(value)) if isinstance(value, bool | int) else str(value)
    return float(used.task.classes.index(name)) if name in used.task.classes else float(len(used.task.classes))


def place_of(used: Profile, effective_ms: int, time_ms: int) -> tuple[str, int, int]:
    return used.profile_id, effective_ms - effective_ms % PANE_MS, time_ms - time_ms % WINDOW_MS


def apply(totals: Totals, entry: Remembered, label: object, effective_ms: int, offset: int) -> None:
    actual = code(entry.profile, label)
    if (label is not None and actual is None) or actual == entry.actual:
        return
    entry.joined_ms = max(entry.joined_ms, effective_ms)
    if entry.actual is not None:
        add(totals, entry, entry.actual, -1, offset)
    if actual is not None:
        add(totals, entry, actual, 1, offset)
    entry.actual = actual
    entry.n_labels += 1


def add(totals: Totals, entry: Remembered, actual: float, sign: int, offset: int) -> None:
    place = place_of(entry.profile, entry.joined_ms, entry.time_ms)
    totals.note(*place[:2], "labels", offset, offset)
    cells = totals.cells[place]
    cells[LABELLED] += sign
    task = entry.profile.task
    if task.kind == "regression":
        error = entry.predicted - actual
        sums = task.performance_layout.sums
        values = zip(SUMS, (error, abs(error), error * error), strict=True)
        exact = [round(Fraction(value) / sums[name][1].unit) * sums[name][1].unit for name, value in values]
        totals.sums[place] = [a + sign * b for a, b in zip(totals.sums[place], exact, strict=True)]
        size = abs(error)
    else:
        layout = task.performance_layout
        cells[len(HEAD) + int(entry.predicted) * layout.n_codes + int(actual)] += sign
        if entry.score is not None and actual < layout.n_classes:
            cells[int(layout.score(np.array([int(actual)]), np.array([entry.score]))[0])] += sign
        size = float(entry.predicted != actual)
    known_label = task.kind == "regression" or actual < task.performance_layout.n_classes
    if sign > 0 and entry.n_labels == 0 and known_label:
        words = [1, round(size * ERROR_SCALE), round(size * size * SQUARE_SCALE)]
        known = totals.errors[place[:2]]
        totals.errors[place[:2]] = [a + b for a, b in zip(known, words, strict=True)]


# --- what the product says --------------------------------------------------------------------------------------------


class Run:
    """Drives a sketcher as the worker does, and adds up what it commits."""

    def __init__(self, kind: TaskKind, records: dict[str, list[Made]]) -> None:
        self._records = records
        self._book = Profiles()
        self.profiles = {each.profile_id: each for key in KEYS for each in PROFILES[kind, key.model]}
        for each in self.profiles.values():
            self._book.add(each)
        self._reached = {"p": 0, "l": 0}
        self._committed = {"p": 0, "l": 0}
        self._maxima: dict[str, int | None] = {"p": None, "l": None}
        self._changelog: list[bytes] = []
        self.totals = Totals()
        self._start()

    def _start(self) -> None:
        self._sketcher = Sketcher(SETTINGS, self._book, 1, MemoryStores)
        for name, source in SOURCES.items():
            self._sketcher.assign(source, self._maxima[name])
        for offset, block in enumerate(self._changelog):
            self._sketcher.joins.restore(0, block, offset, "test")
            self._sketcher.joins.restored(0, offset + 1, whole=False)  # as after many rows
        self._sketcher.joins.restored(0, len(self._changelog), whole=True)

    def step(self, name: str, n: int) -> None:
        if name in SOURCES:
            self._read(name, n)
        elif name == "commit":
            self._commit()
        elif name == "restart":
            self._reached = dict(self._committed)
            self._start()
        else:
            if name == "abort in flight":
                self._sketcher.flush()
            self._sketcher.aborted()
            self._reached = dict(self._committed)

    def _read(self, name: str, n: int) -> None:
        start = self._reached[name]
        records = self._records[name][start : start + n]
        if records:
            self._reached[name] = start + len(records)
            offsets = list(range(start, start + len(records)))
            values: list[bytes | None] = [record.value(name) for record in records]
            self._sketcher.add(RecordBatch(SOURCES[name], "topic", values, offsets, [-1] * len(records)))

    def _commit(self) -> None:
        flush = self._sketcher.flush()
        if flush is None:
            return
        for record in (record for records in flush.panes.values() for record in records):
            for delta in decode(record, "test").joins:
                if delta.key != LABEL_STREAM:
                    self._add(delta)
        self._changelog += flush.pending.get(0, [])
        for name, source in SOURCES.items():
            if source in flush.positions:
                self._committed[name] = flush.positions[source].next_offset
                self._maxima[name] = flush.positions[source].running_max_ms
        self._sketcher.committed()

    def _add(self, delta: JoinDelta) -> None:
        layout = self.profiles[delta.profile_id].task.performance_layout
        for kind, ranges in delta.offsets.items():
            self.totals.note(delta.profile_id, delta.pane_ms, kind, *ranges[0])
        for window in delta.windows:
            place = (delta.profile_id, delta.pane_ms, window.window_ms)
            vector = np.zeros(layout.n_cells, dtype=np.int64)
            unpack_into(window.cells, vector)
            plain = vector[: layout.flags]
            self.totals.cells[place].update({int(i): int(plain[i]) for i in np.flatnonzero(plain)})
            sums = [layout.sum_of(vector, name) if name in layout.sums else Fraction(0) for name in SUMS]
            self.totals.sums[place] = [a + b for a, b in zip(self.totals.sums[place], sums, strict=True)]
        place_errors = self.totals.errors[delta.profile_id, delta.pane_ms]
        self.totals.errors[delta.profile_id, delta.pane_ms] = [
            a + b for a, b in zip(place_errors, delta.errors, strict=True)
        ]

    def finish(self, steps: list[tuple[str, int]]) -> dict[str, Any]:
        for name, n in steps:
            self.step(name, n)
        for name in SOURCES:
            self._read(name, len(self._records[name]))
        self._commit()
        return self.totals.plain()


@given(data=st.data(), kind=st.sampled_from(["binary", "regression"]), steps=STEPS)
@examples(200)
def test_what_the_join_adds_does_not_depend_on_how_it_is_read(
    data: st.DataObject, kind: Literal["binary", "regression"], steps: list[tuple[str, int]]
) -> None:
    predicted, labelled = SAYS[kind]
    # Python's NaN and Infinity are predictions of no use, which this writes as its own encoder does.
    predictions = data.draw(topics(predicted, "abc"))
    labels = data.draw(topics(labelled, "abcz"))
    run = Run(kind, {"p": predictions, "l": labels})
    wanted = expected(kind, predictions, labels)
    event(f"labels joined: {any(key[2] == 'labels' for key in wanted['offsets'])}")
    assert run.finish(steps) == wanted


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([("p", 1), ("l", 1), ("commit", 0), ("p", 1)], id="between both"),
        pytest.param([("l", 1), ("p", 1), ("commit", 0), ("p", 1)], id="before both"),
        pytest.param([("l", 1), ("commit", 0), ("p", 1), ("commit", 0), ("restart", 0)], id="before a restart"),
        pytest.param([("p", 1), ("commit", 0), ("restart", 0), ("l", 1), ("abort", 0), ("l", 2)], id="after an abort"),
    ],
)
def test_a_label_meets_the_predictions_of_all_models_wherever_a_flush_falls(steps: list[tuple[str, int]]) -> None:
    predictions = [Made("a", START_MS + 1_000 * i, i, None, key.model) for i, key in enumerate(KEYS)]
    labels = [Made("a", START_MS + 2_000, 1, None, ""), Made("a", START_MS + 3_000, 0, None, "")]
    run = Run("binary", {"p": predictions, "l": labels})
    wanted = expected("binary", predictions, labels)
    assert sum(cells[LABELLED] for cells in wanted["cells"].values()) == len(KEYS)
    assert run.finish(steps) == wanted


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([], id="at once"),
        pytest.param([("p", 2), ("l", 2), ("commit", 0)], id="before the second"),
        pytest.param([("p", 2), ("l", 2), ("commit", 0), ("restart", 0)], id="before a restart"),
    ],
)
def test_a_label_never_meets_a_second_prediction_wherever_a_flush_falls(steps: list[tuple[str, int]]) -> None:
    """The second ``b`` comes after the horizon of the first, and in the wait of the label."""
    made = [("b", -45_000), ("a", 31_000), ("b", 31_000)]
    predictions = [Made(key, START_MS + time_ms, 0, None, "risk") for key, time_ms in made]
    labels = [Made("b", START_MS + 11_000, 0, None, ""), Made("a", START_MS + 31_000, 0, None, "")]
    run = Run("binary", {"p": predictions, "l": labels})
    wanted = expected("binary", predictions, labels)
    assert sum(cells.get(LABELLED, 0) for cells in wanted["cells"].values()) == len(labels)
    assert run.finish(steps) == wanted
