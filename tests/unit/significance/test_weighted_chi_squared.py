from __future__ import annotations

import math

import numpy as np
import pytest

from driftline.errors import ParameterError
from driftline.significance.weighted_chi_squared import saddlepoint_tail, weighted_chi_squared_tail

AUTOREGRESSIVE = np.array([18.0, 8, 4, 3, 2, 1.5, 1.2, *([1.0] * 12)])
SETS = {
    "equal": np.ones(20),
    "geometric": 0.7 ** np.arange(30),
    "autoregressive": AUTOREGRESSIVE,
    "single": np.array([3.0]),
    "zeros": np.array([0.0, 2, 0, 1, 0]),
    "one large and many small": np.array([1.0, *([1e-3] * 200)]),
}


def _two_pairs(a: float, b: float, x: float) -> float:
    """Tail of a χ²₂ + b χ²₂, a sum of two exponentials, in closed form."""
    return (a * math.exp(-x / 2 / a) - b * math.exp(-x / 2 / b)) / (a - b)


@pytest.mark.parametrize("x", [1e-3, 1.0, 10.0, 100.0, 1000.0, 8000.0])
@pytest.mark.parametrize(("a", "b"), [(3.0, 1.0), (18.0, 4.0), (7.0, 6.9), (10.0, 1e-4)])
def test_two_pairs_of_weights_have_a_closed_form(a: float, b: float, x: float) -> None:
    assert weighted_chi_squared_tail(x, np.array([a, b, a, b])) == pytest.approx(_two_pairs(a, b, x), rel=1e-8)


@pytest.mark.parametrize("nu", [1.0, 7.5, 60.0, 900.0])
@pytest.mark.parametrize("x", [0.1, 10.0, 100.0, 3000.0])
def test_the_estimated_form_of_two_pairs_has_a_closed_form(x: float, nu: float) -> None:
    a, b = 5.0, 2.0
    # E exp(−x V / 2a) for V = χ²_ν / ν is (1 + x / (a ν))^(−ν/2).
    expected = (a * (1 + x / a / nu) ** (-nu / 2) - b * (1 + x / b / nu) ** (-nu / 2)) / (a - b)
    assert weighted_chi_squared_tail(x, np.array([a, b, a, b]), nu) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("weights", SETS.values(), ids=SETS.keys())
@pytest.mark.parametrize("nu", [None, 15.0])
def test_the_tail_agrees_with_draws(weights: np.ndarray, nu: float | None) -> None:
    rng, draws = np.random.default_rng(5), 200_000
    each, times = np.unique(weights[weights > 0], return_counts=True)
    sums = sum(weight * rng.chisquare(n, draws) for weight, n in zip(each, times, strict=True))
    sums = np.asarray(sums) if nu is None else np.asarray(sums) * nu / rng.chisquare(nu, draws)
    for share in (0.5, 0.05, 0.002):
        tail = weighted_chi_squared_tail(float(np.quantile(sums, 1 - share)), weights, nu)
        assert tail == pytest.approx(share, abs=5 * math.sqrt(share / draws))


@pytest.mark.parametrize("weights", SETS.values(), ids=SETS.keys())
def test_a_large_nu_is_as_good_as_known_weights(weights: np.ndarray) -> None:
    for x in (0.5, 3.0, 6.0):
        known = weighted_chi_squared_tail(x * weights.sum(), weights)
        assert weighted_chi_squared_tail(x * weights.sum(), weights, math.inf) == known
        assert weighted_chi_squared_tail(x * weights.sum(), weights, 1e12) == pytest.approx(known, rel=1e-7)


def test_many_rows_are_what_each_row_is_alone() -> None:
    rng = np.random.default_rng(2)
    weights = rng.exponential(size=(40, 12)) * (rng.random((40, 12)) < 0.6)
    x, nu = rng.exponential(30, size=40), np.where(rng.random(40) < 0.5, np.inf, 25.0)
    together = saddlepoint_tail(x, weights, nu)
    alone = [
        weighted_chi_squared_tail(float(x[i]), weights[i], None if np.isinf(nu[i]) else float(nu[i])) for i in range(40)
    ]
    assert together.tolist() == alone
    assert saddlepoint_tail(x[::-1], weights[::-1], nu[::-1])[::-1].tolist() == alone


def test_the_scale_the_order_and_zeros_do_not_matter() -> None:
    tail = weighted_chi_squared_tail(300.0, AUTOREGRESSIVE, 80.0)
    shuffled = np.random.default_rng(1).permutation([*AUTOREGRESSIVE, 0.0, 0.0])
    assert weighted_chi_squared_tail(300.0, shuffled, 80.0) == pytest.approx(tail, rel=1e-9)
    assert weighted_chi_squared_tail(300.0e-9, AUTOREGRESSIVE * 1e-9, 80.0) == pytest.approx(tail, rel=1e-9)


def test_what_lies_at_the_ends() -> None:
    assert weighted_chi_squared_tail(0.0, AUTOREGRESSIVE) == 1.0
    assert weighted_chi_squared_tail(-3.0, AUTOREGRESSIVE, 5.0) == 1.0
    assert weighted_chi_squared_tail(math.inf, AUTOREGRESSIVE) == 0.0
    assert weighted_chi_squared_tail(1e9, AUTOREGRESSIVE) == 0.0
    assert weighted_chi_squared_tail(1e-30, AUTOREGRESSIVE) == pytest.approx(1, abs=1e-12)
    assert weighted_chi_squared_tail(1e-320, AUTOREGRESSIVE, 3.0) == pytest.approx(1, abs=1e-12)
    assert 0 <= weighted_chi_squared_tail(1e305, AUTOREGRESSIVE * 1e-9, 3.0) < 1e-100
    for nothing in (np.zeros(3), np.zeros(0)):
        assert weighted_chi_squared_tail(0.1, nothing) == 0.0
        assert weighted_chi_squared_tail(0.0, nothing) == 1.0
    assert saddlepoint_tail(np.zeros(0), np.zeros((0, 4))).size == 0


@pytest.mark.parametrize(
    ("x", "weights", "nu", "message"),
    [
        (math.nan, [1.0], None, r"Expected a statistic that is a number, got nan - at `\$\.x`"),
        (1.0, [1.0, -0.5], None, r"Expected finite weights of at least 0, got -0\.5 - at `\$\.weights`"),
        (1.0, [math.nan], None, r"Expected finite weights of at least 0, got nan"),
        (1.0, [math.inf], None, r"Expected finite weights of at least 0, got inf"),
        (1.0, [1.0], 0.0, r"Expected degrees of freedom above 0, got 0\.0 - at `\$\.denominator`"),
        (1.0, [1.0], math.nan, r"Expected degrees of freedom above 0, got nan"),
    ],
)
def test_what_is_no_number_is_refused(x: float, weights: list[float], nu: float | None, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        weighted_chi_squared_tail(x, np.array(weights), nu)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"Expected weights of shape \(2, m\), got \(1, 3\)"):
        saddlepoint_tail(np.ones(2), np.ones((1, 3)))
    with pytest.raises(ParameterError, match=r"Expected degrees of freedom of shape \(2,\), got \(1,\)"):
        saddlepoint_tail(np.ones(2), np.ones((2, 3)), np.ones(1))
