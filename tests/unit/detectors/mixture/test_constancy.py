from __future__ import annotations

import math

import numpy as np
import pytest

from driftline.detectors.mixture.constancy import log_goes_on

SHARES = np.array([0.5, 0.3, 0.2])


def goes_on(share: float, ratio: float, n_reference: float = math.inf) -> float:
    return float(np.exp(log_goes_on(np.array([share]), np.array([ratio]), np.array([n_reference])))[0])


def events(mean_length: float, n: int) -> np.ndarray:
    """Return the values of events that come in sessions of geometric length."""
    rng = np.random.default_rng([3, round(10 * mean_length)])
    begins = rng.random(n) < 1 / mean_length
    begins[0] = True
    at = np.maximum.accumulate(np.where(begins, np.arange(n), 0))
    drawn: np.ndarray = rng.choice(3, n, p=SHARES)[at]
    return drawn


@pytest.mark.parametrize("mean_length", [1.0, 5.0, 20.0])
def test_it_is_how_often_an_event_has_the_value_of_the_one_before(mean_length: float) -> None:
    values = events(mean_length, 400_000)
    for value, share in enumerate(SHARES.tolist()):
        after = values[1:][values[:-1] == value]
        assert float((after == value).mean()) == pytest.approx(goes_on(share, 2 * mean_length - 1), rel=0.02)


@pytest.mark.parametrize("mean_length", [1.0, 5.0])
def test_the_variance_ratio_of_such_events_is_the_one_that_it_is_told_by(mean_length: float) -> None:
    shares = (events(mean_length, 400_000).reshape(-1, 400) == 0).mean(axis=1)
    assert 400 * float(shares.var()) / 0.25 == pytest.approx(2 * mean_length - 1, rel=0.15)


def test_the_error_of_the_reference_makes_it_larger_and_what_is_not_known_says_nothing() -> None:
    assert goes_on(0.3, 1.0) < goes_on(0.3, 1.0, 200) < 1
    assert goes_on(1.0, 1.0) == 1
    assert goes_on(0.3, math.inf) == 1
    assert 0 < goes_on(0.0, 1.0) < 1e-300, "of a value that the reference never had"


def test_the_factor_of_an_unchanged_pane_has_at_most_mean_one() -> None:
    for mean_length in (1.0, 4.0):
        values = events(mean_length, 400_000).reshape(-1, 4)
        before, same = values[:-1, -1], (values[1:] == values[:-1, -1:]).all(axis=1)
        factors = [goes_on(share, 2 * mean_length - 1, 5_000) ** -4 for share in SHARES.tolist()]
        assert float((same * np.array(factors)[before]).mean()) <= 1.02
