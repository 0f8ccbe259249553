"""The first windows of a segment as its baseline: when they are enough, and how much they vary."""

from __future__ import annotations

import numpy as np
import pytest

from driftline.monitoring.labels.segment_baselines import ENOUGH, SegmentBaselines, WindowSums
from driftline.profiles.error_spread import error_spread
from driftline.sketches.joined import LabelledPairs
from driftline.sketches.scores import LABELLED
from driftline.sketches.sparse import pack
from tests.unit.checks.labels.test_performance_check import PROFILE, vector_of

TASK = PROFILE.task


HOUR_MS = 3_600_000


def add(kept: SegmentBaselines, n: int, wrong: int, name: str = "p", hour: int = 0) -> None:
    kept.add(name, TASK, vector_of(PROFILE, n, wrong), (hour * HOUR_MS, (hour + 1) * HOUR_MS))


def labels_of(kept: SegmentBaselines, name: str = "p") -> int | None:
    baseline = kept.of(name, TASK)
    return None if baseline is None else int(baseline.vector[LABELLED])


def test_a_baseline_needs_labels_windows_and_a_day() -> None:
    kept = SegmentBaselines(independent=False)
    for number in range(9):
        add(kept, 50, 5, hour=3 * number)
        assert labels_of(kept) is None, number
    assert kept.lacking("p") == (0, 1, 0)
    add(kept, 50, 5, hour=40)
    assert labels_of(kept) == 500
    assert kept.lacking("other") == (100, 10, 24 * HOUR_MS)
    hours = SegmentBaselines(independent=False)
    for hour in range(23):
        add(hours, 50, 5, hour=hour)
    assert (labels_of(hours), hours.lacking("p")) == (None, (0, 0, HOUR_MS))
    add(hours, 50, 5, hour=23)
    assert labels_of(hours) == 1_200


def test_where_errors_are_independent_labels_are_enough() -> None:
    kept = SegmentBaselines(independent=True)
    add(kept, 99, 5)
    assert (labels_of(kept), kept.lacking("p")) == (None, (1, 0, 0))
    add(kept, 1, 0)
    assert labels_of(kept) == 100


def test_it_is_taken_anew_with_each_doubling_until_it_has_enough() -> None:
    kept, sizes = SegmentBaselines(independent=True), set()
    for _ in range(200):
        add(kept, 20, 2)
        sizes.add(labels_of(kept))
    assert sorted(each for each in sizes if each) == [100, 200, 400, 800, ENOUGH]


def test_only_the_latest_profiles_are_kept() -> None:
    kept = SegmentBaselines(independent=True)
    for number in range(6):
        add(kept, 100, 5, f"p{number}")
    assert [labels_of(kept, f"p{number}") for number in range(6)] == [None, None, *[100] * 4]


def test_windows_without_labels_are_none() -> None:
    kept = SegmentBaselines(independent=True)
    add(kept, 0, 0)
    assert kept.lacking("p") == (100, 1, 0)


def test_the_spread_is_that_of_rows() -> None:
    rng, sums = np.random.default_rng(2), WindowSums()
    rows: list[tuple[int, float]] = []
    for number in range(30):
        n = int(rng.integers(10, 60))
        wrong = int(rng.binomial(n, rng.choice([0.1, 0.4])))
        sums = sums.plus(pack(vector_of(PROFILE, n, wrong)), n, wrong, (number, number + 1))
        rows += [(number, 1.0)] * wrong + [(number, 0.0)] * (n - wrong)
    windows, errors = np.array([each for each, _ in rows]), np.array([each for _, each in rows])
    pairs = LabelledPairs(errors, np.zeros(errors.size), np.full(errors.size, np.nan), np.ones(errors.size, np.int64))
    wanted = error_spread(TASK, pairs, windows * 1_000, 1_000)
    assert wanted is not None
    assert sums.spread is not None
    assert sums.spread.dispersion == pytest.approx(wanted.metrics["accuracy"].dispersion)
    assert sums.spread.n_per_window == pytest.approx(wanted.metrics["accuracy"].n_per_window)
    assert sums.spread.n_windows == 30
