"""An open alert stays open until the effect is well below its gate, and an effect below the gate opens none."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from driftline.alerts import PREDICTION_CAUSES, AlertRules, ModelAlerts, advance
from driftline.alerts.policy import check_key
from driftline.config.durations import Duration
from driftline.config.model import ModelSettings
from driftline.events.alert import AlertEvent
from driftline.monitoring.alerting import settled
from tests.support.windows import budget_of, examine_window, profile_of, table_of, window_of
from tests.unit.alerts.test_lifecycle import DAY, HOUR, found, observed

TWO_CLEAN = AlertRules(resolve_after=2, sizes=(HOUR, DAY))
INCOME = check_key("distribution.pearson", "feature", "income")
AGE = check_key("distribution.pearson", "feature", "age")


def states(letters: str, rules: AlertRules = TWO_CLEAN) -> list[str]:
    """Return `opened`, `resolved` or nothing for each hour of a story.

    In an hour, `I` and `A` are findings of income and age, `i` and `a` effects of theirs that are real, below the gate
    and not far below it; `I` also means that age is clean, and `.` that all is.
    """
    book, told = ModelAlerts(), []
    for hour, letter in enumerate(letters, 1):
        findings = [found(hour * HOUR, {"I": "income", "A": "age"}[letter])] if letter in "IA" else []
        lingering = frozenset({"i": [INCOME], "a": [AGE]}.get(letter, []))
        step = advance(book, observed(hour * HOUR)._replace(lingering=lingering), findings, PREDICTION_CAUSES, rules)
        book = msgspec.msgpack.decode(msgspec.msgpack.encode(step.alerts), type=ModelAlerts)
        opened = any(record.revision == 1 or record.notified_for == "reopened" for record in step.records)
        resolved = any(record.state == "resolved" for record in step.records)
        told.append("resolved" if resolved else "opened" if opened and step.records[0].notify else "")
    return told


@pytest.mark.parametrize(
    ("story", "opened", "resolved"),
    [
        ("I..", [1], [3]),
        ("Iiiiii..", [1], [8]),
        ("I.i..", [1], [5]),
        ("IiIiIiI", [1], []),
        ("iiiiii", [], []),
        ("I.....iii", [1], [3]),
        ("Iaaa", [1], [3]),
        ("IAi..", [1], [5]),
        ("IA.aaa..", [1], [8]),
        ("AIIa..", [1], [5]),
        ("AIIIiiiiaa", [1], [10]),
    ],
    ids=[
        "two clean windows resolve",
        "an effect a little below the gate is not clean",
        "it restarts the count",
        "effects around the gate are one alert",
        "an effect below the gate opens nothing",
        "nor does it open again what is over",
        "that of a column that had no finding counts as clean",
        "each column that had findings must be over",
        "and lingers by itself",
        "a column that is over already keeps nothing open",
        "whatever it does while another is open",
    ],
)
def test_an_alert_resolves_when_all_that_it_found_is_well_below_the_gate(
    story: str, opened: list[int], resolved: list[int]
) -> None:
    told = states(story)
    assert [hour for hour, state in enumerate(told, 1) if state == "opened"] == opened
    assert [hour for hour, state in enumerate(told, 1) if state == "resolved"] == resolved


def test_only_windows_of_the_size_that_opened_an_alert_keep_it_open_without_a_finding() -> None:
    book = advance(ModelAlerts(), observed(HOUR), [found(HOUR)], PREDICTION_CAUSES, TWO_CLEAN).alerts
    for end_ms, size_ms in ((2 * HOUR, HOUR), (DAY, DAY), (3 * HOUR, HOUR)):
        lingering = frozenset({INCOME}) if size_ms == DAY else frozenset()
        seen = observed(end_ms, size_ms)._replace(lingering=lingering)
        step = advance(book, seen, [], PREDICTION_CAUSES, TWO_CLEAN)
        book = step.alerts
    assert [record.state for record in step.records] == ["resolved"]


def resolved(close_below: float, mean: float, *, thresholds: dict[str, float] | None = None) -> int:
    """Return how many times an alert resolves in 60 hours of 1,000 events whose mean is moved."""
    settings = ModelSettings()
    settings = settings.replace(
        alerts=msgspec.structs.replace(settings.alerts, close_below=close_below),
        checks=msgspec.structs.replace(settings.checks, thresholds=thresholds or {}),
        windows=msgspec.structs.replace(settings.windows, verdict=(Duration(HOUR),)),
    )
    budget, profile, rng = budget_of(settings), profile_of(table_of(20_000)), np.random.default_rng(7)
    alerts, records = ModelAlerts(), list[AlertEvent]()
    for hour in range(60):
        window = window_of(profile, table_of(1_000, int(rng.integers(2**32)), mean=mean))
        window = msgspec.structs.replace(window, start_ms=hour * HOUR, end_ms=(hour + 1) * HOUR)
        done = settled(examine_window(profile, window, budget), alerts, budget)
        alerts = done.alerts
        records += done.changed
    assert sum(record.notify for record in records) == 1
    return sum(record.state == "resolved" for record in records)


@pytest.mark.parametrize("thresholds", [None, {"psi": 0.1}], ids=["by the test", "by a fixed threshold too"])
def test_drift_around_the_gate_stays_open_and_without_hysteresis_comes_and_goes(
    thresholds: dict[str, float] | None,
) -> None:
    mean = 0.32  # a population stability index of 0.1, the gate
    assert resolved(0.5, mean, thresholds=thresholds) == 0
    assert resolved(1.0, mean, thresholds=thresholds) >= 4
