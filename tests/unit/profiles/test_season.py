from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from driftline.config.model import ModelSettings
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.season import HOUR_MS, HOURS, overlaps, week_and_slot
from driftline.profiles.season_counts import season_counts
from driftline.profiles.weighting import apportioned, combined, effective_scale

if TYPE_CHECKING:
    from driftline.profiles.profile import Profile

MONDAY_MS = 1_767_571_200_000  # 2026-01-05T00:00:00Z
DAY_MS = 24 * HOUR_MS


def of_hours(hours: list[int], values: list[str] | None = None) -> Profile:
    """Return the profile of one row an hour given, counted from a Monday."""
    times = np.array([MONDAY_MS + hour * HOUR_MS + 17 for hour in hours], dtype=np.int64)
    values = values or ["a"] * len(hours)
    table = ReferenceTable(len(hours), {"x": values}, times_ms=times)
    return build_profile(ModelKey("m", ""), table, ModelSettings(), 0, "training")


def test_weeks_begin_on_monday_in_utc_also_before_1970() -> None:
    times = np.array([MONDAY_MS - 1, MONDAY_MS, MONDAY_MS + 6 * DAY_MS + 23 * HOUR_MS, -1])
    week, slot = week_and_slot(times)
    assert slot.tolist() == [167, 0, 167, 71]
    assert week[1] == week[2] == week[0] + 1
    assert week[3] == 0


@pytest.mark.parametrize("start", [0, 1, HOUR_MS - 1, 5 * DAY_MS + 7])
@pytest.mark.parametrize("length", [1, HOUR_MS, HOUR_MS + 1, DAY_MS, 7 * DAY_MS, 7 * DAY_MS + 1, 16 * DAY_MS + 5])
def test_overlaps_are_those_of_a_walk_through_the_hours(start: int, length: int) -> None:
    begin, end = MONDAY_MS + start, MONDAY_MS + start + length
    expected: dict[int, int] = {}
    at = begin
    while at < end:
        until = min(end, (at // HOUR_MS + 1) * HOUR_MS)
        slot = (at - MONDAY_MS) // HOUR_MS % HOURS
        expected[slot] = expected.get(slot, 0) + until - at
        at = until
    assert overlaps(begin, end) == expected
    assert sum(overlaps(begin, end).values()) == length


def test_a_window_gets_the_values_of_its_hours_alone() -> None:
    profile = of_hours([9, 9 + HOURS, 10, 33], ["a", "b", "c", "a"])
    nine = season_counts(profile, 0, MONDAY_MS + 9 * HOUR_MS, MONDAY_MS + 10 * HOUR_MS)
    assert nine is not None
    assert (nine.counts.tolist(), nine.n, nine.weeks) == ([1, 1, 0, 0], 2, 2)
    later = season_counts(
        profile, 0, MONDAY_MS + (9 + 52 * HOURS) * HOUR_MS, MONDAY_MS + (9 + 52 * HOURS) * HOUR_MS + 9
    )
    assert later is not None
    assert later.counts.tolist() == nine.counts.tolist(), "in every week, and of whatever length inside the hour"


def test_hours_weigh_by_what_they_hold_in_a_week() -> None:
    # Monday 09 was seen in two weeks, with 2 of `a` in each; 10 in one week, with 4 of `b`: a window over both hours
    # expects 2 of a and 4 of b.
    hours = [9, 9, 9 + HOURS, 9 + HOURS, 10, 10, 10, 10]
    profile = of_hours(hours, ["a"] * 4 + ["b"] * 4)
    found = season_counts(profile, 0, MONDAY_MS + 9 * HOUR_MS, MONDAY_MS + 11 * HOUR_MS)
    assert found is not None
    # weights 1 and 2: (4 + 8)^2 / (4 + 16) = 7.2
    assert (found.n, found.weeks, found.counts.tolist()) == (7, 1, [2, 5, 0])


def test_a_day_with_equal_weeks_is_a_plain_sum() -> None:
    profile = of_hours(list(range(24)) + [hour + HOURS for hour in range(24)])
    found = season_counts(profile, 0, MONDAY_MS, MONDAY_MS + DAY_MS)
    assert found is not None
    assert (found.n, found.weeks, found.counts.tolist()) == (48, 2, [48, 0])


def test_nothing_is_made_up_where_an_hour_was_never_seen() -> None:
    profile = of_hours([9])
    assert season_counts(profile, 0, MONDAY_MS + 9 * HOUR_MS, MONDAY_MS + 10 * HOUR_MS + 1) is None
    assert season_counts(profile, 0, MONDAY_MS, MONDAY_MS) is None
    table = ReferenceTable(1, {"x": ["a"]})
    without = build_profile(ModelKey("m", ""), table, ModelSettings(), 0, "training")
    assert season_counts(without, 0, MONDAY_MS, MONDAY_MS + 1) is None


def test_an_hour_without_values_of_a_column_has_counts_of_zero() -> None:
    times = np.array([MONDAY_MS, MONDAY_MS + 1], dtype=np.int64)
    table = ReferenceTable(2, {"x": [None, None], "y": ["a", "b"]}, times_ms=times)
    profile = build_profile(ModelKey("m", ""), table, ModelSettings(), 0, "training")
    found = season_counts(profile, 0, MONDAY_MS, MONDAY_MS + HOUR_MS)
    assert found is not None
    assert (found.n, int(found.counts.sum())) == (0, 0)


def test_scaled_counts_have_the_effective_number_and_are_off_by_less_than_one() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        counts = rng.integers(0, 200, (3, 7))
        weights = rng.integers(0, 9, 3).tolist()
        result, n = combined(counts, weights)
        numerator, denominator = effective_scale([int(row.sum()) for row in counts], weights)
        exact = (counts * np.array(weights)[:, None]).sum(axis=0) * numerator / denominator
        assert result.sum() == n
        assert abs(n - exact.sum()) <= 0.5 or len(set(weights)) == 1
        assert len(set(weights)) == 1 or np.abs(result - exact).max() < 1
    assert combined(np.zeros((2, 3), dtype=np.int64), [1, 2])[1] == 0
    assert combined(np.ones((2, 3), dtype=np.int64), [0, 0])[1] == 0


def test_what_is_missing_to_the_sum_goes_to_those_that_lost_most() -> None:
    assert apportioned([10, 10, 11], 1, 10, 3).tolist() == [1, 1, 1]
    assert apportioned([19, 11, 0], 1, 10, 3).tolist() == [2, 1, 0]
    assert apportioned([15, 15, 0], 1, 10, 3).tolist() == [2, 1, 0], "of equal ones the first"
