"""Which origins a change comes from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftline.checks.contract.origin_split import LEAST_SHARE, Marked, _part, clear_parts


def names(
    origins: list[Marked], rate_before: float = 0.0, n_before: int = 10_000, dispersion: float = 1.0
) -> list[str]:
    return [part.value for part in clear_parts(origins, rate_before, n_before, dispersion)]


def test_one_of_three_that_breaks_is_named_with_all_of_the_change() -> None:
    (part,) = clear_parts([Marked("a", 900, 9), Marked("b", 1000, 10), Marked("c", 1100, 900)], 0.01, 10_000)
    assert part.value == "c"
    assert part.share_of_events == pytest.approx(1100 / 3000)
    assert part.share_of_change == pytest.approx(1.0, abs=0.01)


def test_two_of_four_are_named_together() -> None:
    assert names([Marked("a", 500, 0), Marked("b", 500, 200), Marked("c", 500, 210), Marked("d", 500, 1)]) == ["b", "c"]


def test_a_change_everywhere_names_nothing() -> None:
    assert not names([Marked(each, 1000, 300) for each in "abc"])


def test_a_change_that_most_have_names_nothing() -> None:
    assert not names([*(Marked(each, 1000, 300) for each in "abcd"), Marked("e", 1000, 0)])


def test_eighty_percent_of_the_change_is_not_enough() -> None:
    assert not names([Marked("a", 1000, 400), Marked("b", 1000, 100), Marked("c", 1000, 0)])


def test_the_only_origin_is_not_named() -> None:
    assert not names([Marked("a", 1000, 400)])
    assert not names([Marked("a", 1000, 400), Marked("b", 5, 0)])


def test_a_new_origin_that_took_over_is_named() -> None:
    assert names([Marked("1.5", 1000, 400), Marked("1.4", 0, 0, 10_000, 3)], 0.0003) == ["1.5"]
    assert not names([Marked("1.5", 1000, 400, 5_000, 1), Marked("1.4", 0, 0, 5_000, 2)], 0.0003)


def test_an_origin_that_sends_more_of_what_it_always_sent_is_named() -> None:
    now_and_before = [Marked("bot", 1000, 1000, 50, 50), Marked("people", 1000, 10, 950, 9)]
    assert names(now_and_before, 59 / 1000, 1000) == ["bot"]


def test_origins_that_always_differed_are_not_blamed() -> None:
    """All rise by 20 points; only one has risen above what all had before."""
    origins = [Marked("low", 1000, 300, 1000, 100), Marked("high", 1000, 900, 1000, 700)]
    assert not names(origins, 0.4, 2000)
    assert not names([each._replace(n_before=0, marked_before=0) for each in origins], 0.4, 2000)


def test_few_events_are_not_enough() -> None:
    assert not names([Marked("a", 40, 0), Marked("b", 40, 1), Marked("c", 40, 6)])


def test_bursts_ask_for_more() -> None:
    origins = [Marked("a", 200, 0), Marked("b", 200, 0), Marked("c", 200, 40)]
    assert names(origins) == ["c"]
    assert not names(origins, dispersion=10.0)


@given(
    st.lists(
        st.tuples(st.integers(0, 500), st.integers(0, 500), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6
    ).filter(lambda made: sum(each[0] for each in made) > 0 and sum(each[1] for each in made) > 0)
)
def test_the_parts_of_all_origins_add_up_to_the_change(made: list[tuple[int, int, float, float]]) -> None:
    origins = [Marked(str(i), n, round(n * p), m, round(m * q)) for i, (n, m, p, q) in enumerate(made)]
    n, n_before = sum(each.n for each in origins), sum(each.n_before for each in origins)
    q = sum(each.marked_before for each in origins) / n_before
    change = sum(each.marked for each in origins) / n - q
    parts = sum(_part(each, n, q, n_before, 1.0)[0] for each in origins)
    assert parts == pytest.approx(change, abs=1e-9)
    named = clear_parts(origins, q, n_before)
    assert not named or sum(each.share_of_change for each in named) >= LEAST_SHARE


def test_an_even_change_hardly_ever_names_an_origin() -> None:
    """Of 2,000 windows with the same change in five origins, none is divided so by chance."""
    rng = np.random.default_rng(3)
    n, marked = 60, rng.binomial(60, 0.05, size=(2_000, 5))
    assert not any(names([Marked(str(i), n, int(count)) for i, count in enumerate(row)], 0.0) for row in marked)
