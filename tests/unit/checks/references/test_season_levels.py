from __future__ import annotations

import numpy as np
import pytest

from driftline.checks.references.season_levels import season_of
from driftline.detectors.mixture.directions import numeric_directions

GROUPS = 20
SCORES = np.stack([each.scores for each in numeric_directions(np.full(GROUPS, 1 / GROUPS), 0.01)])
ONES = np.ones(len(SCORES))
EDGES = np.array([-1.6449, -1.2816, -1.0364, -0.8416, -0.6745, -0.5244, -0.3853, -0.2533, -0.1257, 0.0])
EDGES = np.concatenate([EDGES, -EDGES[-2::-1]])

Means = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def counted(
    means: Means, weeks: int, rng: np.random.Generator, rate: int = 200
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Return a reference of so many weeks, whose hours of the week have these means."""
    counts = np.zeros((168, GROUPS + 1), dtype=np.int64)
    for hour, mean in enumerate(means):
        values = rng.normal(mean, 1, weeks * rate)
        counts[hour, :-1] = np.bincount(np.searchsorted(EDGES, values), minlength=GROUPS)
        counts[hour, -1] = rng.binomial(weeks * rate, 0.01)
    return counts


def test_hours_that_do_not_differ_are_one() -> None:
    levels = [
        season_of(counted(np.zeros(168), weeks, np.random.default_rng(seed)), SCORES, ONES).level
        for weeks in (2, 4)
        for seed in range(100)
    ]
    assert levels.count("all") >= 197, "three tests at a thousandth each"


@pytest.mark.parametrize("amplitude", [0.1, 0.25, 2.0])
def test_a_daily_season_is_one_of_hours_of_the_day(amplitude: float) -> None:
    means = amplitude * np.sin(2 * np.pi * np.arange(168) / 24)
    season = season_of(counted(means, 2, np.random.default_rng(1)), SCORES, ONES)
    assert season.level == "hour of day"
    assert (season.counts[5] == season.counts[5 + 24 * 3]).all()
    assert (season.sizes > 7 * 2 * 200 * 0.9).all(), "of all days"


@pytest.mark.parametrize("hours", [slice(120, 168), slice(33, 34)])
def test_days_that_differ_are_compared_by_hour_of_the_week(hours: slice) -> None:
    means = np.zeros(168)
    means[hours] = 0.15 if hours.stop - hours.start > 1 else 0.7
    season = season_of(counted(means, 4, np.random.default_rng(2)), SCORES, ONES)
    assert season.level == "hour of week"


def test_dependent_events_show_no_season_that_is_none() -> None:
    rng = np.random.default_rng(3)
    found = []
    for _ in range(30):
        wandering = rng.normal(0, np.sqrt(18 / 400), 168)  # of 400 values an hour with a variance ratio of 19
        found.append(season_of(counted(wandering, 2, rng), SCORES, 19 * ONES).level)
    assert found.count("all") >= 29


def test_a_reference_without_values_has_no_season() -> None:
    empty = season_of(np.zeros((168, GROUPS + 1), dtype=np.int64), SCORES, ONES)
    assert (empty.level, int(empty.counts.sum())) == ("all", 0)
