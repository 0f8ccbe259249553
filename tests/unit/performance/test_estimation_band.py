"""The band says how far realised metrics are from estimates: counted over drawn labels, and over drawn references."""

from __future__ import annotations

import numpy as np
import pytest

from driftline.performance.estimation_binary import binary_estimates
from driftline.performance.estimation_multiclass import multiclass_estimates
from driftline.performance.metric_estimate import BAND, MetricEstimate
from driftline.profiles.calibrator import fit_calibrator
from driftline.sketches.estimates import BINARY, VALUE_SCALE, EstimateTotals, count_estimates, unpack_estimates
from driftline.sketches.estimates import EventEstimates as Said
from driftline.sketches.scores import score_bin

N_DRAWS = 300
METRICS = ("accuracy", "balanced_accuracy", "precision", "recall", "specificity", "f1", "auc")


def realised(predicted: np.ndarray, actual: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    hits = predicted == actual
    recall, specificity = hits[actual == 1].mean(), hits[actual == 0].mean()
    precision = hits[predicted == 1].mean()
    order = np.argsort(scores)
    ranks = np.empty(scores.size)
    ranks[order] = np.arange(scores.size)
    n_positive, n_negative = actual.sum(), (1 - actual).sum()
    area = (ranks[actual == 1].sum() - n_positive * (n_positive - 1) / 2) / (n_positive * n_negative)
    f1 = 2 * precision * recall / (precision + recall)
    return dict(
        zip(METRICS, (hits.mean(), (recall + specificity) / 2, precision, recall, specificity, f1, area), strict=True)
    )


def totals(predicted: np.ndarray, p: np.ndarray, scores: np.ndarray) -> EstimateTotals:
    said = Said(predicted, p[None], score_bin(scores)[None])
    ((_, packed),) = count_estimates(BINARY, said, np.zeros(predicted.size, dtype=np.int64))
    return unpack_estimates(BINARY, packed)


@pytest.fixture(scope="module")
def misses() -> dict[str, np.ndarray]:
    """Realised less estimated value over the standard errors, of a new reference, new events and new labels each."""
    rng = np.random.default_rng(7)
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in METRICS}
    for _ in range(N_DRAWS):
        reference = rng.beta(0.8, 1.2, 2_000)
        calibrator = fit_calibrator(reference, rng.random(2_000) < reference)
        scores = rng.beta(1.2, 1.0, 2_000)  # more of the higher scores than the reference has
        predicted, actual = (scores > 0.55).astype(np.int64), (rng.random(2_000) < scores).astype(np.int64)
        estimates = binary_estimates(totals(predicted, calibrator(scores), scores), calibrator)
        for name, value in realised(predicted, actual, scores).items():
            estimate = estimates[name]
            assert estimate is not None
            found[name].append((value - estimate.value, estimate.sampling_error, estimate.model_error))
    return {name: np.array(each) for name, each in found.items()}


@pytest.mark.parametrize("name", METRICS)
def test_standard_errors_are_those_of_what_turns_out(misses: dict[str, np.ndarray], name: str) -> None:
    off, sampling, model = misses[name].T
    z = off / np.hypot(sampling, model)
    assert -0.6 < z.mean() < 0.2  # an isotonic regression fits its own rows a little too well
    assert 0.85 < z.std() < 1.15
    assert (np.abs(z) > BAND).mean() <= 0.015


def test_neither_error_alone_is_enough(misses: dict[str, np.ndarray]) -> None:
    off, sampling, model = misses["accuracy"].T
    assert (off / sampling).std() > 1.15
    assert (off / model).std() > 1.15


def test_the_bound_for_several_classes_is_one() -> None:
    """With the probabilities known, realised metrics vary no more than it says, and not much less."""
    rng = np.random.default_rng(8)
    n = 1_500
    p = rng.dirichlet([1.0, 1.0, 1.0], n)
    predicted = p.argmax(axis=1)
    sums = np.zeros((3, 3, 2), dtype=np.int64)
    for row in range(3):
        mine = p[predicted == row]
        sums[row] = np.rint(np.stack([mine.sum(axis=0), (mine * mine).sum(axis=0)], axis=1) * VALUE_SCALE)
    counts = np.bincount(predicted, minlength=3).reshape(3, 1)
    estimates = multiclass_estimates(EstimateTotals(sums, counts, 0), 10**9)
    drawn: dict[str, list[float]] = {"accuracy": [], "precision": [], "balanced_accuracy": []}
    for _ in range(N_DRAWS):
        actual = (p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
        hits = predicted == actual
        drawn["accuracy"].append(float(hits.mean()))
        drawn["precision"].append(float(np.mean([hits[predicted == k].mean() for k in range(3)])))
        drawn["balanced_accuracy"].append(float(np.mean([hits[actual == k].mean() for k in range(3)])))
    for name, values in drawn.items():
        estimate = estimates[name]
        assert estimate is not None
        assert np.mean(values) == pytest.approx(estimate.value, abs=0.003)
        assert 0.75 * estimate.sampling_error < np.std(values) < 1.12 * estimate.sampling_error, name


def test_a_metric_that_nothing_defines_is_none() -> None:
    calibrator = fit_calibrator(np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, False, True, True]))
    nothing = EstimateTotals(np.zeros((2, 1, 2), dtype=np.int64), np.zeros((2, 1024), dtype=np.int64), 0)
    assert set(binary_estimates(nothing, calibrator).values()) == {None}
    scores = np.array([0.1, 0.2])
    only = binary_estimates(totals(np.zeros(2, dtype=np.int64), calibrator(scores), scores), calibrator)
    assert only["precision"] is None
    assert only["recall"] is None
    assert only["accuracy"] is not None
    several = multiclass_estimates(EstimateTotals(np.zeros((3, 3, 2), np.int64), np.zeros((3, 1), np.int64), 0), 500)
    assert set(several.values()) == {None}


def test_a_band_stays_within_the_range_of_its_metric() -> None:
    assert MetricEstimate(0.97, 0.03, 0.04).band(high=1.0) == (0.82, 1.0)
    assert MetricEstimate(5.0, 0.3, 0.4).band() == (3.5, 6.5)
    assert MetricEstimate(0.1, 0.3, 0.4).band() == (0.0, 1.6)
