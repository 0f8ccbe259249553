from __future__ import annotations

import numpy as np
import pytest

from driftline import distances
from driftline.distances import Support
from driftline.errors import ParameterError

GRID = np.array([5, 0, 9, 4]), np.array([50, 3, 80, 10])
GROUPS = np.array([5, 13]), np.array([53, 90])
SUPPORT = Support.of_grid(np.array([0.0, 1.0, 3.0]), spread=2.0, lowest=-4.0, highest=9.0)


def test_each_distance_sees_the_bins_it_is_meant_for_in_the_order_asked() -> None:
    names = tuple(reversed(distances.names()))
    found = distances.compare(names, *GROUPS, *GRID, SUPPORT, dispersion=2.0)
    assert tuple(found) == names
    for name, result in found.items():
        distance = distances.get(name)
        sides = GROUPS if distance.on == "groups" else GRID
        assert result == distance(*sides, support=SUPPORT, dispersion=2.0)


def test_categories_have_neither_order_nor_values() -> None:
    found = distances.compare(distances.names(), *GROUPS, *GRID, None)
    assert set(found) == {name for name in distances.names() if distances.get(name).reads == "shares"}


def test_nothing_counted_is_nothing_compared() -> None:
    nothing = np.zeros(4, dtype=np.int64)
    assert distances.compare(distances.names(), GROUPS[0] * 0, GROUPS[1], nothing, GRID[1], SUPPORT) == {}


def test_a_name_that_is_not_registered_is_refused() -> None:
    with pytest.raises(ParameterError, match="got 'ks'"):
        distances.compare(["psi", "ks"], *GROUPS, *GRID, SUPPORT)


@pytest.mark.parametrize("spread", [-1.0, float("nan"), float("inf")])
def test_a_spread_that_is_none_is_refused(spread: float) -> None:
    with pytest.raises(ParameterError, match=r"Expected a number of at least 0.*\$\.support\.spread"):
        Support.of_grid(np.array([0.0]), spread=spread)


def test_sums_of_other_bins_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"Expected shape \(2,\) as of `low`.*\$\.support\.current_sums"):
        Support.of_grid(np.array([0.0]), spread=1.0, current_sums=np.zeros(3))


def test_the_normed_distance_is_the_raw_one_in_standard_deviations_and_a_constant_counts_as_one() -> None:
    raw = distances.get("wasserstein")(*GRID, support=SUPPORT)
    for spread, divisor in ((2.0, 2.0), (0.0, 1.0)):
        support = Support(SUPPORT.low, SUPPORT.high, spread)
        normed = distances.get("wasserstein_normed")(*GRID, support=support)
        assert raw is not None
        assert normed is not None
        assert raw.corrected is not None
        assert raw.error_bound is not None
        assert (normed.raw, normed.corrected) == (raw.raw / divisor, raw.corrected / divisor)
        assert normed.error_bound == raw.error_bound / divisor
