from __future__ import annotations

import numpy as np
import pytest

from driftline.sketches.fixed_point import SQUARE_SCALE, Z_LIMIT, Z_SCALE, join, split, standardise


def test_values_are_standardised_to_units() -> None:
    z, squares, clipped = standardise(np.array([1.0, 3.0, 5.0]), 3.0, 2.0)
    assert z.tolist() == [-(1 << 24), 0, 1 << 24]
    assert squares.tolist() == [1 << 16, 0, 1 << 16]
    assert not clipped.any()


def test_outliers_are_clipped_and_counted() -> None:
    z, squares, clipped = standardise(np.array([-1e308, 257.0, 256.0, 1e308]), 0.0, 1.0)
    assert (z / Z_SCALE).tolist() == [-Z_LIMIT, Z_LIMIT, Z_LIMIT, Z_LIMIT]
    assert (squares / SQUARE_SCALE).tolist() == [Z_LIMIT**2] * 4
    assert clipped.tolist() == [True, True, False, True]


def test_a_constant_is_standardised_by_one() -> None:
    z, _, _ = standardise(np.array([7.0, 8.0]), 7.0, 0.0)
    assert (z / Z_SCALE).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("spread", [5e-324, 1e-300, 1.0, 1e300])
def test_any_spread_gives_whole_numbers_in_range(spread: float) -> None:
    z, squares, _ = standardise(np.array([-1.7e308, -1.0, 0.0, 1.0, 1.7e308]), -1e308, spread)
    assert np.abs(z).max() <= 1 << 32
    assert squares.min() >= 0
    assert squares.max() <= 1 << 32


def test_sums_beyond_int64_are_exact() -> None:
    largest, total = np.iinfo(np.int64).max, np.zeros((2, 1), dtype=np.int64)
    for _ in range(1_000):
        total += split(np.array([largest]))
    assert join(total) == [1_000 * int(largest)]
    assert join(split(np.array([np.iinfo(np.int64).min]))) == [-(1 << 63)]


def test_a_full_pane_does_not_wrap() -> None:
    words = split(np.array([1 << 32]) * (1 << 30))
    assert join(words) == [1 << 62]
