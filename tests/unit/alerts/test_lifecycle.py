from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from msgspec import structs

from driftline.alerts import (
    JOIN_CAUSES,
    PREDICTION_CAUSES,
    AlertRules,
    ModelAlerts,
    Observation,
    Step,
    advance,
    cause_of,
    severity_of,
)
from driftline.alerts.lifecycle import FORGET_AFTER_MS
from driftline.events.cloudevents import rfc3339
from driftline.events.evidence import Event, EventRole, ProfileReference, Severity, WindowSpan
from driftline.events.finding import Effect, Family, FindingEvent, LevelEvidence, Statistic
from driftline.events.model_key import ModelKey

if TYPE_CHECKING:
    from driftline.events.alert import AlertEvent, Cause

KEY = ModelKey("m", "1")
HOUR = 3_600_000
DAY = 24 * HOUR
PROFILE = ProfileReference(id="p", origin="training", effective_from=rfc3339(0))
TWO_CLEAN = AlertRules(resolve_after=2, sizes=(HOUR, DAY))


def window(end_ms: int, size_ms: int = HOUR) -> WindowSpan:
    return WindowSpan(
        kind="tumbling", start=rfc3339(end_ms - size_ms), end=rfc3339(end_ms), size_ms=size_ms, extended=False
    )


def observed(end_ms: int, size_ms: int = HOUR, segment: str = "all") -> Observation:
    event = Event(
        model=KEY.model,
        model_version=KEY.version,
        segment=segment,
        window=window(end_ms, size_ms),
        profile=PROFILE,
        settings="s",
        n=1_000,
        n_reference=4_000,
        offsets={"predictions": {"0": (1, 2)}},
        flags=[],
    )
    return Observation(event, end_ms)


def found(
    end_ms: int,
    column: str = "income",
    *,
    family: Family = "distribution",
    role: EventRole = "feature",
    severity: Severity = "warning",
    effect: float = 0.2,
    importance: float = 1.0,
) -> FindingEvent:
    return FindingEvent(
        model="m",
        model_version="1",
        segment="all",
        window=window(end_ms),
        profile=PROFILE,
        settings="s",
        n=1_000,
        n_reference=4_000,
        offsets={},
        flags=[],
        finding_id=f"{column}-{end_ms}",
        check="distribution.pearson",
        family=family,
        column=column,
        role=role,
        severity=severity,
        importance=importance,
        statistic=Statistic(name="x", value=1.0, degrees_of_freedom=1, p_value=0.0, threshold=None),
        level=LevelEvidence(level=1e-5, n_tests=10, derivation="d"),
        effect=Effect(name="psi", raw=effect, corrected=effect, gate=0.1, current=None, reference=None),
        baseline="reference",
        distances={},
        histograms=None,
        dispersion=None,
        unit_change=None,
        moments=None,
        minor=False,
        most_changed=[],
        unseen={},
        since=rfc3339(end_ms - HOUR),
        message=f"{column} moved",
    )


def step(book: ModelAlerts, end_ms: int, *findings: FindingEvent, size_ms: int = HOUR) -> Step:
    return advance(book, observed(end_ms, size_ms), findings, PREDICTION_CAUSES, TWO_CLEAN)


def open_causes(book: ModelAlerts) -> list[Cause]:
    """Return the causes of open problems."""
    return [cause for problem in book.open.values() for cause in problem.open]


def test_opens_is_updated_and_resolves_after_clean_windows_in_a_row() -> None:
    first = step(ModelAlerts(), HOUR, found(HOUR))
    clean = step(first.alerts, 2 * HOUR)
    again = step(clean.alerts, 3 * HOUR, found(3 * HOUR, severity="critical"))
    clean_1 = step(again.alerts, 4 * HOUR)
    clean_2 = step(clean_1.alerts, 5 * HOUR)

    assert clean.records == clean_1.records == ()
    (opened,), (updated,), (resolved,) = first.records, again.records, clean_2.records
    assert [(a.state, a.revision, a.severity) for a in (opened, updated, resolved)] == [
        ("open", 1, "warning"),
        ("open", 2, "critical"),
        ("resolved", 3, "critical"),
    ]
    assert opened.alert_id == updated.alert_id == resolved.alert_id
    assert len({a.ce_id for a in (opened, updated, resolved)}) == 3
    assert opened.opened_at == updated.opened_at == resolved.opened_at == rfc3339(HOUR)
    assert updated.updated_at == rfc3339(3 * HOUR)
    assert (updated.resolved_at, resolved.resolved_at) == (None, rfc3339(5 * HOUR))
    assert updated.since == opened.since == rfc3339(0)
    assert resolved.window.end == rfc3339(5 * HOUR)
    assert resolved.message == "Resolved after 2 clean windows in a row. Last found: income moved"
    assert clean_2.alerts.open == {}


def test_severity_does_not_fall_while_the_alert_is_open() -> None:
    first = step(ModelAlerts(), HOUR, found(HOUR, severity="critical"))
    (updated,) = step(first.alerts, 2 * HOUR, found(2 * HOUR, severity="warning")).records
    assert updated.severity == "critical"


def test_only_windows_of_the_size_that_opened_it_resolve_it() -> None:
    book = step(ModelAlerts(), DAY, found(DAY), size_ms=DAY).alerts
    for hour in range(1, 10):
        book = step(book, DAY + hour * HOUR).alerts
    assert open_causes(book) == ["data drift"]
    book = step(book, 2 * DAY, size_ms=DAY).alerts
    # A finding in a window of any size begins the count anew.
    book = step(book, 2 * DAY + HOUR, found(2 * DAY + HOUR)).alerts
    book = step(book, 3 * DAY, size_ms=DAY).alerts
    assert open_causes(book) == ["data drift"]
    assert step(book, 4 * DAY, size_ms=DAY).records[0].state == "resolved"


def test_an_alert_of_a_size_that_is_no_longer_configured_still_resolves() -> None:
    book = step(ModelAlerts(), DAY, found(DAY), size_ms=DAY).alerts
    hourly = AlertRules(resolve_after=1, sizes=(HOUR,))
    (alert,) = advance(book, observed(DAY + HOUR), (), PREDICTION_CAUSES, hourly).records
    assert (alert.state, alert.message) == ("resolved", "Resolved after 1 clean window. Last found: income moved")


def test_new_values_belong_to_the_drift_that_brings_them() -> None:
    beyond = structs.replace(found(HOUR, family="quality"), check="quality.out_of_range")
    missing = structs.replace(found(HOUR, family="quality"), check="quality.missing")
    assert (cause_of(beyond), cause_of(missing)) == ("data drift", "data quality")


def test_what_one_window_shows_is_one_alert_whatever_its_causes() -> None:
    (alert,) = step(
        ModelAlerts(),
        HOUR,
        found(HOUR, "income"),
        found(HOUR, "age", family="quality"),
        found(HOUR, "score", role="score"),
        found(HOUR, "prediction", role="prediction"),
    ).records
    assert (alert.causes, alert.n_findings) == (["data drift", "data quality", "prediction drift"], 4)
    assert (alert.incident, alert.notify, alert.notification) == (alert.alert_id, True, 1)


def test_a_window_leaves_alerts_of_causes_it_cannot_show_alone() -> None:
    book = advance(ModelAlerts(), observed(HOUR), [found(HOUR, family="performance")], JOIN_CAUSES, TWO_CLEAN).alerts
    assert open_causes(book) == ["performance"]
    for hour in (2, 3, 4):
        book = step(book, hour * HOUR).alerts
    assert open_causes(book) == ["performance"]


def test_detectors_that_may_not_page_open_nothing() -> None:
    finding = msgspec.structs.replace(found(HOUR), family="detector", severity="info", effect=None, level=None)
    assert cause_of(finding) is None
    after = step(ModelAlerts(), HOUR, finding)
    assert (after.alerts.open, after.alerts.signals.tally.found, after.records, after.forgotten) == ({}, {}, (), ())


def test_findings_are_ranked_by_importance_times_effect_and_cut_at_ten() -> None:
    many = [found(HOUR, f"f{i:02}", effect=0.1 + i / 100) for i in range(12)]
    (alert,) = step(ModelAlerts(), HOUR, *many, found(HOUR, "dear", effect=0.15, importance=5.0)).records
    assert [each.column for each in alert.findings] == ["dear", *(f"f{i:02}" for i in range(11, 2, -1))]
    assert alert.n_findings == 13
    assert alert.title == "dear: distribution changed and 12 more columns"
    assert alert.message == "dear moved; f11 moved; f10 moved; and 10 more"


@pytest.mark.parametrize(("back", "is_new"), [(5, False), (26, False), (29, True)])
def test_what_comes_back_more_than_a_day_later_is_a_new_alert(*, back: int, is_new: bool) -> None:
    book = ModelAlerts()
    records: list[AlertEvent] = []
    for hour in range(1, back + 3):
        result = step(book, hour * HOUR, *([found(hour * HOUR)] if hour in (1, back) else []))
        book = result.alerts
        records += result.records
    first, resolved, again, over = records
    assert first.alert_id == resolved.alert_id
    assert (again.alert_id != first.alert_id, again.notify) == (is_new, is_new)
    assert again.alert_id == over.alert_id


def test_a_resolved_alert_is_forgotten_after_its_time() -> None:
    once = AlertRules(resolve_after=1, sizes=(HOUR,))
    book = step(ModelAlerts(), HOUR, found(HOUR)).alerts
    resolved = advance(book, observed(2 * HOUR), (), PREDICTION_CAUSES, once)
    before = step(resolved.alerts, 2 * HOUR + FORGET_AFTER_MS - 1)
    after = step(before.alerts, 2 * HOUR + FORGET_AFTER_MS)
    assert (before.forgotten, after.forgotten) == ((), (resolved.records[0].alert_id,))
    assert (after.alerts.open, after.alerts.resolved, after.alerts.signals.tally.found) == ({}, (), {})


def test_a_restored_book_goes_on_as_the_one_that_was_saved() -> None:
    book = step(step(ModelAlerts(), HOUR, found(HOUR)).alerts, 2 * HOUR).alerts
    restored = msgspec.msgpack.decode(msgspec.msgpack.encode(book), type=ModelAlerts)
    assert restored == book
    assert step(restored, 3 * HOUR) == step(book, 3 * HOUR)


def test_segments_have_alerts_of_their_own() -> None:
    other = advance(ModelAlerts(), observed(HOUR, segment="DE"), [found(HOUR)], PREDICTION_CAUSES, TWO_CLEAN)
    assert other.records[0].alert_id != step(ModelAlerts(), HOUR, found(HOUR)).records[0].alert_id


@pytest.mark.parametrize(
    ("effect", "gate", "severity"),
    [(0.1, 0.1, "warning"), (0.2499, 0.1, "warning"), (0.25, 0.1, "critical"), (5.0, 0.0, "warning")],
)
def test_severity(effect: float, gate: float, severity: Severity) -> None:
    assert severity_of(effect, gate) == severity
