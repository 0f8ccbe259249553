"""Most values of a window are one and the same: explained where it is so, and not where a distribution is narrow."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec import UNSET, structs

from driftline.alerts.roots import root_of
from driftline.alerts.wording import words_of
from driftline.checks.quality.stuck import stuck_value
from driftline.events.finding import StuckValue
from driftline.profiles.building.table import ReferenceTable
from tests.support.alert_runs import HOUR, finding
from tests.support.windows import profile_of, window_of


def numbers(values: np.ndarray) -> ReferenceTable:
    return ReferenceTable(values.size, {"x": values}, prediction=[i % 2 for i in range(values.size)])


def seen(window: np.ndarray) -> StuckValue | None:
    profile = profile_of(numbers(np.random.default_rng(1).normal(12, 8, 20_000).round(2)))
    return stuck_value(profile, 0, window_of(profile, numbers(window)).sketch)


@pytest.mark.parametrize("part", [0.55, 0.67, 0.95])
def test_the_value_of_a_feature_that_froze_within_a_window_is_named(part: float) -> None:
    values, n = np.random.default_rng(2).normal(12, 8, 1_000).round(2), round(1_000 * part)
    values[:n] = 7.5
    found = seen(values)
    assert found is not None
    assert found.value == 7.5
    assert found.share == pytest.approx(part, abs=0.01)
    assert found.share_before < 0.02


@pytest.mark.parametrize("spread", [8.0, 3.0, 1.0, 0.2])
def test_a_distribution_that_became_narrow_has_no_value_of_its_own(spread: float) -> None:
    assert seen(np.random.default_rng(3).normal(12, spread, 1_000)) is None


def test_a_value_that_a_third_of_the_events_have_is_no_frozen_feature() -> None:
    values = np.random.default_rng(2).normal(12, 8, 1_000)
    values[:333] = 7.5
    assert seen(values) is None


@pytest.mark.parametrize("far", [1e9, -1e9, 100.0])
def test_values_beyond_the_grid_have_no_bin_that_says_what_they_are(far: float) -> None:
    assert seen(np.full(1_000, far)) is None


def test_a_finding_with_such_a_value_is_named_by_it() -> None:
    made = finding(HOUR, column="temperature")
    assert made.stuck is UNSET
    made = structs.replace(made, stuck=StuckValue(value=7.5, share=0.67, share_before=0.03))
    assert root_of(made) == "frozen values"
    assert words_of(made).title == "temperature: 67 % of values are about 7.5, 3.0 % before"
