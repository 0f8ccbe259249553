from __future__ import annotations

import math

import numpy as np
import pytest

from driftline.errors import ParameterError
from driftline.significance import known_share_test, level_per_test, share_test, shares_of_budget

DAY_MS = 86_400_000


def test_share_test_reports_both_shares() -> None:
    result = share_test(10, 100, 50, 1000)
    assert result is not None
    assert (result.share, result.share_reference, result.n, result.n_reference) == (0.1, 0.05, 100, 1000)


def test_the_same_share_on_both_sides_is_no_evidence() -> None:
    result = share_test(5, 100, 50, 1000)
    assert result is not None
    assert result.p_value == 1.0


def test_large_samples_are_exact_and_finite() -> None:
    result = share_test(502_000, 1_000_000, 500_000, 1_000_000, alternative="greater")
    assert result is not None
    assert result.p_value == pytest.approx(0.0023388, rel=0.01)  # close to the normal tail at 2.828 standard deviations
    impossible = share_test(1_000_000, 1_000_000, 0, 1_000_000)
    assert impossible is not None
    assert impossible.p_value == 0.0


def test_an_empty_side_gives_no_result() -> None:
    assert share_test(0, 0, 5, 10) is None
    assert share_test(5, 10, 0, 0) is None
    assert known_share_test(0, 0, 0.5) is None


def test_a_known_share_of_zero_makes_one_event_impossible() -> None:
    none, one = known_share_test(0, 100, 0.0), known_share_test(1, 100, 0.0)
    assert none is not None
    assert one is not None
    assert (none.p_value, one.p_value, one.n_reference) == (1.0, 0.0, None)


@pytest.mark.parametrize(("n", "n_reference", "share"), [(200, 4096, 0.01), (1000, 4096, 0.002), (50, 200, 0.3)])
def test_the_level_of_the_share_test_holds(n: int, n_reference: int, share: float) -> None:
    rng = np.random.default_rng([n, n_reference])
    windows = 3000
    draws = zip(rng.binomial(n, share, windows), rng.binomial(n_reference, share, windows), strict=True)
    results = [share_test(int(k), n, int(m), n_reference) for k, m in draws]
    rejected = sum(result.p_value <= 0.05 for result in results if result is not None)
    assert 0 < rejected <= 0.05 * windows


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((5, 4, 1, 10), r"Expected a count in \[0, 4\], got 5 - at `\$\.k`"),
        ((1, 4, -1, 10), r"Expected a count in \[0, 10\], got -1 - at `\$\.k_reference`"),
    ],
)
def test_counts_outside_their_range_are_refused(arguments: tuple[int, int, int, int], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        share_test(*arguments)


@pytest.mark.parametrize("share", [-0.1, 1.7, math.nan])
def test_a_known_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(ParameterError, match=r"Expected a share in \[0, 1\]"):
        known_share_test(1, 2, share)


def test_an_unknown_alternative_is_refused() -> None:
    with pytest.raises(ParameterError, match="two_sided, greater or less"):
        known_share_test(1, 2, 0.5, alternative="both")  # type: ignore[arg-type] # what a caller without types may send


def test_a_level_is_the_budget_over_the_tests() -> None:
    level = level_per_test(2, 30 * DAY_MS, 3_600_000, 50)
    assert level.n_tests == 36_000
    assert level.level == 2 / 36_000
    assert level.derivation == "2 pages per 30 d / (720 windows of 1 h x 50 tests) = 5.56e-05"


def test_a_started_window_counts() -> None:
    assert level_per_test(1, 90_500, 60_000, 1).n_tests == 2
    assert (
        level_per_test(1, 90_500, 60_000, 1).derivation == "1 page per 90500 ms / (2 windows of 1 min x 1 test) = 0.5"
    )


def test_a_budget_above_the_number_of_tests_is_held_at_one() -> None:
    level = level_per_test(10, 60_000, 60_000, 2)
    assert level.level == 1.0
    assert level.derivation == "10 pages per 1 min / (1 window of 1 min x 2 tests) = 5, held at 1"


@pytest.mark.parametrize(
    ("arguments", "at"),
    [
        ((0.0, DAY_MS, 1000, 1), "budget_pages"),
        ((math.nan, DAY_MS, 1000, 1), "budget_pages"),
        ((1.0, 999, 1000, 1), "horizon_ms"),
        ((1.0, DAY_MS, 0, 1), "window_ms"),
        ((1.0, DAY_MS, 1000, 0), "n_tests_per_window"),
        ((1.0, DAY_MS, 1000, 1, 0), "findings_per_page"),
    ],
)
def test_a_budget_that_cannot_be_divided_is_refused(arguments: tuple[float, int, int, int, int], at: str) -> None:
    with pytest.raises(ParameterError, match=rf"at `\$\.{at}`"):
        level_per_test(*arguments)


def test_k_findings_to_a_page_make_the_level_k_times_larger() -> None:
    one, three = (level_per_test(1, 30 * DAY_MS, 3_600_000, 50, k) for k in (1, 3))
    assert three.level == pytest.approx(3 * one.level)
    assert (three.n_tests, three.n_windows) == (one.n_tests, one.n_windows) == (36_000, 720)


def test_shares_that_are_not_given_divide_the_rest_evenly() -> None:
    assert shares_of_budget(("1h", "1d"), {}) == {"1h": 0.5, "1d": 0.5}
    shares = shares_of_budget(("1h", "1d", "performance"), {"1d": 0.2})
    assert shares == pytest.approx({"1h": 0.4, "1d": 0.2, "performance": 0.4})
    # What is not in use leaves its share unspent.
    assert shares_of_budget(("1h",), {"performance": 0.25}) == {"1h": 0.75}


@pytest.mark.parametrize("given", [{"1h": 0.9, "1d": 0.2}, {"1h": 1.0}])
def test_shares_that_leave_nothing_are_refused(given: dict[str, float]) -> None:
    with pytest.raises(ParameterError, match="shares that add up to at most 1"):
        shares_of_budget(("1h", "1d", "performance"), given)


def test_shares_that_add_up_to_one_but_for_rounding_are_taken() -> None:
    given = {"1h": 0.7, "1d": 0.2, "performance": 0.1}
    assert shares_of_budget(given, given) == given
