"""The distances equal SciPy's on the same shares, and on a grid stay within their bound of the exact ones."""

from __future__ import annotations

import warnings
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import special, stats
from scipy.spatial import distance
from sklearn import metrics

from driftline import distances

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

DISTRIBUTIONS: dict[str, Callable[[np.random.Generator, int], npt.NDArray[np.float64]]] = {
    "normal": lambda rng, n: rng.normal(0, 1, n),
    "heavy_tailed": lambda rng, n: rng.standard_t(1.5, n),
    "discrete": lambda rng, n: rng.poisson(3, n).astype(np.float64),
    "constant": lambda _, n: np.full(n, 7.0),
    "zero_inflated": lambda rng, n: np.where(rng.random(n) < 0.8, 0.0, rng.exponential(1, n)),
    "two_atoms": lambda rng, n: rng.choice([0.0, 100.0], n),
    "years": lambda rng, n: 2020 + rng.normal(0, 0.01, n),
}


def _binned(
    current: npt.NDArray[np.float64], reference: npt.NDArray[np.float64], bins: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Count both on the reference's quantiles, open at both ends."""
    inner = np.unique(np.quantile(reference, np.linspace(0, 1, bins + 1)[1:-1]))
    return (
        np.bincount(np.searchsorted(inner, current, side="right"), minlength=inner.size + 1).astype(np.int64),
        np.bincount(np.searchsorted(inner, reference, side="right"), minlength=inner.size + 1).astype(np.int64),
    )


def _counts(seed: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    bins = int(rng.integers(2, 60))
    shares = rng.dirichlet(np.full(bins, 0.5))
    return rng.multinomial(int(rng.integers(1, 2000)), rng.permutation(shares)), rng.multinomial(5000, shares)


def _smoothed(counts: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    held = counts[counts + other > 0] + np.float64(0.5)
    shares: npt.NDArray[np.float64] = held / held.sum()
    return shares


def test_the_oracle_is_the_version_that_is_stated() -> None:
    assert version("scipy") == "1.17.1"


@pytest.mark.parametrize("seed", range(20))
def test_population_stability_index_is_the_sum_of_both_relative_entropies(seed: int) -> None:
    current, reference = _counts(seed)
    p, q = _smoothed(current, reference), _smoothed(reference, current)
    result = distances.get("psi")(current, reference)
    assert result is not None
    assert result.raw == pytest.approx(float((special.rel_entr(p, q) + special.rel_entr(q, p)).sum()), rel=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_jensen_shannon_is_scipys_to_base_2(seed: int) -> None:
    current, reference = _counts(seed)
    p, q = _smoothed(current, reference), _smoothed(reference, current)
    result = distances.get("jensen_shannon")(current, reference)
    assert result is not None
    assert result.raw == pytest.approx(float(distance.jensenshannon(p, q, base=2)), rel=1e-9)


@pytest.mark.parametrize("n", [1, 20, 500, 5000])
@pytest.mark.parametrize("bins", [10, 200])
@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("change", ["none", "shifted", "beyond_the_range"])
def test_kolmogorov_smirnov_on_the_grid_is_within_its_bound_of_the_exact_one(
    name: str, change: str, bins: int, n: int
) -> None:
    rng = np.random.default_rng([len(name), bins, n])
    reference, current = DISTRIBUTIONS[name](rng, 4000), DISTRIBUTIONS[name](rng, n)
    current = current + {"none": 0.0, "shifted": 0.3 * float(reference.std()), "beyond_the_range": 1e4}[change]
    exact = float(stats.ks_2samp(current, reference, method="asymp").statistic)
    result = distances.get("kolmogorov_smirnov")(*_binned(current, reference, bins))
    assert result is not None
    assert result.error_bound is not None
    assert result.raw - 1e-12 <= exact <= result.raw + result.error_bound + 1e-12


def test_kolmogorov_smirnov_of_discrete_values_with_bins_of_their_own_is_exact() -> None:
    rng = np.random.default_rng(2)
    current, reference = rng.poisson(3.3, 500), rng.poisson(3, 5000)
    result = distances.get("kolmogorov_smirnov")(
        np.bincount(current, minlength=30).astype(np.int64), np.bincount(reference, minlength=30).astype(np.int64)
    )
    assert result is not None
    assert result.raw == pytest.approx(float(stats.ks_2samp(current, reference, method="asymp").statistic), abs=1e-12)


def _parts(
    seed: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    current, reference = _counts(seed)
    held = current + reference > 0
    return current, reference, current[held] / current.sum(), reference[held] / reference.sum()


ON_SMOOTHED: dict[str, Callable[[npt.NDArray[np.float64], npt.NDArray[np.float64]], float]] = {
    "kullback_leibler": lambda p, q: float(special.rel_entr(p, q).sum()),
    "hellinger": lambda p, q: float(distance.euclidean(np.sqrt(p), np.sqrt(q)) / np.sqrt(2)),
    "chi_squared": lambda p, q: float(stats.chisquare(p, q, sum_check=False).statistic),
    "jensen_shannon_divergence": lambda p, q: float(distance.jensenshannon(p, q, base=2) ** 2),
}
ON_PLAIN: dict[str, Callable[[npt.NDArray[np.float64], npt.NDArray[np.float64]], float]] = {
    "total_variation": lambda p, q: float(distance.cityblock(p, q) / 2),
    "l_infinity": lambda p, q: float(distance.chebyshev(p, q)),
}


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("key", [*ON_SMOOTHED, *ON_PLAIN])
def test_distances_of_shares_are_scipys(key: str, seed: int) -> None:
    current, reference, p, q = _parts(seed)
    if key in ON_SMOOTHED:
        expected = ON_SMOOTHED[key](_smoothed(current, reference), _smoothed(reference, current))
    else:
        expected = ON_PLAIN[key](p, q)
    result = distances.get(key)(current, reference)
    assert result is not None
    assert result.raw == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_distances_of_shares_are_scikit_learns(seed: int) -> None:
    current, reference, p, q = _parts(seed)
    smoothed = _smoothed(current, reference), _smoothed(reference, current)
    bits = metrics.mutual_info_score(
        None, None, contingency=np.round(np.array(smoothed) * 1e9).astype(np.int64)
    ) / np.log(2)
    expected = {
        "jensen_shannon_divergence": bits,
        "total_variation": metrics.pairwise.manhattan_distances([p], [q])[0, 0] / 2,
        "l_infinity": metrics.pairwise_distances([p], [q], metric="chebyshev")[0, 0],
        "hellinger": metrics.pairwise.euclidean_distances(*(np.sqrt([side]) for side in smoothed))[0, 0] / np.sqrt(2),
    }
    for key, value in expected.items():
        result = distances.get(key)(current, reference)
        assert result is not None
        assert result.raw == pytest.approx(float(value), rel=1e-6)


@pytest.mark.parametrize("n", [2, 5, 40, 300])
def test_with_an_event_a_bin_the_distances_on_order_are_scipys_statistics(n: int) -> None:
    rng = np.random.default_rng(n)
    current, reference = rng.normal(0.4, 1.5, n), rng.normal(0, 1, n)
    values = np.sort(np.concatenate([current, reference]))
    counts = np.isin(values, current).astype(np.int64), np.isin(values, reference).astype(np.int64)
    mean_square = distances.get("cramer_von_mises")(*counts)
    assert mean_square is not None
    statistic = stats.cramervonmises_2samp(current, reference, method="asymptotic").statistic
    assert mean_square.raw * n / 2 == pytest.approx(float(statistic), rel=1e-9)
    largest = distances.get("kolmogorov_smirnov")(*counts)
    assert largest is not None
    assert largest.raw == pytest.approx(float(stats.ks_2samp(current, reference).statistic), rel=1e-12)


@pytest.mark.parametrize("n", [5, 40, 300])
def test_with_an_event_a_bin_anderson_darling_is_scipys_statistic(n: int) -> None:
    """SciPy's is (A² - 1) / σ with a σ that depends on the sizes alone: the difference of two gives it."""
    rng = np.random.default_rng(n)
    pairs = []
    for shift in (0.0, 0.7, 1.5):
        current, reference = rng.normal(shift, 1, n), rng.normal(0, 1, n)
        values = np.sort(np.concatenate([current, reference]))
        result = distances.get("anderson_darling")(
            np.isin(values, current).astype(np.int64), np.isin(values, reference).astype(np.int64)
        )
        assert result is not None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # p-values outside the table, and the way to ask for the old statistic
            pairs.append((result.raw * n / 2, float(stats.anderson_ksamp([current, reference], midrank=False)[0])))
    (ours, theirs), *others = pairs
    sigma = (others[0][0] - ours) / (others[0][1] - theirs)
    assert theirs * sigma + 1 == pytest.approx(ours, rel=1e-9)
    for mine, standardised in others:
        assert standardised * sigma + 1 == pytest.approx(mine, rel=1e-9)
