"""Tail bins keep sum and extreme of their values, however far away these are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.sketches.columns import CategoricalColumn, NumericColumn
from driftline.sketches.encoding import CategoryCodes, encode_categorical, encode_numeric
from driftline.sketches.grid import bin_of, build_edges
from driftline.sketches.layout import Layout
from driftline.sketches.numeric_encoding import TAIL_LIMIT, TAIL_SCALE
from driftline.sketches.pane_sketch import count
from driftline.sketches.tails import tail_extremes, tail_sums

if TYPE_CHECKING:
    from driftline.sketches.pane_sketch import PaneSketch

REFERENCE = np.linspace(1_000.0, 1_100.0, 500)
CHANNEL = CategoricalColumn("channel", "feature", ("web",))
PRICE = NumericColumn(
    "price", "feature", build_edges(REFERENCE).tobytes(), float(REFERENCE.mean()), float(REFERENCE.std()), 1e3, 1.1e3
)
FLAT = NumericColumn("flat", "feature", build_edges(np.array([5.0])).tobytes(), 5.0, 0.0, 5.0, 5.0)
EMPTY = NumericColumn("empty", "feature", b"", 0.0, 0.0, 0.0, 0.0)
LAYOUT = Layout((CHANNEL, FLAT, PRICE, EMPTY))
PLACE = LAYOUT.places[2]


def sketched(values: list[float]) -> PaneSketch:
    numbers = np.array(values)
    columns = [
        encode_categorical(CHANNEL, CategoryCodes(CHANNEL), ["web"] * len(values)),
        *(encode_numeric(column, numbers) for column in (FLAT, PRICE, EMPTY)),
    ]
    return count(LAYOUT, columns, np.zeros(len(values), dtype=np.int64), 1)[0]


def test_values_inside_the_reference_leave_no_sum() -> None:
    sketch = sketched(REFERENCE.tolist())
    assert not sketch.tail_sums[:, PLACE.tails].any()
    sums = tail_sums(PRICE, PLACE, sketch.counts, sketch.tail_sums)
    assert np.isnan(sums[PLACE.n_low : -8]).all()
    assert np.nansum(sums) == 0
    assert np.isnan(tail_extremes(PRICE, PLACE, sketch.tail_extremes)).all()


@given(st.lists(st.floats(-1e9, 1e9), max_size=40))
def test_sums_and_extremes_are_those_of_the_values(values: list[float]) -> None:
    sketch = sketched(values)
    sums = tail_sums(PRICE, PLACE, sketch.counts, sketch.tail_sums)
    extremes = tail_extremes(PRICE, PLACE, sketch.tail_extremes)
    bins = bin_of(PRICE.edges, np.array(values))
    for position in PLACE.tail_bins.tolist():
        held = [value for value, bin_ in zip(values, bins.tolist(), strict=True) if bin_ == position]
        assert math.isclose(sums[position], math.fsum(held), rel_tol=1e-9, abs_tol=1e-3)
        if held:
            outermost = min(held) if position < PLACE.n_low else max(held)
            assert math.isclose(extremes[position], outermost, rel_tol=1e-9, abs_tol=1e-3)
        else:
            assert np.isnan(extremes[position])


def test_nothing_is_lost_where_moments_are_clipped() -> None:
    far = PRICE.mean + 1e6 * PRICE.spread
    sketch = sketched([far, far, PRICE.mean])
    assert sketch.sums[1, 1, 2] == 2  # both were clipped in the moments
    sums = tail_sums(PRICE, PLACE, sketch.counts, sketch.tail_sums)
    assert sums[-1] == pytest.approx(2 * far, rel=1e-12)


@pytest.mark.parametrize(("value", "bin_"), [(1e300, -1), (-1e300, 0)])
def test_a_value_beyond_all_bounds_counts_as_the_bound_and_can_be_told(value: float, bin_: int) -> None:
    sketch = sketched([value, value])
    extreme = tail_extremes(PRICE, PLACE, sketch.tail_extremes)[bin_]
    assert abs(extreme - PRICE.mean) / PRICE.spread == pytest.approx(TAIL_LIMIT)
    assert sketch.tail_extremes[PLACE.tails][bin_] == TAIL_LIMIT * TAIL_SCALE
    sums = tail_sums(PRICE, PLACE, sketch.counts, sketch.tail_sums)
    assert sums[bin_] == pytest.approx(2 * extreme)


def test_a_constant_reference_has_tails_in_its_own_unit() -> None:
    sketch = sketched([7.0, 8.0, 5.0, -1.0])
    place = LAYOUT.places[1]
    sums = tail_sums(FLAT, place, sketch.counts, sketch.tail_sums)
    assert np.nansum(sums[: place.n_low]) == -1.0
    assert np.nansum(sums[place.n_low :]) == 15.0


def test_a_column_without_reference_values_has_no_tails() -> None:
    assert LAYOUT.places[3].tails == slice(LAYOUT.n_tails, LAYOUT.n_tails)
    assert Layout((EMPTY,)).tail_signs.size == 0
    assert sketched([1.0]).counts[LAYOUT.places[3].bins].tolist() == [1]
