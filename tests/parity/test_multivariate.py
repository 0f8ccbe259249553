"""Multivariate mathematics beside NumPy, SciPy and scikit-learn."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
from scipy import stats
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import rbf_kernel

from driftline.multivariate.correlation import correlation_change
from driftline.multivariate.cross_moments import CrossMoments, feature_sample
from driftline.multivariate.domain_classifier import area_under_curve
from driftline.multivariate.mean_embedding import embedding_distance
from driftline.multivariate.reconstruction import reconstruction_change, residual_of
from driftline.profiles.building.joint_build import influences, random_frequencies
from driftline.sketches.joint import Joint

MIXING = np.random.default_rng(11).normal(size=(6, 3))


def rows(n: int, seed: int, noise: float = 0.3) -> np.ndarray:
    """Return rows of six columns in a space of about three dimensions."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 3)) @ MIXING.T + noise * rng.normal(size=(n, 6))


def moments(x: np.ndarray) -> CrossMoments:
    return CrossMoments(len(x), x.mean(axis=0), x.T @ x / len(x))


def test_correlations_are_numpys() -> None:
    x = rows(500, 1)
    assert moments(x).correlation == pytest.approx(np.corrcoef(x, rowvar=False))
    assert moments(x).covariance == pytest.approx(np.cov(x, rowvar=False, bias=True))


def test_the_influence_of_normal_values_gives_fishers_variance() -> None:
    rng = np.random.default_rng(2)
    for r in (0.0, 0.5, -0.9):
        z = rng.multivariate_normal([0, 0], [[1, r], [r, 1]], 200_000).T
        variances, _ = influences(partial(_between, z), 200_000)
        assert variances.tolist() == pytest.approx([(1 - r * r) ** 2], rel=0.05)


def _between(z: np.ndarray, first: int, last: int) -> np.ndarray:
    return z[:, first:last]


def test_one_normal_pair_gives_fishers_test_of_two_correlations() -> None:
    rng = np.random.default_rng(3)
    here, there = rng.normal(size=(400, 2)), rng.normal(size=(900, 2))
    found = correlation_change(moments(here), moments(there), np.ones(1), np.zeros(1))
    assert found is not None
    r, r0 = (float(stats.pearsonr(*x.T).statistic) for x in (here, there))
    expected = abs(math.atanh(r) - math.atanh(r0)) / math.sqrt((1 / 397 + 1 / 897) / (1 - r0**2) ** 2)
    assert found.statistic == pytest.approx(expected)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(expected))


def test_reconstruction_errors_are_those_of_scikit_learns_pca() -> None:
    there, here = rows(2_000, 4), rows(300, 5, noise=0.8)
    n_components = residual_of(moments(there).covariance, 2_000).n_components
    pca = PCA(n_components=0.95, svd_solver="full").fit(there)
    assert pca.n_components_ == n_components

    def error(x: np.ndarray) -> float:
        return float(((x - pca.inverse_transform(pca.transform(x))) ** 2).sum(axis=1).mean())

    found = reconstruction_change(moments(here), moments(there), there)
    assert found is not None
    assert [found.current, found.reference] == pytest.approx([error(here), error(there)])
    assert found.n_components == n_components
    assert found.p_value < 1e-6


def joint_of(z: np.ndarray) -> Joint:
    frequencies, phases = random_frequencies(z.T)
    columns = tuple(range(z.shape[1]))
    return Joint(columns, False, frequencies.astype("<i4").tobytes(), phases.astype("<i4").tobytes())  # noqa: FBT003  # positional as on the wire


def test_the_embedding_distance_is_the_kernels_discrepancy_within_the_bound_of_its_features() -> None:
    """By Hoeffding, each mean over pairs of points is off by more than 2 √(log(2/δ)/m) with a chance of δ at most."""
    rng = np.random.default_rng(6)
    there, here = rng.normal(size=(300, 4)), rng.normal(0.8, 1, size=(200, 4))
    distances = ((there[:, None] - there[None]) ** 2).sum(axis=2)
    gamma = 1 / (2 * np.median(distances[np.triu_indices(300, 1)]))
    exact = rbf_kernel(here, here, gamma).mean() + rbf_kernel(there, there, gamma).mean()
    exact -= 2 * rbf_kernel(here, there, gamma).mean()
    joint = joint_of(there)
    samples = feature_sample(joint, here), feature_sample(joint, there)
    found = embedding_distance((200, samples[0].mean(axis=0)), (300, samples[1].mean(axis=0)), samples[1])
    assert found.squared == pytest.approx(exact, abs=4 * 2 * math.sqrt(math.log(2 / 0.01) / joint.n_features))
    assert found.squared == pytest.approx(exact, rel=0.5)


@pytest.mark.slow
def test_with_nothing_changed_the_embedding_distance_is_its_weighted_chi_squared() -> None:
    rng = np.random.default_rng(7)
    there = rng.normal(size=(1_500, 3))
    joint = joint_of(there[:300])
    sample = feature_sample(joint, there)
    size, scores = 200, []
    for _ in range(200):
        mean = feature_sample(joint, rng.normal(size=(size, 3))).mean(axis=0)
        found = embedding_distance((size, mean), (1_500, sample.mean(axis=0)), sample)
        scores.append(found.squared / found.weights.sum())
    assert np.mean(scores) == pytest.approx(1.0, abs=0.15)
    relative = 2 * (found.weights**2).sum() / found.weights.sum() ** 2
    assert np.var(scores) == pytest.approx(relative, rel=0.5)


def test_areas_are_those_of_scipy_and_scikit_learn() -> None:
    rng = np.random.default_rng(8)
    here, there = rng.integers(0, 9, 150).astype(float), rng.integers(1, 10, 220).astype(float)
    area, variance = area_under_curve(here, there)
    result = stats.mannwhitneyu(here, there, use_continuity=False, method="asymptotic")
    assert area == pytest.approx(result.statistic / (150 * 220))
    assert 2 * stats.norm.sf(abs(area - 0.5) / math.sqrt(variance)) == pytest.approx(result.pvalue)
    labels = np.repeat([1, 0], [150, 220])
    assert area == pytest.approx(roc_auc_score(labels, np.concatenate([here, there])))
