"""What windows are held against where the reference tells the week: the same hours, and columns with a calendar."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
from msgspec import structs

from driftline.checks.columns.multivariate_check import inflation_of
from driftline.checks.columns.window_check import examine_window
from driftline.checks.contract.error_budget import ErrorBudget
from driftline.checks.references.reference_view import ReferenceView
from driftline.config.durations import Duration
from driftline.config.model import CheckSettings, ColumnSettings, ModelSettings, ReferenceSettings, WindowSettings
from driftline.config.settings import Settings
from driftline.profiles.building.build import TimeOptions
from driftline.profiles.building.table import ReferenceTable
from driftline.sketches.joint import Joint
from tests.support.windows import HOUR, KEY, profile_of, window_of

if TYPE_CHECKING:
    from driftline.profiles.profile import Profile

DAY = 24 * HOUR
MONDAY = 4 * DAY
WEEKS, A_DAY = 12, 24 * 4
"""Rows are a quarter of an hour apart."""


def settings_of(season: Literal["auto", "none"]) -> ModelSettings:
    return ModelSettings(
        windows=WindowSettings(verdict=(Duration(DAY),), display=Duration(DAY), hop=Duration(DAY), min_samples=50),
        checks=CheckSettings(detectors=(), multivariate=()),
        reference=ReferenceSettings(season=season),
        columns={"weekday": ColumnSettings(kind="categorical")},
    )


def rows_of(first_day: int, n_days: int, seed: int) -> ReferenceTable:
    """Return rows whose value swings by the hour of the day, with the day of the week beside it."""
    n = n_days * A_DAY
    hours = np.arange(n) // 4 % 24
    days = first_day + np.arange(n) // A_DAY
    x = np.sin(hours / 24 * 2 * np.pi) + np.random.default_rng(seed).normal(0, 0.5, n)
    return ReferenceTable(
        n=n,
        features={"x": x, "weekday": [str(day % 7) for day in days.tolist()]},
        prediction=(x > 0).astype(int).tolist(),
        times_ms=MONDAY + first_day * DAY + np.arange(n) * (HOUR // 4),
    )


@pytest.fixture(scope="module")
def profile() -> Profile:
    return profile_of(rows_of(0, WEEKS * 7, 1), settings_of("auto"), in_time=TimeOptions(HOUR))


def checks_of(profile: Profile, season: Literal["auto", "none"], table: ReferenceTable, day: int) -> list[str]:
    """Return what is found in the window of one day."""
    settings = settings_of(season)
    start_ms = MONDAY + day * DAY
    window = structs.replace(window_of(profile, table), start_ms=start_ms, end_ms=start_ms + DAY, size_ms=DAY)
    standard = ReferenceView(profile, settings, HOUR)
    assert standard.seasonal is (season == "auto")
    context = ErrorBudget.of(Settings(defaults=settings), KEY.model)
    return [f"{found.check} {found.column}" for found in examine_window(standard, window, context).findings]


@pytest.mark.parametrize("season", ["auto", "none"])
def test_a_day_of_the_week_has_not_frozen_though_it_is_constant_all_day(
    profile: Profile, season: Literal["auto", "none"]
) -> None:
    for day in range(WEEKS * 7, WEEKS * 7 + 14):
        assert checks_of(profile, season, rows_of(day, 1, day), day) == []


@pytest.mark.parametrize("season", ["auto", "none"])
def test_a_column_that_swings_within_the_day_is_found_frozen_still(
    profile: Profile, season: Literal["auto", "none"]
) -> None:
    day = WEEKS * 7
    table = rows_of(day, 1, day)
    frozen = replace(table, features={**table.features, "x": np.full(table.n, 0.25)})
    assert "quality.frozen x" in checks_of(profile, season, frozen, day)


def test_what_is_compared_with_all_hours_varies_as_all_hours_do(profile: Profile) -> None:
    """There are no cross-moments by hour of the week, so their dispersion is that of windows with their season."""
    start_ms = MONDAY + WEEKS * 7 * DAY
    window = structs.replace(
        window_of(profile, rows_of(WEEKS * 7, 1, 3)), start_ms=start_ms, end_ms=start_ms + 6 * HOUR, size_ms=DAY
    )
    standard = ReferenceView(profile, settings_of("auto"), HOUR)
    index = next(i for i, column in enumerate(profile.columns) if column.name == "x")
    held = standard.column(index, window)
    assert held.dispersion is not None
    assert held.whole is not None
    n = float(window.n_events)
    expected = float(held.whole.design_effects(n).max())
    assert expected > 2 * max(1.0, float(held.dispersion.design_effects(n).max()))
    assert inflation_of(standard, window, Joint((index,), cross=True)).factor == pytest.approx(expected, rel=1e-8)


def test_the_mean_of_all_hours_is_not_passed_off_as_that_of_the_same_hours(profile: Profile) -> None:
    day = WEEKS * 7
    table = rows_of(day, 1, day)
    shifted = replace(table, features={**table.features, "x": np.asarray(table.features["x"]) + 1.0})
    window = structs.replace(
        window_of(profile, shifted), start_ms=MONDAY + day * DAY, end_ms=MONDAY + (day + 1) * DAY, size_ms=DAY
    )
    settings = settings_of("auto")
    standard, context = ReferenceView(profile, settings, HOUR), ErrorBudget.of(Settings(defaults=settings), KEY.model)
    messages = [found.message for found in examine_window(standard, window, context).findings if found.column == "x"]
    assert any("; against the same hours of the week; mean " in text and "(all hours) -> " in text for text in messages)


def test_only_the_same_hours_tell_that_the_day_of_the_week_is_another(profile: Profile) -> None:
    day = WEEKS * 7
    other = rows_of(day + 3, 1, day)
    assert checks_of(profile, "auto", other, day) == ["distribution.pearson weekday"]
    assert checks_of(profile, "none", other, day) == []


def test_categories_may_have_another_number_of_groups_than_numbers(profile: Profile) -> None:
    def groups(checks: CheckSettings) -> list[int]:
        view = ReferenceView(profile, settings_of("none").replace(checks=checks), HOUR)
        by_name = dict(zip([column.name for column in profile.columns], view.groupings, strict=True))
        return [by_name[name].n_groups for name in ("x", "weekday")]

    assert groups(CheckSettings(bins=5)) == [5, 5]
    assert groups(CheckSettings(bins=5, category_bins=3)) == [5, 3]
    assert groups(CheckSettings(bins=5, category_bins=40)) == [5, 8], "seven days, and what is none of them"
