"""Summing all that a flush adds at once gives what adding it window by window would give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from driftline.config.durations import Duration
from driftline.config.model import ModelSettings, WindowSettings
from driftline.config.settings import Settings
from driftline.events.model_key import ModelKey
from driftline.events.source import LABEL_STREAM, SEGMENT_ALL, Source
from driftline.panes.counting.contributions import Address
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.sketches import loss_strata
from driftline.sketches.arrival import ArrivalLayout, arrival_cells, prediction_cells
from driftline.sketches.joined import LabelledPairs, add_joined, errors_of
from driftline.sketches.scores import ERROR_LIMIT, ERROR_SCALE, PREDICTED, SQUARE_SCALE
from driftline.sketches.sparse import unpack_into
from driftline.sketching.joins.counting.join_counter import JoinCounter
from driftline.sketching.joins.profile_table import ProfileTable
from tests.support.examples import examples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.sketches.packed import Sparse

PANE_MS, WINDOW_MS = 10, 100
BINARY = ModelSettings(
    task="binary", windows=WindowSettings(performance=Duration(WINDOW_MS)), segments={"country": ("DE", "FR")}
)
NUMBER = ModelSettings(task="regression", windows=WindowSettings(performance=Duration(WINDOW_MS)))
SETTINGS = Settings(models={"churn": BINARY, "price": NUMBER})
TABLE = ReferenceTable(4, {}, prediction=[0, 1] * 2, score=[0.2, 0.9] * 2)
NUMBERS = ReferenceTable(
    40,
    {},
    prediction=[1.5, 2.0, 7.0, 8.0] * 10,
    label=[1.5, 2.5, 6.0, 12.0, 1.0] * 8,
    times_ms=np.arange(40, dtype=np.int64) * WINDOW_MS // 2,
)
PROFILES = (
    build_profile(ModelKey("churn", ""), TABLE, BINARY, 0, "training"),
    build_profile(ModelKey("price", ""), NUMBERS, NUMBER, 0, "training"),
)
GROUPS = PROFILES[1].error_groups
Key = tuple[str, str, int, int]
"""Model, slice, join pane and window."""


def addresses(rng: np.random.Generator, n: int, kind: str) -> Address:
    times = rng.integers(0, 400, n)
    effective = times + rng.integers(0, 300, n)
    source = Source("labels" if kind == "labels" else "predictions", int(rng.integers(0, 2)))
    segments = rng.integers(0, 4, n).astype(np.uint32)
    return Address(rng.integers(0, 2, n), effective, times, source, rng.integers(0, 1_000, n), segments)


def pairs(rng: np.random.Generator, n: int) -> LabelledPairs:
    predicted, actual = rng.integers(0, 2, n).astype(np.float64), rng.integers(0, 3, n).astype(np.float64)
    scores = np.where(rng.random(n) < 0.2, np.nan, rng.random(n))
    return LabelledPairs(predicted, actual, scores, rng.choice([-1, 1], n))


class Reference:
    """Vectors of every pane and window, added to row by row."""

    def __init__(self) -> None:
        self.cells: dict[Key, NDArray[np.int64]] = {}
        self.errors: dict[tuple[str, str, int], NDArray[np.int64]] = {}
        self.groups: dict[tuple[str, int], NDArray[np.int64]] = {}
        self.arrivals: dict[Key, NDArray[np.int64]] = {}

    def vectors(self, at: Address, row: int) -> list[tuple[Key, NDArray[np.int64]]]:
        profile = PROFILES[at.profile[row]]
        assert at.segments is not None
        names = [SEGMENT_ALL]
        if at.profile[row] == 0:
            names += [name for bit, name in enumerate(("country=DE", "country=FR")) if at.segments[row] >> bit & 1]
        pane, window = at.effective_ms[row] // PANE_MS * PANE_MS, at.time_ms[row] // WINDOW_MS * WINDOW_MS
        keys = [(profile.key.model, name, int(pane), int(window)) for name in names]
        n = profile.task.performance_layout.n_cells
        return [(key, self.cells.setdefault(key, np.zeros(n, dtype=np.int64))) for key in keys]

    def arrival(self, at: Address, key: Key, row: int) -> tuple[ArrivalLayout, NDArray[np.int64]]:
        layout = ArrivalLayout.of(PROFILES[at.profile[row]].task.performance_layout)
        return layout, self.arrivals.setdefault(key, np.zeros(layout.n_cells, dtype=np.int64))

    def predicted(self, at: Address, predicted: NDArray[np.float64], scores: NDArray[np.float64]) -> None:
        for row in range(at.offset.size):
            vectors = self.vectors(at, row)
            for _, vector in vectors:
                vector[PREDICTED] += 1
            layout, arrival = self.arrival(at, vectors[0][0], row)
            np.add.at(arrival, prediction_cells(layout, predicted[row : row + 1], scores[row : row + 1]), 1)
            strata = self.strata(at, row, predicted[row : row + 1])
            if strata is not None:
                np.add.at(arrival, layout.losses + loss_strata.prediction_cells(strata), 1)

    def strata(self, at: Address, row: int, predicted: NDArray[np.float64]) -> NDArray[np.int64] | None:
        profile = PROFILES[at.profile[row]]
        if profile.task.kind != "regression":
            return None
        return np.searchsorted(profile.stratum_cuts, predicted, side="right")

    def joined(self, at: Address, given: LabelledPairs, first: NDArray[np.bool_]) -> None:
        for row in range(at.offset.size):
            one, vectors = given.rows(slice(row, row + 1)), self.vectors(at, row)
            for _, vector in vectors:
                add_joined(PROFILES[at.profile[row]].task.performance_layout, one, vector)
            layout, arrival = self.arrival(at, vectors[0][0], row)
            age = at.effective_ms[row : row + 1] - at.time_ms[row : row + 1]
            cells, _, counting = arrival_cells(layout, one, age, first[row : row + 1])
            np.add.at(arrival, cells, 1)
            np.add.at(arrival, counting, one.signs)
            strata = self.strata(at, row, one.predicted)
            if strata is not None:
                cells, values = loss_strata.label_cells(strata, one.predicted - one.actual)
                np.add.at(arrival, layout.losses + cells.ravel(), (values * one.signs).ravel())
            self._note_errors(at, one, row, [key for key, _ in vectors], is_first=bool(first[row] and one.signs[0] > 0))

    def _note_errors(self, at: Address, one: LabelledPairs, row: int, keys: list[Key], *, is_first: bool) -> None:
        layout = PROFILES[at.profile[row]].task.performance_layout
        error = min(float(errors_of(layout, one)[0]), ERROR_LIMIT)
        counts = is_first and (not layout.n_classes or one.actual[0] < layout.n_classes)
        words = (1, round(error * ERROR_SCALE), round(error * error * SQUARE_SCALE))
        if GROUPS is not None and not layout.n_classes:
            of_pane = self.groups.setdefault((keys[0][0], keys[0][2]), np.zeros(len(GROUPS.counts), dtype=np.int64))
            of_pane[sum(edge <= error for edge in GROUPS.edges)] += counts
        for model, name, pane, _ in keys:
            total = self.errors.setdefault((model, name, pane), np.zeros(3, dtype=np.int64))
            total += np.array(words) if counts else 0


def unpacked(packed: Sparse, like: NDArray[np.int64]) -> list[int]:
    vector = np.zeros_like(like)
    unpack_into(packed, vector)
    values: list[int] = vector.tolist()
    return values


@examples(60)
@given(st.integers(0, 1 << 30), st.lists(st.tuples(st.sampled_from(["predictions", "labels"]), st.integers(1, 30))))
def test_all_at_once_is_window_by_window(seed: int, calls: list[tuple[str, int]]) -> None:
    rng = np.random.default_rng(seed)
    table, reference = ProfileTable(SETTINGS), Reference()
    for profile in PROFILES:
        table.intern(profile)
    counter = JoinCounter(PANE_MS, table)
    for kind, n in calls:
        at, given_pairs, first = addresses(rng, n, kind), pairs(rng, n), rng.random(n) < 0.5
        if kind == "labels":
            counter.joined(at, given_pairs, first)
            reference.joined(at, given_pairs, first)
        else:
            counter.predicted(at, given_pairs.predicted, given_pairs.scores)
            reference.predicted(at, given_pairs.predicted, given_pairs.scores)
    deltas = [delta for delta in counter.take() if delta.key != LABEL_STREAM]
    found = {
        (delta.key.model, delta.segment, delta.pane_ms, window.window_ms): window
        for delta in deltas
        for window in delta.windows
    }
    assert GROUPS is not None
    assert found.keys() == reference.cells.keys()
    for delta in deltas:
        of_pane = reference.errors.get((delta.key.model, delta.segment, delta.pane_ms), np.zeros(3, dtype=np.int64))
        assert delta.errors == tuple(of_pane.tolist())
        groups = reference.groups.get((delta.key.model, delta.pane_ms)) if delta.segment == SEGMENT_ALL else None
        assert delta.groups == ([] if groups is None or not groups.any() else groups.tolist())
    for key, window in found.items():
        assert unpacked(window.cells, reference.cells[key]) == reference.cells[key].tolist()
        if key[1] == SEGMENT_ALL:
            assert unpacked(window.arrival, reference.arrivals[key]) == reference.arrivals[key].tolist()
    assert counter.take() == []
