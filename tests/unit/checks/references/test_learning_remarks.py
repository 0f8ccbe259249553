"""Whoever builds a reference is told which windows it cannot judge yet, and from when they notify."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest

from driftline.checks.references.learning_remarks import burn_in_ms, learning_remarks
from driftline.config.durations import Duration
from driftline.config.model import CheckSettings, DispersionSettings, ModelSettings, WindowSettings
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import TimeOptions, build_profile
from driftline.profiles.building.table import ReferenceTable

if TYPE_CHECKING:
    from driftline.profiles.profile import Profile

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


def settings_of(*sizes_ms: int, mode: Literal["estimate", "independent"] = "estimate") -> ModelSettings:
    sizes = tuple(Duration(size) for size in sizes_ms)
    windows = WindowSettings(verdict=sizes, display=sizes[0], hop=sizes[0])
    return ModelSettings(windows=windows, checks=CheckSettings(dispersion=DispersionSettings(mode=mode)))


def built(settings: ModelSettings, n_days: int, *, rare_days: int | None = None, timed: bool = True) -> Profile:
    n_panes = n_days * 24
    rng = np.random.default_rng(11)
    times = np.repeat(np.arange(n_panes), 20) * HOUR_MS
    x, y = rng.normal(size=times.size), rng.normal(size=times.size)
    if rare_days is not None:
        y[times >= rare_days * DAY_MS] = np.nan
    table = ReferenceTable(times.size, {"x": x, "y": y}, times_ms=times if timed else None)
    return build_profile(ModelKey("m", "1"), table, settings, 0, "training", in_time=TimeOptions(HOUR_MS))


def test_a_reference_of_a_month_leaves_windows_of_eleven_days_to_production() -> None:
    settings = settings_of(HOUR_MS, DAY_MS, 11 * DAY_MS)
    (remark,) = learning_remarks(built(settings, 30), settings, HOUR_MS)
    assert remark.startswith("windows of 11d notify nobody in the first 88d of production")
    assert "at least 8 windows, and event times over 88d; give such rows, or take smaller windows" in remark


def test_what_one_column_lacks_is_said_of_that_column() -> None:
    settings = settings_of(HOUR_MS)
    (remark,) = learning_remarks(built(settings, 30, rare_days=2), settings, HOUR_MS)
    assert remark.startswith("windows of 1h of `y` notify nobody in the first 1d of production")
    assert "smaller windows" not in remark


def test_each_size_is_named_where_rows_have_no_times() -> None:
    settings = settings_of(HOUR_MS, DAY_MS)
    hours, days = learning_remarks(built(settings, 30, timed=False), settings, HOUR_MS)
    assert hours.startswith("windows of 1h notify nobody in the first 1d ")
    assert days.startswith("windows of 1d notify nobody in the first 8d ")


@pytest.mark.parametrize(("n_days", "mode"), [(30, "estimate"), (2, "independent")])
def test_nothing_is_said_where_all_is_known(n_days: int, mode: Literal["estimate", "independent"]) -> None:
    settings = settings_of(HOUR_MS, mode=mode)
    assert learning_remarks(built(settings, n_days), settings, HOUR_MS) == []


def test_the_time_said_is_the_burn_ins() -> None:
    settings = settings_of(HOUR_MS)
    assert burn_in_ms(settings, HOUR_MS) == int(settings.checks.dispersion.span)
    assert burn_in_ms(settings, DAY_MS) == 8 * DAY_MS
