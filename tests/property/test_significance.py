from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from driftline.significance import share_test, weighted_chi_squared_tail
from tests.support.examples import examples

WEIGHTS = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=40).map(np.array)
FREEDOM = st.none() | st.floats(1.0, 1e6)
COUNTS = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@examples(150)
@given(WEIGHTS, FREEDOM, st.floats(1e-3, 1e3), st.floats(1.0, 3.0))
def test_a_larger_statistic_has_no_larger_tail(
    weights: np.ndarray, nu: float | None, size: float, factor: float
) -> None:
    x = size * float(weights.sum())
    nearer, farther = (weighted_chi_squared_tail(value, weights, nu) for value in (x, factor * x))
    assert 0 <= farther <= nearer * (1 + 1e-4)
    assert nearer <= 1


@examples(150)
@given(WEIGHTS, FREEDOM, st.floats(0.5, 100.0), st.floats(0.1, 1e3))
def test_one_more_weight_makes_the_tail_no_smaller(
    weights: np.ndarray, nu: float | None, size: float, more: float
) -> None:
    x = size * float(weights.sum())
    without = weighted_chi_squared_tail(x, weights, nu)
    assert weighted_chi_squared_tail(x, np.append(weights, more), nu) >= without * (1 - 1e-4)


@examples(150)
@given(COUNTS, COUNTS, st.floats(1.0, 50.0))
def test_the_tails_of_a_share_cover_everything(
    window: tuple[int, int], profile: tuple[int, int], dispersion: float
) -> None:
    one = share_test(*window, *profile, dispersion=dispersion)
    greater = share_test(*window, *profile, dispersion=dispersion, alternative="greater")
    less = share_test(*window, *profile, dispersion=dispersion, alternative="less")
    assert one is not None
    assert greater is not None
    assert less is not None
    assert 0 <= one.p_value <= 1
    assert one.p_value == min(1.0, 2 * min(greater.p_value, less.p_value))
    assert greater.p_value + less.p_value >= 1 - 1e-4  # both are integrals
