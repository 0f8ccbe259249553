"""The grid against exact distribution functions, over distributions that break naive grids."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from driftline.distances import get
from driftline.errors import ParameterError
from driftline.sketches.grid import MAX_ATOMS, QUANTILE_BINS, TAIL_BINS, bin_of, build_edges, representatives

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

DISTRIBUTIONS: dict[str, Callable[[np.random.Generator, int], NDArray[np.float64]]] = {
    "normal": lambda r, n: r.normal(0, 1, n),
    "log-normal": lambda r, n: r.lognormal(3, 2, n),
    "cauchy": lambda r, n: r.standard_cauchy(n),
    "pareto": lambda r, n: r.pareto(0.5, n),
    "uniform": lambda r, n: r.uniform(-5, 5, n),
    "poisson": lambda r, n: r.poisson(4, n).astype(np.float64),
    "many whole numbers": lambda r, n: r.integers(0, 5_000, n).astype(np.float64),
    "rounded": lambda r, n: np.round(r.normal(0, 1, n), 2),
    "constant": lambda _, n: np.full(n, 7.25),
    "zero": lambda _, n: np.zeros(n),
    "zero-inflated": lambda r, n: np.where(r.random(n) < 0.7, 0.0, r.lognormal(0, 1, n)),
    "two atoms": lambda r, n: np.where(r.random(n) < 0.3, -1.0, 1e9),
    "atoms and a continuum": lambda r, n: np.where(r.random(n) < 0.5, r.choice([0.0, 1.0, 2.5], n), r.normal(1, 1, n)),
    "large offset": lambda r, n: 1e9 + r.normal(0, 1e-3, n),
    "tiny": lambda r, n: r.normal(0, 1e-300, n),
    "huge": lambda r, n: r.normal(0, 1e300, n),
}
SIZES = (1, 2, 7, 150, 199, 201, 1_000, 20_000)


def cases() -> list[tuple[str, int]]:
    return [(name, n) for name in DISTRIBUTIONS for n in SIZES]


def drawn(name: str, n: int, seed: int = 3) -> NDArray[np.float64]:
    return DISTRIBUTIONS[name](np.random.default_rng(seed), n)


def binned(edges: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.bincount(bin_of(edges, values), minlength=edges.size + 1)


def is_atom(edges: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which bins hold one value only."""
    inner = edges[1:] <= np.nextafter(edges[:-1], np.inf)
    return np.concatenate([[False], inner, [False]])


@pytest.mark.parametrize(("name", "n"), cases())
def test_edges_increase_and_are_few(name: str, n: int) -> None:
    edges = build_edges(drawn(name, n))
    assert np.isfinite(edges).all()
    assert (np.diff(edges) > 0).all()
    distinct = np.unique(drawn(name, n)).size
    most = 2 * MAX_ATOMS if distinct <= MAX_ATOMS else 2 * QUANTILE_BINS
    assert edges.size + 1 <= most + 2 * TAIL_BINS + 1


@pytest.mark.parametrize(("name", "n"), cases())
def test_no_interval_holds_more_than_its_share_and_one_value(name: str, n: int) -> None:
    values = drawn(name, n)
    edges = build_edges(values)
    counts = binned(edges, values)
    _, ties = np.unique(values, return_counts=True)
    if ties.size <= MAX_ATOMS:
        assert counts[~is_atom(edges)].sum() == 0
        return
    most = max([int(c) for c in ties if c * QUANTILE_BINS < n], default=0)
    assert counts[~is_atom(edges)].max() <= np.ceil(n / QUANTILE_BINS) + most


@pytest.mark.parametrize(("name", "n"), cases())
def test_the_distribution_function_is_exact_at_edges_and_within_a_bin_elsewhere(name: str, n: int) -> None:
    reference = drawn(name, n)
    edges = build_edges(reference)
    values = drawn(name, 3_000, seed=4) * 1.5 + drawn("normal", 3_000, seed=5)
    ordered = np.sort(values)
    counts = binned(edges, values)
    below = np.cumsum(counts[:-1])
    assert below.tolist() == np.searchsorted(ordered, edges, side="left").tolist()
    points = np.concatenate([ordered, reference])
    lower = np.concatenate([[0], below])[bin_of(edges, points)]
    exact = np.searchsorted(ordered, points, side="right")
    # Within its bin the function lies between what is below the bin and what is below its upper edge.
    assert (exact >= lower).all()
    assert (exact <= lower + counts[bin_of(edges, points)]).all()


@pytest.mark.parametrize(("name", "n"), [(name, n) for name, n in cases() if n >= 150])
def test_kolmogorov_smirnov_is_within_the_bound_it_states(name: str, n: int) -> None:
    reference, current = drawn(name, n), drawn(name, 2_000, seed=8) * 1.1
    edges = build_edges(reference)
    result = get("kolmogorov_smirnov")(binned(edges, current), binned(edges, reference))
    assert result is not None
    assert result.error_bound is not None
    points = np.concatenate([reference, current])
    shares = [np.searchsorted(np.sort(each), points, side="right") / each.size for each in (reference, current)]
    exact = float(np.abs(shares[0] - shares[1]).max())
    assert result.raw - 1e-12 <= exact <= result.raw + result.error_bound + 1e-12


def test_values_beyond_the_reference_fall_in_widening_tails() -> None:
    reference = drawn("normal", 10_000)
    edges = build_edges(reference)
    low, high = reference.min(), reference.max()
    assert (np.diff(bin_of(edges, np.array([low - 200, low - 20, low - 2, low - 0.2, low]))) > 0).all()
    assert (np.diff(bin_of(edges, np.array([high, high + 0.2, high + 2, high + 20, high + 200]))) > 0).all()
    assert bin_of(edges, np.array([-np.inf, np.inf])).tolist() == [0, edges.size]


def test_atoms_stand_alone() -> None:
    values = drawn("zero-inflated", 5_000)
    edges = build_edges(values)
    zero, after, before = bin_of(edges, np.array([0.0, np.nextafter(0.0, 1.0), np.nextafter(0.0, -1.0)]))
    assert (after, before) == (zero + 1, zero - 1)
    assert bin_of(edges, np.array([-0.0]))[0] == zero


def test_two_hundred_bins_divide_into_exact_deciles() -> None:
    values = np.arange(20_000, dtype=np.float64)
    edges = build_edges(values)
    below = np.searchsorted(values, edges, side="left")
    deciles = {int(np.searchsorted(values, np.sort(values)[2_000 * k - 1])) for k in range(1, 10)}
    assert deciles <= set(below.tolist())


def test_the_order_of_the_values_does_not_matter() -> None:
    values = drawn("log-normal", 5_000)
    assert build_edges(values).tobytes() == build_edges(values[::-1]).tobytes()


@pytest.mark.parametrize("values", [[], [np.nan], [1.0, np.inf]])
def test_there_must_be_finite_values(values: list[float]) -> None:
    with pytest.raises(ParameterError, match=r"Expected at least one value, all finite"):
        build_edges(np.array(values))


@pytest.mark.parametrize("name", list(DISTRIBUTIONS))
def test_representatives_lie_in_their_bins(name: str) -> None:
    edges = build_edges(drawn(name, 1_000))
    inside = representatives(edges)
    assert np.isfinite(inside).all()
    # The open bin below is represented by its edge, which is the first value that is not in it.
    assert bin_of(edges, inside)[1:].tolist() == list(range(1, edges.size + 1))
    assert representatives(np.empty(0)).tolist() == [0.0]
