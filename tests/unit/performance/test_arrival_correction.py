"""The correction for early labels, against simulated truth; the worst case, against every possible one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.performance import classification_metrics
from driftline.performance.arrival_bounds import worst_case_bounds
from driftline.performance.arrival_weights import (
    MIN_LABELS,
    ArrivalRates,
    WeightedMetrics,
    arrival_rates,
    needed_rates,
    weighted_metrics,
)
from driftline.sketches.arrival import ArrivalLayout, arrival_cells
from driftline.sketches.joined import LabelledPairs
from driftline.sketches.scores import PerformanceLayout
from tests.support.examples import examples

BINARY = ArrivalLayout.of(PerformanceLayout(2, binary=True))
CODES = st.lists(st.integers(0, 4), min_size=9, max_size=9)


def drawn(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return score bins, predictions and classes of n events; labels tell more of errors than scores do."""
    scores = rng.beta(0.6, 1.8, n)
    actual = rng.random(n) < 0.15 + 0.5 * scores
    return BINARY.score_bins(scores), (scores >= 0.5).astype(int), actual.astype(int)


def had_come(score: np.ndarray, actual: np.ndarray, day: float, rng: np.random.Generator) -> np.ndarray:
    """Return which labels have come after a day: positives sooner, high scores sooner, and some days slower."""
    rate = np.where(actual == 1, 0.8, 0.25) * (0.7 + 0.04 * score) * day
    return rng.random(score.size) < rate


def strata(score: np.ndarray, actual: np.ndarray) -> np.ndarray:
    counts = np.zeros((BINARY.n_scores, BINARY.n_codes), dtype=np.int64)
    np.add.at(counts, (score, actual), 1)
    return counts


def counted(score: np.ndarray, predicted: np.ndarray, actual: np.ndarray) -> np.ndarray:
    counts = np.zeros((BINARY.n_scores, BINARY.n_codes, BINARY.n_codes), dtype=np.int64)
    np.add.at(counts, (score, predicted, actual), 1)
    return counts


def truth(predicted: np.ndarray, actual: np.ndarray) -> dict[str, float]:
    hit = (predicted * actual).sum()
    return {
        "accuracy": (predicted == actual).mean(),
        "precision": hit / predicted.sum(),
        "recall": hit / actual.sum(),
        "f1": 2 * hit / (predicted.sum() + actual.sum()),
        "positive_rate": actual.mean(),
    }


def test_biased_early_labels_are_corrected_to_within_their_error_where_raw_ones_are_far_off() -> None:
    rng = np.random.default_rng(11)
    names = ("accuracy", "precision", "recall", "f1", "positive_rate")
    scaled: dict[str, list[float]] = {name: [] for name in names}
    corrected: dict[str, list[float]] = {name: [] for name in names}
    raw: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(60):
        by_now, in_the_end = [], []
        for _ in range(30):
            score, _, actual = drawn(1_500, rng)
            come = had_come(score, actual, rng.uniform(0.9, 1.1), rng)
            by_now.append(strata(score[come], actual[come]))
            in_the_end.append(strata(score, actual))
        rates = arrival_rates(np.array(by_now), np.array(in_the_end))
        assert rates is not None
        for _ in range(4):
            score, predicted, actual = drawn(1_500, rng)
            come = had_come(score, actual, rng.uniform(0.9, 1.1), rng)
            found = weighted_metrics(counted(score[come], predicted[come], actual[come]), rates, binary=True)
            assert found is not None
            assert found.n_effective < come.sum()
            at_hand = truth(predicted[come], actual[come])
            for name, true in truth(predicted, actual).items():
                value, error = found.metrics[name], found.standard_errors[name]
                assert value is not None
                assert error is not None
                scaled[name].append((value - true) / error)
                corrected[name].append(value - true)
                raw[name].append(at_hand[name] - true)
    for name in names:
        assert abs(np.mean(corrected[name])) < 0.01, f"{name} is unbiased"
        assert 0.9 <= np.mean(np.abs(scaled[name]) < 1.96) <= 0.99, f"the error of {name} is right"
    for name, bias in (("accuracy", 0.06), ("precision", 0.15), ("f1", 0.05), ("positive_rate", 0.2)):
        assert abs(np.mean(raw[name])) > bias, f"early labels alone are far off in {name}"


def test_what_has_come_in_full_is_left_as_it_is() -> None:
    rng = np.random.default_rng(3)
    score, predicted, actual = drawn(2_000, rng)
    whole = strata(score, actual)
    rates = arrival_rates(np.array([whole, whole]), np.array([whole, whole]))
    assert rates is not None
    found = weighted_metrics(counted(score, predicted, actual), rates, binary=True)
    assert found is not None
    assert found.metrics == pytest.approx(truth(predicted, actual))
    assert found.n_effective == pytest.approx(2_000)
    assert set(found.standard_errors.values()) == {0.0}


@given(st.lists(st.integers(0, 6), min_size=16, max_size=16))
def test_without_weights_multiclass_metrics_are_the_plain_ones(cells: list[int]) -> None:
    layout = PerformanceLayout(3, binary=False)
    counts = np.array(cells, dtype=np.int64).reshape(1, 4, 4)
    found = weighted_metrics(counts, ArrivalRates(np.ones((1, 4)), np.zeros((1, 4)), 9, 1.0), binary=False)
    if not any(cells):
        assert found is None
        return
    vector = np.zeros(layout.n_cells, dtype=np.int64)
    layout.confusion_of(vector)[:] = counts[0]
    plain = classification_metrics(layout, vector)
    assert isinstance(found, WeightedMetrics)
    for name, value in found.metrics.items():
        assert value == pytest.approx(plain[name])


def test_rare_kinds_take_the_rate_of_their_class_and_rare_classes_that_of_all() -> None:
    in_the_end = np.zeros((2, 3, 3), dtype=np.int64)
    in_the_end[:, 0, 0], in_the_end[:, 1, 0], in_the_end[:, 0, 1] = 400, 10, 3
    by_now = in_the_end // 2
    by_now[:, 1, 0] = 10
    rates = arrival_rates(by_now, in_the_end)
    assert rates is not None
    assert rates.rate[0, 0] == 0.5
    assert rates.rate[1, 0] == pytest.approx(210 / 410)
    assert rates.rate[0, 1] == rates.rate[2, 2] == pytest.approx(211 / 413)
    assert needed_rates(rates, in_the_end) == 0.5
    assert arrival_rates(by_now[:1], in_the_end[:1]) is None
    assert arrival_rates(by_now * 0, np.minimum(in_the_end, MIN_LABELS // 20)) is None


def test_cohorts_that_differ_widen_the_error() -> None:
    in_the_end = np.full((10, 1, 2), 1_000)
    alike, unlike = np.full((10, 1, 2), 500), np.full((10, 1, 2), 500)
    unlike[::2] += 100
    unlike[1::2] -= 100
    calm, wild = arrival_rates(alike, in_the_end), arrival_rates(unlike, in_the_end)
    assert calm is not None
    assert wild is not None
    assert (calm.rate == wild.rate).all()
    assert calm.dispersion == 1.0
    assert wild.dispersion > 40
    assert np.sqrt(wild.variance[0, 0]) == pytest.approx(0.2, rel=0.15), "a fifth more or fewer, from cohort to cohort"


@examples(60)
@given(st.lists(st.integers(0, 3), min_size=4, max_size=4), st.integers(0, 3), st.integers(0, 3))
def test_bounds_are_what_some_labels_reach_and_none_exceed(cells: list[int], no: int, yes: int) -> None:
    confusion = np.zeros((3, 3), dtype=np.int64)
    confusion[:2, :2] = np.array(cells).reshape(2, 2)
    by_class = confusion.sum(axis=1) + np.array([no, yes, 0])
    bounds = worst_case_bounds(confusion, int(by_class.sum()), by_class, binary=True)
    reached: dict[str, list[float]] = {}
    for turned_no, turned_yes in itertools.product(range(no + 1), range(yes + 1)):
        full = confusion.copy()
        full[0] += np.array([no - turned_no, turned_no, 0])
        full[1] += np.array([yes - turned_yes, turned_yes, 0])
        hit, n_predicted, n_actual, n = full[1, 1], full[1].sum(), full[:, 1].sum(), full.sum()
        parts = {
            "accuracy": (np.trace(full), n),
            "positive_rate": (n_actual, n),
            "precision": (hit, n_predicted),
            "recall": (hit, n_actual),
            "f1": (2 * hit, n_predicted + n_actual),
        }
        for name, (above, below) in parts.items():
            if below:
                reached.setdefault(name, []).append(above / below)
    for name, (low, high) in bounds.items():
        assert (low, high) == pytest.approx((min(reached[name]), max(reached[name]))), name
    loose = worst_case_bounds(confusion, int(by_class.sum()), None, binary=True)
    for name in bounds.keys() & loose.keys():
        assert loose[name][0] <= bounds[name][0] + 1e-12
        assert loose[name][1] >= bounds[name][1] - 1e-12


@pytest.mark.parametrize("n_classes", [2, 3])
def test_different_unknown_classes_are_wrong_for_corrections_and_bounds_too(n_classes: int) -> None:
    rng = np.random.default_rng(7)
    predicted, actual = rng.integers(0, n_classes + 3, (2, 400)).astype(np.float64)
    of_task = PerformanceLayout(n_classes, binary=n_classes == 2)
    layout = ArrivalLayout.of(of_task)
    pairs = LabelledPairs(predicted, actual, np.full(400, np.nan), np.ones(400, dtype=np.int64))
    first, new, counting = arrival_cells(layout, pairs, np.zeros(400, dtype=np.int64), np.ones(400, dtype=np.bool_))
    vector = np.zeros(layout.n_cells, dtype=np.int64)
    np.add.at(vector, counting, 1)
    np.add.at(vector, first, 1)
    assert new.size == layout.first_of(vector).sum() == layout.counting_of(vector).sum() == 400
    right = float((predicted == actual).mean())
    bounds = worst_case_bounds(layout.counting_of(vector).sum(axis=0), 400, None, binary=n_classes == 2)
    assert bounds["accuracy"] == (right, right)
    shape = (layout.n_scores, layout.n_codes)
    found = weighted_metrics(
        layout.counting_of(vector), ArrivalRates(np.ones(shape), np.zeros(shape), 9, 1.0), binary=n_classes == 2
    )
    assert found is not None
    assert found.metrics["accuracy"] == pytest.approx(right)
    assert (found.metrics["precision"] is None) == (n_classes > 2)
