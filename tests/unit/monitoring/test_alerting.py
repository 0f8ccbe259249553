from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from driftline.alerts import ModelAlerts
from driftline.checks.columns.detector_findings import DetectedChange, examine_detection
from driftline.checks.labels.performance_check import examine_performance
from driftline.config.model import AlertSettings, ModelSettings
from driftline.detectors.base import Detection
from driftline.events.alert import AlertEvent
from driftline.events.output_record import OutputRecord, event_record
from driftline.monitoring.alerting import settled
from tests.support.windows import HOUR, KEY, budget_of, examine_window, profile_of, table_of, window_of
from tests.unit.checks.labels.test_performance_check import baseline_of, cut_of, vector_of

if TYPE_CHECKING:
    from driftline.checks.contract.closed_window import ClosedWindow

PROFILE = profile_of(table_of(20_000))
ONCE = budget_of(ModelSettings(alerts=AlertSettings(resolve_after=1)))


def types_of(records: list[OutputRecord]) -> list[str]:
    return [
        dict(record.headers)["ce_type"].decode().split(".")[2] if record.headers else "tombstone" for record in records
    ]


def alerts_of(records: list[OutputRecord]) -> list[AlertEvent]:
    return [
        msgspec.json.decode(record.value, type=AlertEvent)
        for record in records
        if record.channel == "alerts" and record.value is not None
    ]


def test_a_drift_becomes_window_finding_and_alert_and_ends_with_a_clean_window() -> None:
    drifted = examine_window(PROFILE, window_of(PROFILE, table_of(2_000, 1, mean=0.8)), ONCE)
    clean = examine_window(PROFILE, _later(1), ONCE)
    book, first, _ = settled(drifted, ModelAlerts(), ONCE)
    book, second, _ = settled(clean, book, ONCE)
    assert types_of(first) == ["window", "finding", "alert"]
    assert types_of(second) == ["window", "alert"]
    (opened,), (resolved,) = alerts_of(first), alerts_of(second)
    assert (opened.state, opened.cause, opened.title) == ("open", "data drift", "x: mean 0 → 0.79")
    assert [summary.finding_id for summary in opened.findings] == [drifted.findings[0].ce_id]
    assert (resolved.state, resolved.alert_id) == ("resolved", opened.alert_id)
    assert book.open == {}


def test_a_sliding_window_changes_no_alert() -> None:
    drifted = examine_window(PROFILE, window_of(PROFILE, table_of(2_000, 1, mean=0.8)), ONCE)
    book, _, _ = settled(drifted, ModelAlerts(), ONCE)
    after, records, _ = settled(examine_window(PROFILE, _later(1, "sliding"), ONCE), book, ONCE)
    assert after is book
    assert types_of(records) == ["window"]


def test_only_tested_revisions_open_and_resolve_performance_alerts() -> None:
    def revised(n_wrong: int, book: ModelAlerts, *, tested: bool, hour: int) -> tuple[ModelAlerts, list[OutputRecord]]:
        cut = msgspec.structs.replace(
            cut_of(vector_of(PROFILE, 1_000, n_wrong), tested=tested), start_ms=hour * HOUR, end_ms=(hour + 1) * HOUR
        )
        return settled(examine_performance(PROFILE, cut, baseline_of(4_000, 400), ONCE), book, ONCE)[:2]

    book, untested = revised(500, ModelAlerts(), tested=False, hour=0)
    book, opened = revised(500, book, tested=True, hour=1)
    book, unheard = revised(100, book, tested=False, hour=2)
    book, resolved = revised(100, book, tested=True, hour=3)
    assert types_of(untested) == types_of(unheard) == ["performance"]
    assert types_of(opened) == ["performance", "finding", "alert"]
    assert types_of(resolved) == ["performance", "alert"]
    (alert,) = alerts_of(opened)
    assert (alert.cause, alert.title) == ("performance", "accuracy 90 % → 50 %")
    # A verdict on labels of a day later is of that day.
    assert (alert.since, alert.opened_at) == ("1970-01-01T01:00:00.000Z", "1970-01-02T02:00:00.000Z")


def test_tombstones_come_last() -> None:
    drifted = examine_window(PROFILE, window_of(PROFILE, table_of(2_000, 1, mean=0.8)), ONCE)
    book, _, _ = settled(drifted, ModelAlerts(), ONCE)
    book, resolved, _ = settled(examine_window(PROFILE, _later(1), ONCE), book, ONCE)
    book, records, _ = settled(examine_window(PROFILE, _later(1 + 30 * 24), ONCE), book, ONCE)
    assert types_of(records) == ["window", "tombstone"]
    assert records[-1].key == resolved[-1].key
    assert (book.open, book.resolved, book.signals.tally.found) == ({}, (), {})


def test_a_detection_is_an_informative_finding_in_the_columns_unit() -> None:
    change = DetectedChange(
        key=KEY,
        segment="all",
        start_ms=10 * HOUR,
        end_ms=10 * HOUR + 10_000,
        detector="adwin",
        column=0,
        detection=Detection(
            index=900, statistic=0.5, threshold=0.2, mean_before=0.0, mean_after=2.0, since_blocks=3, since_events=90
        ),
        since_ms=10 * HOUR - 20_000,
        n=31,
        offsets={"predictions": {0: (1, 9)}},
    )
    verdict = examine_detection(PROFILE, change, ONCE)
    (finding,) = verdict.findings
    assert (finding.check, finding.family, finding.severity, finding.column) == (
        "detector.adwin",
        "detector",
        "info",
        "x",
    )
    assert (finding.level, finding.effect, finding.statistic.p_value) == (None, None, None)
    assert (finding.statistic.value, finding.statistic.threshold) == (0.5, 0.2)
    assert (finding.window.kind, finding.window.size_ms, finding.n) == ("pane", 10_000, 31)
    assert finding.since == "1970-01-01T09:59:40.000Z"
    assert "the mean go up, " in finding.message
    of_errors = examine_detection(PROFILE, msgspec.structs.replace(change, column=None, since_ms=None), ONCE)
    (errors,) = of_errors.findings
    assert (verdict.sequence, verdict.tested) == ("predictions", False)
    assert (of_errors.sequence, of_errors.tested) == ("performance", False)
    assert (errors.column, errors.role, errors.since) == ("error", "error", "1970-01-01T10:00:00.000Z")
    assert "0 -> 2" in errors.message
    assert errors.ce_id != finding.ce_id
    assert event_record(finding, "s").channel == "events"


def _later(hours: int, kind: Literal["tumbling", "sliding"] = "tumbling") -> ClosedWindow:
    window = window_of(PROFILE, table_of(2_000, 2), kind)
    return msgspec.structs.replace(window, start_ms=window.start_ms + hours * HOUR, end_ms=window.end_ms + hours * HOUR)
