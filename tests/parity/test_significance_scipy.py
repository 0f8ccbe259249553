"""The tests equal SciPy's where SciPy is exact, and exact fractions where it is not."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from scipy import stats

from driftline.significance import Alternative, pearson, share_test


@pytest.mark.parametrize("seed", range(20))
def test_pearson_with_many_events_is_scipys_contingency_test(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bins = int(rng.integers(2, 30))
    shares = rng.dirichlet(np.full(bins, 20.0))
    current, reference = rng.multinomial(50_000, shares), rng.multinomial(80_000, shares)
    result = pearson(current, reference, ordered=bool(seed % 2))
    oracle = stats.chi2_contingency(np.stack([current, reference]), correction=False)
    assert result is not None
    assert result.tail == "chi_squared"
    assert result.groups == tuple(range(bins))
    assert result.statistic == pytest.approx(float(oracle.statistic), rel=1e-9)
    assert result.degrees_of_freedom == int(oracle.dof)
    assert result.p_value == pytest.approx(float(oracle.pvalue), rel=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_the_exact_tail_agrees_with_pearsons_where_events_are_many_enough_for_both(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(12, 50.0))
    current, reference = rng.multinomial(1500, shares), rng.multinomial(4000, shares)
    result = pearson(current, reference, ordered=True)
    assert result is not None
    assert result.tail == "exact_partition"
    assert result.tail_statistic == pytest.approx(result.statistic, rel=0.15, abs=0.5)


@pytest.mark.parametrize("seed", range(30))
def test_share_test_is_scipys_fisher_exact_one_sided(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, n_reference = int(rng.integers(1, 3000)), int(rng.integers(1, 30_000))
    k, k_reference = int(rng.binomial(n, 0.05)), int(rng.binomial(n_reference, 0.03))
    table = [[k, n - k], [k_reference, n_reference - k_reference]]
    for alternative in ("greater", "less"):
        result = share_test(k, n, k_reference, n_reference, alternative=alternative)
        assert result is not None
        assert result.p_value == pytest.approx(float(stats.fisher_exact(table, alternative).pvalue), rel=1e-8)


def _exact_upper(k: int, n: int, marked: int, total: int) -> Fraction:
    ways = sum(comb(marked, j) * comb(total - marked, n - j) for j in range(k, min(n, marked) + 1))
    return Fraction(ways, comb(total, n))


@pytest.mark.parametrize(
    ("k", "n", "k_reference", "n_reference"),
    [
        (9, 200, 20, 4096),
        (40, 200, 20, 4096),
        (30, 1000, 0, 4096),
        (3, 50, 100_000 - 97_000, 100_000),
        (0, 900, 300, 4096),
    ],
)
def test_share_test_equals_exact_fractions_far_into_the_tail(
    k: int, n: int, k_reference: int, n_reference: int
) -> None:
    marked, total = k + k_reference, n + n_reference
    upper = float(_exact_upper(k, n, marked, total))
    lower = float(_exact_upper(n - k, n, total - marked, total))
    cases: tuple[tuple[Alternative, float], ...] = (("greater", upper), ("less", lower))
    for alternative, expected in cases:
        result = share_test(k, n, k_reference, n_reference, alternative=alternative)
        assert result is not None
        assert result.p_value == pytest.approx(expected, rel=1e-9)
    both = share_test(k, n, k_reference, n_reference)
    assert both is not None
    assert both.p_value == pytest.approx(min(1.0, 2 * min(lower, upper)), rel=1e-9)


def test_the_tails_of_these_cases_reach_below_1e_minus_12() -> None:
    far = share_test(40, 200, 20, 4096)
    assert far is not None
    assert 0 < far.p_value < 1e-12
