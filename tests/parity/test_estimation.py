"""Calibrators against scikit-learn, and estimates against the definitions on the events one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score

from driftline.performance.estimation_binary import binary_estimates, refitted_totals
from driftline.performance.estimation_multiclass import multiclass_estimates
from driftline.performance.estimation_regression import loss_estimates
from driftline.profiles.building.loss_build import build_loss_estimator
from driftline.profiles.calibrator import MAX_KNOTS, fit_calibrator, refit_calibrator
from driftline.profiles.estimator import BinaryEstimator, MulticlassEstimator
from driftline.profiles.loss_trees import DEPTH, grow
from driftline.sketches.columns import CategoricalColumn
from driftline.sketches.encoding import EncodedColumns
from driftline.sketches.estimates import count_estimates, unpack_estimates
from driftline.sketches.numeric_encoding import TailValues
from driftline.sketches.scores import SCORE_BINS, score_bin

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.profiles.estimator import Estimator
    from driftline.sketches.estimates import EstimateTotals


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20_260_301)


def columns_of(bins: NDArray[np.int64], scores: NDArray[np.float64] | None = None) -> EncodedColumns:
    none = np.empty((0, bins.shape[1]), dtype=np.int64)
    return EncodedColumns(bins, none, none, none.astype(np.bool_), {}, TailValues.together([]), None, scores)


def totals_of(
    estimator: Estimator, columns: EncodedColumns, scores: list[dict[str, float]] | None = None
) -> EstimateTotals:
    evaluated = estimator.evaluate(columns, scores or [])
    ((_, packed),) = count_estimates(estimator.layout, evaluated, np.zeros(columns.bins.shape[1], dtype=np.int64))
    return unpack_estimates(estimator.layout, packed)


@pytest.mark.parametrize("digits", [1, 2, 17])
@pytest.mark.parametrize("n", [600, 20_000])
def test_the_calibrator_is_that_of_scikit_learn(rng: np.random.Generator, n: int, digits: int) -> None:
    scores = rng.beta(0.7, 1.1, n).round(digits)
    hits = rng.random(n) < scores**2
    theirs = IsotonicRegression(out_of_bounds="clip").fit(scores, hits.astype(float))
    ours = fit_calibrator(scores, hits)
    assert len(ours.knots) // 8 < MAX_KNOTS
    asked = np.concatenate([[0.0, 1.0], rng.random(5_000), scores[:500]])
    assert ours(asked) == pytest.approx(theirs.predict(asked), abs=1e-12)
    assert sum(ours.rows) == n
    assert sum(ours.hits) == hits.sum()


def test_refitting_by_bins_is_fitting_with_every_score_in_the_middle_of_its_bin(rng: np.random.Generator) -> None:
    scores, n = rng.beta(0.7, 1.1, 8_000), 8_000
    hits = rng.random(n) < scores**2
    bins = score_bin(scores)
    histograms = np.stack([np.bincount(bins[hits == kind], minlength=SCORE_BINS) for kind in (False, True)])
    fitted, refitted = fit_calibrator(scores, hits), refit_calibrator(histograms)
    assert (refitted.rows, refitted.hits, refitted.bounds) == (fitted.rows, fitted.hits, fitted.bounds)
    asked = rng.random(2_000)
    assert np.abs(fitted(asked) - refitted(asked)).mean() < 0.01
    rows = (scores > 0.6).astype(np.int64)
    totals = totals_of(BinaryEstimator(fitted, 0), columns_of(rows[None], scores))
    again = binary_estimates(refitted_totals(totals, refitted), refitted)
    for name, estimate in binary_estimates(totals, fitted).items():
        assert estimate is not None
        assert again[name].value == pytest.approx(estimate.value, abs=0.003)  # type: ignore[union-attr]  # it has all


def test_binary_estimates_are_the_metrics_with_each_event_weighed_by_its_probability(rng: np.random.Generator) -> None:
    reference = rng.beta(0.7, 1.1, 6_000)
    calibrator = fit_calibrator(reference, rng.random(6_000) < reference**2)
    scores, n = rng.beta(0.9, 1.1, 3_000).round(3), 3_000
    predicted = (scores + rng.normal(0, 0.1, n) > 0.6).astype(np.int64)
    p = calibrator(scores)
    found = binary_estimates(totals_of(BinaryEstimator(calibrator, 0), columns_of(predicted[None], scores)), calibrator)
    twice, weights = np.concatenate([predicted, predicted]), np.concatenate([p, 1 - p])
    actual = np.repeat([1, 0], n)
    expected = {
        "accuracy": float(np.average(twice == actual, weights=weights)),
        "precision": precision_score(actual, twice, sample_weight=weights),
        "recall": recall_score(actual, twice, sample_weight=weights),
        "specificity": recall_score(actual, twice, sample_weight=weights, pos_label=0),
        "f1": f1_score(actual, twice, sample_weight=weights),
    }
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, abs=1e-7), name  # type: ignore[union-attr]  # it has all
    area = roc_auc_score(actual, np.concatenate([scores, scores]), sample_weight=weights)
    assert found["auc"].value == pytest.approx(area, abs=1e-3)  # type: ignore[union-attr]  # it has all


def test_estimates_of_several_classes_are_the_macro_averages_with_each_event_weighed(rng: np.random.Generator) -> None:
    classes, n = ("a", "b", "c", "d"), 2_000
    raw = rng.dirichlet([1, 2, 1, 0.5], n)
    labels = np.array([rng.choice(4, p=row) for row in raw])
    calibrators = tuple(fit_calibrator(raw[:, k], labels == k, calibrate=k != 2) for k in range(4))
    predicted = raw.argmax(axis=1)
    maps = [dict(zip(classes, row, strict=True)) for row in raw.tolist()]
    estimator = MulticlassEstimator(classes, calibrators, 0)
    found = multiclass_estimates(totals_of(estimator, columns_of(predicted[None]), maps), estimator.n_labelled)
    p = np.stack([calibrator(row) for calibrator, row in zip(calibrators, raw.T, strict=True)])
    p /= p.sum(axis=0)
    actual, weights = np.repeat(np.arange(4), n), p.ravel()
    four_times = np.tile(predicted, 4)
    expected = {
        "accuracy": float(np.average(four_times == actual, weights=weights)),
        "precision": precision_score(actual, four_times, sample_weight=weights, average="macro"),
        "recall": recall_score(actual, four_times, sample_weight=weights, average="macro"),
        "f1": f1_score(actual, four_times, sample_weight=weights, average="macro"),
        "specificity": float(
            np.mean([recall_score(actual != k, four_times != k, sample_weight=weights) for k in range(4)])
        ),
    }
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, abs=1e-6), name  # type: ignore[union-attr]  # it has all


def test_trees_say_the_same_of_an_event_whatever_stands_beside_it_and_as_their_definition_has_it(
    rng: np.random.Generator,
) -> None:
    codes = rng.integers(0, 255, (5, 3_000)).astype(np.uint8)
    losses = np.stack([codes[0] / 100 + rng.random(3_000), (codes[1] > 50) * codes[2] / 9.0])
    trees = grow(codes, losses)
    whole = trees(codes)
    order = rng.permutation(3_000)
    assert (trees(codes[:, order]) == whole[:, order]).all()
    assert (np.concatenate([trees(codes[:, :7]), trees(codes[:, 7:])], axis=1) == whole).all()
    splits = np.frombuffer(trees.splits, dtype=np.uint8).reshape(-1, DEPTH, 2)
    leaves = np.frombuffer(trees.leaves, dtype="<f4").reshape(-1, 1 << DEPTH, 2)
    for event in (0, 17, 2_999):
        said = np.array(trees.base)
        for tree, leaf in zip(splits, leaves, strict=True):
            at = sum(int(codes[column, event] > code) << level for level, (column, code) in enumerate(tree.tolist()))
            said += leaf[at]
        assert whole[:, event] == pytest.approx(said, rel=1e-9)
    explained = 1 - ((losses - whole) ** 2).sum(axis=1) / ((losses - losses.mean(axis=1)[:, None]) ** 2).sum(axis=1)
    assert (explained > [0.8, 0.95]).all()


@pytest.mark.slow
def test_a_loss_model_knows_the_losses_that_features_tell(rng: np.random.Generator) -> None:
    """Errors are normal, five times as wide in one category as in the others, which becomes common."""
    column = CategoricalColumn("c", "feature", ("a", "b", "e"))
    prediction = CategoricalColumn("prediction", "prediction", ("x",))

    def rows(n: int, shares: list[float]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        kinds = rng.choice(3, n, p=shares)
        return np.stack([kinds, np.zeros(n, dtype=np.int64)]), rng.normal(0, np.where(kinds == 2, 1.0, 0.2), n)

    misses: dict[str, list[float]] = {"mae": [], "mse": [], "rmse": []}
    for _ in range(6):
        bins, errors = rows(10_000, [0.5, 0.4, 0.1])
        estimator = build_loss_estimator((column, prediction), bins, errors, 1)
        shifted, now = rows(10_000, [0.2, 0.2, 0.6])
        found = loss_estimates(totals_of(estimator, columns_of(shifted)), estimator, 10.0)
        mse = 100 * float((now**2).mean())
        truth = {"mae": 10 * float(np.abs(now).mean()), "mse": mse, "rmse": mse**0.5}
        unshifted = 10 * float(np.abs(errors).mean())
        for name, realised in truth.items():
            estimate = found[name]
            assert estimate is not None
            misses[name].append((realised - estimate.value) / estimate.standard_error)
            assert estimate.standard_error < 0.06 * estimate.value, name
        assert truth["mae"] > 2 * unshifted
    for name, each in misses.items():
        assert np.abs(each).max() < 4, name
        assert np.square(each).mean() < 3, name
