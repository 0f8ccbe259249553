from __future__ import annotations

import numpy as np
import pytest

from driftline.sketches.columns import NumericColumn
from driftline.sketches.grid import bin_of, build_edges
from driftline.sketches.grouping import Grouping, checked_grouping
from driftline.sketches.outer_groups import OuterGroups, outer_groups


def column_of(values: np.ndarray) -> tuple[NumericColumn, np.ndarray]:
    edges = build_edges(values)
    column = NumericColumn(
        "x",
        "feature",
        edges.tobytes(),
        float(values.mean()),
        float(values.std()),
        float(values.min()),
        float(values.max()),
    )
    return column, np.bincount(bin_of(edges, values), minlength=column.n_bins)


def made(values: np.ndarray) -> tuple[OuterGroups, Grouping, np.ndarray]:
    column, counts = column_of(values)
    grouping, _ = checked_grouping(column, counts, 20)
    return outer_groups(column, counts, grouping), grouping, counts


def test_both_ends_are_cut_at_half_a_percent_and_at_two() -> None:
    found, grouping, counts = made(np.random.default_rng(1).normal(size=20_000))
    shares = found.grouping.grouped(counts) / counts.sum()
    assert found.grouping.n_groups == grouping.n_groups + 4
    assert shares[[0, -1]] == pytest.approx([0.005, 0.005], abs=0.001)
    assert shares[[1, -2]] == pytest.approx([0.015, 0.015], abs=0.001)
    assert [found.grouping.labels[0][0], found.grouping.labels[-1][:2]] == ["<", ">="]
    assert len(set(found.grouping.labels)) == found.grouping.n_groups


def test_finer_groups_are_parts_of_what_they_were_made_of() -> None:
    found, grouping, counts = made(np.random.default_rng(2).standard_exponential(5_000))
    finer, coarse = found.grouping.grouped(counts), grouping.grouped(counts)
    sums = np.zeros(grouping.n_groups)
    np.add.at(sums, list(found.parents), finer)
    assert (sums == coarse).all()
    assert found.split(coarse) == pytest.approx(finer)
    assert found.split(2 * coarse) == pytest.approx(2 * finer)


def test_a_single_value_is_not_cut_and_what_lies_beyond_it_stays_a_group() -> None:
    rng = np.random.default_rng(3)
    found, grouping, counts = made(np.where(rng.random(9_000) < 0.6, 0.0, rng.standard_exponential(9_000)))
    assert found.grouping.n_groups == grouping.n_groups + 2, "only the upper end can be cut"
    assert found.grouping.labels[:2] == grouping.labels[:2]
    assert (found.grouping.grouped(counts)[0], found.parts[0]) == (0, 1.0), "below zero there is nothing to divide"


def test_a_column_of_one_value_has_its_groups_as_they_were() -> None:
    found, grouping, _ = made(np.full(100, 7.0))
    assert found.grouping == grouping
    assert set(found.parts) == {1.0}
