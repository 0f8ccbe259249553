from __future__ import annotations

import math

import numpy as np
import pytest

from driftline.detectors.mixture.constancy import log_constant

SHARES = np.array([0.5, 0.3, 0.2])


def constant_part(mean_length: float, n: int, n_panes: int) -> float:
    """Return how many of the panes with n values each have one value only, where events come in sessions."""
    rng = np.random.default_rng([3, round(10 * mean_length), n])
    begins = rng.random((n_panes, n)) < 1 / mean_length
    begins[:, 0] = True
    drawn = rng.choice(3, (n_panes, n), p=SHARES)
    at = np.maximum.accumulate(np.where(begins, np.arange(n), 0), axis=1)
    values = np.take_along_axis(drawn, at, axis=1)
    return float((values == values[:, :1]).all(axis=1).mean())


@pytest.mark.parametrize(("mean_length", "n"), [(1.0, 4), (1.0, 8), (5.0, 10), (5.0, 30), (20.0, 60)])
def test_it_is_the_probability_in_sessions_of_random_length(mean_length: float, n: int) -> None:
    expected = math.exp(log_constant(SHARES, n, 2 * mean_length - 1, math.inf))
    assert constant_part(mean_length, n, 200_000) == pytest.approx(expected, rel=0.15)


def test_the_error_of_the_reference_makes_it_larger_and_it_is_never_certain() -> None:
    known, few = (log_constant(SHARES, 20, 1.0, n) for n in (math.inf, 200.0))
    assert known < few < 0
    assert log_constant(np.array([1.0]), 20, 1.0, 1e6) == 0
    assert log_constant(SHARES, 1, 1.0, math.inf) == pytest.approx(0)
    assert log_constant(SHARES, 20, math.inf, 1e6) == 0, "nothing is known of how events depend on each other"


def test_e_values_of_panes_have_at_most_mean_one() -> None:
    for mean_length in (1.0, 4.0):
        ratio = 2 * mean_length - 1
        gains = [
            constant_part(mean_length, n, 100_000) / math.exp(log_constant(SHARES, n, ratio, 5_000)) for n in (2, 6)
        ]
        assert max(gains) <= 1.02
