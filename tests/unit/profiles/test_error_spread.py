from __future__ import annotations

import numpy as np
import pytest

from driftline.config.model import ModelSettings
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.codec import decode_profile, encode_profile
from driftline.profiles.error_spread import ErrorSpread, error_spread
from driftline.profiles.task import NO_TIME, Task
from driftline.sketches.joined import LabelledPairs

HOUR = 3_600_000
BINARY = Task("binary", ("0", "1"))


def spread_of(wrong: np.ndarray, times: np.ndarray, task: Task = BINARY) -> ErrorSpread | None:
    actual = (np.arange(wrong.size) % 2).astype(np.float64)
    predicted = np.where(wrong, 1 - actual, actual).astype(np.float64)
    return error_spread(task, pairs_of(predicted, actual), times, HOUR)


def pairs_of(predicted: np.ndarray, actual: np.ndarray) -> LabelledPairs:
    n = actual.size
    return LabelledPairs(predicted, actual, np.full(n, np.nan), np.ones(n, dtype=np.int64))


def test_independent_errors_vary_as_they_should() -> None:
    rng = np.random.default_rng(1)
    times = rng.integers(0, 400 * HOUR, 40_000)
    spread = spread_of(rng.random(40_000) < 0.1, times)
    assert spread is not None
    assert spread.metrics.keys() == {"accuracy", "precision", "recall", "specificity"}
    for name, metric in spread.metrics.items():
        assert metric.n_windows == 400
        assert metric.dispersion == pytest.approx(1.0, abs=0.22), name  # 3 standard deviations of chi-squared / 399
    assert spread.metrics["accuracy"].n_per_window == pytest.approx(101, abs=2)


def test_hours_that_are_worse_than_others_show() -> None:
    rng = np.random.default_rng(1)
    times = np.repeat(np.arange(400) * HOUR, 100)
    shares = rng.beta(9, 81, 400)
    spread = spread_of(rng.random(40_000) < np.repeat(shares, 100), times)
    assert spread is not None
    # A beta-binomial count of n varies 1 + (n - 1) / (a + b + 1) times as much as a binomial one.
    metric = spread.metrics["accuracy"]
    assert metric.dispersion == pytest.approx(1 + 99 / 91, rel=0.2)
    assert metric.at(100) == pytest.approx(metric.dispersion)
    assert metric.at(1_000) == pytest.approx(1 + 10 * (metric.dispersion - 1))
    assert metric.at(10) == metric.dispersion


def test_the_order_of_the_rows_does_not_show() -> None:
    rng = np.random.default_rng(2)
    times = rng.integers(0, 30 * HOUR, 2_000)
    actual = rng.normal(0, 1, 2_000)
    predicted = actual + rng.normal(0, 0.3, 2_000)
    task, order = Task("regression", ()), rng.permutation(2_000)
    one = error_spread(task, pairs_of(predicted, actual), times, HOUR)
    assert one is not None
    assert one.metrics.keys() == {"mae", "mse"}
    assert one == error_spread(task, pairs_of(predicted[order], actual[order]), times[order], HOUR)


def test_few_windows_or_no_errors_say_nothing() -> None:
    rng = np.random.default_rng(1)
    wrong = rng.random(1_000) < 0.1
    assert spread_of(wrong, rng.integers(0, 9 * HOUR, 1_000)) is None
    assert spread_of(np.zeros(1_000, dtype=bool), rng.integers(0, 90 * HOUR, 1_000)) is None
    assert spread_of(wrong, np.full(1_000, NO_TIME)) is None
    assert spread_of(wrong[:0], np.zeros(0, dtype=np.int64)) is None


def test_a_profile_of_rows_with_times_and_labels_carries_it() -> None:
    rng = np.random.default_rng(3)
    n = 3_000
    label = rng.integers(0, 2, n)
    prediction = np.where(rng.random(n) < 0.9, label, 1 - label)
    table = ReferenceTable(
        n=n,
        features={"a": rng.normal(0, 1, n)},
        prediction=prediction.tolist(),
        score=rng.random(n).tolist(),
        label=label.tolist(),
        times_ms=rng.integers(0, 40 * HOUR, n),
    )
    profile = build_profile(ModelKey("m", "1"), table, ModelSettings(), 0, "training")
    assert profile.history is not None
    assert profile.history.errors is not None
    assert profile.history.errors.metrics["accuracy"].n_windows == 40
    assert {"log_loss", "brier"} <= profile.history.errors.metrics.keys()
    again = decode_profile([value for _, value in encode_profile(profile)], "test")
    assert again.history == profile.history
    assert again.profile_id == profile.profile_id
