"""Prediction-powered metrics: the formulas by hand and by another implementation, and coverage against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from driftline.performance.powered_classes import ClassCells, powered_classes
from driftline.performance.prediction_powered import Cells, Strata, Values, strata_of

N_WINDOWS, N = 500, 10_000
SCORES = np.array([0.005, 0.03, 0.12, 0.35, 0.65, 0.88, 0.97, 0.995])
"""Of eight bins: their share of positives, where the estimate is right."""
SHARES = np.array([0.1, 0.15, 0.2, 0.15, 0.1, 0.1, 0.1, 0.1])


def drawn(labelled: float, rng: np.random.Generator, *, wrong: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return counts of all events and of labelled ones, shape (8, 2, 2), by score, predicted and actual class."""
    positive = 1 - SCORES if wrong else SCORES
    cells = np.zeros((8, 2, 2))
    for score, (share, p) in enumerate(zip(SHARES, positive, strict=True)):
        cells[score, int(SCORES[score] >= 0.3)] = share * (1 - p), share * p
    every = rng.multinomial(N, cells.ravel())
    return every.reshape(8, 2, 2), rng.multivariate_hypergeometric(every, round(labelled * N)).reshape(8, 2, 2)


def cells_of(every: np.ndarray, labels: np.ndarray) -> ClassCells:
    shares = np.stack([1 - SCORES, SCORES], axis=1)
    return ClassCells(every.sum(axis=2), labels, np.broadcast_to(shares[:, None, :], (8, 2, 2)))


def values_of(wrong: np.ndarray, expected: np.ndarray) -> Values:
    """Return values 0 or 1, with half a label of each added."""
    half = np.full(wrong.size, 0.5)
    return Values(wrong, wrong, expected, half, half)


def metrics_of(every: np.ndarray) -> dict[str, float]:
    confusion = every.sum(axis=0)
    hits, predicted, actual = confusion[1, 1], confusion[1].sum(), confusion[:, 1].sum()
    return {
        "accuracy": np.trace(confusion) / confusion.sum(),
        "precision": hits / predicted,
        "recall": hits / actual,
        "f1": 2 * hits / (predicted + actual),
        "positive_rate": actual / confusion.sum(),
    }


@pytest.mark.parametrize("estimate", ["right", "wrong"])
@pytest.mark.parametrize("labelled", [0.01, 0.1, 0.5])
def test_the_intervals_cover_what_all_labels_show(estimate: str, labelled: float) -> None:
    """Each interval's misses are within the 99.9 % limits of one in twenty."""
    wrong = estimate == "wrong"
    rng = np.random.default_rng([int(labelled * 100), wrong])
    covered: dict[str, list[bool]] = {}
    for _ in range(N_WINDOWS):
        every, labels = drawn(labelled, rng, wrong=wrong)
        truth = metrics_of(every)
        for name, mean in powered_classes(cells_of(every, labels), binary=True).metrics.items():
            if mean is not None:
                low, high = mean.share_interval(round(labelled * N), N)
                covered.setdefault(name, []).append(low <= truth[name] <= high)
    always = {name: hits for name, hits in covered.items() if len(hits) == N_WINDOWS}
    for name, hits in always.items():  # what is shown of some windows only has been chosen by its labels
        few, many = binom.ppf([0.0005, 0.9995], len(hits), 0.95)
        assert few <= sum(hits) <= many, name
    assert len(always) >= (2 if labelled < 0.1 else 5)


def test_half_of_the_loss_explained_makes_intervals_a_third_narrower() -> None:
    """Where expected losses explain half of the variance and a tenth has labels, it is √(0.5 × 0.9) = 0.67 of theirs.

    Here they explain 61 %, as where costs make a model flag much that is nothing.
    """
    n, labels = np.array([60_000, 40_000]), np.array([6_000, 4_000])
    expected = np.array([0.03, 0.78])
    wrong = labels * expected
    mean = float(wrong.sum() / labels.sum())
    explained = float(((expected - mean) ** 2 * n).sum() / n.sum() / (mean * (1 - mean)))
    assert explained == pytest.approx(0.61, abs=0.01)
    found = Strata(Cells(np.zeros(2, dtype=np.int64), n, labels), wrong, expected).mean(values_of(wrong, expected))
    of_labels = np.sqrt(mean * (1 - mean) / labels.sum())
    assert found.value == pytest.approx(mean)
    assert found.window_error / of_labels == pytest.approx(np.sqrt((1 - explained) * 0.9), rel=0.01)
    assert found.window_error / of_labels < 0.7


def test_it_is_what_another_implementation_finds() -> None:
    """One stratum, λ = 1: ``ppi_mean_pointestimate`` and ``ppi_mean_ci`` of ppi-python 0.2.3, whose λ is λ (1 - n/N).

    Its interval is about the mean of unlimited traffic; its variances divide by n, not by n - 1.
    """
    rng = np.random.default_rng(0)
    n_all, n = 5_000, 400
    expected = rng.beta(2, 8, n_all)
    loss = (rng.random(n_all) < expected).astype(float)
    labelled = np.zeros(n_all, dtype=bool)
    labelled[rng.choice(n_all, n, replace=False)] = True
    cells = Cells(np.zeros(n_all, dtype=np.int64), np.ones(n_all, dtype=np.int64), labelled.astype(np.int64))
    known = loss * labelled
    strata = Strata(cells, known, expected, least=n)
    strata.weight = 1.0
    found = strata.mean(values_of(known, expected))
    assert strata.n_strata == 1
    assert found.value == pytest.approx(0.18958312962338708, abs=1e-12)
    low, high = found.value - 1.959964 * found.error, found.value + 1.959964 * found.error
    assert (low, high) == pytest.approx((0.15271086720986063, 0.22645539203691353), abs=1e-4)


def test_labels_that_come_by_score_do_not_mislead() -> None:
    """Reviewers label mostly high scores: the labels' own accuracy is off, that of all predictions is found."""
    rng = np.random.default_rng(11)
    every, _ = drawn(0.1, rng, wrong=True)
    rate = np.where(np.arange(8) >= 5, 0.6, 0.05)[:, None, None]
    labels = rng.binomial(every, np.broadcast_to(rate, every.shape))
    truth, of_labels = metrics_of(every)["accuracy"], metrics_of(labels)["accuracy"]
    found = powered_classes(cells_of(every, labels), binary=True).metrics["accuracy"]
    assert found is not None
    assert abs(of_labels - truth) > 0.05
    assert abs(found.value - truth) < 2.5 * found.window_error < 0.05


def test_cells_that_should_have_labels_and_have_none_are_missed() -> None:
    n = np.array([5_000, 4_000, 100])
    assert Cells(np.zeros(3, dtype=np.int64), n, np.array([500, 0, 0])).missed() == pytest.approx(4_000 / 9_100)
    assert Cells(np.zeros(3, dtype=np.int64), n, np.array([500, 400, 0])).missed() == pytest.approx(0.0)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 80)), min_size=1, max_size=20), st.integers(1, 60))
@settings(deadline=None)
def test_strata_are_runs_of_cells_with_enough_labels(cells: list[tuple[int, int]], least: int) -> None:
    kind = np.array(sorted(kind for kind, _ in cells))
    labels = np.array([n for _, n in cells])
    found = strata_of(Cells(kind, labels + 1, labels), least)
    assert found[0] == 0
    assert set(np.diff(found).tolist()) <= {0, 1}
    assert (np.bincount(found, weights=labels) >= least).all() or found.max() == 0
    for stratum in range(int(found.max()) + 1):  # kinds are taken together only where they have few labels there
        inside = np.bincount(kind[found == stratum], weights=labels[found == stratum])
        assert (inside >= least).sum() <= 1


def test_averages_over_classes_need_labels_of_each() -> None:
    """Three classes, of which one is rare: with no label of it an average would leave it out."""
    n = np.array([[9_000, 900, 100]])
    labels = np.array([[[300, 10, 0], [5, 60, 0], [0, 0, 0]]])
    shares = np.full((1, 3, 3), 1 / 3)
    found = powered_classes(
        ClassCells(
            np.pad(n, ((0, 0), (0, 1))),
            np.pad(labels, ((0, 0), (0, 1), (0, 1))),
            np.pad(shares, ((0, 0), (0, 1), (0, 1))),
        ),
        binary=False,
    ).metrics
    assert found["accuracy"] is not None
    assert (found["precision"], found["recall"], found["f1"]) == (None, None, None)
