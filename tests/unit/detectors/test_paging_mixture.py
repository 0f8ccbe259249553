"""The mixture e-detector: its definition, its bound on simulated streams, and what it says of a change."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from driftline.detectors import Block, Detection
from driftline.detectors.paging_mixture import PagingMixture, PagingMixtureParameters
from driftline.detectors.tilted_mixture import GATES, TILTS, direction_scores, tilts
from driftline.errors import ParameterError
from tests.unit.detectors.test_paging import SIMULATION

SHARES = np.array([0.1, 0.2, 0.3, 0.25, 0.15])
EVEN = np.full(20, 0.05)
MUCH = 10**9


def test_the_scores_are_standardised_bounded_and_ascend() -> None:
    location, spread, upper, lower = direction_scores(SHARES)
    for scores in (location, spread):
        assert SHARES @ scores == pytest.approx(0.0)
        assert SHARES @ scores**2 == pytest.approx(1.0)
    assert (np.diff(location) > 0).all()
    assert (upper.tolist(), lower.tolist()) == ([0, 0, 0, 0, 1], [1, 0, 0, 0, 0])
    assert not direction_scores(np.array([1.0])).any()


def test_without_a_gate_each_bet_is_fair_for_the_reference_itself() -> None:
    fair = tilts(SHARES, MUCH, (1, 1, 1, 1), gates=(0, 0, 0, 0))
    # One event in each group, weighed by its share: the expectation of the factor.
    factors = np.array([np.exp(fair.steps(counts)) for counts in np.eye(5, dtype=np.int64)])
    assert SHARES @ factors == pytest.approx(np.ones(len(TILTS)), abs=1e-3)


@pytest.mark.parametrize("part", [-1.0, -0.5, 0.0, 0.5, 1.0])
def test_no_bet_gains_by_a_change_up_to_the_gate(part: float) -> None:
    gated = tilts(SHARES, MUCH, (1, 1, 1, 1))
    factors = np.array([np.exp(gated.steps(counts)) for counts in np.eye(5, dtype=np.int64)])
    for direction, scores in enumerate(direction_scores(SHARES)):
        moved = SHARES * np.exp(part * GATES[direction] * scores)
        moved /= moved.sum()
        of_direction = [place for place, (each, _) in enumerate(TILTS) if each == direction]
        assert (moved @ factors[:, of_direction] <= 1 + 1e-9).all()


def test_it_is_the_definition_in_whole_products() -> None:
    rng = np.random.default_rng(3)
    detector = PagingMixture(PagingMixtureParameters(horizon_blocks=10**9))
    bets = tilts(EVEN, 20_000, (1, 1, 1, 1))
    products = np.zeros(len(TILTS))
    for _ in range(40):
        counts = rng.multinomial(8, EVEN)
        assert detector.update(Block(8, 0.0, 1.0, tuple(counts.tolist()))) is None
        factors = np.exp(bets.scores @ counts) / np.exp(bets.log_means) ** 8
        products = (products + 1) * factors
    assert np.exp(detector.state.logs) == pytest.approx(products, rel=1e-9)


@pytest.mark.parametrize("phi", [0.0, 0.9])
@pytest.mark.parametrize("n_reference", [4096, 20_000])
def test_it_raises_no_more_false_alarms_than_its_share(phi: float, n_reference: int) -> None:
    """20 streams x 1 alarm allowed: with a mean of 20, counts above 31 have a chance of less than 1 %."""
    cell = SIMULATION.Cell(PagingMixture, 1.0, phi, n_reference, 100.0, 600, 20)
    assert sum(SIMULATION.simulate(cell, seed=7)) <= 31


def _first(mean: float, deviation: float) -> Detection:
    rng = np.random.default_rng(11)
    detector = PagingMixture(PagingMixtureParameters(expected_alarms=0.01, horizon_blocks=259_200))
    values = np.concatenate([rng.normal(size=3_000), rng.normal(mean, deviation, 6_000)])
    found = [each for each in map(detector.update, SIMULATION.panes_of(values)) if each]
    assert found
    assert found[0].index >= 3_000
    return found[0]


@pytest.mark.parametrize("shift", [-0.5, 0.5])
def test_a_shift_is_found_dated_and_called_one_of_the_mean(shift: float) -> None:
    found = _first(shift, 1.0)
    assert (found.aspect, found.direction) == ("mean", "up" if shift > 0 else "down")
    assert found.mean_after == pytest.approx(shift, abs=0.2)
    assert found.since_events is not None
    assert abs(found.index + 1 - found.since_events - 3_000) <= 60
    assert found.index < 3_400  # less than the 500 events that an hourly window waits for


def test_a_wider_spread_is_found_and_called_one() -> None:
    found = _first(0.0, 1.5)
    assert found.aspect in {"spread", "upper tail", "lower tail"}
    assert found.direction == "up"
    assert found.deviation_after == pytest.approx(1.5, abs=0.3)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"shares": ()}, "Expected 1 to 40 shares that add up to 1"),
        ({"shares": (0.5, 0.4)}, "Expected 1 to 40 shares that add up to 1"),
        ({"groups": (0, 20)}, "Expected at most 40 groups, each one of the shares"),
        ({"variance_ratios": (1.0, 1.0)}, "Expected a ratio above 0 for each of mean, spread, upper tail, lower tail"),
        ({"variance_ratios": (1.0, 1.0, math.nan, 1.0)}, "Expected a ratio above 0 for each of mean"),
        ({"degrees_of_freedom": 3.0}, "Expected at least 20 degrees of freedom, got 3"),
    ],
)
def test_parameters_outside_their_range_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        PagingMixtureParameters(**parameters)
