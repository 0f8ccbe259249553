from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from driftline.detectors.mixture.bets import Bets, pane_of
from driftline.detectors.mixture.directions import categorical_directions, numeric_directions

SHARES = np.array([0.2, 0.3, 0.4, 0.1])
MISSING = 0.05
THREE = np.array([0.5, 0.4, 0.1])
DIRECTIONS = numeric_directions(SHARES, MISSING), categorical_directions(THREE, MISSING, (0, 1), 2)


def bets_and_shares() -> tuple[Bets, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    bets = Bets(DIRECTIONS, 4)
    shares = np.array([[*SHARES * (1 - MISSING), MISSING], [*THREE * (1 - MISSING), 0.0, MISSING]])
    return bets, shares


def test_an_unchanged_event_gains_nothing_on_average() -> None:
    """E[exp(θ s) / M] = 1 over all cells, in each direction: that is what makes it an e-value."""
    bets, shares = bets_and_shares()
    log_means = bets.log_means(shares)
    for column, directions in enumerate(DIRECTIONS):
        for place, direction in enumerate(directions):
            cells = range(5) if direction.aspect == "missing" else range(4)
            total = sum(shares[column, cell] for cell in cells)
            for tilt, theta in enumerate(direction.thetas):
                gain = sum(
                    shares[column, cell] / total * math.exp(theta * bets.scores[column, place, cell]) for cell in cells
                )
                assert gain == pytest.approx(math.exp(log_means[column, place, tilt]))


def test_a_pane_of_unchanged_events_gains_nothing_on_average() -> None:
    """The same for all possible panes of three values, weighed by their probability."""
    bets, shares = bets_and_shares()
    log_means = bets.log_means(shares)[0]
    expected = np.zeros_like(log_means)
    for cells in itertools.product(range(4), repeat=3):
        counts = np.zeros((2, 5), dtype=np.int64)
        for cell in cells:
            counts[0, cell] += 1
        pane = pane_of(bets, counts)
        gains = bets.thetas[0] * pane.scores[0][:, None] - pane.n[0][:, None] * log_means
        expected += math.prod(SHARES[cell] for cell in cells) * np.exp(gains)
    of_values = [place for place, each in enumerate(DIRECTIONS[0]) if each.aspect != "missing"]
    for place in of_values:
        tilts = len(DIRECTIONS[0][place].thetas)
        assert expected[place, :tilts] == pytest.approx(1.0)


def test_a_change_that_counts_as_none_gains_nothing_either() -> None:
    bets, shares = bets_and_shares()
    prices, usual = bets.fair(shares)[0], bets.log_means(shares)[0]
    for place, direction in enumerate(DIRECTIONS[0]):
        scores = bets.scores[0, place]
        base = shares[0].copy() if direction.aspect == "missing" else np.array([*SHARES, 0.0])
        for part in (0.0, 0.5, 1.0):
            tilted = base * np.exp(part * direction.still * scores)
            tilted /= tilted.sum()
            for tilt, theta in enumerate(direction.thetas):
                assert math.log(tilted @ np.exp(theta * scores)) <= prices[place, tilt] + 1e-12
        assert (prices[place, : len(direction.thetas)] > usual[place, : len(direction.thetas)]).all()


def test_directions_count_the_events_that_they_are_about() -> None:
    bets, _ = bets_and_shares()
    pane = pane_of(bets, np.array([[1, 2, 3, 4, 10], [5, 5, 0, 0, 2]]))
    aspects = [[each.aspect for each in directions] for directions in DIRECTIONS]
    assert {pane.n[0, i] for i, aspect in enumerate(aspects[0]) if aspect != "missing"} == {10}
    assert pane.n[0, aspects[0].index("missing")] == 20
    assert pane.scores[0, aspects[0].index("missing")] == 10
    assert pane.scores[1, aspects[1].index("category")] == 5


def test_a_standard_error_is_that_of_the_plug_in_estimate() -> None:
    bets, shares = bets_and_shares()
    rng, n = np.random.default_rng(1), 2_000
    drawn = [rng.multinomial(n, shares[0]) / n for _ in range(2_000)]
    estimates = np.stack([bets.log_means(np.stack([each, shares[1]]))[0] for each in drawn])
    errors = np.sqrt(bets.variances(shares)[0] / n)
    used = np.isfinite(bets.log_weights[0])
    assert errors[used] == pytest.approx(estimates.std(axis=0)[used], rel=0.1)
