"""Values in few bytes read as the lists they stand for, and columns made of both are the same."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.profiles.building.coded_values import CodedValues, NumberValues, coded_numbers, counted, texts_counted
from driftline.profiles.building.column_values import ColumnValues
from driftline.sketches.columns import canonical_category

if TYPE_CHECKING:
    from driftline.config.model import ColumnKind

VALUES = st.lists(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 3),
        st.sampled_from([0.5, -0.0, 1.0, math.inf]),
        st.sampled_from(["", "1", "1.5", "02", "true", "web", "NaN", "Infinity", "\ud800"]),
    ),
    min_size=1,
    max_size=40,
)


@given(VALUES)
def test_coded_values_read_as_a_list(values: list[object]) -> None:
    coded = CodedValues.of(values)
    assert coded == values
    assert [*coded] == values
    assert [coded[row] for row in range(len(values))] == values
    assert coded[1:3] == values[1:3]
    assert coded != [*values, None]
    assert sum(n for _, n in coded.counts()) == len(values)
    assert texts_counted(coded, canonical_category) == texts_counted(values, canonical_category)


@pytest.mark.parametrize("kind", [None, "numeric", "categorical"])
@given(values=VALUES)
def test_a_column_of_coded_values_is_that_of_the_list(kind: ColumnKind | None, values: list[object]) -> None:
    listed, coded = ColumnValues(values), ColumnValues(CodedValues.of(values))
    column = listed.column("x", "feature", kind)
    assert coded.column("x", "feature", kind) == column
    assert coded.rare(column) == listed.rare(column)
    a, b = listed.encoded(column), coded.encoded(column)
    np.testing.assert_array_equal(a.bins, b.bins)
    assert [*a.unlisted] == [*b.unlisted]
    for one, other in ((a.z, b.z), (a.squares, b.squares), (a.clipped, b.clipped)):
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_array_equal(one, other)


@given(st.lists(st.one_of(st.none(), st.integers(-(2**53), 2**53)), max_size=40))
def test_whole_numbers_stay_whole(values: list[int | None]) -> None:
    numbers = np.array([math.nan if value is None else value for value in values], dtype=np.float64)
    for packed in (NumberValues(numbers, whole=True), coded_numbers(numbers, whole=True)):
        assert packed == values
        assert all(type(a) is type(b) for a, b in zip(packed, values, strict=True))
        assert packed[:2] == values[:2]


def test_many_different_numbers_are_not_coded() -> None:
    assert isinstance(coded_numbers(np.arange(70_000.0)), NumberValues)
    assert isinstance(coded_numbers(np.arange(70_000.0) % 300), CodedValues)
    assert dict(counted(np.array([2.0, np.nan, 2.0]))) == {2.0: 2, None: 1}


def test_codes_are_as_narrow_as_they_can_be() -> None:
    sizes = [CodedValues.of(range(n)).codes.itemsize for n in (1, 128, 129, 40_000)]
    assert sizes == [1, 1, 2, 4]
