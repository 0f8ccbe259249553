"""Powered losses of regressions: by another implementation, by simulation, and where labels are too few."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from driftline.performance.powered_losses import LossWeights, PoweredLosses
from driftline.performance.prediction_powered import Cells, Strata, Values
from driftline.sketches.loss_strata import (
    N_CELLS,
    N_STRATA,
    STRATUM_SHARES,
    LossSums,
    label_cells,
    loss_sums,
    prediction_cells,
)

ABSOLUTE, BIAS, PINBALL = LossWeights(1.0, 1.0), LossWeights(-1.0, 1.0), LossWeights(0.8, 0.2)
N_WINDOWS, N = 400, 5_000
CUTS = np.exp(np.log(100.0) * np.array(STRATUM_SHARES))


def drawn(rng: np.random.Generator, n: int, *, wrong: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return predictions from 1 to 100 and errors in proportion to them, or to others where the estimate is wrong."""
    predictions = np.exp(rng.uniform(0.0, np.log(100.0), n))
    return predictions, 0.2 * rng.normal(0.3, 1.0, n) * (rng.permutation(predictions) if wrong else predictions)


def vector_of(predictions: np.ndarray, errors: np.ndarray, n_labels: int) -> np.ndarray:
    """Return the cells of predictions of which the first so many have labels."""
    strata = np.searchsorted(CUTS, predictions, side="right")
    vector = np.zeros(N_CELLS, dtype=np.int64)
    np.add.at(vector, prediction_cells(strata), 1)
    cells, values = label_cells(strata[:n_labels], errors[:n_labels])
    np.add.at(vector, cells.ravel(), values.ravel())
    return vector


def sums_of(predictions: np.ndarray, errors: np.ndarray, n_labels: int) -> LossSums:
    return loss_sums(vector_of(predictions, errors, n_labels))


def reference() -> LossSums:
    rng = np.random.default_rng(1)
    return sums_of(*drawn(rng, 20_000), 20_000)


def loss_of(errors: np.ndarray, loss: LossWeights) -> np.ndarray:
    losses: np.ndarray = np.where(errors > 0, loss.over, loss.under) * np.abs(errors)
    return losses


@pytest.mark.parametrize("wrong", [False, True])
@pytest.mark.parametrize("n_labels", [400, 2_500])
def test_the_intervals_cover_what_all_labels_show(n_labels: int, *, wrong: bool) -> None:
    """Each interval's misses are within the 99.9 % limits of one in twenty; no mean is off on average."""
    rng, expected = np.random.default_rng([n_labels, wrong]), reference()
    covered: dict[LossWeights, list[bool]] = {ABSOLUTE: [], PINBALL: [], BIAS: []}
    off: dict[LossWeights, list[float]] = {loss: [] for loss in covered}
    for _ in range(N_WINDOWS):
        predictions, errors = drawn(rng, N, wrong=wrong)
        powered = PoweredLosses(sums_of(predictions, errors, n_labels), expected)
        for loss, hits in covered.items():
            found, truth = powered.mean(loss), float(loss_of(errors, loss).mean())
            low, high = found.interval() if loss is BIAS else found.positive_interval()
            hits.append(low <= truth <= high)
            off[loss].append((found.mean.value - truth) / found.mean.window_error)
    few, many = binom.ppf([0.0005, 0.9995], N_WINDOWS, 0.95)
    for loss, hits in covered.items():
        assert few <= sum(hits) <= many, loss
        assert abs(np.mean(off[loss])) < 4 / math.sqrt(N_WINDOWS) + 0.1, loss


def test_half_of_the_loss_explained_makes_intervals_30_percent_narrower_at_a_tenth_of_the_labels() -> None:
    rng, expected, narrower = np.random.default_rng(4), reference(), []
    predictions, errors = drawn(rng, 200_000)
    losses = np.abs(errors)
    strata = np.searchsorted(CUTS, predictions, side="right")
    within = sum(float(losses[strata == each].var()) * (strata == each).mean() for each in range(N_STRATA))
    assert 1 - within / losses.var() == pytest.approx(0.5, abs=0.05)
    for start in range(0, 200_000, 20_000):
        rows = slice(start, start + 20_000)
        low, high = PoweredLosses(sums_of(predictions[rows], errors[rows], 2_000), expected).mean(ABSOLUTE).interval()
        alone = 2 * 1.96 * losses[start : start + 2_000].std() / math.sqrt(2_000)
        narrower.append(1 - (high - low) / alone)
    assert np.mean(narrower) >= 0.3


def test_it_is_what_another_implementation_finds() -> None:
    """One stratum, λ = 1: ``ppi_mean_pointestimate`` and ``ppi_mean_ci`` of ppi-python 0.2.3, whose λ is 1 - n/N."""
    rng = np.random.default_rng(0)
    n_all, n = 5_000, 400
    predictions, errors = drawn(rng, n_all)
    loss, expected = np.abs(errors), 0.17 * predictions
    labelled = np.zeros(n_all, dtype=bool)
    labelled[rng.choice(n_all, n, replace=False)] = True
    cells = Cells(np.zeros(n_all, dtype=np.int64), np.ones(n_all, dtype=np.int64), labelled.astype(np.int64))
    known = loss * labelled
    strata = Strata(cells, known, expected, least=n)
    strata.weight = 1.0
    found = strata.mean(Values(known, known * loss, expected))
    assert found.value == pytest.approx(3.664520346945795, rel=1e-9)
    low, high = found.value - 1.959964 * found.error, found.value + 1.959964 * found.error
    assert (low, high) == pytest.approx((3.2642990127074234, 4.0647416811841675), rel=1e-3)


def test_strata_that_are_all_labelled_leave_no_error() -> None:
    predictions, errors = drawn(np.random.default_rng(2), 2_000)
    found = PoweredLosses(sums_of(predictions, errors, 2_000), None).mean(ABSOLUTE)
    assert found.mean.value == pytest.approx(np.abs(errors).mean())
    assert found.positive_interval() == pytest.approx((found.mean.value, found.mean.value))


def test_labels_that_come_for_large_predictions_do_not_mislead() -> None:
    rng = np.random.default_rng(3)
    predictions, errors = drawn(rng, 20_000)
    order = np.argsort(
        rng.random(20_000) / np.where(predictions > 30, 5.0, 1.0)
    )  # large ones first, five times as often
    predictions, errors = predictions[order], errors[order]
    truth, of_labels = np.abs(errors).mean(), np.abs(errors[:2_000]).mean()
    found = PoweredLosses(sums_of(predictions, errors, 2_000), reference()).mean(ABSOLUTE).mean
    assert of_labels > 1.5 * truth
    assert abs(found.value - truth) < 3 * found.window_error < 0.1 * truth


def test_heavier_losses_need_more_labels_by_the_labels_and_by_the_reference() -> None:
    rng = np.random.default_rng(5)
    predictions, errors = drawn(rng, N)
    light = np.where(errors > 0, 1.0, -1.0)
    usual, expected = sums_of(predictions, light, 500), reference()
    assert PoweredLosses(usual, None).needed(ABSOLUTE) == pytest.approx(0.0, abs=1e-6)
    heavy = PoweredLosses(sums_of(predictions, errors, 500), None).needed(ABSOLUTE)
    assert heavy > 4 * 200
    assert PoweredLosses(usual, expected).needed(ABSOLUTE) == pytest.approx(heavy / 4, rel=0.3)
    assert math.isinf(PoweredLosses(sums_of(predictions, 0 * errors, 500), expected).needed(ABSOLUTE))


def test_labels_of_some_strata_count_for_fewer() -> None:
    predictions, errors = drawn(np.random.default_rng(6), N)
    alike = PoweredLosses(sums_of(predictions, errors, 500), None)
    order = np.argsort(predictions > 20, kind="stable")
    few_large = np.concatenate([order[:450], order[-50:]])
    rest = np.setdiff1d(np.arange(N), few_large)
    order = np.concatenate([few_large, rest])
    some = PoweredLosses(sums_of(predictions[order], errors[order], 500), None)
    assert alike.n_effective() == pytest.approx(500, rel=0.1)
    assert some.n_effective() < 350


def test_neighbours_without_labels_are_missed_together() -> None:
    predictions, errors = drawn(np.random.default_rng(7), 300)
    order = np.argsort(predictions > 25, kind="stable")
    some = PoweredLosses(sums_of(predictions[order], errors[order], 80), None)
    assert some.cells.missed() == pytest.approx(0.0), "each is small"
    assert some.without_labels().missed() == pytest.approx((predictions > 25).mean(), abs=0.05)
    assert some.without_labels().n.sum() == 300


ERRORS = st.floats(-1e9, 1e9) | st.sampled_from([0.0, -0.25, 1.5, 2.0**20, -(2.0**21)])


@given(st.lists(st.tuples(st.floats(0, 200), ERRORS), min_size=1, max_size=30), st.integers(0, 30), st.randoms())
def test_parts_add_up_in_any_order_and_corrections_leave_nothing(
    rows: list[tuple[float, float]], cut: int, chance: np.random.Generator
) -> None:
    predictions, errors = np.array(rows).T
    whole = vector_of(predictions, errors, errors.size)
    order = np.array(sorted(range(errors.size), key=lambda _: chance.random()))
    parts = (order[:cut], order[cut:])
    added = np.sum([vector_of(predictions[part], errors[part], part.size) for part in parts], axis=0)
    assert added.tolist() == whole.tolist()
    strata = np.searchsorted(CUTS, predictions, side="right")
    cells, values = label_cells(strata, errors)
    np.add.at(whole, cells.ravel(), -values.ravel())
    assert whole.tolist() == vector_of(predictions, errors, 0).tolist()


@given(st.lists(st.tuples(st.floats(0, 200), st.floats(-1e6, 1e6)), min_size=1, max_size=30))
def test_sums_are_those_of_the_errors(rows: list[tuple[float, float]]) -> None:
    predictions, errors = np.array(rows).T
    sums = sums_of(predictions, errors, errors.size)
    under, over = np.maximum(-errors, 0), np.maximum(errors, 0)
    assert sums.under.sum() == pytest.approx(under.sum(), rel=1e-12, abs=1e-9)
    assert sums.over.sum() == pytest.approx(over.sum(), rel=1e-12, abs=1e-9)
    assert sums.under_square.sum() == pytest.approx((under**2).sum(), rel=1e-12, abs=1e-9)
    assert sums.over_square.sum() == pytest.approx((over**2).sum(), rel=1e-12, abs=1e-9)
    assert (sums.n.sum(), sums.n_labels.sum(), sums.n_too_large) == (errors.size, errors.size, 0)
