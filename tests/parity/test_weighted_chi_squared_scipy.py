from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

from driftline.significance.weighted_chi_squared import weighted_chi_squared_tail

TAILS = (0.999, 0.5, 0.05, 1e-3, 1e-6, 1e-9, 1e-12, 1e-50, 1e-250)


@pytest.mark.parametrize("m", [1, 2, 3, 9, 19, 39, 200, 1000])
@pytest.mark.parametrize("scale", [1.0, 3e5])
def test_equal_weights_are_chi_squared(m: int, scale: float) -> None:
    for tail in TAILS:
        x = stats.chi2.isf(tail, m)
        assert weighted_chi_squared_tail(scale * x, np.full(m, scale)) == pytest.approx(stats.chi2.sf(x, m), rel=1e-7)


@pytest.mark.parametrize("m", [1, 4, 19, 39])
@pytest.mark.parametrize("nu", [1.0, 5.5, 30.0, 900.0])
def test_equal_weights_over_an_estimate_are_f(m: int, nu: float) -> None:
    for tail in TAILS[:7]:
        x = stats.f.isf(tail, m, nu)
        assert weighted_chi_squared_tail(m * x, np.ones(m), nu) == pytest.approx(stats.f.sf(x, m, nu), rel=1e-7)


def _imhof(x: float, weights: np.ndarray) -> float:
    """Imhof's integral (equation 3.2), by SciPy's adaptive quadrature: right to about 10⁻¹⁰, not beyond."""

    def integrand(u: float) -> float:
        theta = np.arctan(weights * u).sum() / 2 - x * u / 2
        return float(math.sin(theta) / (u * math.exp(np.log1p((weights * u) ** 2).sum() / 4)))

    area, _ = integrate.quad(integrand, 0, 60, limit=5000, epsabs=1e-12, epsrel=1e-13)
    return 0.5 + float(area) / math.pi


@pytest.mark.parametrize("x", [20.0, 60.0, 150.0, 300.0, 400.0])
@pytest.mark.parametrize(
    "weights", [[18, 8, 4, 3, 2, 1.5, *([1.2] * 8)], [*(9 * 0.8 ** np.arange(20))], [5, *([2.0] * 12)]]
)
def test_unequal_weights_agree_with_imhofs_integral(x: float, weights: list[float]) -> None:
    expected = _imhof(x, np.array(weights))
    assert weighted_chi_squared_tail(x, np.array(weights)) == pytest.approx(expected, rel=1e-6, abs=2e-10)
