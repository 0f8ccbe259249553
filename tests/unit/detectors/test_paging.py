from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from driftline.detectors import Block
from driftline.detectors.cusum_table import ALLOWANCES, DEGREES, EXPONENTS, THRESHOLDS
from driftline.detectors.cusum_threshold import threshold_for
from driftline.detectors.paging import PagingParameters
from driftline.detectors.paging_cusum import PagingCusum
from driftline.errors import ParameterError
from tests.support.scripts import script_of

THRESHOLDS_SCRIPT: Any = script_of("cusum_thresholds")
SIMULATION: Any = script_of("simulate_paging")


def _run_length(h: float, drift: float, n_states: int = 400) -> float:
    """Return the mean blocks to an alarm of max(0, S + z - drift), by Brook and Evans' Markov chain."""
    width = h / (n_states - 0.5)
    states = np.arange(n_states) * width
    upper = norm.cdf(states[None, :] + width / 2 - states[:, None] + drift)
    lower = norm.cdf(states[None, :] - width / 2 - states[:, None] + drift)
    moves = upper - lower
    moves[:, 0] = upper[:, 0]
    return float(np.linalg.solve(np.eye(n_states) - moves, np.ones(n_states))[0])


@pytest.mark.parametrize("drift", [-0.1, 0.05, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("h", [4.0, 10.0, 15.0])
def test_siegmunds_formula_is_the_markov_chains_run_length(h: float, drift: float) -> None:
    ours = 1 / float(THRESHOLDS_SCRIPT.alarms(np.array(h), np.array(drift)))
    assert ours == pytest.approx(_run_length(h, drift), rel=0.06)


@pytest.mark.parametrize(("table", "row", "column"), [(0, 6, 6), (0, 3, 8), (2, 3, 14), (4, 0, 4), (6, 6, 10)])
def test_the_table_holds_what_the_script_computes(table: int, row: int, column: int) -> None:
    computed = THRESHOLDS_SCRIPT.threshold(10.0 ** -EXPONENTS[column], DEGREES[row], ALLOWANCES[table])
    assert THRESHOLDS[table][row][column] == pytest.approx(computed, abs=0.0101)


def test_the_threshold_meets_the_table_and_lies_between_its_cells() -> None:
    assert threshold_for(1.0, 1e4) == THRESHOLDS[0][-1][EXPONENTS.index(4.0)]
    assert threshold_for(1.0, 1e4, 100.0, 0.5) == THRESHOLDS[2][DEGREES.index(100.0)][EXPONENTS.index(4.0)]
    for degrees in (20.0, 25.0, 70.0, 1000.0, math.inf):
        rising = [threshold_for(share, 8640, degrees) for share in (1, 0.3, 0.1, 0.03, 0.01, 0.003)]
        assert rising == sorted(rising)
    for share in (1.0, 0.01):
        falling = [threshold_for(share, 8640, degrees) for degrees in (20.0, 25.0, 70.0, 1000.0, math.inf)]
        assert falling == sorted(falling, reverse=True)
        falling = [threshold_for(share, 8640, 100.0, k) for k in (0.25, 0.3, 0.6, 1.2, 2.0, 5.0)]
        assert falling == sorted(falling, reverse=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, 100), "Expected more than 0 alarms in at least 1 block"),
        ((1.0, 100, 19.0), "Expected at least 20 degrees of freedom"),
        ((1.0, 100, math.nan), "Expected at least 20 degrees of freedom"),
        ((1e-9, 100), "Expected at least 1e-8 expected alarms a block"),
        ((1.0, 100, 50.0, 0.2), "Expected an allowance of at least 0.25"),
    ],
)
def test_what_no_threshold_can_hold_is_refused(arguments: tuple[float, ...], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        threshold_for(*arguments)


@pytest.mark.parametrize("phi", [0.0, 0.9])
@pytest.mark.parametrize("n_reference", [4096, 20_000])
@pytest.mark.parametrize("degrees", [math.inf, 100.0])
def test_cusum_raises_no_more_false_alarms_than_its_share(phi: float, n_reference: int, degrees: float) -> None:
    """60 streams x 1 alarm allowed: with a mean of 60, counts above 80 have a chance of less than 1 %."""
    cell = SIMULATION.Cell(PagingCusum, 1.0, phi, n_reference, degrees, 1000, 60)
    assert sum(SIMULATION.simulate(cell, seed=7)) <= 80


def test_the_simulated_blocks_vary_as_an_autoregression_does() -> None:
    means = SIMULATION.block_means(np.random.default_rng(1), 0.9, 190, 20_000)
    assert means.var() * 190 == pytest.approx(19 - 2 * 0.9 / 0.01 / 190, rel=0.05)


def test_small_blocks_are_gathered_until_they_are_worth_ten_independent_events() -> None:
    found = PagingCusum(PagingParameters(variance_ratio=19.0))
    for _ in range(18):
        found.update(Block(10, 0.1, 1.0))
    assert found.state.gathered.n_events == 180
    found.update(Block(10, 0.1, 1.0))
    assert found.state.gathered.n_events == 0


def test_one_outlier_pages_nobody() -> None:
    found = PagingCusum(PagingParameters(horizon_blocks=8640))
    blocks = [Block(100, 0.0, 1.0)] * 50 + [Block(100, 256.0, 0.0)] + [Block(100, 0.0, 1.0)] * 50
    assert not any(found.update(block) for block in blocks)


@pytest.mark.parametrize("shift", [-0.4, 0.4])
def test_a_lasting_shift_is_found_and_dated(shift: float) -> None:
    rng = np.random.default_rng(4)
    found = PagingCusum(PagingParameters(horizon_blocks=8640, degrees_of_freedom=100.0))
    blocks = [Block(100, float(rng.normal(shift * (i >= 500), 0.1)), 1.0) for i in range(600)]
    first = next(d for d in map(found.update, blocks) if d)
    assert first.direction == ("up" if shift > 0 else "down")
    assert first.since_blocks is not None
    found_at = (first.index + 1) // 100
    assert 501 <= found_at <= 530
    assert abs(found_at - first.since_blocks - 500) <= 5


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"expected_alarms": 0}, r"Expected a number greater than 0, got 0 - at `\$\.expected_alarms`"),
        ({"variance_ratio": math.nan}, r"got nan - at `\$\.variance_ratio`"),
        ({"degrees_of_freedom": 3}, r"Expected at least 20 degrees of freedom, got 3"),
        ({"min_blocks": 0}, r"Expected a whole number of at least 1, got 0 - at `\$\.min_blocks`"),
    ],
)
def test_parameters_outside_their_range_are_refused(parameters: dict[str, float], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        PagingParameters(**parameters)  # type: ignore[arg-type] # wrong on purpose
