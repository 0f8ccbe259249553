from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from driftline import distances
from driftline.distances import Support
from driftline.significance import pearson

if TYPE_CHECKING:
    import random as random_module

    from driftline.distances import Counts

COUNT = st.integers(0, 10**6)
DISTANCES = [distances.get(name) for name in distances.names()]
METRICS = [found for found in DISTANCES if found.key != "novelty"]
"""All but the index that looks one way and is not zero for equal counts."""


def _support(n_bins: int) -> Support:
    """Return what bins of the values 0 to 10, 10 to 20, ... hold."""
    edges = 10.0 * np.arange(n_bins + 1, dtype=np.float64)
    return Support(edges[:-1], edges[1:], spread=4.0)


def _compare(found: distances.Distance, current: Counts, reference: Counts) -> distances.DistanceResult | None:
    return found(current, reference, support=_support(current.size))


@st.composite
def _pairs(draw: st.DrawFn) -> tuple[Counts, Counts]:
    shape = draw(st.integers(1, 60))
    both = hnp.arrays(np.int64, shape, elements=st.one_of(st.just(0), st.integers(0, 5), COUNT))
    return draw(both), draw(both)


@pytest.mark.parametrize("found", DISTANCES, ids=lambda found: found.key)
@given(_pairs())
def test_a_distance_is_within_its_range_and_symmetric_where_it_says_so(
    found: distances.Distance, pair: tuple[Counts, Counts]
) -> None:
    forth, back = _compare(found, *pair), _compare(found, *pair[::-1])
    if forth is None or back is None:
        assert forth is back is None
        assert 0 in (int(pair[0].sum()), int(pair[1].sum()))
        return
    assert found.lower <= forth.raw <= found.upper
    assert not found.symmetric or forth.raw == pytest.approx(back.raw, rel=1e-9, abs=1e-12)
    assert forth.corrected is None or forth.corrected <= forth.raw


@pytest.mark.parametrize("found", METRICS, ids=lambda found: found.key)
@given(_pairs())
def test_a_distance_of_counts_from_themselves_is_zero(found: distances.Distance, pair: tuple[Counts, Counts]) -> None:
    result = _compare(found, pair[0], pair[0])
    assert result is None or result.raw == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("found", DISTANCES, ids=lambda found: found.key)
@given(_pairs(), st.data())
def test_bins_empty_on_both_sides_change_nothing(
    found: distances.Distance, pair: tuple[Counts, Counts], data: st.DataObject
) -> None:
    where = data.draw(st.lists(st.integers(0, pair[0].size), max_size=20))
    support = _support(pair[0].size)
    padded = Support(np.insert(support.low, where, -7.0), np.insert(support.high, where, 1e9), spread=4.0)
    result = found(np.insert(pair[0], where, 0), np.insert(pair[1], where, 0), support=padded)
    assert result == found(*pair, support=support)


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


@pytest.mark.parametrize("key", ["kolmogorov_smirnov", "cramer_von_mises", "wasserstein", "energy_distance"])
@given(_pairs())
def test_coarser_bins_give_a_distance_whose_bound_holds_that_of_finer_ones(
    key: str, pair: tuple[Counts, Counts]
) -> None:
    """The finer bins are taken for the values themselves: each holds a single one."""
    found = distances.get(key)
    edges = np.arange(0, pair[0].size, 3)
    support = _support(pair[0].size)
    fine = found(*pair, support=Support(support.low, np.nextafter(support.low, np.inf), spread=4.0))
    ends = support.high[np.minimum(edges + 2, pair[0].size - 1)]
    coarse = found(
        *(np.add.reduceat(side, edges) for side in pair), support=Support(support.low[edges], ends, spread=4.0)
    )
    assert (fine is None) == (coarse is None)
    if fine is not None and coarse is not None:
        assert coarse.error_bound is not None
        assert abs(coarse.raw - fine.raw) <= coarse.error_bound * (1 + 1e-9) + 1e-9
        assert key != "kolmogorov_smirnov" or coarse.raw <= fine.raw + 1e-12


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
