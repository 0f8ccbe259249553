"""What every registered distance must keep, found by looking at the package, so that none escapes."""

from __future__ import annotations

import inspect
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from driftline import distances
from driftline.errors import ParameterError
from driftline.sketches.columns import NumericColumn
from driftline.sketches.encoding import encode_numeric, numbers_of
from driftline.sketches.grid import bin_of, build_edges
from tests.support.modules import modules_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

    from driftline.distances import DistanceFunction, OrderedDistanceFunction, ValueDistanceFunction

DISTANCE_HOUSE = {"base", "comparison", "null_expectation", "sides", "support"}
"""Modules of the distances package that hold no distance."""


def distance_functions(
    modules: Iterable[ModuleType],
) -> set[DistanceFunction | OrderedDistanceFunction | ValueDistanceFunction]:
    """Return every function that these modules define and that takes two vectors of counts."""
    return {
        found
        for module in modules
        for _, found in inspect.getmembers(module, inspect.isfunction)
        if found.__module__ == module.__name__
        and list(inspect.signature(found).parameters)[:2] == ["current", "reference"]
    }


DISTANCES = [distances.get(name) for name in distances.names()]


def test_every_module_of_the_distances_holds_one_registered_distance() -> None:
    registered = {distance.function for distance in DISTANCES}
    for module in modules_of(distances):
        if module.__name__.rpartition(".")[2] not in DISTANCE_HOUSE:
            found = distance_functions([module])
            assert len(found) == 1, module
            assert found <= registered, module


def _support(n_bins: int) -> distances.Support:
    """Return what bins of the values 0 to 10, 10 to 20, ... hold; distances that need no values ignore it."""
    edges = 10.0 * np.arange(n_bins + 1, dtype=np.float64)
    return distances.Support(edges[:-1], edges[1:], spread=4.0)


@pytest.mark.parametrize("found", DISTANCES, ids=lambda found: found.key)
def test_a_distance_of_nothing_is_none(found: distances.Distance) -> None:
    some, nothing = np.array([3, 0, 2]), np.zeros(3, dtype=np.int64)
    assert found(nothing, some, support=_support(3)) is None
    assert found(some, nothing, support=_support(3)) is None
    assert found(nothing, nothing, support=_support(3)) is None
    assert found(nothing[:0], nothing[:0], support=_support(0)) is None


@pytest.mark.parametrize("found", DISTANCES, ids=lambda found: found.key)
@pytest.mark.parametrize(
    ("current", "reference"),
    [
        ([1], [1]),
        ([1], [10**15]),
        ([0, 1], [1, 0]),
        ([10**15, 0, 0], [0, 0, 1]),
        ([5, 0, 5], [5, 0, 5]),
        ([1] * 200, [7] * 200),
    ],
)
def test_a_distance_of_few_of_many_and_of_disjoint_events_is_finite_and_in_range(
    found: distances.Distance, current: list[int], reference: list[int]
) -> None:
    result = found(np.array(current), np.array(reference), support=_support(len(current)))
    assert result is not None
    assert math.isfinite(result.raw)
    assert found.lower <= result.raw <= found.upper
    assert result.corrected is not None
    assert math.isfinite(result.corrected)
    assert result.error_bound is None or 0 <= result.error_bound < math.inf
    assert (result.n, result.n_reference) == (sum(current), sum(reference))


@pytest.mark.parametrize("found", DISTANCES, ids=lambda found: found.key)
@pytest.mark.parametrize("reference", [[7.0] * 50, [*range(300)], [0.0, 1e308], [-1.7e308, 1.7e308], [2020.0, 2020.5]])
@pytest.mark.parametrize("current", [[7.0], [7.0] * 9, [7.0, math.nan, math.inf, -math.inf, 8.0], [-1e308, 1e308]])
def test_values_that_are_constant_extreme_or_none_leave_a_distance_sound(
    found: distances.Distance, reference: list[float], current: list[float]
) -> None:
    """Not-a-number and infinities have cells of their own: only finite values enter the counts of a column."""
    frozen, events = np.array(reference), np.array(current)
    edges = build_edges(frozen)
    finite = events[np.isfinite(events)]
    sides = [np.bincount(bin_of(edges, side), minlength=edges.size + 1) for side in (finite, frozen)]
    support = distances.Support.of_grid(
        edges,
        spread=0.0,
        lowest=min(finite.min(), frozen.min()),
        highest=max(finite.max(), frozen.max()),
    )
    result = found(*sides, support=support)
    same = found(sides[1], sides[1], support=support)
    assert result is not None
    assert same is not None
    assert result.corrected is not None
    assert math.isfinite(result.raw)
    assert math.isfinite(result.corrected)
    assert found.lower <= result.raw <= found.upper
    assert found.key == "novelty" or same.raw == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("found", DISTANCES, ids=lambda found: found.key)
def test_not_a_number_and_infinities_enter_no_count_that_a_distance_sees(found: distances.Distance) -> None:
    edges = build_edges(np.arange(300.0))
    column = NumericColumn("x", "feature", edges.tobytes(), 149.5, 86.6, 0.0, 299.0)
    reference = np.bincount(bin_of(edges, np.arange(300.0)), minlength=column.n_bins)
    support = distances.Support.of_grid(edges, spread=86.6)
    results = []
    for events in ([5.0, 7.0], [5.0, math.nan, math.inf, -math.inf, None, "x", 7.0]):
        bins = encode_numeric(column, *numbers_of(events)).bins
        counts = np.bincount(bins[bins >= 0], minlength=column.n_bins)
        results.append(found(counts, reference, support=support))
    assert results[0] is not None
    assert results[0] == results[1]


@pytest.mark.parametrize("found", DISTANCES, ids=lambda found: found.key)
def test_a_distance_leaves_its_input_alone_and_repeats_itself(found: distances.Distance) -> None:
    current, reference = np.array([5, 0, 9, 0]), np.array([50, 3, 80, 0])
    first = found(current, reference, support=_support(4))
    assert current.tolist() == [5, 0, 9, 0]
    assert reference.tolist() == [50, 3, 80, 0]
    assert found(current, reference, support=_support(4)) == first


@pytest.mark.parametrize("found", DISTANCES, ids=lambda found: found.key)
@pytest.mark.parametrize(
    ("current", "reference", "message"),
    [
        ([1, 2], [1, 2, 3], r"Expected 3 bins as in the reference, got 2 - at `\$\.current`"),
        ([1, -2], [1, 2], r"Expected counts of at least 0, got -2 - at `\$\.current`"),
        ([1, 2], [1.0, 2.0], r"Expected a one-dimensional array of integers, .* - at `\$\.reference`"),
        ([[1, 2]], [[1, 2]], r"Expected a one-dimensional array of integers, .* - at `\$\.current`"),
    ],
)
def test_a_distance_refuses_what_is_no_vector_of_counts(
    found: distances.Distance, current: list[int], reference: list[int], message: str
) -> None:
    with pytest.raises(ParameterError, match=message):
        found(np.array(current), np.array(reference), support=_support(2))


@pytest.mark.parametrize("found", [d for d in DISTANCES if d.needs_values], ids=lambda found: found.key)
def test_a_distance_of_values_asks_for_a_support_of_the_same_bins(found: distances.Distance) -> None:
    some = np.array([3, 1, 2])
    with pytest.raises(ParameterError, match=rf"the values of the bins, which {found.key} needs, got None"):
        found(some, some)
    with pytest.raises(ParameterError, match=r"Expected 3 bins as in the counts, got 2 - at `\$\.support`"):
        found(some, some, support=_support(2))
