"""The recent past beside the profile: what differs from it is told, what crept in is still told by the anchor."""

from __future__ import annotations

from driftline.checks.columns.window_check import examine_window
from driftline.config.durations import Duration
from driftline.config.model import CheckSettings, ModelSettings, ReferenceSettings, RollingSettings, WindowSettings
from driftline.monitoring.predictions.accumulator import ClosedPane
from driftline.monitoring.predictions.profile_monitor import ProfileMonitor
from tests.support.state import checkpoint, restore
from tests.support.windows import HOUR, budget_of, independent, profile_of, table_of, window_of

SETTINGS = independent(
    ModelSettings(
        windows=WindowSettings(
            verdict=(Duration(HOUR),), display=Duration(HOUR), hop=Duration(HOUR), performance=Duration(HOUR)
        ),
        checks=CheckSettings(detectors=()),
        reference=ReferenceSettings(
            rolling=RollingSettings(length=Duration(4 * HOUR), gap=Duration(HOUR), step=Duration(HOUR))
        ),
    )
)
PROFILE = profile_of(table_of(5_000))


def checks_of_x(means: list[float], restart_at: int | None = None) -> list[set[str]]:
    """Return, hour by hour, which checks found something of column x; one pane of 800 events an hour."""
    context, watch = budget_of(SETTINGS), ProfileMonitor(PROFILE, SETTINGS, HOUR)
    pieces: dict[str, bytes] = {}
    found = []
    for hour, mean in enumerate([*means, 0.0]):
        due = watch.due_ms()
        if due is not None:
            tumbling = [window for window in watch.close(due) if window.kind == "tumbling"]
            for window in tumbling:
                findings = examine_window(watch.view, window, context).findings
                rolling = [each for each in findings if each.check == "distribution.rolling"]
                assert all(each.dispersion is not None and not each.dispersion.same_hours for each in rolling)
                found.append({each.check for each in findings if each.column == "x" and each.family == "distribution"})
        sketch = window_of(PROFILE, table_of(800, hour, mean=mean)).sketch
        watch.add(ClosedPane(hour * HOUR, (hour + 1) * HOUR, sketch, {}, frozenset()))
        checkpoint(watch, pieces)
        if hour == restart_at:
            watch = ProfileMonitor(PROFILE, SETTINGS, HOUR)
            restore(watch, pieces)
    return found


def test_a_step_is_news_against_the_recent_past_and_stays_one_against_the_profile() -> None:
    found = checks_of_x([0.0] * 7 + [0.8] * 7)
    both = {"distribution.pearson", "distribution.rolling"}
    assert found[:7] == [set()] * 7
    assert found[7] == both
    # Five hours after the step all of the recent past lies behind it, and only the anchor differs.
    assert found[13] == {"distribution.pearson"}


def test_a_return_to_the_profile_is_a_change_against_the_recent_past_alone() -> None:
    found = checks_of_x([0.8] * 7 + [0.0] * 2)
    assert found[6] == {"distribution.pearson"}
    assert found[7] == {"distribution.rolling"}


def test_a_restart_changes_nothing() -> None:
    means = [0.0] * 7 + [0.8] * 4
    assert checks_of_x(means, restart_at=6) == checks_of_x(means)


def test_each_column_has_one_more_test() -> None:
    plain = budget_of(SETTINGS.replace(reference=ReferenceSettings()))
    assert budget_of(SETTINGS).tests_per_window(10) == plain.tests_per_window(10) + 10
