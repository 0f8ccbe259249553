from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from driftline.significance import known_share_test, share_test


@pytest.mark.parametrize("counts", [(30, 200, 0.05), (60, 1000, 0.02), (2500, 20_000, 0.1), (199, 200, 0.6)])
@pytest.mark.parametrize("dispersion", [1.2, 4.0, 15.0])
def test_the_upper_tail_is_the_heavier_of_beta_binomial_and_effective_counts(
    counts: tuple[int, int, float], dispersion: float
) -> None:
    k, n, share = counts
    size = (n - dispersion) / (dispersion - 1)
    # summed: its own survival function is one less the other tail, and has no digits left below 10⁻⁹
    beta_binomial = stats.betabinom.pmf(np.arange(k, n + 1), n, size * share, size * (1 - share)).sum()
    effective = stats.beta.cdf(share, k / dispersion, (n - k) / dispersion + 1)
    result = known_share_test(k, n, share, alternative="greater", dispersion=dispersion)
    assert result is not None
    assert result.p_value == pytest.approx(max(beta_binomial, effective), rel=1e-6)


@pytest.mark.parametrize("counts", [(10, 200, 0.2), (60, 1000, 0.1), (0, 300, 0.05)])
def test_the_lower_tail_is_that_of_effective_counts(counts: tuple[int, int, float]) -> None:
    k, n, share = counts
    result = known_share_test(k, n, share, alternative="less", dispersion=3.0)
    assert result is not None
    assert result.p_value == pytest.approx(stats.beta.sf(share, k / 3 + 1, (n - k) / 3), rel=1e-9)


@pytest.mark.parametrize("counts", [(6, 200, 20, 4000), (90, 500, 260, 4000), (200, 1000, 100, 1000)])
def test_whole_bursts_are_fishers_test_of_the_bursts(counts: tuple[int, int, int, int]) -> None:
    result = share_test(*(5 * count for count in counts), alternative="less", dispersion=5.0)
    k, n, k_reference, n_reference = counts
    table = [[k, n - k], [k_reference, n_reference - k_reference]]
    assert result is not None
    assert result.p_value == pytest.approx(stats.fisher_exact(table, alternative="less")[1], rel=1e-8)


@pytest.mark.parametrize("nu", [2.5, 30.0, 400.0])
def test_an_estimated_dispersion_widens_the_tail_as_students_t(nu: float) -> None:
    known = share_test(60, 1000, 80, 4096, alternative="greater", dispersion=3.0)
    estimated = share_test(60, 1000, 80, 4096, alternative="greater", dispersion=3.0, degrees_of_freedom=nu)
    assert known is not None
    assert estimated is not None
    assert estimated.p_value == pytest.approx(stats.t.sf(stats.norm.isf(known.p_value), nu), rel=1e-8)
