"""Arrival vectors: where each label is counted, and that they add up."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from driftline.sketches.arrival import (
    AGE_EDGES_MS,
    MAX_CLASSES,
    ArrivalLayout,
    age_bins,
    arrival_cells,
    prediction_cells,
)
from driftline.sketches.joined import LabelledPairs
from driftline.sketches.scores import PerformanceLayout

HOUR, DAY = 3_600_000, 86_400_000
BINARY = ArrivalLayout.of(PerformanceLayout(2, binary=True))
ROWS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 1.0, 2.0]),
        st.sampled_from([0.0, 1.0, 2.0]),
        st.sampled_from([0.0, 0.01, 0.3, 0.5, 1.0, np.nan]),
        st.sampled_from([-1, 1]),
        st.integers(0, 4 * 365 * DAY),
        st.booleans(),
    ),
    min_size=1,
    max_size=30,
)


def counted(rows: list[tuple[float, float, float, int, int, bool]]) -> np.ndarray:
    predicted, actual, scores, signs, ages, first = (np.array(column) for column in zip(*rows, strict=True))
    vector = np.zeros(BINARY.n_cells, dtype=np.int64)
    cells, _, counting = arrival_cells(BINARY, LabelledPairs(predicted, actual, scores, signs), ages, first)
    np.add.at(vector, cells, 1)
    np.add.at(vector, counting, signs)
    return vector


def test_the_ages_that_people_ask_for_are_edges() -> None:
    for age in (1_000, HOUR, DAY, 7 * DAY, 30 * DAY, 90 * DAY, 730 * DAY):
        assert age in AGE_EDGES_MS
        below, at = age_bins(np.array([age - 1, age])).tolist()
        assert at == below + 1, "a label aged exactly a day has not come within a day"


def test_every_task_has_a_layout_of_bounded_size() -> None:
    for n_classes in (0, 2, 3, MAX_CLASSES, 1_000):
        layout = ArrivalLayout.of(PerformanceLayout(n_classes, binary=n_classes == 2))
        assert layout.n_cells < 700
        assert layout.exact == (0 < n_classes <= MAX_CLASSES)
        codes = layout.codes(np.array([0.0, float(n_classes)]))
        assert codes.tolist() == [0, layout.n_codes - 1]


@given(ROWS)
def test_first_labels_count_once_and_the_others_with_their_sign(
    rows: list[tuple[float, float, float, int, int, bool]],
) -> None:
    vector = counted(rows)
    first = [row for row in rows if row[5] and row[3] > 0]
    assert BINARY.first_of(vector).sum() == len(first)
    assert BINARY.counting_of(vector).sum() == sum(row[3] for row in rows)
    for predicted, actual, _, _, age, _ in first:
        by_age = BINARY.first_of(vector)[age_bins(np.array([age]))[0], :, int(actual)]
        assert by_age.sum() >= 1, predicted


@given(ROWS, ROWS)
def test_vectors_of_parts_add_up(
    some: list[tuple[float, float, float, int, int, bool]], others: list[tuple[float, float, float, int, int, bool]]
) -> None:
    assert (counted(some) + counted(others)).tolist() == counted([*some, *others]).tolist()


def test_an_event_without_a_score_has_a_bin_of_its_own() -> None:
    vector = np.zeros(BINARY.n_cells, dtype=np.int64)
    np.add.at(vector, prediction_cells(BINARY, np.array([1.0, 1.0, 0.0]), np.array([np.nan, 1.0, 0.0])), 1)
    assert np.argwhere(BINARY.predictions_of(vector)).tolist() == [[0, 0], [7, 1], [8, 1]]
