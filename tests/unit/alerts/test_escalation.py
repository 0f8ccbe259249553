"""When an open alert pages again, and when it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from driftline.alerts import JOIN_CAUSES, PREDICTION_CAUSES, AlertRules, ModelAlerts, OpeningRule, advance
from driftline.events.cloudevents import rfc3339
from driftline.events.finding import FindingEvent, LevelEvidence
from tests.unit.alerts.test_lifecycle import DAY, HOUR, found, observed, window

if TYPE_CHECKING:
    from driftline.events.alert import AlertEvent
    from driftline.events.evidence import Severity

ONE_OF_ONE = AlertRules(resolve_after=2, sizes=(HOUR, DAY))


def drift(hour: int, effect: float, column: str = "income") -> FindingEvent:
    """Return a finding with an effect, held against a gate of 0.1."""
    severity: Severity = "critical" if effect >= 0.25 else "warning"
    return found(hour * HOUR, column, effect=effect, severity=severity)


def run(windows: dict[int, list[FindingEvent]], rules: AlertRules = ONE_OF_ONE) -> list[AlertEvent]:
    """Return the records of hourly windows, from hour 1 to the last that is named."""
    book = ModelAlerts()
    records: list[AlertEvent] = []
    for hour in range(1, max(windows) + 1):
        step = advance(book, observed(hour * HOUR), windows.get(hour, []), PREDICTION_CAUSES, rules)
        book = step.alerts
        records += step.records
    return records


def pages(records: list[AlertEvent]) -> list[tuple[str, str]]:
    return [(record.updated_at[11:13], record.notified_for) for record in records if record.notify]


def test_an_alert_that_goes_on_as_it_began_pages_once() -> None:
    records = run({hour: [drift(hour, 0.2)] for hour in range(1, 20)})
    assert pages(records) == [("01", "opened")]
    assert [record.notification for record in records] == [1] * 19
    assert records[-1].revision == 19


def test_the_window_after_the_opening_completes_its_picture() -> None:
    # The change began late in the first window, which saw only a part of it.
    records = run({1: [drift(1, 0.12)], **{hour: [drift(hour, 0.9)] for hour in range(2, 12)}})
    assert pages(records) == [("01", "opened")]
    assert records[1].severity == "critical"


def test_an_alert_that_becomes_critical_pages_once_more() -> None:
    effects = [0.2, 0.2, 0.2, 0.26, 0.2, 0.27, 0.2, 0.3]
    records = run({hour: [drift(hour, effect)] for hour, effect in enumerate(effects, 1)})
    assert pages(records) == [("01", "opened"), ("04", "more severe")]
    assert [record.notification for record in records] == [1, 1, 1, 2, 2, 2, 2, 2]


def test_months_of_mild_drift_do_not_hide_what_is_much_worse() -> None:
    hours = {hour: [drift(hour, 0.3)] for hour in range(1, 28)}
    hours[28] = [drift(28, 0.3), *(drift(28, 3.75, column) for column in ("price", "demand", "transfer"))]
    records = run(hours)
    assert pages(records) == [("01", "opened"), ("04", "far greater effect")]  # hour 28 is 04:00 of the next day
    assert (records[-1].revision, records[-1].notification) == (28, 2)
    assert records[-1].title == "demand: distribution changed and 3 more columns"


def test_a_critical_column_that_is_worse_than_all_before_is_news() -> None:
    mild = {hour: [drift(hour, 0.3)] for hour in range(1, 10)}
    worse = run({**mild, 9: [drift(9, 0.4, "age")]})
    assert pages(worse) == [("01", "opened"), ("09", "new column")]
    less = run({**mild, 9: [drift(9, 0.3), drift(9, 0.28, "age")]})
    assert pages(less) == [("01", "opened")]
    known = run({**mild, 9: [drift(9, 0.4)]})
    assert pages(known) == [("01", "opened")]


def test_an_effect_that_creeps_to_a_hundred_gates_pages_five_times_at_most() -> None:
    effects = [0.1 * 1.05**i for i in range(95)]
    records = run({hour: [drift(hour, effect)] for hour, effect in enumerate(effects, 1)})
    assert effects[-1] > 9
    assert 3 <= len(pages(records)) <= 6


def test_what_is_still_found_a_horizon_later_pages_again_and_is_measured_anew() -> None:
    rules = AlertRules(resolve_after=2, sizes=(HOUR,), remind_after_ms=10 * HOUR)
    hours = {1: [drift(1, 3.0)], **{hour: [drift(hour, 0.3)] for hour in range(2, 20)}}
    hours[14] = [drift(14, 0.9, "age")]
    assert pages(run(hours, rules)) == [("01", "opened"), ("11", "still open"), ("14", "far greater effect")]


def test_with_k_of_n_an_escalation_takes_k_fresh_findings_too() -> None:
    rules = AlertRules(resolve_after=3, sizes=(HOUR,), opening=OpeningRule(2, 3))
    mild = {hour: [drift(hour, 0.2)] for hour in range(1, 12)}
    records = run({**mild, 8: [drift(8, 3.0, "age")]}, rules)
    assert pages(records) == [("02", "opened")]
    records = run({**mild, 8: [drift(8, 3.0, "age")], 10: [drift(10, 3.0, "age")]}, rules)
    assert pages(records) == [("02", "opened"), ("10", "far greater effect")]


def test_a_test_within_the_budget_pages_after_a_fixed_threshold() -> None:
    none = LevelEvidence(level=1.0, n_tests=1, derivation="fixed threshold", in_budget=False)

    def crossed(hour: int) -> FindingEvent:
        return msgspec.structs.replace(drift(hour, 0.2), check="threshold.psi", level=none)

    alone = run({hour: [crossed(hour)] for hour in range(1, 8)})
    assert [record.in_budget for record in alone] == [False] * 7
    assert pages(alone) == [("01", "opened")]
    tested = run({**{hour: [crossed(hour)] for hour in range(1, 8)}, 5: [crossed(5), drift(5, 0.2)]})
    assert pages(tested) == [("01", "opened"), ("05", "confirmed")]
    assert [record.in_budget for record in tested] == [False] * 4 + [True] * 3
    both = run({1: [crossed(1), drift(1, 0.2)]})
    assert both[0].in_budget


def test_resolution_is_no_page_and_begins_anew() -> None:
    records = run({1: [drift(1, 3.0)], 4: [drift(4, 3.0)]})
    assert [(record.state, record.notify) for record in records] == [
        ("open", True),
        ("resolved", False),
        ("open", True),
    ]


def test_a_detector_that_may_page_opens_at_once_and_verdicts_resolve() -> None:
    span = msgspec.structs.replace(window(HOUR + 10_000, 10_000), kind="pane")
    detection = msgspec.structs.replace(
        drift(1, 0.2), family="detector", check="detector.cusum", window=span, effect=None, level=None
    )
    seen = observed(HOUR + 10_000)
    seen = seen._replace(event=msgspec.structs.replace(seen.event, window=span))
    rules = AlertRules(resolve_after=1, sizes=(HOUR,), opening=OpeningRule(3, 3))
    opened = advance(ModelAlerts(), seen, [detection], PREDICTION_CAUSES, rules)
    assert [(alert.cause, alert.notify) for alert in opened.records] == [("data drift", True)]
    # A further pane without anything of this cause is no verdict.
    error = msgspec.structs.replace(detection, role="error", column="error")
    assert advance(opened.alerts, seen, [error], PREDICTION_CAUSES, rules).records == ()
    (resolved,) = advance(opened.alerts, observed(2 * HOUR), [], PREDICTION_CAUSES, rules).records
    assert resolved.state == "resolved"
    (performance,) = advance(ModelAlerts(), seen, [error], JOIN_CAUSES, rules).records
    assert performance.cause == "performance"


def test_multivariate_findings_and_detectors_are_of_the_cause_of_their_column() -> None:
    for role, cause in (("feature", "data drift"), ("score", "prediction drift"), (None, "data drift")):
        finding = msgspec.structs.replace(drift(1, 0.2), family="detector", role=role)
        (alert,) = advance(ModelAlerts(), observed(HOUR), [finding], PREDICTION_CAUSES, ONE_OF_ONE).records
        assert alert.cause == cause


def test_since_is_the_earliest_of_all_its_windows() -> None:
    records = run({1: [drift(1, 0.2)], 2: [drift(2, 0.2)]})
    assert [record.since for record in records] == [rfc3339(0), rfc3339(0)]


def test_performance_that_only_becomes_certain_is_no_news_and_a_greater_fall_is() -> None:
    def fallen(effects: list[tuple[float, Severity]]) -> list[tuple[str, str]]:
        windows = {
            hour: [msgspec.structs.replace(drift(hour, effect), family="performance", severity=severity)]
            for hour, (effect, severity) in enumerate(effects, 1)
        }
        book = ModelAlerts()
        records: list[AlertEvent] = []
        for hour, findings in windows.items():
            step = advance(book, observed(hour * HOUR), findings, JOIN_CAUSES, ONE_OF_ONE)
            book = step.alerts
            records += step.records
        assert records[-1].severity == "critical"
        return pages(records)

    large: list[tuple[float, Severity]] = [(0.4, "warning"), (0.4, "warning"), (0.42, "warning"), (0.45, "critical")]
    assert fallen(large) == [("01", "opened")], "it was told as 4 times what matters"
    small: list[tuple[float, Severity]] = [(0.2, "warning"), (0.2, "warning"), (0.2, "warning"), (0.45, "critical")]
    assert fallen(small) == [("01", "opened"), ("04", "more severe")]
