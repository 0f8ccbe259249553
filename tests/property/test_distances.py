from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from driftline import distances
from driftline.significance import pearson

if TYPE_CHECKING:
    import random as random_module

    from driftline.distances import Counts

COUNT = st.integers(0, 10**6)
DISTANCES = [distances.get(name) for name in distances.names()]


@st.composite
def _pairs(draw: st.DrawFn) -> tuple[Counts, Counts]:
    shape = draw(st.integers(1, 60))
    both = hnp.arrays(np.int64, shape, elements=st.one_of(st.just(0), st.integers(0, 5), COUNT))
    return draw(both), draw(both)


@pytest.mark.parametrize("found", DISTANCES, ids=lambda found: found.key)
@given(_pairs())
def test_a_distance_is_within_its_range_and_symmetric(found: distances.Distance, pair: tuple[Counts, Counts]) -> None:
    forth, back = found(*pair), found(*pair[::-1])
    if forth is None or back is None:
        assert forth is back is None
        assert 0 in (int(pair[0].sum()), int(pair[1].sum()))
        return
    assert found.lower <= forth.raw <= found.upper
    assert forth.raw == pytest.approx(back.raw, rel=1e-9, abs=1e-12)
    assert forth.corrected is None or forth.corrected <= forth.raw


@pytest.mark.parametrize("found", DISTANCES, ids=lambda found: found.key)
@given(_pairs())
def test_a_distance_of_counts_from_themselves_is_zero(found: distances.Distance, pair: tuple[Counts, Counts]) -> None:
    result = found(pair[0], pair[0])
    assert result is None or result.raw == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("found", DISTANCES, ids=lambda found: found.key)
@given(_pairs(), st.data())
def test_bins_empty_on_both_sides_change_nothing(
    found: distances.Distance, pair: tuple[Counts, Counts], data: st.DataObject
) -> None:
    where = data.draw(st.lists(st.integers(0, pair[0].size), max_size=20))
    padded = found(np.insert(pair[0], where, 0), np.insert(pair[1], where, 0))
    assert padded == found(*pair)


@pytest.mark.parametrize("found", [d for d in DISTANCES if not d.needs_order], ids=lambda found: found.key)
@given(_pairs(), st.randoms(use_true_random=False))
def test_the_order_of_bins_does_not_matter_where_it_is_not_needed(
    found: distances.Distance, pair: tuple[Counts, Counts], random: random_module.Random
) -> None:
    order = list(range(pair[0].size))
    random.shuffle(order)
    straight, shuffled = found(*pair), found(pair[0][order], pair[1][order])
    assert (straight is None) == (shuffled is None)
    if straight is not None and shuffled is not None:
        assert shuffled.raw == pytest.approx(straight.raw, rel=1e-12, abs=1e-15)


@given(_pairs())
def test_coarser_bins_never_raise_the_distance_on_the_grid_nor_escape_its_bound(pair: tuple[Counts, Counts]) -> None:
    found = distances.get("kolmogorov_smirnov")
    fine = found(*pair)
    edges = np.arange(0, pair[0].size, 3)
    coarse = found(np.add.reduceat(pair[0], edges), np.add.reduceat(pair[1], edges))
    assert (fine is None) == (coarse is None)
    if fine is not None and coarse is not None:
        assert coarse.error_bound is not None
        assert coarse.raw - 1e-12 <= fine.raw <= coarse.raw + coarse.error_bound + 1e-12


@given(_pairs(), st.sampled_from([True, False]))
def test_pearson_gives_a_p_value_whatever_the_counts(pair: tuple[Counts, Counts], ordered: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
    result = pearson(*pair, ordered=ordered)
    if result is None:
        assert 0 in (int(pair[0].sum()), int(pair[1].sum()))
        return
    assert 0 <= result.p_value <= 1
    assert result.statistic >= 0
    assert len(result.groups) == pair[0].size
    assert set(result.groups) == set(range(result.n_bins))
    assert result.n_bins <= 2 or result.smallest_expected >= 5 * (1 - 1e-9)
