"""Simulated tests in the place of Pearson's: each finds a change, none an unchanged column, and draws repeat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from driftline.config.model import AlertSettings, Budget, CheckSettings, ModelSettings
from tests.support.windows import budget_of, examine_window, profile_of, table_of, window_of

if TYPE_CHECKING:
    from driftline.checks.columns.share_test import Chosen
    from driftline.checks.contract.error_budget import ErrorBudget

PROFILE = profile_of(table_of(5_000))
NAMES: tuple[Chosen, ...] = ("kolmogorov_smirnov", "total_variation", "l_infinity", "wasserstein")


def context(name: Chosen, pages: float = 1.0) -> ErrorBudget:
    budget = AlertSettings(false_alarm_budget=Budget(pages=pages))
    return budget_of(ModelSettings(checks=CheckSettings(test=name), alerts=budget))


@pytest.mark.parametrize("name", NAMES)
def test_a_shift_is_found_and_categories_are_tested_too(name: Chosen) -> None:
    window = window_of(PROFILE, table_of(1_000, 1, mean=0.7, web=0.2))
    usual = context(name, pages=30.0)  # a thirtieth of the draws
    verdict = examine_window(PROFILE, window, usual)
    found = {finding.column: finding.statistic.name for finding in verdict.findings if finding.family == "distribution"}
    assert found["x"] == f"simulated_{name}"
    simulated = name in {"total_variation", "l_infinity"}
    assert found["channel"] == (f"simulated_{name}" if simulated else "pearson_chi_squared")
    assert examine_window(PROFILE, window, usual) == verdict


@pytest.mark.parametrize("name", NAMES)
def test_p_values_of_unchanged_windows_are_spread_evenly(name: Chosen) -> None:
    p_values = []
    for seed in range(60):
        window = window_of(PROFILE, table_of(300, 100 + seed), kind="sliding")
        summary = next(
            each for each in examine_window(PROFILE, window, context(name)).events[0].columns if each.name == "x"
        )
        assert summary.test is not None
        p_values.append(summary.test.p_value)
    # Binomial(60, 0.5): outside in one of 10,000 runs.
    assert 16 <= int((np.array(p_values) < 0.5).sum()) <= 44


@pytest.mark.parametrize("pages", [1e-3, 1e9])
def test_levels_that_no_draws_reach_are_left_to_pearson_and_a_level_of_one_is_no_error(pages: float) -> None:
    budget = AlertSettings(false_alarm_budget=Budget(pages=pages))
    settings = budget_of(ModelSettings(checks=CheckSettings(test="total_variation"), alerts=budget))
    window = window_of(PROFILE, table_of(1_000, 1, mean=0.7))
    finding = next(
        each
        for each in examine_window(PROFILE, window, settings).findings
        if (each.column, each.family) == ("x", "distribution")
    )
    assert finding.statistic.name == ("exact_partition" if pages < 1 else "simulated_total_variation")
