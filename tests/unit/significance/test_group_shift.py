"""A share that rose in one group by more than elsewhere: against the exact conditional test, and its level."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from driftline.errors import ParameterError
from driftline.significance.group_shift import LEAST_OF_OTHERS, Marked, group_shift_test

SIDES = (((120, 880), 0.2), ((600, 4_400), 0.1))
"""Events in the group and elsewhere, and their share, now and before."""


def exact(group: Marked, others: Marked, before: Marked, others_before: Marked) -> float:
    """Given all margins of both tables and the sum of both counts, the common odds ratio cancels: in fractions."""
    total, own, rest = group.k + others.k, group.k + before.k, others.k + others_before.k
    mass = {
        x: comb(group.n, x)
        * comb(before.n, own - x)
        * comb(others.n, total - x)
        * comb(others_before.n, rest - total + x)
        for x in range(min(group.n, total, own) + 1)
        if total - x <= others.n and own - x <= before.n and 0 <= rest - total + x <= others_before.n
    }
    return float(Fraction(sum(n for x, n in mass.items() if x >= group.k), sum(mass.values())))


@pytest.mark.parametrize(
    ("group", "others", "before", "others_before"),
    [
        ((60, 200), (80, 800), (400, 4_000), (1_600, 16_000)),
        ((40, 200), (80, 800), (400, 4_000), (1_600, 16_000)),
        ((30, 200), (160, 800), (100, 4_000), (1_000, 16_000)),
        ((52, 60), (100, 400), (150, 300), (200, 1_700)),
        ((9, 30), (30, 300), (12, 150), (150, 1_500)),
        ((30, 300), (10, 700), (40, 2_000), (60, 5_000)),
    ],
)
def test_of_independent_events_the_p_value_is_exact_and_of_bursts_near_it(
    group: tuple[int, int], others: tuple[int, int], before: tuple[int, int], others_before: tuple[int, int]
) -> None:
    sides = [Marked(*side) for side in (group, others, before, others_before)]
    found, nearly = (group_shift_test(*sides, dispersion=dispersion) for dispersion in (1.0, 1.0 + 1e-9))
    assert found is not None
    assert nearly is not None
    assert found.p_value == pytest.approx(exact(*sides), rel=1e-6)
    assert found.p_value <= nearly.p_value < 2 * found.p_value


def test_with_endless_others_that_did_not_change_it_is_fishers_test() -> None:
    group, before = Marked(30, 200), Marked(50, 1_000)
    found = group_shift_test(group, Marked(10**6, 10**7), before, Marked(10**6, 10**7))
    assert found is not None
    fisher = stats.fisher_exact([[30, 170], [50, 950]], alternative="greater").pvalue
    assert found.p_value == pytest.approx(fisher, rel=1e-3)
    assert found.expected == pytest.approx(0.05, abs=0.001)


@given(st.integers(5, 60), st.floats(1.0, 6.0))
def test_more_marked_events_are_less_likely_and_bursts_more_so(k: int, dispersion: float) -> None:
    others, before, others_before = Marked(80, 800), Marked(40, 400), Marked(160, 1_600)
    fewer, more = (
        group_shift_test(Marked(each, 200), others, before, others_before, dispersion=dispersion) for each in (k, k + 1)
    )
    plain = group_shift_test(Marked(k + 1, 200), others, before, others_before)
    assert fewer is not None
    assert more is not None
    assert plain is not None
    assert more.p_value <= fewer.p_value * (1 + 1e-9)
    if k > 25:
        assert plain.p_value <= more.p_value * (1 + 1e-9)


def test_a_shift_that_all_groups_have_is_none() -> None:
    """Errors double everywhere: no group is worse than the others make it."""
    rng, p_values = np.random.default_rng(1), []
    for _ in range(2_000):
        now, before = ([Marked(int(rng.binomial(n, share)), n) for n in ns] for ns, share in SIDES)
        found = group_shift_test(*now, *before)
        p_values.append(1.0 if found is None else found.p_value)
    assert 0.02 < np.mean(np.array(p_values) <= 0.05) <= 0.06
    assert np.mean(np.array(p_values) <= 0.01) <= 0.014


def test_an_estimated_dispersion_widens_the_tail() -> None:
    sides = (Marked(60, 200), Marked(80, 800), Marked(400, 4_000), Marked(1_600, 16_000))
    known, estimated = (group_shift_test(*sides, degrees_of_freedom=freedom) for freedom in (None, 29.0))
    assert known is not None
    assert estimated is not None
    assert known.p_value < estimated.p_value < 1e-4


def test_groups_without_events_or_others_with_too_few_are_not_tested() -> None:
    enough, few = Marked(50, 500), Marked(LEAST_OF_OTHERS - 1, 500)
    assert group_shift_test(Marked(0, 0), enough, enough, enough) is None
    assert group_shift_test(enough, enough, Marked(0, 0), enough) is None
    assert group_shift_test(enough, few, enough, enough) is None
    assert group_shift_test(enough, enough, enough, few) is None


@pytest.mark.parametrize(
    ("group", "dispersion", "message"),
    [
        (Marked(3, 2), 1.0, r"Expected a count in \[0, 2\], got 3 - at `\$.group`"),
        (Marked(1, 2), 0.5, r"Expected a finite dispersion of at least 1, got 0.5 - at `\$.dispersion`"),
    ],
)
def test_what_is_no_count_or_dispersion_is_an_error(group: Marked, dispersion: float, message: str) -> None:
    enough = Marked(50, 500)
    with pytest.raises(ParameterError, match=message):
        group_shift_test(group, enough, enough, enough, dispersion=dispersion)
