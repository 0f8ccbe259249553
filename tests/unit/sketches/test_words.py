from __future__ import annotations

import decimal
import math
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.sketches.exact_log import log_of_one_plus, natural_log
from driftline.sketches.words import SumFormat, two_product

SUMS = SumFormat("sum", 10, 4)
VALUES = st.lists(st.floats(-SUMS.limit, SUMS.limit), min_size=1, max_size=20)


@given(VALUES)
def test_words_add_up_to_the_values(values: list[float]) -> None:
    exact = sum(Fraction(value) for value in values)
    found = SUMS.joined(SUMS.cut(np.array(values)).sum(axis=1).tolist())
    assert abs(found - exact) <= SUMS.unit / 2 * len(values)


@given(VALUES)
def test_words_are_small_enough_to_be_added_a_billion_times(values: list[float]) -> None:
    words = np.abs(SUMS.cut(np.array(values)))
    assert int(words.max()) * (1 << 30) < 1 << 63


@given(VALUES)
def test_what_was_put_in_comes_out_one_by_one(values: list[float]) -> None:
    together = SUMS.cut(np.array(values)).sum(axis=1)
    for value in values:
        together -= SUMS.cut(np.array([value]))[:, 0]
    assert not together.any()


@given(st.floats(-1e100, 1e100), st.floats(-1e100, 1e100))
def test_products_are_exact(one: float, other: float) -> None:
    if one and other and abs(one * other) < 1e-250:
        return
    high, low = two_product(np.array([one]), np.array([other]))
    if abs(high[0]) > 1e-200:
        assert Fraction(float(high[0])) + Fraction(float(low[0])) == Fraction(one) * Fraction(other)


@given(st.floats(sys.float_info.min, 1e308))
def test_logarithms_are_right_to_two_units_in_the_last_place(value: float) -> None:
    with decimal.localcontext(prec=50):
        exact = float(decimal.Decimal(value).ln())
    found = float(natural_log(np.array([value]))[0])
    assert abs(found - exact) <= 2.5 * np.spacing(max(abs(exact), 1e-3 * abs(value - 1)))


@given(st.floats(-0.999, 1e6))
def test_logarithms_near_one_are_right_too(value: float) -> None:
    assert float(log_of_one_plus(np.array([value]))[0]) == pytest.approx(math.log1p(value), rel=2e-15, abs=1e-320)


def test_logarithms_do_not_depend_on_what_stands_beside() -> None:
    values = np.random.default_rng(1).lognormal(0, 20, 1_003)
    together = natural_log(values)
    assert np.array_equal(together, np.concatenate([natural_log(values[i : i + 1]) for i in range(values.size)]))
    assert np.array_equal(together[::3], natural_log(values[::3]))
