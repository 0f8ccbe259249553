"""Fixed thresholds, and findings for information: neither is covered by the false-alarm budget, and both say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from driftline.alerts import ModelAlerts
from driftline.checks.labels.performance_check import examine_performance
from driftline.config.model import AlertSettings, CheckSettings, ColumnSettings, ModelSettings
from driftline.events.alert import AlertEvent
from driftline.monitoring.alerting import settled
from tests.support.windows import budget_of, examine_window, profile_of, table_of, window_of
from tests.unit.checks.labels.test_performance_check import baseline_of, cut_of, vector_of

if TYPE_CHECKING:
    from driftline.events.finding import FindingEvent

PROFILE = profile_of(table_of(20_000))


def findings_of(settings: ModelSettings, n: int = 2_000, mean: float = 0.0) -> list[FindingEvent]:
    window = window_of(PROFILE, table_of(n, 1, mean=mean))
    return list(examine_window(PROFILE, window, budget_of(settings)).findings)


def test_there_are_none_by_default() -> None:
    assert findings_of(ModelSettings()) == []
    assert {finding.check for finding in findings_of(ModelSettings(), mean=0.8)} == {"distribution.pearson"}


def test_a_distance_that_reaches_its_threshold_is_found_without_a_test() -> None:
    # 300 unchanged events show a PSI of about 0.1 by chance alone.
    checks = CheckSettings(thresholds={"psi": 0.08}, threshold_value="raw")
    found = {finding.column: finding for finding in findings_of(ModelSettings(checks=checks), n=300)}
    finding = found["x"]
    assert (finding.check, finding.family, finding.severity) == ("threshold.psi", "distribution", "warning")
    assert (finding.statistic.p_value, finding.statistic.threshold) == (None, 0.08)
    assert finding.effect is not None
    assert finding.effect.raw >= 0.08 == finding.effect.gate
    assert finding.level is not None
    assert (finding.level.in_budget, finding.level.derivation) == (False, "fixed threshold, no false-alarm bound")
    assert "not tested, no false-alarm bound" in finding.message
    corrected = CheckSettings(thresholds={"psi": 0.08})
    assert findings_of(ModelSettings(checks=corrected), n=300) == []


def test_a_columns_own_threshold_is_stronger() -> None:
    checks = CheckSettings(thresholds={"psi": 0.01}, threshold_value="raw")
    settings = ModelSettings(checks=checks, columns={"x": ColumnSettings(thresholds={"psi": 5.0})})
    columns = {finding.column for finding in findings_of(settings, n=300)}
    assert "x" not in columns
    assert "score" in columns


def test_a_threshold_stands_beside_the_test_and_has_an_id_of_its_own() -> None:
    settings = ModelSettings(checks=CheckSettings(thresholds={"psi": 0.2, "kolmogorov_smirnov": 0.1}))
    found = [finding for finding in findings_of(settings, mean=0.8) if finding.column == "x"]
    assert [finding.check for finding in found] == [
        "distribution.pearson",
        "threshold.kolmogorov_smirnov",
        "threshold.psi",
    ]
    assert len({finding.finding_id for finding in found}) == 3
    assert [finding.severity for finding in found] == ["critical", "warning", "warning"]


@pytest.mark.parametrize(("mean", "in_budget"), [(0.0, False), (0.8, True)])
def test_an_alert_says_whether_the_budget_covers_it(mean: float, *, in_budget: bool) -> None:
    context = budget_of(ModelSettings(checks=CheckSettings(thresholds={"psi": 0.01}, threshold_value="raw")))
    verdict = examine_window(PROFILE, window_of(PROFILE, table_of(300 if not mean else 2_000, 1, mean=mean)), context)
    records = settled(verdict, ModelAlerts(), context).outputs
    alerts = [msgspec.json.decode(each.value or b"", type=AlertEvent) for each in records if each.channel == "alerts"]
    (alert,) = [alert for alert in alerts if alert.cause == "data drift"]
    assert (alert.notify, alert.in_budget) == (True, in_budget)


def test_findings_for_information_lie_above_the_budgets_level_and_open_nothing() -> None:
    # A small effect in a small window: p is about 0.001, far above the level of a page.
    checks, n = CheckSettings(min_psi=0.0), 2_000
    silent = findings_of(ModelSettings(checks=checks), n, mean=0.14)
    settings = ModelSettings(checks=checks, alerts=AlertSettings(info_level=0.05))
    (finding,) = [each for each in findings_of(settings, n, mean=0.14) if each.column == "x"]
    assert "x" not in {each.column for each in silent}
    assert finding.severity == "info"
    assert finding.level is not None
    assert finding.statistic.p_value is not None
    assert budget_of(settings).column_level(3_600_000, 4).level < finding.statistic.p_value <= finding.level.level
    assert (finding.level.level, finding.level.in_budget) == (0.05, False)
    context = budget_of(settings)
    verdict = examine_window(PROFILE, window_of(PROFILE, table_of(n, 1, mean=0.14)), context)
    book, records, _ = settled(verdict, ModelAlerts(), context)
    assert book.open == {}
    assert all(record.channel != "alerts" for record in records)


def test_what_pages_is_not_repeated_for_information() -> None:
    found = findings_of(ModelSettings(alerts=AlertSettings(info_level=0.5)), mean=0.8)
    assert [each.severity for each in found if each.column == "x" and each.family == "distribution"] == ["critical"]


def test_performance_has_findings_for_information_too() -> None:
    context = budget_of(ModelSettings(alerts=AlertSettings(info_level=0.05)), labels=True)
    cut = cut_of(vector_of(PROFILE, 1_000, 125), tested=True)
    (finding,) = examine_performance(PROFILE, cut, baseline_of(4_000, 400), context).findings
    assert (finding.severity, finding.level == context.info_level()) == ("info", True)
    worse = cut_of(vector_of(PROFILE, 1_000, 300), tested=True)
    (finding,) = examine_performance(PROFILE, worse, baseline_of(4_000, 400), context).findings
    assert finding.severity == "critical"
