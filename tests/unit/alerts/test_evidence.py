from __future__ import annotations

import itertools
import math

import msgspec
import numpy as np
import pytest
from msgspec import UNSET, structs
from scipy.integrate import quad

from driftline.alerts import PREDICTION_CAUSES, ModelAlerts, advance
from driftline.alerts.evidence import CARRIED, KAPPA, LARGEST, calibrated, e_value_of, evidence_after
from driftline.events.alert import AlertEvidence, MonthlyEvidence
from driftline.events.cloudevents import epoch_ms
from driftline.events.finding import BudgetSplit, FindingEvent, LevelEvidence, Statistic
from tests.support.alert_runs import HOUR, RULES, AlertRun, Seen, finding

MARCH = epoch_ms("2026-03-01T00:00:00.000Z")
MIXTURE = Statistic(name="log_mixture", value=17.0, degrees_of_freedom=None, p_value=None, threshold=14.0)
NOT_TESTED = LevelEvidence(level=1.0, n_tests=1, derivation="configured", in_budget=False)


def split(findings: int) -> BudgetSplit:
    return BudgetSplit(
        pages=1.0,
        horizon_ms=1,
        spender="1h",
        share=1.0,
        n_windows=1,
        tests_per_window=1,
        findings_to_open=findings,
        within_windows=findings,
    )


def by_detector() -> FindingEvent:
    return structs.replace(finding(MARCH, "detector.shift", "detector"), statistic=MIXTURE)


@pytest.mark.parametrize("needed", [1, 3])
@pytest.mark.parametrize("level", [1e-6, 0.02, 1.0])
def test_the_expectation_of_an_unchanged_test_is_its_part_of_the_budget(level: float, needed: int) -> None:
    # over ln p, as nearly all of it lies at the smallest p-values
    expected, _ = quad(lambda x: calibrated(math.exp(x), level, needed) * math.exp(x), -650, math.log(level), limit=500)
    assert expected == pytest.approx(level / needed, rel=1e-6)


def test_the_smaller_the_p_value_the_greater_the_e_value_and_none_is_beyond_the_level() -> None:
    p_values = np.geomspace(1e-320, 1e-6, 400)
    e_values = [calibrated(float(p), 1e-6, 1) for p in (0.0, *p_values)]
    assert all(one >= other for one, other in itertools.pairwise(e_values))
    assert e_values[0] == e_values[1] == pytest.approx(KAPPA * 1e294 ** (1 - KAPPA), rel=1e-6)
    assert calibrated(1e-6 * 1.001, 1e-6, 1) == 0.0


def test_a_finding_counts_by_what_exceeds_its_threshold() -> None:
    at_level = finding(MARCH, p_value=1e-5)
    assert e_value_of(at_level) == pytest.approx(KAPPA)
    assert e_value_of(finding(MARCH, p_value=1e-9)) == pytest.approx(KAPPA * 1e4 ** (1 - KAPPA))
    assert e_value_of(by_detector()) == pytest.approx(CARRIED * math.exp(3.0))
    two = LevelEvidence(level=1e-5, n_tests=1, derivation="", split=split(2))
    assert e_value_of(structs.replace(at_level, level=two)) == pytest.approx(KAPPA / 2)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"check": "threshold.psi", "level": NOT_TESTED, "statistic": structs.replace(MIXTURE, name="psi")}, "fixed"),
        ({"check": "operations.silent", "level": NOT_TESTED, "statistic": structs.replace(MIXTURE, name="s")}, "limit"),
        ({"level": None}, "limit"),
        ({"model": ""}, "no model"),
    ],
)
def test_what_no_test_found_has_no_e_value_and_the_alert_says_why(changes: dict[str, object], reason: str) -> None:
    found = structs.replace(finding(MARCH), **changes)
    assert e_value_of(found) is None
    evidence = evidence_after(None, [found, finding(MARCH)])
    (said,) = evidence.without
    assert reason in said
    assert len(evidence.months) == 1


def test_information_has_no_e_value() -> None:
    assert e_value_of(finding(MARCH, severity="info")) is None


def test_e_values_add_up_by_the_month_of_the_start_of_their_windows_and_two_months_are_kept() -> None:
    first, last_hour = finding(MARCH + HOUR), finding(MARCH)
    evidence = evidence_after(UNSET, [last_hour, last_hour])
    one = e_value_of(first)
    assert one is not None
    assert evidence == AlertEvidence(months=[MonthlyEvidence(month="2026-02", e_value=2 * one)], without=[])
    evidence = evidence_after(evidence, [first])
    assert [(each.month, each.e_value) for each in evidence.months] == [("2026-02", 2 * one), ("2026-03", one)]
    evidence = evidence_after(evidence, [finding(MARCH + 40 * 24 * HOUR)])
    assert [each.month for each in evidence.months] == ["2026-03", "2026-04"]
    assert evidence_after(evidence, [last_hour]) == evidence, "what is older than both is over"


def test_a_sum_is_finite_and_can_be_written() -> None:
    far = structs.replace(by_detector(), statistic=structs.replace(MIXTURE, value=5_000.0))
    evidence = evidence_after(None, [far] * 3)
    assert evidence.months[0].e_value <= LARGEST
    assert msgspec.json.decode(msgspec.json.encode(evidence), type=AlertEvidence) == evidence


def test_an_alert_gathers_the_e_values_of_its_windows_whoever_goes_on_with_it() -> None:
    run = AlertRun()
    records = run.predict(Seen(MARCH + HOUR, (finding(MARCH + HOUR, p_value=1e-7),)))
    run.restart()
    both = (finding(MARCH + 2 * HOUR, p_value=1e-8), finding(MARCH + 2 * HOUR, column="age", p_value=1e-6))
    records += run.predict(Seen(MARCH + 2 * HOUR, both))
    for hour in (3, 4):
        run.restart()
        records += run.predict(Seen(MARCH + hour * HOUR))
    sums = [structs.asdict(each)["evidence"].months[0].e_value for each in records]
    parts = [KAPPA * (1e-5 / p) ** (1 - KAPPA) for p in (1e-7, 1e-8, 1e-6)]
    assert sums == pytest.approx([parts[0], sum(parts), sum(parts)])
    assert [each.state for each in records] == ["open", "open", "resolved"]


def test_an_alert_of_an_earlier_version_begins_with_what_comes() -> None:
    run = AlertRun()
    run.predict(Seen(MARCH + HOUR, (finding(MARCH + HOUR),)))
    stored = msgspec.to_builtins(run.predictions)
    for problem in stored["open"].values():
        del problem["alert"]["evidence"]
    before = msgspec.convert(stored, ModelAlerts)
    later = Seen(MARCH + 2 * HOUR, (finding(MARCH + 2 * HOUR),))
    step = advance(before, later.observation, later.findings, PREDICTION_CAUSES, RULES)
    (record,) = step.records
    assert record.evidence == evidence_after(None, later.findings)
