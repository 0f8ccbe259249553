from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from driftline.config.durations import Duration
from driftline.config.model import AlertSettings, Budget, CheckSettings, ModelSettings, OpenAfter, WindowSettings, hours
from driftline.significance.levels import level_per_test
from tests.support.windows import HOUR, budget_of

if TYPE_CHECKING:
    from driftline.checks.contract.error_budget import ErrorBudget

CHECKS = CheckSettings(multivariate=("correlation",))


def test_the_level_divides_the_budget_over_sizes_windows_columns_and_families() -> None:
    context = budget_of(ModelSettings(checks=CHECKS), labels=True)
    level = context.column_level(HOUR, 4)
    # 0.99 pages in 10 parts: 1 for each size, 2 for performance and labels each, 4 for e-detectors; 720 windows of an
    # hour in 30 days; 2 tests for each of 4 columns, 2 of all and 1 multivariate.
    assert level.level == pytest.approx(0.99 / 10 / 720 / 11)
    assert level.n_tests == 720 * 11
    assert level.derivation.startswith("1 per 30d, share 0.099 for 1h: 0.099 pages per 30 d / (720 windows of 1 h")
    assert context.column_level(24 * HOUR, 4).level == pytest.approx(0.99 / 10 / 30 / 11)
    assert context.performance_level().level == pytest.approx(0.99 / 5 / 720 / 2)
    assert context.labels_level().level == pytest.approx(0.99 / 5 / 30 / 4), "a day's predictions at four ages"
    assert context.orphans_level().level == pytest.approx(0.99 / 5 / 30)
    alone = budget_of(ModelSettings(checks=CHECKS, windows=WindowSettings(verdict=(hours(1),))))
    assert alone.column_level(HOUR, 4).level == level_per_test(0.99 / 5, 720 * HOUR, HOUR, 11).level


def test_a_level_says_how_it_came_about_in_numbers() -> None:
    alerts = AlertSettings(
        shares={"1h": 0.6, "performance": 0.1, "labels": 0.05}, open_after=OpenAfter(findings=2, windows=3)
    )
    context = budget_of(ModelSettings(alerts=alerts), labels=True)
    for level, share in (
        (context.column_level(HOUR, 50), 0.6),
        (context.column_level(24 * HOUR, 50), 0.048),
        (context.operations_level(), 0.01),
        (context.performance_level(), 0.1),
        (context.labels_level(), 0.05),
    ):
        split = level.split
        assert split is not None
        assert split.share == pytest.approx(share)
        assert (split.findings_to_open, split.within_windows, level.in_budget) == (2, 3, True)
        derived = split.pages * split.share * split.findings_to_open / split.n_windows / split.tests_per_window
        assert level.level == pytest.approx(derived)
        assert level.n_tests == split.n_windows * split.tests_per_window


def test_the_levels_of_a_horizon_add_up_to_the_budget() -> None:
    settings = ModelSettings(alerts=AlertSettings(open_after=OpenAfter(findings=3, windows=5)))
    context = budget_of(settings, labels=True)
    levels = [*(context.column_level(int(size), 7) for size in settings.windows.verdict)]
    levels += [context.performance_level(), context.labels_level(), context.operations_level()]
    # Each page uses up 3 findings, and one alarm of an e-detector.
    tested = sum(level.level * level.n_tests for level in levels) / 3
    assert tested + (7 + 1) * context.detector_alarms(7) == pytest.approx(1.0), "of seven columns, and of errors"


def test_a_window_longer_than_the_budgets_horizon_still_has_a_level() -> None:
    budget = Budget(pages=1, horizon=Duration(HOUR))
    settings = ModelSettings(
        checks=CHECKS,
        windows=WindowSettings(verdict=(hours(24),)),
        alerts=AlertSettings(false_alarm_budget=budget),
    )
    assert budget_of(settings).column_level(24 * HOUR, 4).level == pytest.approx(0.99 / 5 / 11)


def test_levels_for_information_stand_beside_the_budget() -> None:
    assert budget_of().info_level() is None
    level = budget_of(ModelSettings(alerts=AlertSettings(info_level=0.01))).info_level()
    assert level is not None
    assert (level.level, level.in_budget, level.split) == (0.01, False, None)


def test_e_detectors_have_a_share_of_their_own() -> None:
    off = budget_of(ModelSettings(checks=CheckSettings(sequential=False)))
    assert (off.detector_pages(), off.detector_alarms(5)) == (0.0, 0.0)
    assert budget_of().detector_pages() == pytest.approx(0.66), "four times as much as a size of windows"
    alerts = AlertSettings(false_alarm_budget=Budget(pages=2.0), shares={"detectors": 0.1})
    context = budget_of(ModelSettings(alerts=alerts))
    assert context.detector_pages() == pytest.approx(0.2)
    assert context.detector_alarms(5) == pytest.approx(0.04)
    level = context.detector_level(5)
    assert level.level == pytest.approx(0.04)
    assert level.derivation.startswith("2 per 30d, share 0.1 for detectors: 0.2 false pages / 5 columns = 0.04")
    assert context.shares == pytest.approx({"1h": 0.445, "1d": 0.445, "detectors": 0.1, "operations": 0.01})


def with_segments(n: int, *, sequential: bool = True) -> ErrorBudget:
    segments = {"country": tuple(f"c{i}" for i in range(n))}
    return budget_of(ModelSettings(segments=segments, checks=CheckSettings(sequential=sequential)), labels=True)


@pytest.mark.parametrize("n", [1, 6, 31])
def test_segments_divide_the_alarms_of_detectors_with_the_others(n: int) -> None:
    budget, without = with_segments(n), budget_of(labels=True)
    of_all = (5 + 1) * budget.detector_alarms(5) + n * budget.segment_alarms(5)
    assert of_all == pytest.approx(budget.detector_pages())
    assert budget.segment_alarms(5) <= budget.detector_alarms(5)
    assert budget.detector_alarms(5) >= without.detector_alarms(5) / 2 * (1 - 1e-9), "however many segments there are"
    assert (budget.segment_alarms(5) == budget.detector_alarms(5)) == (n <= 6)


def test_levels_say_how_many_segments_there_are() -> None:
    few, many = with_segments(1).detector_level(5), with_segments(31).detector_level(5, of_segment=True)
    assert (few.n_tests, many.n_tests) == (7, 37)
    assert "/ (5 columns and errors and 1 segment) = " in few.derivation
    assert "(5 columns and errors and 31 segments, which divide one half) = " in many.derivation
    assert many.level == pytest.approx(with_segments(31).segment_alarms(5))


def test_segments_that_nothing_watches_cost_nothing() -> None:
    segments: dict[str, tuple[str, ...]] = {"country": ("DE", "FR")}
    unlabelled = budget_of(ModelSettings(segments=segments))
    assert (unlabelled.n_segments, unlabelled.segment_alarms(5)) == (0, 0.0)
    assert unlabelled.detector_alarms(5) == budget_of().detector_alarms(5)
    assert with_segments(3, sequential=False).n_segments == 0
