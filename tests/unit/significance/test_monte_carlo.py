from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from driftline.errors import ParameterError
from driftline.significance.monte_carlo import (
    ENOUGH_EXCEEDANCES,
    Statistic,
    kolmogorov_smirnov,
    l_infinity,
    monte_carlo_test,
    permutation_test,
    total_variation,
    wasserstein,
)

SHARES = np.array([0.05, 0.1, 0.2, 0.3, 0.2, 0.1, 0.05])
STATISTICS = {
    "kolmogorov_smirnov": kolmogorov_smirnov,
    "total_variation": total_variation,
    "l_infinity": l_infinity,
    "wasserstein": wasserstein(np.array([3.0, 1, 0.5, 0.5, 1, 3])),
}


def covariance_of_difference(shares: np.ndarray, n: int, n_reference: int) -> np.ndarray:
    """Return the covariance of two samples' difference of shares, for independent events."""
    return np.asarray((1 / n + 1 / n_reference) * (np.diag(shares) - np.outer(shares, shares)))


def _sum_of_squares(differences: np.ndarray) -> np.ndarray:
    return np.asarray((differences**2).sum(axis=1))


@pytest.mark.parametrize("statistic", STATISTICS.values(), ids=STATISTICS.keys())
@pytest.mark.parametrize("n", [300, 20_000])
def test_unchanged_windows_are_rejected_as_often_as_the_level_says(statistic: Statistic, n: int) -> None:
    rng, windows, n_reference = np.random.default_rng([n, 4]), 1_500, 8_000
    p_values = []
    for window in range(windows):
        current, reference = rng.multinomial(n, SHARES), rng.multinomial(n_reference, SHARES)
        covariance = covariance_of_difference((current + reference) / (n + n_reference), n, n_reference)
        difference = current / n - reference / n_reference
        p_values.append(monte_carlo_test(difference, covariance, statistic, seed=window, level=0.05, most_draws=999))
    for level in (0.2, 0.05):
        rejected = sum(result.p_value <= level for result in p_values)
        assert stats.binom.ppf(1e-4, windows, 0.85 * level) <= rejected <= stats.binom.isf(1e-4, windows, level)


@pytest.mark.parametrize("nu", [None, math.inf, 6.0])
@pytest.mark.parametrize("share", [0.3, 0.01, 0.0005])
def test_a_statistic_with_a_known_law_gets_its_p_value(share: float, nu: float | None) -> None:
    size = 5
    known = nu is None or math.isinf(nu)
    quantile = stats.chi2.isf(share, size) if known else size * stats.f.isf(share, size, nu)
    difference = np.array([math.sqrt(quantile), 0, 0, 0, 0])
    result = monte_carlo_test(difference, np.eye(size), _sum_of_squares, seed=3, level=1e-4, degrees_of_freedom=nu)
    assert result.statistic == pytest.approx(quantile)
    assert result.p_value == pytest.approx(share, rel=5 / math.sqrt(max(result.exceeded, 4)))


def test_the_same_comparison_has_the_same_p_value_and_another_seed_another() -> None:
    covariance = covariance_of_difference(SHARES, 500, 5000)
    difference = np.array([0.02, 0.02, 0.0, 0.0, 0.0, -0.02, -0.02])
    first, again, other = (
        monte_carlo_test(difference, covariance, total_variation, seed=seed, level=1e-2) for seed in (5, 5, 6)
    )
    assert first == again
    assert first != other


def test_no_p_value_is_below_what_the_draws_reach_and_the_result_says_so() -> None:
    covariance = covariance_of_difference(SHARES, 5000, 5000)
    difference = np.array([0.5, 0, 0, 0, 0, 0, -0.5])
    capped = monte_carlo_test(difference, covariance, kolmogorov_smirnov, seed=1, level=1e-5, most_draws=4_999)
    assert (capped.p_value, capped.reaches, capped.draws, capped.exceeded) == (1 / 5000, 1 / 5000, 4_999, 0)
    assert capped.reaches > 1e-5
    enough = monte_carlo_test(difference, covariance, kolmogorov_smirnov, seed=1, level=1e-3)
    assert (enough.p_value, enough.reaches) == (1e-4, 1e-4)


def test_an_unremarkable_difference_ends_early() -> None:
    covariance = covariance_of_difference(SHARES, 500, 5000)
    result = monte_carlo_test(np.zeros(7), covariance, l_infinity, seed=1, level=1e-6)
    assert (result.p_value, result.draws, result.exceeded) == (1.0, ENOUGH_EXCEEDANCES, ENOUGH_EXCEEDANCES)


def test_a_column_with_one_group_has_nothing_to_reject() -> None:
    covariance = covariance_of_difference(np.ones(1), 500, 5000)
    assert monte_carlo_test(np.zeros(1), covariance, kolmogorov_smirnov, seed=1, level=0.01).p_value == 1.0


def test_the_statistics_are_what_their_names_say() -> None:
    differences = np.array([[0.3, -0.1, -0.2], [-0.1, 0.2, -0.1]])
    assert kolmogorov_smirnov(differences) == pytest.approx([0.3, 0.1])
    assert total_variation(differences) == pytest.approx([0.3, 0.2])
    assert l_infinity(differences) == pytest.approx([0.3, 0.2])
    assert wasserstein(np.array([1.0, 2.0]))(differences) == pytest.approx([0.7, 0.3])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"covariance": np.eye(3)}, r"Expected a covariance of shape \(2, 2\), not empty, got \(3, 3\)"),
        ({"difference": np.zeros(0), "covariance": np.zeros((0, 0))}, r"Expected a covariance of shape \(0, 0\)"),
        ({"difference": np.array([0.0, math.nan])}, r"Expected finite differences and covariances"),
        ({"seed": -1}, r"Expected a seed of at least 0, got -1 - at `\$\.seed`"),
        ({"level": 0.0}, r"Expected a level in \(0, 1\), got 0\.0 - at `\$\.level`"),
        ({"level": math.nan}, r"Expected a level in \(0, 1\), got nan"),
        ({"degrees_of_freedom": 0.0}, r"Expected degrees of freedom above 0, or None, got 0\.0"),
        ({"most_draws": 0}, r"Expected at least 1 draw, got 0 - at `\$\.most_draws`"),
    ],
)
def test_what_cannot_be_tested_is_refused(changed: dict[str, Any], message: str) -> None:
    arguments = {"difference": np.zeros(2), "covariance": np.eye(2), "seed": 1, "level": 0.05, **changed}
    with pytest.raises(ParameterError, match=message):
        monte_carlo_test(statistic=total_variation, **arguments)


@pytest.mark.parametrize("statistic", STATISTICS.values(), ids=STATISTICS.keys())
def test_a_permutation_test_keeps_its_level_with_few_events(statistic: Statistic) -> None:
    rng, windows = np.random.default_rng(12), 1_000
    results = [
        permutation_test(
            rng.multinomial(40, SHARES),
            rng.multinomial(300, SHARES),
            statistic,
            seed=window,
            level=0.05,
            most_draws=999,
        )
        for window in range(windows)
    ]
    for level in (0.2, 0.05):
        rejected = sum(result.p_value <= level for result in results if result is not None)
        assert stats.binom.ppf(1e-4, windows, 0.5 * level) <= rejected <= stats.binom.isf(1e-4, windows, level)


@pytest.mark.parametrize("counts", [(9, 1, 50, 50), (30, 70, 200, 700), (5, 195, 20, 3980)])
def test_two_groups_are_fishers_test(counts: tuple[int, int, int, int]) -> None:
    a, b, c, d = counts
    result = permutation_test(np.array([a, b]), np.array([c, d]), total_variation, seed=2, level=1e-3)
    ways = np.arange(a + b + 1)
    far = np.abs(ways / (a + b) - (a + c - ways) / (c + d)) >= abs(a / (a + b) - c / (c + d)) - 1e-12
    exact = float(stats.hypergeom.pmf(ways[far], a + b + c + d, a + c, a + b).sum())
    assert result is not None
    assert result.p_value == pytest.approx(exact, rel=1)


def test_a_permutation_test_of_nothing_is_none() -> None:
    nothing, some = np.array([0, 0]), np.array([4, 5])
    assert permutation_test(nothing, some, l_infinity, seed=1, level=0.05) is None
    assert permutation_test(some, nothing, l_infinity, seed=1, level=0.05) is None


@pytest.mark.parametrize(
    ("current", "reference", "message"),
    [
        ([1, 2], [1, 2, 3], r"Expected counts of shape \(3,\), not empty, got \(2,\) - at `\$\.current`"),
        ([1, -2], [1, 2], r"Expected counts of at least 0, fewer than 10⁹ together, got \(-2, 2\)"),
        ([1, 2], [10**9, 2], r"Expected counts of at least 0, fewer than 10⁹ together, got \(1, 1000000005\)"),
    ],
)
def test_counts_that_cannot_be_dealt_out_are_refused(current: list[int], reference: list[int], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        permutation_test(np.array(current), np.array(reference), l_infinity, seed=1, level=0.05)
