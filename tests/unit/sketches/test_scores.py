from __future__ import annotations

import numpy as np
import pytest

from driftline.sketches.joined import Joined, add_joined, errors_of
from driftline.sketches.scores import LABELLED, SCORE_BINS, SCORE_EDGES, PerformanceLayout, error_words, score_bin

BINARY = PerformanceLayout(2, binary=True)
REGRESSION = PerformanceLayout(0, binary=False)


def joined(predicted: list[float], actual: list[float], scores: list[float], signs: list[int]) -> Joined:
    return Joined(np.array(predicted), np.array(actual), np.array(scores), np.array(signs, dtype=np.int64))


def test_zero_and_one_have_bins_of_their_own() -> None:
    assert score_bin(np.array([0.0, 5e-324, 1 - 2**-53, 1.0])).tolist() == [0, 1, SCORE_BINS - 2, SCORE_BINS - 1]
    assert SCORE_EDGES.size == SCORE_BINS - 1
    assert (np.diff(SCORE_EDGES) > 0).all()


def test_bins_are_even_in_the_logit() -> None:
    inner = SCORE_EDGES[1:-1]
    logits = np.log(inner) - np.log1p(-inner)
    assert np.ptp(np.diff(logits[200:-200])) < 1e-6


def test_pairs_are_counted_and_taken_back() -> None:
    vector = np.zeros(BINARY.n_cells, dtype=np.int64)
    pairs = joined([1, 0, 1, 2], [1, 1, 0, 2], [0.9, 0.2, 0.7, np.nan], [1, 1, 1, 1])
    add_joined(BINARY, pairs, vector)
    assert vector[LABELLED] == 4
    assert BINARY.confusion_of(vector).tolist() == [[0, 1, 0], [1, 1, 0], [0, 0, 1]]
    assert BINARY.score_histograms_of(vector).sum(axis=1).tolist() == [1, 2]
    assert errors_of(BINARY, pairs).tolist() == [0.0, 1.0, 1.0, 0.0]
    add_joined(BINARY, pairs._replace(signs=-pairs.signs), vector)
    assert not vector.any()


def test_a_class_unknown_to_the_profile_has_no_score_histogram() -> None:
    vector = np.zeros(BINARY.n_cells, dtype=np.int64)
    add_joined(BINARY, joined([1], [2], [0.9], [1]), vector)
    assert BINARY.score_histograms_of(vector).sum() == 0
    assert BINARY.confusion_of(vector)[1, 2] == 1


def test_regression_errors_are_summed_and_taken_back() -> None:
    vector = np.zeros(REGRESSION.n_cells, dtype=np.int64)
    pairs = joined([1.5, -2.0], [1.0, 0.0], [np.nan, np.nan], [1, 1])
    add_joined(REGRESSION, pairs, vector)
    assert REGRESSION.sums_of(vector) == pytest.approx((-1.5, 2.5, 4.25))
    assert errors_of(REGRESSION, pairs).tolist() == [0.5, 2.0]
    add_joined(REGRESSION, pairs._replace(signs=-pairs.signs), vector)
    assert REGRESSION.sums_of(vector) == (0.0, 0.0, 0.0)
    assert vector[LABELLED] == 0


def test_errors_are_clipped() -> None:
    words = error_words(np.array([-1e9, 1e9]), np.array([1, 1])).reshape(3, 2)
    sums = [(int(high) << 32) + int(low) for high, low in words]
    assert sums == [0, 512 << 24, 2 * 65_536 << 16]


@pytest.mark.parametrize("layout", [BINARY, REGRESSION, PerformanceLayout(5, binary=False)])
def test_cells_do_not_overlap(layout: PerformanceLayout) -> None:
    codes = range(layout.n_codes)
    confusion = [int(layout.confusion(np.array([p]), np.array([a]))[0]) for p in codes for a in codes]
    scores = layout.score(np.repeat([0, 1], 2), np.array([0.0, 1.0, 0.0, 1.0])).tolist() if layout.binary else []
    sums = range(layout.sums, layout.n_cells)
    used = [0, 1, 2, *confusion, *scores, *sums]
    assert len(used) == len(set(used))
    assert max(used) == layout.n_cells - 1
