"""On the grid of a profile, and with the sums of its tails, distances stay within their bound of SciPy's exact ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from scipy import stats

from driftline import distances
from driftline.distances import Support
from driftline.sketches.grid import bin_of, build_edges

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Values = npt.NDArray[np.float64]


def mean_square_difference(x: Values, y: Values) -> float:
    """Return the mean of (F - G)² over both samples, each weighing one half: what SciPy's statistic is made of."""
    ordered_x, ordered_y = np.sort(x), np.sort(y)

    def over(values: Values) -> float:
        here = np.searchsorted(ordered_x, values, side="right") / x.size
        there = np.searchsorted(ordered_y, values, side="right") / y.size
        return float(((here - there) ** 2).mean())

    return (over(x) + over(y)) / 2


DISTRIBUTIONS: dict[str, Callable[[np.random.Generator, int], Values]] = {
    "normal": lambda rng, n: rng.normal(0, 1, n),
    "cauchy": lambda rng, n: rng.standard_cauchy(n),
    "lognormal": lambda rng, n: rng.lognormal(0, 1.5, n),
    "discrete": lambda rng, n: rng.poisson(3, n).astype(np.float64),
    "constant": lambda _, n: np.full(n, 7.0),
    "zero_inflated": lambda rng, n: np.where(rng.random(n) < 0.8, 0.0, rng.exponential(1, n)),
    "two_atoms": lambda rng, n: rng.choice([0.0, 100.0], n),
    "years": lambda rng, n: 2020 + rng.normal(0, 0.01, n),
    "kelvin": lambda rng, n: 293.15 + rng.gamma(2, 0.5, n),
}
CHANGES: dict[str, Callable[[Values, float], Values]] = {
    "none": lambda values, _: values,
    "shifted": lambda values, spread: values + 0.3 * spread,
    "wider": lambda values, spread: np.median(values) + 3 * (values - np.median(values)) + 0 * spread,
    "beyond_the_range": lambda values, spread: values + 1_000 * max(spread, 1.0),
}
EXACT: dict[str, Callable[[Values, Values], float]] = {
    "kolmogorov_smirnov": lambda x, y: float(stats.ks_2samp(x, y, method="asymp").statistic),
    "wasserstein": lambda x, y: float(stats.wasserstein_distance(x, y)),
    "energy_distance": lambda x, y: float(stats.energy_distance(x, y)),
    "cramer_von_mises": mean_square_difference,
}
N_REFERENCE = 4000
ATOMS = {"discrete", "two_atoms", "zero_inflated"}
"""Shifted, their atoms fall between those of the reference, where bins are wide."""


class _Case(NamedTuple):
    current: Values
    reference: Values
    counts: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
    support: Support


def _case(name: str, change: str, n: int, *, sums: bool) -> _Case:
    rng = np.random.default_rng([len(name), n])
    reference = DISTRIBUTIONS[name](rng, N_REFERENCE)
    spread = float(reference.std())
    current = CHANGES[change](DISTRIBUTIONS[name](rng, n), spread)
    edges = build_edges(reference)
    bins = [bin_of(edges, side) for side in (current, reference)]
    counts = tuple(np.bincount(side, minlength=edges.size + 1) for side in bins)
    tails = np.ones(edges.size + 1, dtype=np.bool_)
    first, last = bin_of(edges, np.array([reference.min(), reference.max()])).tolist()
    tails[first : last + 1] = False
    totals = [
        np.where(tails, np.bincount(each, weights=side, minlength=edges.size + 1), np.nan)
        for each, side in zip(bins, (current, reference), strict=True)
    ]
    support = Support.of_grid(
        edges,
        spread=spread,
        lowest=float(min(current.min(), reference.min())),
        highest=float(max(current.max(), reference.max())),
        current_sums=totals[0] if sums else None,
        reference_sums=totals[1] if sums else None,
    )
    return _Case(current, reference, (counts[0], counts[1]), support)


@pytest.mark.parametrize("key", EXACT)
@pytest.mark.parametrize("known", ["tail_sums", "extremes_only"])
@pytest.mark.parametrize("n", [1, 2, 5, 500])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_the_exact_distance_is_within_the_stated_bound(
    name: str,
    change: str,
    n: int,
    known: str,
    key: str,
) -> None:
    case = _case(name, change, n, sums=known == "tail_sums")
    exact = EXACT[key](case.current, case.reference)
    result = distances.get(key)(*case.counts, support=case.support)
    assert result is not None
    assert result.error_bound is not None
    size = max(float(np.abs(case.current).max()), float(np.abs(case.reference).max()), 1.0)
    assert abs(result.raw - exact) <= result.error_bound * (1 + 1e-9) + 1e-12 * size


@pytest.mark.parametrize("change", ["none", "shifted"])
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_the_bounds_are_small_against_the_noise_of_a_window(name: str, change: str) -> None:
    """The noise of 500 events is 0.04 standard deviations in Wasserstein, and 0.05 in Kolmogorov-Smirnov."""
    case = _case(name, change, 500, sums=True)
    if name in {"cauchy", "lognormal"} or (change == "shifted" and name in ATOMS):
        most = {"kolmogorov_smirnov": 0.02}  # few wide bins hold what moved: the bound says so
    else:
        most = {"kolmogorov_smirnov": 0.02, "cramer_von_mises": 0.02, "wasserstein_normed": 0.075}
    for key, bound in most.items():
        result = distances.get(key)(*case.counts, support=case.support)
        assert result is not None
        assert result.error_bound is not None
        assert result.error_bound <= bound


@pytest.mark.parametrize("change", ["none", "beyond_the_range"])
@pytest.mark.parametrize("name", ["discrete", "constant", "two_atoms"])
def test_columns_of_few_values_are_exact_and_so_is_one_event_beyond_them(name: str, change: str) -> None:
    case = _case(name, "none", 500, sums=False)
    for key, exact in EXACT.items():
        result = distances.get(key)(*case.counts, support=case.support)
        assert result is not None
        assert result.raw == pytest.approx(exact(case.current, case.reference), rel=1e-9, abs=1e-12)
        assert result.error_bound == 0
    far = _case(name, change, 1, sums=True)
    result = distances.get("wasserstein")(*far.counts, support=far.support)
    assert result is not None
    assert result.raw == pytest.approx(EXACT["wasserstein"](far.current, far.reference), rel=1e-9, abs=1e-12)


def test_known_sums_tighten_the_bound_beyond_the_range() -> None:
    with_sums, without = (
        distances.get("wasserstein")(*case.counts, support=case.support)
        for case in (_case("normal", "wider", 500, sums=known) for known in (True, False))
    )
    assert with_sums is not None
    assert without is not None
    assert with_sums.error_bound is not None
    assert without.error_bound is not None
    assert with_sums.error_bound < without.error_bound


def test_an_open_bin_with_a_sum_is_bounded_and_one_of_which_nothing_is_known_is_not() -> None:
    counts = np.array([2, 5, 1]), np.array([0, 9, 1])
    edges = np.array([0.0, 1.0])
    unknown = distances.get("wasserstein")(*counts, support=Support.of_grid(edges, spread=1.0))
    summed = Support.of_grid(
        edges, spread=1.0, current_sums=np.array([-8.0, np.nan, 3.0]), reference_sums=np.array([0.0, np.nan, 2.0])
    )
    known = distances.get("wasserstein")(*counts, support=summed)
    assert unknown is not None
    assert known is not None
    assert unknown.error_bound is None
    assert known.error_bound == pytest.approx(2 / 8 * 8 + 5 / 8 * 0.5 + 1 / 8 * 4 + 9 / 10 * 0.5 + 1 / 10 * 2)
