from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from driftline.checks.columns.change_size import change_of
from driftline.config.model import CheckSettings
from driftline.detectors.mixture.directions import MOST_DIRECTIONS, Direction, numeric_directions
from driftline.detectors.mixture.growth import FACTORS, Growth, growth_of
from driftline.sketches.grid import bin_of, build_edges

N = 200_000
GROUPS = 20


def grouped(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, Growth | None]:
    """Return edges, the group of each bin, shares of the groups, and growth."""
    edges = build_edges(values)
    counts = np.bincount(bin_of(edges, values), minlength=edges.size + 1)
    below = np.concatenate([[0], np.cumsum(counts)[:-1]])
    _, groups = np.unique(np.minimum(below * GROUPS // values.size, GROUPS - 1), return_inverse=True)
    found = growth_of(edges, counts, groups.tolist(), float(values.mean()), float(values.std()))
    shares = np.bincount(groups, weights=counts)
    return edges, groups, np.maximum(shares, 0.5) / shares.sum(), found


def values_of(name: str, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    match name:
        case "exponential":
            return rng.standard_exponential(N)
        case "log-normal":
            return np.exp(rng.normal(size=N))
        case "zero-inflated":
            return np.where(rng.random(N) < 0.6, 0.0, rng.standard_exponential(N))
    raise AssertionError(name)


def moved(name: str, factor: float, direction: Direction) -> float:
    """Return the mean score of values that grew."""
    edges, groups, _, _ = grouped(values_of(name))
    counts = np.bincount(groups[bin_of(edges, factor * values_of(name, 2))], minlength=groups.max() + 1)
    return float(counts @ direction.scores[:-1]) / N


def test_the_score_of_exponential_values_is_linear_and_of_log_normal_ones_normal() -> None:
    for name, optimal in (
        ("exponential", lambda x: x - 1),
        ("log-normal", np.log),
    ):
        edges, groups, shares, growth = grouped(values_of(name))
        assert growth is not None
        expected = [optimal(values_of(name)[groups[bin_of(edges, values_of(name))] == g]).mean() for g in range(GROUPS)]
        assert float(np.corrcoef(growth.score, expected)[0, 1]) > 0.995
        assert float(shares @ growth.score) == pytest.approx(0, abs=0.02), "a score has mean 0"


@pytest.mark.parametrize("name", ["exponential", "log-normal", "zero-inflated"])
@pytest.mark.parametrize("factor", [0.5, 0.8, 1.2, 1.5, 3.0])
def test_the_size_of_a_change_is_how_far_the_mean_has_moved(name: str, factor: float) -> None:
    _, _, shares, growth = grouped(values_of(name))
    directions = [each for each in numeric_directions(shares, 0.01, growth) if each.aspect == "mean"]
    direction = next(each for each in directions if each.grew == (factor > 1))
    size = change_of(direction, 0.0, moved(name, factor, direction), CheckSettings())
    values = values_of(name)
    assert size.signed == pytest.approx((factor - 1) * values.mean() / values.std(), rel=0.1)
    assert size.sure(100, 1) < size.sure(10_000, 1) < size.multiple


def test_growth_tells_far_more_than_ranks_where_many_values_are_zero() -> None:
    _, _, shares, growth = grouped(values_of("zero-inflated"))
    gains = []
    for each in (growth, None):
        up = next(one for one in numeric_directions(shares, 0.01, each) if one.aspect == "mean" and one.grew)
        score = moved("zero-inflated", 1.5, up)
        gains.append(max(t * score - np.log(shares @ np.exp(t * up.scores[:-1])) for t in up.thetas))
    assert gains[0] > 4 * gains[1]


def test_zeros_are_watched_by_themselves_in_the_place_of_the_spread() -> None:
    _, _, shares, growth = grouped(values_of("zero-inflated"))
    assert growth is not None
    found = numeric_directions(shares, 0.01, growth)
    assert [(each.aspect, each.grew) for each in found] == [
        ("mean", True),
        ("mean", False),
        ("category", True),
        ("category", False),
        ("upper tail", True),
        ("lower tail", True),
        ("missing", True),
    ]
    assert len(found) <= MOST_DIRECTIONS
    assert sum(len(each.thetas) for each in found) <= 16
    zeros = found[2]
    assert shares[zeros.group] == pytest.approx(0.6, abs=0.01)
    assert (found[3].scores[:-1] == 1 - zeros.scores[:-1]).all()
    assert float(growth.score[zeros.group]) == pytest.approx(0, abs=0.01), "zeros stay what they are"
    _, _, plain, without = grouped(values_of("exponential"))
    assert {"spread"} < {each.aspect for each in numeric_directions(plain, 0.01, without)}


def test_the_curve_of_sizes_rises() -> None:
    _, _, shares, growth = grouped(values_of("exponential"))
    assert growth is not None
    assert (growth.sizes[len(FACTORS) // 2], growth.sizes.size) == (0, FACTORS.size)
    for direction in numeric_directions(shares, 0.01, growth)[:2]:
        assert direction.curve is not None
        means, sizes = direction.curve.means, direction.curve.sizes
        assert means[0] == sizes[0] == 0
        assert all(one <= other for one, other in pairwise(means))
        assert (np.diff(np.abs(sizes)) > 0).all()


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(1).normal(40, 12, 10_000).clip(0),
        np.random.default_rng(1).normal(0, 1, 10_000),
        np.random.default_rng(1).poisson(1.5, 10_000).astype(np.float64),
        (np.random.default_rng(1).random(10_000) < 0.3).astype(np.float64),
        np.full(100, 3.0),
        np.zeros(100),
        -np.random.default_rng(1).standard_exponential(10_000),
    ],
)
def test_values_that_do_not_grow_are_told_by_shifts(values: np.ndarray) -> None:
    _, _, _, growth = grouped(values)
    assert growth is None


def test_numbers_as_large_as_they_come_have_finite_scores() -> None:
    values = stats.expon.ppf((np.arange(2_000) + 0.5) / 2_000)
    edges, groups, shares, plain = grouped(values)
    counts = np.bincount(bin_of(edges, values), minlength=edges.size + 1)
    growth = growth_of(edges * 1e306, counts, groups.tolist(), 1e306, 1e306)
    assert growth is not None
    assert plain is not None
    assert growth.shares == pytest.approx(plain.shares)
    assert np.isfinite(growth.shares).all()
    assert all(np.isfinite(each.scores).all() for each in numeric_directions(shares, 0.01, growth))
