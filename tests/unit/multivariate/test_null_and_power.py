"""Tests between columns keep their level where nothing changed, and find what each column alone cannot show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from driftline.multivariate.correlation import correlation_change
from driftline.multivariate.cross_moments import CrossMoments
from driftline.multivariate.domain_classifier import domain_score
from driftline.multivariate.reconstruction import reconstruction_change, residual_of
from driftline.profiles.building.joint_build import influences

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]

P = 6
MIXING = np.random.default_rng(1).normal(size=(P, 2))


def normal(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    return rng.normal(size=(P, n))


def correlated(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    return 0.9 * rng.normal(size=(1, n)) + 0.3 * rng.normal(size=(P, n))


def low_rank(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    return MIXING @ rng.normal(size=(2, n)) + 0.2 * rng.standard_t(5, size=(P, n))


def heavy(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    return np.exp(rng.normal(size=(P, n)))


def rare(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    return (rng.random((P, n)) < 0.05) * rng.exponential(size=(P, n))


def moments(z: NDArray[np.float64]) -> CrossMoments:
    return CrossMoments(z.shape[1], z.mean(axis=1), z @ z.T / z.shape[1])


class Reference:
    """A reference, and windows standardised and clipped with it as sketches do."""

    def __init__(self, draw: Draw, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        values = draw(self.rng, 20_000)
        self.mean, self.spread = values.mean(axis=1, keepdims=True), values.std(axis=1, keepdims=True)
        self.z = self.standardised(values)
        self.moments, self.influences = moments(self.z), influences(lambda first, last: self.z[:, first:last], 20_000)

    def standardised(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        z: NDArray[np.float64] = np.clip((values - self.mean) / self.spread, -8, 8)
        return z


@pytest.mark.parametrize("draw", [normal, correlated, heavy, rare])
def test_unchanged_correlations_keep_the_level(draw: Draw) -> None:
    n_windows = 1_000
    p_values = []
    for seed in range(4):
        reference = Reference(draw, seed)
        for _ in range(n_windows // 4):
            window = moments(reference.standardised(draw(reference.rng, 500)))
            found = correlation_change(window, reference.moments, *reference.influences)
            assert found is not None
            p_values.append(found.p_value)
    rejected = np.array([(np.array(p_values) <= level).sum() for level in (0.01, 0.001)])
    assert (rejected <= [35, 8]).all(), rejected  # of 1,000: 10 and 1 expected at the level


@pytest.mark.parametrize("draw", [correlated, low_rank])
def test_unchanged_reconstruction_errors_keep_the_level(draw: Draw) -> None:
    reference = Reference(draw, 9)
    p_values = []
    for _ in range(1_000):
        window = moments(reference.standardised(draw(reference.rng, 500)))
        found = reconstruction_change(window, reference.moments, reference.z[:, :2_000].T)
        assert found is not None
        p_values.append(found.p_value)
    assert (np.array(p_values) <= 0.01).sum() <= 30


def test_where_all_components_are_needed_nothing_is_reconstructed() -> None:
    reference = Reference(normal, 14)
    residual = residual_of(np.diag([30.0, 30.0, 30.0, 10.0]), 1_000)
    assert (residual.n_components, residual.optimism) == (4, 0.0)
    two = CrossMoments(1_000, np.zeros(2), np.eye(2))
    assert reconstruction_change(two, two, reference.z[:2].T) is None


def test_a_flipped_correlation_is_found_where_marginals_stay() -> None:
    reference = Reference(correlated, 10)
    values = correlated(reference.rng, 500)
    values[4] *= -1
    window = moments(reference.standardised(values))
    found = correlation_change(window, reference.moments, *reference.influences, gate=0.2)
    assert found is not None
    assert 4 in found.pair
    assert found.change > 1.5
    assert found.p_value < 1e-100
    error = reconstruction_change(window, reference.moments, reference.z[:, :2_000].T)
    assert error is not None
    assert error.column == 4
    assert error.p_value < 1e-20


def test_a_pair_that_changed_as_much_as_matters_comes_before_one_that_is_surer() -> None:
    there = CrossMoments(100_000, np.zeros(3), np.array([[1, 0.9, 0.0], [0.9, 1, 0.0], [0.0, 0.0, 1]]))
    here = CrossMoments(500, np.zeros(3), np.array([[1, 0.8, 0.25], [0.8, 1, 0.0], [0.25, 0.0, 1]]))
    variances, kurtoses = np.array([0.036, 1, 1]), np.zeros(3)
    surest = correlation_change(here, there, variances, kurtoses)
    found = correlation_change(here, there, variances, kurtoses, gate=0.2)
    assert surest is not None
    assert found is not None
    assert (surest.pair, found.pair) == ((0, 1), (0, 2))


def test_dependent_events_widen_the_tails() -> None:
    reference = Reference(normal, 12)
    window = moments(reference.standardised(correlated(reference.rng, 500)))
    plain = correlation_change(window, reference.moments, *reference.influences)
    widened = correlation_change(window, reference.moments, *reference.influences, design_effect=10.0)
    assert plain is not None
    assert widened is not None
    assert widened.statistic == pytest.approx(plain.statistic / np.sqrt(10))
    assert widened.p_value > plain.p_value


def test_columns_that_do_not_vary_are_left_out() -> None:
    reference = Reference(normal, 13)
    frozen = reference.standardised(normal(reference.rng, 500))
    frozen[0] = 0.5
    found = correlation_change(moments(frozen), reference.moments, *reference.influences)
    assert found is not None
    assert found.n_pairs == (P - 1) * (P - 2) // 2
    constant = moments(np.ones((P, 500)))
    assert correlation_change(constant, reference.moments, *reference.influences) is None
    assert correlation_change(moments(frozen[:, :3]), reference.moments, *reference.influences) is None


@pytest.mark.parametrize("draw", [normal, correlated, heavy, rare])
def test_unchanged_samples_cannot_be_told_apart(draw: Draw) -> None:
    p_values = []
    for seed in range(8):
        reference = Reference(draw, seed)
        for _ in range(50):
            window = reference.standardised(draw(reference.rng, 300))
            found = domain_score(window.T, reference.z[:, :2_000].T)
            assert found is not None
            p_values.append(found.p_value)
    assert (np.array(p_values) <= 0.05).mean() <= 0.09  # 400 windows: 0.05 and three standard errors
    assert (np.array(p_values) <= 0.001).sum() <= 3


def test_a_classifier_sees_a_change_of_spread_and_says_where() -> None:
    reference = Reference(normal, 20)
    values = normal(reference.rng, 300)
    values[3] *= 3
    found = domain_score(reference.standardised(values).T, reference.z[:, :2_000].T)
    assert found is not None
    assert (found.column, found.auc > 0.65, found.p_value < 1e-6) == (3, True, True)
    assert domain_score(values[:, :99].T, reference.z.T) is None
