from __future__ import annotations

import numpy as np
import pytest

from driftline.sketches.joined import LabelledPairs, add_joined, errors_of
from driftline.sketches.scores import LABELLED, SCORE_BINS, SCORE_EDGES, PerformanceLayout, score_bin

BINARY = PerformanceLayout(2, binary=True)
REGRESSION = PerformanceLayout(0, binary=False)


def joined(predicted: list[float], actual: list[float], scores: list[float], signs: list[int]) -> LabelledPairs:
    return LabelledPairs(np.array(predicted), np.array(actual), np.array(scores), np.array(signs, dtype=np.int64))


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
    sums = {name: float(REGRESSION.sum_of(vector, name)) for name in REGRESSION.sums}
    assert sums == {
        "error": -1.5,
        "absolute": 2.5,
        "square": 4.25,
        "signed_square": -3.75,
        "fourth": 16.0625,
        "actual": 1.0,
        "actual_square": 1.0,
        "ratio": 0.5 + 2**53,
        "ratio_square": 0.25 + 2.0**106,
        "log_square": pytest.approx(np.log(2.5 / 2) ** 2),
        "log_fourth": pytest.approx(np.log(2.5 / 2) ** 4),
    }
    assert REGRESSION.n_below_log(vector) == 1
    assert errors_of(REGRESSION, pairs).tolist() == [0.5, 2.0]
    add_joined(REGRESSION, pairs._replace(signs=-pairs.signs), vector)
    assert not vector.any()


@pytest.mark.parametrize("layout", [BINARY, REGRESSION, PerformanceLayout(2, binary=True, weighted=True)])
def test_whatever_was_put_in_is_taken_out_in_other_company(layout: PerformanceLayout) -> None:
    rng = np.random.default_rng(1)
    n = 3_000
    actual = rng.integers(0, 2, n).astype(float) if layout.binary else rng.normal(1e5, 1, n)
    predicted = rng.integers(0, 2, n).astype(float) if layout.binary else actual + rng.standard_t(2, n)
    weights = rng.integers(0, 1 << 30, n)
    pairs = LabelledPairs(predicted, actual, rng.random(n), np.ones(n, dtype=np.int64), weights)
    vector = np.zeros(layout.n_cells, dtype=np.int64)
    add_joined(layout, pairs, vector)
    for row in rng.permutation(n):
        add_joined(layout, pairs.rows(np.array([row]))._replace(signs=np.array([-1])), vector)
    assert not vector.any()


def test_large_errors_are_exact_and_larger_ones_counted_as_clipped() -> None:
    vector = np.zeros(REGRESSION.n_cells, dtype=np.int64)
    pairs = joined([-1e9, 1e15, 2.0], [0, 0, 1], [np.nan] * 3, [1] * 3)
    add_joined(REGRESSION, pairs, vector)
    assert REGRESSION.sum_of(vector, "absolute") == 10**9 + 10**15 + 1
    assert float(REGRESSION.sum_of(vector, "square")) == pytest.approx(1e30 + 1e18, rel=1e-15)
    assert REGRESSION.n_clipped(vector) == 0
    add_joined(REGRESSION, joined([1e24, 1.0], [0, -1e300], [np.nan] * 2, [1] * 2), vector)
    assert REGRESSION.n_clipped(vector) == 2


def test_different_unknown_classes_are_wrong_and_the_same_right() -> None:
    vector = np.zeros(BINARY.n_cells, dtype=np.int64)
    pairs = joined([7, 7, 7, 1], [7, 8, 0, 9], [np.nan] * 4, [1] * 4)
    add_joined(BINARY, pairs, vector)
    assert BINARY.confusion_of(vector).tolist() == [[0, 0, 0, 0], [0, 0, 1, 0], [1, 0, 1, 1], [0, 0, 0, 0]]
    assert errors_of(BINARY, pairs).tolist() == [0.0, 1.0, 1.0, 1.0]
    add_joined(BINARY, pairs._replace(signs=-pairs.signs), vector)
    assert not vector.any()


def test_a_weight_counts_as_so_many_labels() -> None:
    layout = PerformanceLayout(2, binary=True, weighted=True)
    weighted, repeated = (np.zeros(layout.n_cells, dtype=np.int64) for _ in range(2))
    once = joined([1, 0, 1], [1, 1, 0], [0.9, 0.2, 0.7], [1, 1, 1])
    add_joined(layout, once._replace(weights=np.array([3, 1, 2]) * 1_024), weighted)
    add_joined(layout, once.rows(np.array([0, 0, 0, 1, 2, 2])), repeated)
    for name in layout.sums:
        assert float(layout.sum_of(weighted, name)) == pytest.approx(float(layout.sum_of(repeated, name)), rel=1e-12)
    assert np.array_equal(weighted[3 : layout.flags], repeated[3 : layout.flags])
    assert (weighted[LABELLED], repeated[LABELLED]) == (3, 6)
    assert layout.weight_of(weighted) == layout.weight_of(repeated) == 6.0
    assert layout.squared_weights(weighted).tolist() == [[1.0, 13.0, 0.0], [4.0, 10.0, 0.0]]
    assert layout.squared_weights(repeated).tolist() == [[1.0, 5.0, 0.0], [2.0, 4.0, 0.0]]


LAYOUTS = [
    PerformanceLayout(n_classes, n_classes == 2, weighted) for n_classes in (0, 2, 5) for weighted in (False, True)
]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_cells_do_not_overlap(layout: PerformanceLayout) -> None:
    codes = range(layout.n_codes)
    confusion = [int(layout.confusion(np.array([p]), np.array([a]))[0]) for p in codes for a in codes]
    scores = layout.score(np.repeat([0, 1], 2), np.array([0.0, 1.0, 0.0, 1.0])).tolist() if layout.binary else []
    sums = [at + word for at, kept in layout.sums.values() for word in range(kept.n_words)]
    flags = [layout.flags, layout.flags + 1] if layout.sums else []
    curve = range(layout.reliability, layout.weights)
    weights = range(layout.weights, layout.n_cells)
    used = [0, 1, 2, *confusion, *scores, *flags, *sums, *curve, *weights]
    assert len(used) == len(set(used))
    assert max(used) == layout.n_cells - 1
