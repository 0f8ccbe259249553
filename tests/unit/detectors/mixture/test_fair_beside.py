from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from driftline.detectors.mixture.bets import Bets
from driftline.detectors.mixture.directions import MOST_DIRECTIONS, numeric_directions

GROUPS = 20
EDGES = ndtri(np.arange(1, GROUPS) / GROUPS)
DIRECTIONS = numeric_directions(np.full(GROUPS, 1 / GROUPS), 0.01)
PLACES = {(each.aspect, each.grew): place for place, each in reversed(list(enumerate(DIRECTIONS)))}
BETS = Bets([DIRECTIONS], GROUPS)


def moved_by(shift: float) -> np.ndarray:
    """Return the shares of a normal column whose mean has moved."""
    cumulated = np.concatenate([[0.0], ndtr(EDGES - shift), [1.0]])
    return np.append(0.99 * np.diff(cumulated), 0.01)[None]


def test_a_mean_that_may_wander_is_no_gain_in_any_direction() -> None:
    usual, still = moved_by(0.0), np.zeros((1, MOST_DIRECTIONS))
    still[0, [PLACES["mean", True], PLACES["mean", False]]] = 0.8
    tilts = BETS.tilts_to(still, usual)
    own = BETS.fair(usual, np.maximum(BETS.still, tilts))
    prices = np.maximum(own, BETS.fair_beside(usual, tilts))
    used = np.isfinite(BETS.log_weights)
    # a normal mean's path lies near that of the tilts: both move the same normal scores
    for shift in (-0.7, -0.3, 0.3, 0.7):
        gains = np.where(used, BETS.log_means(moved_by(shift)) - prices, -1)
        assert gains.max() <= 0, shift
    far = BETS.log_means(moved_by(0.7)) - own
    assert far[0, PLACES["spread", True], 0] > 0.01, "values lie farther from the usual mean"
    assert far[0, PLACES["upper tail", True], 0] > 0.01


def test_what_does_not_wander_keeps_its_price() -> None:
    usual = moved_by(0.0)
    beside = BETS.fair_beside(usual, np.zeros((1, MOST_DIRECTIONS)))
    assert np.array_equal(beside, BETS.log_means(usual))
    missing = np.zeros((1, MOST_DIRECTIONS))
    missing[0, PLACES["missing", True]] = 1.0
    assert np.array_equal(BETS.fair_beside(usual, missing), BETS.log_means(usual)), "values are as they were"
