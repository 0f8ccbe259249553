from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from driftline.detectors.mixture.directions import (
    MOST_DIRECTIONS,
    MOST_TILTS,
    categorical_directions,
    numeric_directions,
)


def test_scores_of_mean_and_spread_are_those_of_a_normal_in_units_of_its_deviation() -> None:
    shares = np.full(40, 1 / 40)
    up, down, wider, narrower, upper, lower, missing = numeric_directions(shares, 0.02)
    assert [each.aspect for each in (up, wider, upper, lower, missing)] == [
        "mean",
        "spread",
        "upper tail",
        "lower tail",
        "missing",
    ]
    moved = np.diff(norm.cdf(norm.ppf(np.arange(41) / 40), 0.3))
    assert up.scores[:-1] @ moved == pytest.approx(0.3, rel=0.02), "a shift of 0.3 deviations scores 0.3"
    for one, other in ((up, down), (wider, narrower)):
        assert (one.scores == -other.scores).all()
        assert one.still == other.still
        assert shares @ one.scores[:-1] == pytest.approx(0, abs=1e-5)
        assert shares @ one.scores[:-1] ** 2 == pytest.approx(1, rel=1e-3)
    assert up.scores[-1] == 0, "events without a value have no place among values"
    assert (missing.scores == [*[0.0] * 40, 1.0]).all()


def test_scores_sum_to_the_same_in_any_order() -> None:
    (up, *_) = numeric_directions(np.random.default_rng(1).dirichlet(np.ones(20)), 0.01)
    counts = np.random.default_rng(2).integers(0, 10**6, 21).astype(np.float64)
    order = np.random.default_rng(3).permutation(21)
    assert up.scores @ counts == math.fsum((up.scores[order] * counts[order]).tolist())


def test_tilts_of_a_share_make_it_rise_by_what_matters() -> None:
    for share, least in ((0.00002, 0.01), (0.02, 0.014), (0.4, 0.049)):
        missing = numeric_directions(np.array([1.0]), share)[-1]
        odds = [share / (1 - share) * math.exp(theta) for theta in missing.thetas]
        rises = [each / (1 + each) - share for each in odds]
        assert rises == sorted(rises)
        assert rises[0] == pytest.approx(least, rel=0.02)
        assert max(rises) + share < 1


def test_a_column_has_no_direction_in_which_nothing_can_move() -> None:
    constant = numeric_directions(np.array([1.0]), 0.01)
    assert [each.aspect for each in constant] == ["missing"]
    assert [each.aspect for each in categorical_directions(np.array([1.0]), 0.01, (0,), None)] == ["missing"]


def test_the_most_frequent_categories_are_watched_one_by_one() -> None:
    shares = np.array([0.02, 0.3, 0.1, 0.2, 0.05, 0.15, 0.08, 0.0999, 0.0001])
    found = categorical_directions(shares, 0.01, range(8), 8)
    assert [each.group for each in found if each.aspect == "category" and each.grew] == [1, 2, 3, 5]
    (falls,) = [each for each in found if not each.grew]
    assert (falls.group, falls.scores.tolist()) == (1, [1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0])
    assert [each.group for each in found if each.aspect == "unlisted"] == [8]
    assert len(found) <= MOST_DIRECTIONS
    assert all(1 <= len(each.thetas) <= MOST_TILTS and min(each.thetas) > 0 for each in found)
