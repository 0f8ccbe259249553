"""Joins without a profile add, once it is known, what they would have added under it at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.config.durations import Duration
from driftline.config.model import BootstrapSettings, ModelSettings, WindowSettings
from driftline.config.settings import Settings
from driftline.events.model_key import ModelKey
from driftline.events.source import LABEL_STREAM, Source
from driftline.panes.counting.contributions import Address, UnknownLabels
from driftline.panes.counting.loose_joins import MAX_ROWS, counted, n_labels, panes_of, split_by_time, together
from driftline.panes.counting.origins import ROUTED, places
from driftline.panes.counting.profile_rows import CountingPlace
from driftline.panes.flush_record import MAX_RECORD_BYTES, JoinDelta, chunks, decode
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.class_names import ClassNames
from driftline.profiles.raw_values import is_hashed, raw_values
from driftline.sketches.arrival import ArrivalLayout
from driftline.sketches.joined import LabelledPairs
from driftline.sketches.sparse import unpack_into
from driftline.sketching.joins.counting.join_counter import JoinCounter
from driftline.sketching.joins.label_values import codes_of, label_names, pack_values, raw_of
from driftline.sketching.joins.profile_table import ProfileTable

if TYPE_CHECKING:
    from driftline.profiles.profile import Profile

KEY = ModelKey("loan", "1")
PANE_MS, WINDOW_MS = 10, 40
MODEL = ModelSettings(
    windows=WindowSettings(performance=Duration(WINDOW_MS)),
    segments={"country": ("DE", "FR"), "channel": ("web",)},
    classes={"ja": "yes", "it was refused": "no", "1": "yes"},
)
SETTINGS = Settings(defaults=MODEL)
PROFILE = build_profile(KEY, ReferenceTable(4, {}, prediction=["no", "yes", "no", "yes"]), MODEL, 0, "training")
CLASSES = ("no", "yes", "perhaps", "ja", "it was refused", 1, "1.0", True, 2.5, "other ones", "other twos")


def counters() -> tuple[JoinCounter, JoinCounter]:
    """Return a counter that knows the profile, and one that does not; it has index 0 in both tables."""
    known, unknown = ProfileTable(SETTINGS), ProfileTable(SETTINGS)
    assert (known.intern(PROFILE), unknown.unprofiled(KEY)) == (0, 0)
    return JoinCounter(PANE_MS, known), JoinCounter(PANE_MS, unknown)


def settled(deltas: list[JoinDelta], profile: Profile = PROFILE) -> list[JoinDelta]:
    """Return deltas with the loose ones counted, through the wire."""
    flush = [decode(record, "panes") for record in chunks([], deltas, [])]
    joins = [delta for record in flush for delta in record.joins]
    loose = together(part for delta in joins for part in delta.loose)
    place = CountingPlace(profile, PANE_MS, WINDOW_MS, ("country=DE", "country=FR", "channel=web"), MODEL.classes)
    return [
        *(delta for delta in joins if not delta.loose),
        *counted(loose, place, frozenset(panes_of(loose, PANE_MS))),
    ]


def by_place(deltas: list[JoinDelta]) -> dict[tuple[object, ...], JoinDelta]:
    return {(delta.key, delta.segment, delta.pane_ms): delta for delta in deltas}


ROWS = st.lists(
    st.tuples(
        st.integers(0, 120),  # time of the prediction
        st.integers(0, 90),  # until the join
        st.sampled_from(CLASSES),
        st.sampled_from((*CLASSES, "elsewhere")),
        st.sampled_from([0.1, 0.5, 0.9, math.nan]),
        st.integers(0, 7),  # slices
        st.sampled_from([1, -1]),
        st.booleans(),
    ),
    min_size=1,
    max_size=40,
)


@pytest.mark.parametrize("partition", [3, ROUTED])
@given(rows=ROWS)
def test_what_is_counted_late_equals_what_is_counted_at_once(partition: int, rows: list[tuple[object, ...]]) -> None:
    times, waits, predicted, actual, scores, segments, signs, first = (
        list(column) for column in zip(*rows, strict=True)
    )
    time_ms = np.array(times, dtype=np.int64)
    offsets = np.arange(len(rows), dtype=np.int64)
    offsets = places(2, offsets) if partition == ROUTED else offsets
    at = Address(
        np.zeros(len(rows), dtype=np.int64),
        time_ms + np.array(waits),
        time_ms,
        Source("labels", partition),
        offsets,
        np.array(segments, dtype=np.uint32),
    )
    task, sign, score = PROFILE.task, np.array(signs, dtype=np.int64), np.array(scores, dtype=np.float64)
    was_first = np.array(first, dtype=np.bool_)
    weights = np.full(len(rows), 1 << 10, dtype=np.int64)
    (known, unknown), names = counters(), ClassNames(task.classes, MODEL.classes)
    kinds, packed = pack_values(actual)
    codes = codes_of(task, names, kinds, packed)
    raw = raw_of(kinds, packed, np.zeros(kinds.size, dtype=np.bool_))
    for counter, said, is_named, came in (
        (known, task.encode(predicted, names), codes >= len(task.classes), codes),
        (unknown, raw_values(predicted), is_hashed(raw), raw),
    ):
        counter.predicted(at._replace(source=Source("predictions", partition)), said, score)
        counter.duplicated(at._replace(source=Source("predictions", partition)))
        counter.joined(at, LabelledPairs(said, came, score, sign, weights), was_first)
        rows_named = np.flatnonzero(is_named & (sign > 0))
        which, called = label_names(kinds[rows_named], packed[rows_named])
        counter.unknown(UnknownLabels(at.rows(rows_named), came[rows_named], which, called))
    expected, found = known.take(), unknown.take()
    assert n_labels([part for delta in found for part in delta.loose]) == sum(first)
    assert by_place(settled(found)) == by_place(expected)
    assert any(delta.key == LABEL_STREAM for delta in expected)


NUMBERS = st.floats(-50, 150) | st.sampled_from([0.0, 25.0, 99.0, 1e12])


@given(rows=st.lists(st.tuples(st.integers(0, 120), st.integers(0, 90), NUMBERS, NUMBERS), min_size=1, max_size=40))
def test_a_regressions_losses_counted_late_are_in_the_strata_they_would_have_been_in(
    rows: list[tuple[int, int, float, float]],
) -> None:
    reference = ReferenceTable(300, {}, prediction=[i / 3 for i in range(300)])
    profile = build_profile(KEY, reference, MODEL.replace(task="regression"), 0, "training")
    assert profile.stratum_cuts.size == 15
    known, unknown = ProfileTable(SETTINGS), ProfileTable(SETTINGS)
    assert (known.intern(profile), unknown.unprofiled(KEY)) == (0, 0)
    times, waits, predicted, actual = (np.array(column) for column in zip(*rows, strict=True))
    offsets, none, ones = np.arange(len(rows)), np.full(len(rows), math.nan), np.ones(len(rows), dtype=np.int64)
    at = Address(0 * ones, times + waits, times, Source("labels", 0), offsets)
    deltas = []
    for table, spread in ((known, profile.task.spread), (unknown, 1.0)):
        counter = JoinCounter(PANE_MS, table)
        counter.predicted(at._replace(source=Source("predictions", 0)), predicted / spread, none)
        counter.joined(at, LabelledPairs(predicted / spread, actual / spread, none, ones), ones > 0)
        deltas.append([delta for delta in counter.take() if delta.key == KEY])
    expected, found = deltas
    assert by_place(settled(found, profile)) == by_place(expected)
    layout = ArrivalLayout.of(profile.task.performance_layout)
    vector = np.zeros(layout.n_cells, dtype=np.int64)
    for delta in expected:
        for window in delta.windows:
            unpack_into(window.arrival, vector)
    sums = layout.losses_of(vector)
    assert sums is not None
    assert (sums.n.sum(), sums.n_labels.sum()) == (len(rows), len(rows))


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [("yes", "ja", 0), (1, "ja", 0), (1, "True", 0), ("ja", "no", 1), ("nay", "True", 1)],
)
def test_a_label_that_comes_again_in_another_spelling_changes_nothing(
    before: object, after: object, changes: int
) -> None:
    _, unknown = counters()
    zero = np.zeros(1, dtype=np.int64)
    at = Address(zero, zero, zero, Source("labels", 0), zero)
    for label, sign in ((before, -1), (after, 1)):
        one, scores = np.array([sign], dtype=np.int64), np.full(1, math.nan)
        pairs = LabelledPairs(raw_values(["no"]), raw_values([label]), scores, one, np.ones(1, dtype=np.int64))
        unknown.joined(at, pairs, np.zeros(1, dtype=np.bool_))
    found = [delta for delta in settled(unknown.take()) if delta.key == KEY]
    assert len(found) == changes


def test_rows_are_cut_by_the_time_of_their_prediction_and_into_records() -> None:
    _, unknown = counters()
    n = 2 * MAX_ROWS + 5
    times = np.arange(n, dtype=np.int64) % 20
    at = Address(np.zeros(n, dtype=np.int64), np.full(n, 100), times, Source("predictions", 0), np.arange(n))
    unknown.predicted(at, raw_values(["yes"] * n), np.full(n, 0.5))
    deltas = [delta for delta in unknown.take() if delta.loose]
    assert max(map(len, chunks([], deltas, []))) < MAX_RECORD_BYTES * 1.1
    (every,) = together(part for delta in deltas for part in delta.loose)
    before, after = split_by_time(every, 10)
    assert before is not None
    assert after is not None
    assert (panes_of([before], PANE_MS), panes_of([after], PANE_MS)) == ([0], [10])
    assert (split_by_time(before, 10), split_by_time(after, 10)) == ((before, None), (None, after))


def test_a_model_that_learns_no_profile_hands_no_rows_on() -> None:
    off = MODEL.replace(bootstrap=BootstrapSettings(enabled=False))
    table = ProfileTable(Settings(defaults=off))
    counter = JoinCounter(PANE_MS, table)
    zero = np.zeros(1, dtype=np.int64)
    at = Address(np.full(1, table.unprofiled(KEY)), zero, zero, Source("predictions", 0), zero)
    counter.predicted(at, raw_values(["yes"]), np.full(1, 0.5))
    assert [delta.key for delta in counter.take()] == [LABEL_STREAM]
