from __future__ import annotations

import doctest
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.special import chdtri

from benchmarks.streams import spells
from driftline.significance import clumps
from driftline.significance.clumps import LEAST_CLUMPS, not_contradicting, resting_on_clumps, tilt_factor
from driftline.significance.dispersion import Dispersion, estimate
from driftline.sketches.dispersion_sums import DispersionSums

if TYPE_CHECKING:
    from numpy.typing import NDArray

PER_PANE, SHARE, PANES_AN_HOUR, MONTH = 100, 0.02, 6, 28 * 24 * 6


def of_two(absent: NDArray[np.bool_] | NDArray[np.float64]) -> Dispersion:
    """Return the dispersion of events with a value and without, in hours of panes with so large a share without."""
    sums = DispersionSums(1, 2, panes_per_window=PANES_AN_HOUR)
    rng = np.random.default_rng(1)
    for pane, share in enumerate(absent):
        without = int(rng.binomial(PER_PANE, float(share)))
        sums.add(pane, np.array([[PER_PANE - without, without]]))
    return estimate(sums.column(0), (0, 1), least_span=1)


def test_examples() -> None:
    assert doctest.testmod(clumps).failed == 0


def test_a_dispersion_is_known_as_well_as_there_are_clumps() -> None:
    on = spells(np.random.default_rng(3), np.full(20, SHARE), MONTH, PANES_AN_HOUR)
    begins = (on[:, 1:] & ~on[:, :-1]).sum(axis=1)
    found = [of_two(row) for row in on]
    rested = [resting_on_clumps(each).freedom for each in found]
    assert min(each.freedom for each in found if not each.independent) > 300, "windows, which are no clumps"
    assert np.median(begins) / 2 < np.median(rested) < 2 * np.median(begins)
    assert min(rested) >= LEAST_CLUMPS


def test_independent_events_are_known_as_before() -> None:
    found = of_two(np.full(MONTH, SHARE))
    assert found.independent
    assert resting_on_clumps(found) is found


@pytest.mark.parametrize("theta", [0.01, 0.5, 1.3, 2.9, 5.8])
def test_the_price_of_a_bet_is_what_clumps_of_exponential_length_are_worth(theta: float) -> None:
    """Poisson many clumps of mean length b in n events: ln of the mean gain, and its price n ln M(θ) / λ."""
    n, p, b = 1e6, 1e-4, 300.0
    for factor, fair in ((tilt_factor(theta), True), (0.98 * tilt_factor(theta), False)):
        ratio = 2 * b * factor
        u = theta * b / ratio
        mean = math.inf if u >= 1 else n * p / b * u / (1 - u)
        price = n * math.log1p(p * math.expm1(theta)) / ratio
        # ln(1 + x) is below x by a share of x / 2
        assert (mean <= price * (1 + p * math.expm1(theta))) == fair


def test_a_week_without_a_clump_does_not_show_that_there_are_none() -> None:
    week = of_two(np.zeros(MONTH // 4))
    found = not_contradicting(week, SHARE)
    effect = float(found.design_effects(found.window_events).max())
    n = MONTH // 4 * PER_PANE
    # so that none of n is at the border of what happens once in a thousand times
    assert n * SHARE / (1 - SHARE) / effect == pytest.approx(float(chdtri(1, 1e-3)), rel=0.05)
    assert (found.independent, found.freedom) == (False, LEAST_CLUMPS)
    assert not_contradicting(week, 0.0) is week
    more = of_two(np.full(MONTH // 4, 2 * SHARE))
    assert not_contradicting(more, SHARE) is more, "that more are missing than in the reference is to be told"
    clumped = replace(week, covariance=1e6 * week.covariance)
    assert not_contradicting(clumped, SHARE) is clumped
