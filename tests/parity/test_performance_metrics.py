"""Metrics from performance vectors against scikit-learn on the events behind them."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from driftline.config.model import PerformanceSettings
from driftline.performance import classification_metrics, measure, regression_metrics
from driftline.performance.losses import mean_loss
from driftline.performance.mean_intervals import regression_intervals
from driftline.performance.probability import reliability_curve
from driftline.performance.withheld import why_withheld
from driftline.profiles.task import Task
from driftline.sketches.joined import LabelledPairs, add_joined
from driftline.sketches.scores import WEIGHT_UNIT, PerformanceLayout

RELATIVE = 1e-9
"""What metrics made of exact sums are held to."""
MACRO = ("precision", "recall", "f1", "f_beta")
SETTINGS = PerformanceSettings(beta=0.7, quantile=0.8)


def vector_of(
    layout: PerformanceLayout, predicted: object, actual: object, scores: object = None, units: object = None
) -> np.ndarray:
    predicted, actual = np.asarray(predicted, dtype=np.float64), np.asarray(actual, dtype=np.float64)
    given = np.full(predicted.size, np.nan) if scores is None else np.asarray(scores, dtype=np.float64)
    weights = None if units is None else np.asarray(units, dtype=np.int64)
    vector = np.zeros(layout.n_cells, dtype=np.int64)
    signs = np.ones(predicted.size, dtype=np.int64)
    add_joined(layout, LabelledPairs(predicted, actual, given, signs, weights), vector)
    return vector


def weights_of(rng: np.random.Generator, n: int, *, weighted: bool) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return weights in units, and as scikit-learn takes them."""
    if not weighted:
        return None, None
    units = np.where(rng.random(n) < 0.1, 0, rng.lognormal(8, 2, n)).astype(np.int64)
    return units, units / WEIGHT_UNIT


def assert_equal(ours: dict[str, float | None], expected: dict[str, float], relative: float = RELATIVE) -> None:
    for name, value in expected.items():
        assert ours[name] == pytest.approx(value, rel=relative, abs=1e-15), name


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("positives", [0.5, 0.1, 0.01])
@pytest.mark.parametrize("seed", [0, 1])
def test_binary(positives: float, seed: int, *, weighted: bool) -> None:
    rng = np.random.default_rng(seed)
    actual = (rng.random(20_000) < positives).astype(int)
    logits = rng.normal(np.where(actual == 1, 1.0, -1.0) + np.log(positives / (1 - positives)), 1.4)
    scores = 1 / (1 + np.exp(-logits))
    scores[:40] = np.repeat([0.0, 1.0], 20)
    predicted = (scores > np.quantile(scores, 1 - positives)).astype(int)
    units, weights = weights_of(rng, actual.size, weighted=weighted)
    layout = PerformanceLayout(2, binary=True, weighted=weighted)
    ours = classification_metrics(layout, vector_of(layout, predicted, actual, scores, units), SETTINGS)
    pair, of = (actual, predicted), {"sample_weight": weights}
    precision, recall, f1, _ = sk.precision_recall_fscore_support(*pair, average="binary", **of)
    expected = {
        "accuracy": sk.accuracy_score(*pair, **of),
        "balanced_accuracy": sk.balanced_accuracy_score(*pair, **of),
        "precision": precision,
        "recall": recall,
        "specificity": sk.recall_score(*pair, pos_label=0, **of),
        "f1": f1,
        "f_beta": sk.fbeta_score(*pair, beta=0.7, **of),
        "cohen_kappa": sk.cohen_kappa_score(*pair, **of),
        "matthews_correlation": sk.matthews_corrcoef(*pair, **of),
        "log_loss": sk.log_loss(actual, scores, **of),
        "brier": sk.brier_score_loss(actual, scores, **of),
    }
    assert_equal(ours, expected)
    exact = sk.roc_auc_score(actual, scores, **of)
    assert ours["auc"] == pytest.approx(exact, abs=0.001)
    assert ours["gini"] == pytest.approx(2 * exact - 1, abs=0.002)
    assert ours["auc"] is not None
    assert ours["auc_error_bound"] is not None
    assert abs(ours["auc"] - exact) <= ours["auc_error_bound"] + 1e-12
    low, high = ours["average_precision_low"], ours["average_precision_high"]
    assert low is not None
    assert high is not None
    assert low <= sk.average_precision_score(actual, scores, **of) <= high
    assert high - low < 0.05


@pytest.mark.parametrize("positives", [0.5, 0.02])
def test_distance_of_the_classes_lies_in_its_bound(positives: float) -> None:
    rng = np.random.default_rng(2)
    actual = (rng.random(10_000) < positives).astype(int)
    scores = rng.beta(1 + actual, 2 - actual)
    layout = PerformanceLayout(2, binary=True)
    ours = classification_metrics(layout, vector_of(layout, scores > 0.5, actual, scores))
    exact = float(stats.ks_2samp(scores[actual == 0], scores[actual == 1]).statistic)
    assert ours["ks"] is not None
    assert ours["ks_error_bound"] is not None
    assert ours["ks"] - 1e-12 <= exact <= ours["ks"] + ours["ks_error_bound"] + 1e-12
    assert ours["ks_error_bound"] < 0.02


@pytest.mark.parametrize("positives", [0.5, 0.02])
def test_lift_of_the_first_decile_lies_in_its_bound(positives: float) -> None:
    rng = np.random.default_rng(4)
    actual = (rng.random(10_000) < positives).astype(int)
    scores = rng.beta(1 + 2 * actual, 2)
    layout = PerformanceLayout(2, binary=True)
    ours = classification_metrics(layout, vector_of(layout, scores > 0.5, actual, scores))
    exact = actual[np.argsort(-scores)[:1_000]].mean() / actual.mean()
    assert ours["lift"] is not None
    assert ours["lift_error_bound"] is not None
    assert abs(ours["lift"] - exact) <= ours["lift_error_bound"] + 1e-12
    assert ours["lift_error_bound"] < 0.1


@pytest.mark.parametrize("n_bins", [10, 20])
def test_reliability_curve(n_bins: Literal[10, 20]) -> None:
    rng = np.random.default_rng(6)
    scores = np.round(rng.random(5_000), 3)  # many on the edges of bins
    actual = (rng.random(5_000) < scores**2).astype(int)
    layout = PerformanceLayout(2, binary=True)
    bins = reliability_curve(layout, vector_of(layout, scores > 0.5, actual, scores), n_bins)
    shares, means = calibration_curve(actual, scores, n_bins=n_bins)
    assert [each.positive_share for each in bins] == pytest.approx(shares, rel=RELATIVE)
    assert [each.mean_score for each in bins] == pytest.approx(means, rel=RELATIVE)
    counts = np.histogram(-scores, bins=-np.linspace(0, 1, n_bins + 1)[::-1])[0][::-1]
    error = (counts * np.abs(shares - means)).sum() / counts.sum()
    settings = PerformanceSettings(calibration_bins=n_bins)
    ours = classification_metrics(layout, vector_of(layout, scores > 0.5, actual, scores), settings)
    assert ours["ece"] == pytest.approx(error, rel=RELATIVE)


def test_scores_of_zero_and_one_cost_what_scikit_learn_says() -> None:
    scores, actual = np.array([0.0, 1.0, 0.0, 1.0, 1e-300, 0.5]), np.array([1, 0, 0, 1, 1, 1])
    layout = PerformanceLayout(2, binary=True)
    ours = classification_metrics(layout, vector_of(layout, scores > 0.5, actual, scores))
    assert ours["log_loss"] == pytest.approx(sk.log_loss(actual, scores), rel=RELATIVE)


def test_metrics_of_a_few_distinct_scores_with_zero_and_one_among_them_are_exact() -> None:
    rng = np.random.default_rng(3)
    scores = rng.choice([0.0, 0.1, 0.5, 0.9, 1.0], 3_000)
    actual = (rng.random(3_000) < scores * 0.8 + 0.1).astype(int)
    layout = PerformanceLayout(2, binary=True)
    ours = classification_metrics(layout, vector_of(layout, scores > 0.3, actual, scores))
    assert ours["auc"] == pytest.approx(sk.roc_auc_score(actual, scores), abs=1e-12)
    assert ours["average_precision"] == pytest.approx(sk.average_precision_score(actual, scores), abs=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_classes", [3, 7, 64])
@pytest.mark.parametrize("n", [5, 200, 5_000])
@pytest.mark.parametrize("n_unknown", [0, 1, 36])
def test_multiclass(n_classes: int, n: int, n_unknown: int, *, weighted: bool) -> None:
    rng = np.random.default_rng(n_classes + n)
    # The last codes stand for classes that the profile does not know.
    actual = rng.integers(0, n_classes + n_unknown, n)
    predicted = np.where(rng.random(n) < 0.6, actual, rng.integers(0, n_classes + n_unknown, n))
    units, weights = weights_of(rng, n, weighted=weighted)
    layout = PerformanceLayout(n_classes, binary=False, weighted=weighted)
    ours = classification_metrics(layout, vector_of(layout, predicted, actual, None, units), SETTINGS)
    if weighted:  # a class of which no label weighs anything is none to us
        seen = units > 0  # type: ignore[operator]  # there are weights
        actual, predicted, weights = actual[seen], predicted[seen], weights[seen]  # type: ignore[index]  # as above
    expected = {"accuracy": sk.accuracy_score(actual, predicted, sample_weight=weights)}
    for average, suffix in (("macro", ""), ("weighted", "_weighted"), ("micro", "_micro")):
        of = {"average": average, "zero_division": 0, "sample_weight": weights}
        precision, recall, f1, _ = sk.precision_recall_fscore_support(actual, predicted, **of)
        expected |= {f"precision{suffix}": precision, f"recall{suffix}": recall, f"f1{suffix}": f1}
        expected[f"f_beta{suffix}"] = sk.fbeta_score(actual, predicted, beta=0.7, **of)
    recalls = sk.recall_score(actual, predicted, labels=np.unique(actual), average=None, sample_weight=weights)
    expected["balanced_accuracy"] = recalls.mean()
    expected["cohen_kappa"] = sk.cohen_kappa_score(actual, predicted, sample_weight=weights)
    expected["matthews_correlation"] = sk.matthews_corrcoef(actual, predicted, sample_weight=weights)
    assert ours.keys() == expected.keys()
    withheld = set() if max(actual.max(), predicted.max()) < n_classes else {"matthews_correlation", *MACRO}
    if actual.max() >= n_classes:
        withheld |= {"balanced_accuracy", "precision_weighted", "f1_weighted", "f_beta_weighted"}
    if min(actual.max(), predicted.max()) >= n_classes:
        withheld.add("cohen_kappa")
    assert {name for name, value in ours.items() if value is None} == withheld
    assert_equal(ours, {name: value for name, value in expected.items() if name not in withheld})


@pytest.mark.parametrize("which", ["predicted", "actual"])
def test_metrics_are_exact_where_one_side_alone_has_unknown_classes(which: str) -> None:
    rng = np.random.default_rng(12)
    known, every = rng.integers(0, 3, 2_000), rng.integers(0, 7, 2_000)
    predicted, actual = (every, known) if which == "predicted" else (known, every)
    ours = classification_metrics(
        PerformanceLayout(3, binary=False), vector_of(PerformanceLayout(3, binary=False), predicted, actual)
    )
    assert ours["cohen_kappa"] == pytest.approx(sk.cohen_kappa_score(actual, predicted), rel=RELATIVE, abs=1e-12)
    if which == "predicted":
        recalls = sk.recall_score(actual, predicted, labels=np.unique(actual), average=None)
        assert ours["balanced_accuracy"] == pytest.approx(recalls.mean(), rel=RELATIVE)
        f1 = sk.f1_score(actual, predicted, average="weighted", zero_division=0)
        assert ours["f1_weighted"] == pytest.approx(f1, rel=RELATIVE)


def test_binary_with_classes_nobody_knows() -> None:
    rng = np.random.default_rng(5)
    actual, predicted = rng.integers(0, 3, 2_000), rng.integers(0, 3, 2_000)
    layout = PerformanceLayout(2, binary=True)
    ours = classification_metrics(layout, vector_of(layout, predicted, actual))
    precision, recall, f1, _ = sk.precision_recall_fscore_support(actual, predicted, labels=[1], average=None)
    assert_equal(
        ours,
        {
            "accuracy": sk.accuracy_score(actual, predicted),
            "precision": precision[0],
            "recall": recall[0],
            "f1": f1[0],
        },
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("mean", [0.0, 3.0, 1e6])
@pytest.mark.parametrize("spread", [1.0, 1e-6, 25_000.0])
def test_regression(spread: float, mean: float, *, weighted: bool) -> None:
    rng = np.random.default_rng(9)
    actual = rng.normal(mean, 1, 5_000) * spread
    predicted = actual + rng.standard_t(3, 5_000) * 0.2 * spread
    units, weights = weights_of(rng, actual.size, weighted=weighted)
    layout = PerformanceLayout(0, binary=False, weighted=weighted, spread=spread)
    vector = vector_of(layout, predicted / spread, actual / spread, None, units)
    ours = regression_metrics(layout, vector, SETTINGS)
    assert layout.n_clipped(vector) == 0
    assert not vector[layout.last :].any(), "what is no larger than usual has no words more"
    pair, of = (actual, predicted), {"sample_weight": weights}
    expected = {
        "mae": sk.mean_absolute_error(*pair, **of),
        "mse": sk.mean_squared_error(*pair, **of),
        "rmse": sk.root_mean_squared_error(*pair, **of),
        "mape": sk.mean_absolute_percentage_error(*pair, **of),
        "r2": sk.r2_score(*pair, **of),
        "pinball": sk.mean_pinball_loss(*pair, alpha=0.8, **of),
    }
    if min(actual.min(), predicted.min()) > -1:
        expected["rmsle"] = sk.root_mean_squared_log_error(np.abs(actual), np.abs(predicted), **of)
    else:
        assert ours["rmsle"] is None
    if min(actual.min(), predicted.min()) <= 0:
        expected.pop("rmsle", None)  # scikit-learn takes no negative numbers, though above -1
    assert_equal(ours, expected)
    assert ours["bias"] == pytest.approx(np.average(predicted - actual, weights=weights), abs=1e-9 * spread)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("outlier", [1e9, -1e15, 3e22])
def test_regression_with_an_outlier(outlier: float, *, weighted: bool) -> None:
    rng = np.random.default_rng(10)
    actual = np.append(rng.normal(40, 7, 600), outlier)
    predicted = np.append(actual[:-1] + rng.normal(0, 2, 600), 41.0)
    units, weights = weights_of(rng, actual.size, weighted=weighted)
    layout = PerformanceLayout(0, binary=False, weighted=weighted, spread=7.0)
    vector = vector_of(layout, predicted / 7.0, actual / 7.0, None, units)
    ours = regression_metrics(layout, vector, SETTINGS)
    pair, of = (actual, predicted), {"sample_weight": weights}
    expected = {
        "mae": sk.mean_absolute_error(*pair, **of),
        "mse": sk.mean_squared_error(*pair, **of),
        "rmse": sk.root_mean_squared_error(*pair, **of),
        "mape": sk.mean_absolute_percentage_error(*pair, **of),
        "r2": sk.r2_score(*pair, **of),
        "pinball": sk.mean_pinball_loss(*pair, alpha=0.8, **of),
        "bias": np.average(predicted - actual, weights=weights),
    }
    assert layout.n_clipped(vector) == 0
    assert_equal(ours, expected)
    intervals = regression_intervals(layout, vector, ours, 0.8)
    for name in expected.keys() - {"r2"}:
        low, high = intervals[name]
        assert low <= expected[name] <= high


@pytest.mark.parametrize(("predicted", "actual"), [(1.0, 1e30), (-1e300, 5.0), (1e60, -1e60)])
def test_regression_beyond_the_range_of_exact_sums_has_no_metrics(predicted: float, actual: float) -> None:
    task = Task("regression", (), 2.0)
    vector = vector_of(task.performance_layout, [0.5, predicted], [0.4, actual])
    assert task.performance_layout.n_clipped(vector) == 1
    measured = measure(task, vector)
    assert set(measured.metrics.values()) == {None}
    assert measured.intervals == {}
    assert mean_loss(task.performance_layout, vector, "mae") is None
    assert (
        why_withheld(task, vector) == "1 labels or their predictions are too large for exact sums: no metric is exact"
    )


def test_relative_error_of_labels_that_are_zero() -> None:
    actual, predicted = np.array([0.0, 2.0, 4.0]), np.array([0.5, 2.5, 4.0])
    layout = PerformanceLayout(0, binary=False, spread=0.25)
    vector = vector_of(layout, predicted / 0.25, actual / 0.25)
    expected = sk.mean_absolute_percentage_error(actual, predicted)
    assert regression_metrics(layout, vector)["mape"] == pytest.approx(expected, rel=RELATIVE)
    assert layout.n_clipped(vector) == 0
