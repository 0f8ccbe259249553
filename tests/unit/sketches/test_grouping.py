from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.sketches.columns import CategoricalColumn, NumericColumn
from driftline.sketches.grid import bin_of, build_edges
from driftline.sketches.grouping import (
    MAX_BASE_GROUPS,
    OTHERS,
    UNLISTED,
    base_grouping,
    checked_grouping,
    coarser,
    grouping_of,
    tail_bins,
)


def column_of(values: np.ndarray) -> tuple[NumericColumn, np.ndarray]:
    edges = build_edges(values)
    column = NumericColumn(
        "x",
        "feature",
        edges.astype("<f8").tobytes(),
        float(values.mean()),
        float(values.std()),
        float(values.min()),
        float(values.max()),
    )
    return column, np.bincount(bin_of(edges, values), minlength=column.n_bins)


@pytest.mark.parametrize("n_groups", [10, 20, 40, 50])
def test_without_atoms_the_groups_are_quantiles(n_groups: int) -> None:
    values = np.random.default_rng(1).normal(size=10_000)
    column, counts = column_of(values)
    grouping = grouping_of(column, counts, n_groups)
    shares = grouping.grouped(counts) / values.size
    assert shares.size == n_groups
    assert np.abs(shares - 1 / n_groups).max() <= 2 / values.size


def test_values_beyond_the_reference_fall_in_the_outer_groups() -> None:
    column, counts = column_of(np.random.default_rng(2).normal(size=5_000))
    grouping = grouping_of(column, counts, 10)
    outside = np.bincount(bin_of(column.edges, np.array([-1e9, -30.0, 30.0, 1e9])), minlength=column.n_bins)
    assert grouping.grouped(outside).tolist() == [2, *[0] * 8, 2]


def test_an_atom_is_alone_and_the_rest_is_cut_evenly() -> None:
    rng = np.random.default_rng(3)
    values = np.concatenate([np.zeros(4_000), rng.normal(size=6_000)])
    column, counts = column_of(values)
    grouping = grouping_of(column, counts, 10)
    shares = grouping.grouped(counts) / values.size
    atom = grouping.labels.index("0")
    assert shares[atom] == pytest.approx(0.4, abs=1e-9)
    assert np.abs(np.delete(shares, atom) - 0.1).max() < 0.02


def test_a_value_between_two_atoms_is_seen() -> None:
    column, counts = column_of(np.array([0.0, 1.0] * 500))
    grouping = grouping_of(column, counts, 10)
    between = np.bincount(bin_of(column.edges, np.array([0.5])), minlength=column.n_bins)
    assert grouping.labels == ("< 0", "0", "(0, 1)", "1", "> 1")
    assert grouping.grouped(between).tolist() == [0, 0, 1, 0, 0]


def test_what_lies_beyond_an_atom_is_seen() -> None:
    column, counts = column_of(np.full(500, 0.25))
    grouping = grouping_of(column, counts, 20)
    assert grouping.labels == ("< 0.25", "0.25", "> 0.25")
    moved = np.bincount(bin_of(column.edges, np.array([-1.0, 0.2, 0.25, 0.26])), minlength=column.n_bins)
    assert grouping.grouped(moved).tolist() == [2, 1, 1]


@pytest.mark.parametrize("values", [[7.0] * 100, [0.0], [1e100, -1e100, 0.0]])
def test_columns_with_hardly_any_values_have_at_least_one_group(values: list[float]) -> None:
    column, counts = column_of(np.array(values))
    grouping = grouping_of(column, counts, 20)
    assert grouping.grouped(counts).sum() == len(values)
    assert len(grouping.labels) == len(set(grouping.labels)) == grouping.n_groups


def test_a_column_without_any_value_has_one_group() -> None:
    column = NumericColumn("x", "feature", b"", 0.0, 0.0, 0.0, 0.0)
    grouping = grouping_of(column, np.zeros(1, dtype=np.int64), 20)
    assert grouping.labels == ("all",)
    assert grouping.grouped(np.array([12])).tolist() == [12]


def test_an_empty_reference_has_one_group() -> None:
    column, counts = column_of(np.arange(1000.0))
    assert len(grouping_of(column, counts * 0, 20).labels) == 1


def test_categories_are_groups_of_their_own_in_the_profiles_order() -> None:
    column = CategoricalColumn("c", "feature", ("web", "branch"))
    grouping = grouping_of(column, np.array([5, 9, 1]), 20)
    assert grouping.labels == ("web", "branch", UNLISTED)
    assert grouping.grouped(np.array([1, 2, 3])).tolist() == [1, 2, 3]


def test_labels_have_as_few_digits_as_tell_groups_apart() -> None:
    column, counts = column_of(np.random.default_rng(4).normal(52_000, 9_000, 10_000))
    labels = grouping_of(column, counts, 4).labels
    assert len(labels) == 4
    assert labels[0].startswith("< 4")
    assert "e+" not in "".join(labels)
    far, counts = column_of(1e6 + np.random.default_rng(4).normal(0, 0.01, 10_000))
    assert len(set(grouping_of(far, counts, 4).labels)) == 4


@given(st.lists(st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1.0, 2.0]), min_size=1, max_size=400), st.integers(2, 50))
def test_groups_cover_all_bins_and_hold_no_more_than_their_share_but_for_atoms(
    values: list[float], n_groups: int
) -> None:
    column, counts = column_of(np.array(values))
    grouping = grouping_of(column, counts, n_groups)
    starts = np.searchsorted(grouping.groups, np.arange(grouping.n_groups)).tolist()
    assert list(grouping.groups) == sorted(grouping.groups)
    assert sorted(set(grouping.groups)) == list(range(grouping.n_groups))
    assert len(grouping.labels) == grouping.n_groups
    held = grouping.grouped(counts)
    assert held.sum() == len(values)
    first, last = tail_bins(column)
    assert counts[:first].sum() == counts[last + 1 :].sum() == 0
    # A group of several bins holds at most its part of the run, half a part more by rounding, and one bin at each end.
    ends = [*starts[1:], column.n_bins]
    for start, end, n in zip(starts, ends, held, strict=True):
        if np.count_nonzero(counts[start:end]) > 1:
            assert n <= (1.5 + 2) * len(values) / n_groups


def test_labels_tell_even_neighbouring_numbers_apart() -> None:
    ulp = 2.0**-52
    column, counts = column_of(np.array([1 + 2 * ulp, 1 + 5 * ulp] * 50))
    labels = grouping_of(column, counts, 10).labels
    assert len(labels) == len(set(labels)) == 5
    assert labels[2] == f"({1 + 2 * ulp!r}, {1 + 5 * ulp!r})"


@given(st.lists(st.floats(-1e6, 1e6) | st.integers(0, 60).map(float), min_size=1, max_size=400), st.integers(2, 40))
def test_groups_are_unions_of_at_most_forty_base_groups(values: list[float], n_groups: int) -> None:
    column, counts = column_of(np.array(values))
    base = base_grouping(column, counts)
    assert base.n_groups <= MAX_BASE_GROUPS
    grouping, of_base = checked_grouping(column, counts, n_groups)
    assert {*zip(base.groups, grouping.groups, strict=True)} == {*enumerate(of_base)}
    assert len(set(grouping.labels)) == grouping.n_groups == max(of_base) + 1
    assert grouping.grouped(counts).tolist() == np.bincount(of_base, base.grouped(counts)).tolist()


def test_half_as_many_groups_are_pairs_of_base_groups() -> None:
    column, counts = column_of(np.random.default_rng(1).normal(size=10_000))
    grouping, of_base = checked_grouping(column, counts, 20)
    assert of_base == tuple(i // 2 for i in range(40))
    assert grouping == grouping_of(column, counts, 20)


def test_thirty_heavy_atoms_do_not_make_more_base_groups_than_allowed() -> None:
    values = np.concatenate([np.repeat(np.arange(35.0), 28), np.arange(35.0) + 0.5])
    column, counts = column_of(values)
    assert len(grouping_of(column, counts, 40).labels) > MAX_BASE_GROUPS >= base_grouping(column, counts).n_groups > 20


def test_rare_categories_share_a_base_group_with_the_unlisted() -> None:
    column = CategoricalColumn("c", "feature", tuple(f"c{i}" for i in range(60)))
    counts = np.array([*range(60), 4])
    base = base_grouping(column, counts)
    assert base.n_groups == MAX_BASE_GROUPS
    assert base.labels == (*(f"c{i}" for i in range(21, 60)), OTHERS)
    assert base.grouped(counts)[-1] == sum(range(21)) + 4
    grouping, of_base = checked_grouping(column, counts, 4)
    assert grouping.labels == ("c57", "c58", "c59", OTHERS)
    assert grouping.grouped(counts).tolist() == [57, 58, 59, sum(range(57)) + 4]
    assert of_base == (*[3] * 36, 0, 1, 2, 3)


def test_few_categories_keep_their_groups() -> None:
    column = CategoricalColumn("c", "feature", ("web", "branch"))
    assert checked_grouping(column, np.array([5, 9, 1]), 20) == (base_grouping(column, np.array([5, 9, 1])), (0, 1, 2))
    empty = CategoricalColumn("c", "feature", ())
    assert base_grouping(empty, np.array([3])).labels == (UNLISTED,)
    assert coarser(np.array([3]), 20, ordered=False) == (0,)


def test_ranges_have_no_more_digits_than_it_takes_to_tell_their_bounds_apart() -> None:
    values = np.random.default_rng(2).normal(77.51, 20, 5_000).round(2)
    labels = base_grouping(*column_of(values)).labels
    assert max(len(bound) for label in labels for bound in label.strip("<>=[() ").split(", ")) <= len("77.51")
