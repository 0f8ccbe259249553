"""Windows that hold only a part of their hours: begun in the evening, ended at midday, with an outage."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
from msgspec import structs

from driftline.checks.columns.window_check import examine_window
from driftline.checks.contract.error_budget import ErrorBudget
from driftline.checks.references.missing_hours import between_hours, hours_factor
from driftline.checks.references.reference_view import ReferenceView
from driftline.config.settings import Settings
from driftline.profiles.building.build import TimeOptions
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.season import HOUR_MS, HOURS, slot_of
from tests.support.windows import KEY, PANE_MS, profile_of, window_of
from tests.unit.checks.references.test_reference_view import DAY, MONDAY, settings_of

if TYPE_CHECKING:
    from driftline.events.finding import FindingEvent
    from driftline.profiles.history import History
    from driftline.profiles.profile import Profile

WEEKS, AN_HOUR = 4, 30


def rows_of(first_hour: int, n_hours: int, seed: int, shift: float = 0.0) -> ReferenceTable:
    """Return rows whose value swings by the hour of the day, at regular times."""
    n = n_hours * AN_HOUR
    hours = first_hour + np.arange(n) // AN_HOUR
    x = np.sin(hours / 24 * 2 * np.pi) + np.random.default_rng(seed).normal(shift, 0.5, n)
    times_ms = MONDAY + first_hour * HOUR_MS + np.arange(n) * (HOUR_MS // AN_HOUR)
    return ReferenceTable(n, {"x": x}, prediction=[0, 1] * (n // 2), times_ms=times_ms)


@pytest.fixture(scope="module")
def profile() -> Profile:
    return profile_of(rows_of(0, WEEKS * HOURS, 1), settings_of("auto"), in_time=TimeOptions(60_000))


def found_in(
    profile: Profile, season: Literal["auto", "none"], table: ReferenceTable, *, known: bool = True
) -> list[FindingEvent]:
    """Return what is found in the window of a day that holds these rows."""
    assert table.times_ms is not None
    start_ms = int(table.times_ms[0]) // DAY * DAY
    slots, counts = np.unique([slot_of(time) for time in table.times_ms.tolist()], return_counts=True)
    hours = dict(zip(slots.tolist(), counts.tolist(), strict=True)) if known else {}
    span = {"start_ms": start_ms, "end_ms": start_ms + DAY, "size_ms": DAY, "hours": hours}
    window = structs.replace(window_of(profile, table), **span)
    settings = settings_of(season)
    view = ReferenceView(profile, settings, PANE_MS)
    assert view.seasonal is (season == "auto")
    budget = ErrorBudget.of(Settings(defaults=settings), KEY.model)
    return [*examine_window(view, window, budget).findings]


PARTS = {"begins at 20:00": range(20, 24), "ends at 09:00": range(9), "outage": [*range(6), *range(18, 24)]}


@pytest.mark.parametrize("season", ["auto", "none"])
@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_a_day_without_a_change_is_none(profile: Profile, season: Literal["auto", "none"], part: str) -> None:
    day = WEEKS * HOURS + 48
    table = rows_of(day, 24, 5)
    assert table.times_ms is not None
    held = np.isin((table.times_ms - MONDAY) // HOUR_MS % 24, list(PARTS[part]))
    times_ms, x = table.times_ms[held], np.asarray(table.features["x"])[held]
    table = replace(table, n=x.size, features={"x": x}, prediction=[0, 1] * (x.size // 2), times_ms=times_ms)
    assert found_in(profile, season, table) == []
    if part != "outage":  # the hours that it has are as far above the mean as below
        assert found_in(profile, season, table, known=False), "compared with all hours of the day"


def test_a_change_in_a_part_of_a_day_is_found(profile: Profile) -> None:
    (found,) = found_in(profile, "auto", rows_of(WEEKS * HOURS + 20, 4, 6, shift=0.6))
    assert (found.check, found.column) == ("distribution.pearson", "x")
    assert found.dispersion is not None
    assert found.dispersion.same_hours


@pytest.mark.parametrize("season", ["auto", "none"])
def test_a_change_of_a_whole_day_is_found_whether_its_hours_are_known_or_not(
    profile: Profile, season: Literal["auto", "none"]
) -> None:
    table = rows_of(WEEKS * HOURS, 24, 7, shift=0.4)
    known, unknown = found_in(profile, season, table), found_in(profile, season, table, known=False)
    assert [each.statistic for each in known] == [each.statistic for each in unknown] != []


def of_day(profile: Profile, events: dict[int, int], pane_ms: int = PANE_MS) -> float:
    return hours_factor(profile.history, MONDAY, MONDAY + DAY, events, pane_ms)


def test_the_factor_is_the_square_of_what_is_lacked_over_what_is_held(profile: Profile) -> None:
    assert of_day(profile, dict.fromkeys(range(24), 3)) == 0
    assert of_day(profile, dict.fromkeys(range(18), 3)) == pytest.approx((6 / 18) ** 2)
    assert of_day(profile, dict.fromkeys(range(18), 3) | {20: 0}) == pytest.approx((6 / 18) ** 2)
    assert of_day(profile, dict.fromkeys(range(12), 3)) == of_day(profile, {23: 3}) == 1
    assert of_day(profile, {}) == 0, "not known"
    assert of_day(profile, {30: 3}) == 1, "none of the hours"
    assert hours_factor(None, MONDAY, MONDAY + DAY, {3: 5}, PANE_MS) == 0
    assert of_day(profile, {0: 3, 12: 3}, DAY // 2) == 0, "panes of twelve hours"


def test_hours_in_which_the_reference_has_nothing_are_not_lacked() -> None:
    times_ms = MONDAY + np.arange(9, 17) * HOUR_MS
    table = ReferenceTable(8, {"x": ["a"] * 8}, times_ms=times_ms)
    history: History | None = profile_of(table, settings_of("auto"), in_time=TimeOptions(60_000)).history
    assert hours_factor(history, MONDAY, MONDAY + DAY, dict.fromkeys(range(9, 17), 2), PANE_MS) == 0


def test_the_covariance_between_hours_is_without_what_chance_makes() -> None:
    rng = np.random.default_rng(4)
    shares = np.where(np.arange(HOURS)[:, None] % 2, [0.3, 0.3, 0.4], [0.1, 0.5, 0.4])
    season = np.array([rng.multinomial(400, each) for each in shares])
    expected = np.array([[0.01, -0.01, 0], [-0.01, 0.01, 0], [0, 0, 0]])
    assert np.abs(between_hours(season) - expected).max() < 0.002
    alike = np.array([rng.multinomial(400, [0.2, 0.4, 0.4]) for _ in range(HOURS)])
    assert np.diag(between_hours(alike)).max() < 0.0002
    assert not between_hours(season * (np.arange(HOURS) == 3)[:, None]).any()
    assert not between_hours(np.zeros((0, 3), dtype=np.int64)).any()
    assert np.isfinite(between_hours(np.hstack([season, np.zeros((HOURS, 1), dtype=np.int64)]))).all()
