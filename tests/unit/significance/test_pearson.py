from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy import special, stats

from driftline.errors import ParameterError
from driftline.significance import pearson
from driftline.significance.merging import merge_ordered, merge_unordered
from driftline.significance.partition import partition_statistic, squared_normal_score
from driftline.significance.pearson import LEAST_EXPECTED

LEVELS = (1e-2, 1e-3)
WINDOWS = 20_000


def _most(level: float, windows: int) -> int:
    """Return the count of rejections that a test at its level exceeds once in 100,000 tries."""
    return int(stats.binom.isf(1e-5, windows, level))


@pytest.mark.slow
@pytest.mark.parametrize("n", [50, 100, 200, 1000])
@pytest.mark.parametrize("n_reference", [200, 4096, 100_000])
def test_unchanged_windows_are_not_rejected_more_often_than_the_level_says(n: int, n_reference: int) -> None:
    rng = np.random.default_rng([n, n_reference])
    bins = max(3, min(20, min(n, n_reference) // 16))
    shares = np.linspace(1, 3, bins) / np.linspace(1, 3, bins).sum()
    current = rng.multinomial(n, shares, WINDOWS).astype(np.float64)
    reference = rng.multinomial(n_reference, shares, WINDOWS).astype(np.float64)
    held = np.flatnonzero((current + reference).min(axis=1) > 0)
    p_values = special.chdtrc(bins - 1, partition_statistic(current[held], reference[held]))
    for level in LEVELS:
        rejected = int((p_values <= level).sum())
        assert rejected <= _most(level, WINDOWS), (level, rejected)
        assert rejected >= 0.5 * level * WINDOWS, "a test that never rejects keeps every level"


def test_the_chi_squared_tail_keeps_the_level_where_it_is_used() -> None:
    rng = np.random.default_rng(11)
    shares = np.full(10, 0.1)
    results = [
        pearson(current, reference, ordered=True)
        for current, reference in zip(
            rng.multinomial(3000, shares, WINDOWS), rng.multinomial(20_000, shares, WINDOWS), strict=True
        )
    ]
    assert {result.tail for result in results if result is not None} == {"chi_squared"}
    for level in LEVELS:
        rejected = sum(result.p_value <= level for result in results if result is not None)
        assert 0.5 * level * WINDOWS <= rejected <= _most(level, WINDOWS)


@pytest.mark.parametrize("merging", ["neighbours", "rest"])
@pytest.mark.parametrize("n", [50, 1000])
def test_the_level_holds_through_merging_where_one_value_has_most_of_the_mass(n: int, merging: str) -> None:
    ordered = merging == "neighbours"
    rng = np.random.default_rng([n, ordered])
    shares = np.array([0.7, *np.geomspace(0.1, 1e-4, 20)])
    shares /= shares.sum()
    windows = 3000
    results = [
        pearson(rng.multinomial(n, shares), rng.multinomial(4096, shares), ordered=ordered) for _ in range(windows)
    ]
    rejected = sum(result.p_value <= 1e-2 for result in results if result is not None)
    assert rejected <= _most(1e-2, windows)
    assert rejected >= 0.3 * 1e-2 * windows
    assert all(result.smallest_expected >= LEAST_EXPECTED for result in results if result is not None)


def test_the_squared_score_has_expectation_one_whatever_the_counts() -> None:
    for draws, successes, total in ((5, 3, 12), (40, 7, 300), (200, 30, 4000)):
        x = np.arange(max(0, draws + successes - total), min(draws, successes) + 1, dtype=np.float64)
        scores = squared_normal_score(x, np.full_like(x, draws), np.full_like(x, successes), np.full_like(x, total))
        masses = stats.hypergeom.pmf(x, total, successes, draws)
        assert float((scores * masses).sum()) == pytest.approx(1, abs=1e-9)


def test_a_real_change_is_found_with_few_and_with_many_events() -> None:
    few = pearson(np.array([10, 10, 80]), np.array([1000, 1000, 1000]), ordered=True)
    many = pearson(np.array([9000, 10_000, 11_000]), np.array([10_000, 10_000, 10_000]), ordered=True)
    assert few is not None
    assert many is not None
    assert few.tail == "exact_partition"
    assert many.tail == "chi_squared"
    assert few.p_value < 1e-12
    assert many.p_value < 1e-12


def test_a_difference_that_no_chance_makes_has_a_p_value_and_no_warning() -> None:
    result = pearson(np.array([1000, 0]), np.array([0, 1000]), ordered=True)
    assert result is not None
    assert 0 <= result.p_value < 1e-200


def test_events_that_are_all_in_one_bin_are_untestable() -> None:
    result = pearson(np.array([0, 0, 30]), np.array([0, 0, 500]), ordered=False)
    assert result is not None
    assert (result.tail, result.p_value, result.degrees_of_freedom, result.n_bins) == ("untestable", 1.0, 0, 1)


@pytest.mark.parametrize("ordered", [False, True])
def test_a_constant_that_changes_is_found_however_large_the_reference_is(*, ordered: bool) -> None:
    result = pearson(np.array([60, 180, 60]), np.array([0, 100_000, 0]), ordered=ordered)
    assert result is not None
    assert (result.tail, result.groups) == ("exact_partition", (1, 0, 1))
    assert result.p_value < 1e-200
    assert special.chdtrc(1, result.tail_statistic) == pytest.approx(result.p_value, rel=1e-6)


@pytest.mark.parametrize("n_rare", range(1, 60, 7))
def test_rare_events_keep_the_level_exactly_where_no_two_groups_expect_enough(n_rare: int) -> None:
    n, n_reference = 336, 8000
    rare = np.arange(min(n, n_rare) + 1)
    masses = stats.hypergeom.pmf(rare, n + n_reference, n_rare, n)
    for level in (*LEVELS, 1e-5, 1e-7):
        results = [
            pearson(np.array([n - k, k]), np.array([n_reference - n_rare + k, n_rare - k]), ordered=True) for k in rare
        ]
        rejected = [result is not None and result.p_value <= level for result in results]
        assert float(masses[rejected].sum()) <= level


def test_an_empty_side_gives_no_result() -> None:
    assert pearson(np.array([0, 0]), np.array([1, 1]), ordered=True) is None
    assert pearson(np.array([1, 1]), np.array([0, 0]), ordered=False) is None
    assert pearson(np.array([], dtype=np.int64), np.array([], dtype=np.int64), ordered=True) is None


def test_the_result_says_how_each_bin_was_mapped() -> None:
    current, reference = np.array([1, 30, 0, 40, 2]), np.array([10, 300, 0, 400, 20])
    ordered, unordered = pearson(current, reference, ordered=True), pearson(current, reference, ordered=False)
    assert ordered is not None
    assert unordered is not None
    assert ordered.groups == (0, 0, 1, 1, 1)
    assert unordered.groups == (1, 1, 1, 0, 1)


def test_merging_never_looks_at_the_difference() -> None:
    rng = np.random.default_rng(3)
    pooled = rng.multinomial(400, rng.dirichlet(np.full(30, 0.3)))
    groups = set()
    for _ in range(20):
        current = rng.multivariate_hypergeometric(pooled, 100)
        result = pearson(current, pooled - current, ordered=True)
        assert result is not None
        groups.add(result.groups)
    assert len(groups) == 1


@pytest.mark.parametrize("seed", range(50))
def test_every_group_expects_enough_and_ordered_groups_are_neighbours(seed: int) -> None:
    rng = np.random.default_rng(seed)
    expected = rng.exponential(rng.choice([0.5, 5.0, 50.0]), size=int(rng.integers(1, 60)))
    for merge in (merge_ordered, merge_unordered):
        groups = merge(expected, LEAST_EXPECTED)
        totals = np.bincount(groups, weights=expected)
        assert len(groups) == expected.size
        assert totals.size == 1 or totals.min() >= LEAST_EXPECTED
    ordered = merge_ordered(expected, LEAST_EXPECTED)
    assert all(after - before in (0, 1) for before, after in pairwise(ordered))


@pytest.mark.parametrize(
    ("current", "reference", "message"),
    [
        ([1, 2], [1, 2, 3], r"Expected 3 bins as in the reference, got 2 - at `\$\.current`"),
        ([1, -2], [1, 2], r"Expected counts of at least 0, got -2 - at `\$\.current`"),
        ([1, 2], [1.0, 2.0], r"Expected a one-dimensional array of integers, .* - at `\$\.reference`"),
        ([[1, 2]], [[1, 2]], r"Expected a one-dimensional array of integers, .* - at `\$\.current`"),
    ],
)
def test_what_is_no_vector_of_counts_is_refused(current: list[int], reference: list[int], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        pearson(np.array(current), np.array(reference), ordered=True)
