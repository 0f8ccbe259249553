from __future__ import annotations

import math

import numpy as np
import pytest

from driftline.performance.ranking import (
    average_precision,
    class_distance,
    cut_of_class_distance,
    lift,
    ranking_metrics,
)


@pytest.mark.parametrize("above", [(0, 0), (0, 3), (40, 70), (100, 1), (1, 10_000), (5_000, 900_000)])
@pytest.mark.parametrize("here", [(1, 1), (7, 300), (300, 7), (3_000, 50_000)])
def test_the_least_average_precision_is_the_sum_term_by_term(above: tuple[int, int], here: tuple[int, int]) -> None:
    (t, f), (p, q) = above, here
    histograms = np.array([[0, q, f, 0], [0, p, t, 0]])
    found = average_precision(histograms)
    terms = [i / (i + f) for i in range(1, t + 1)] + [(t + i) / (t + f + q + i) for i in range(1, p + 1)]
    least = math.fsum(terms) / (t + p)
    assert found[1] == pytest.approx(least - 1e-12, rel=1e-13, abs=2e-13)


def test_weights_of_a_million_labels_keep_the_order_of_the_bounds() -> None:
    rng = np.random.default_rng(1)
    histograms = rng.integers(0, 1 << 40, (2, 1_024))
    value, low, high = average_precision(histograms)
    assert value is not None
    assert low is not None
    assert high is not None
    assert 0 < low < value < high < 1
    assert high - low < 0.01


def test_scores_that_tell_the_classes_apart() -> None:
    histograms = np.array([[5, 5, 0, 0], [0, 0, 5, 5]])
    found = ranking_metrics(histograms)
    assert (found["auc"], found["auc_error_bound"], found["gini"], found["ks"]) == (1.0, 0.0, 1.0, 1.0)
    assert found["average_precision_low"] == pytest.approx(1.0)
    assert (found["lift"], found["ks_error_bound"]) == (2.0, 0.0)


def test_the_tenth_may_end_within_a_bin() -> None:
    # 20 scores: the tenth is two of the four in the highest open bin, three of which are positive.
    histograms = np.array([[0, 14, 1, 0], [0, 2, 3, 0]])
    top, bound = lift(histograms)
    assert top == pytest.approx((1.5 / 2) / (5 / 20))
    assert bound == pytest.approx((0.5 / 2) / (5 / 20))


def test_the_distance_is_found_at_its_edge() -> None:
    histograms = np.array([[4, 3, 2, 1], [1, 2, 3, 4]])
    assert class_distance(histograms)[0] == pytest.approx(0.4)
    assert cut_of_class_distance(histograms) == (7, 3)
