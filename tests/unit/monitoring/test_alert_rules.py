"""What is configured of alerts reaches them: k of n, the budget's horizon, and detectors that may page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from driftline.alerts import ModelAlerts
from driftline.checks.contract.verdict import Verdict
from driftline.config.durations import Duration
from driftline.config.model import AlertSettings, Budget, ModelSettings, OpenAfter
from driftline.events.alert import AlertEvent
from driftline.events.evidence import EventRole, WindowSpan
from driftline.monitoring.alerting import settled
from tests.support.windows import HOUR, budget_of, examine_window, profile_of, table_of, window_of

if TYPE_CHECKING:
    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.checks.contract.verdict import Sequence
    from driftline.events.evidence import Event
    from driftline.events.output_record import OutputRecord

PROFILE = profile_of(table_of(20_000))


def alerts_of(records: list[OutputRecord]) -> list[AlertEvent]:
    return [
        msgspec.json.decode(record.value, type=AlertEvent)
        for record in records
        if record.channel == "alerts" and record.value is not None
    ]


def run(context: ErrorBudget, means: list[float]) -> list[AlertEvent]:
    """Return the alerts of hourly windows with these means."""
    book = ModelAlerts()
    alerts: list[AlertEvent] = []
    for hour, mean in enumerate(means):
        window = window_of(PROFILE, table_of(2_000, 1 + hour, mean=mean))
        moved = msgspec.structs.replace(
            window, start_ms=window.start_ms + hour * HOUR, end_ms=window.end_ms + hour * HOUR
        )
        book, records, _ = settled(examine_window(PROFILE, moved, context), book, context)
        alerts += alerts_of(records)
    return alerts


def test_k_of_n_is_taken_from_the_settings() -> None:
    means = [0.8, 0.0, 0.8, 0.0]
    opened = run(budget_of(), means)
    assert [(alert.state, alert.revision) for alert in opened] == [("open", 1), ("open", 2)]
    context = budget_of(ModelSettings(alerts=AlertSettings(open_after=OpenAfter(findings=2, windows=3))))
    (alert,) = run(context, means)
    assert (alert.revision, alert.opened_at) == (1, "1970-01-01T13:00:00.000Z")
    assert run(context, [0.8, 0.0, 0.0, 0.8]) == []


def test_what_is_still_found_after_the_budgets_horizon_pages_again() -> None:
    budget = Budget(pages=1.0, horizon=Duration(4 * HOUR))
    alerts = run(budget_of(ModelSettings(alerts=AlertSettings(false_alarm_budget=budget))), [0.8] * 6)
    assert [alert.notify for alert in alerts] == [True, False, False, False, True, False]
    assert alerts[4].notified_for == "still open"


@pytest.mark.parametrize(
    ("role", "cause"), [("feature", "data drift"), ("score", "prediction drift"), ("error", "performance")]
)
def test_a_detector_that_may_page_opens_an_alert_and_another_does_not(role: EventRole, cause: str) -> None:
    context = budget_of(ModelSettings(alerts=AlertSettings(open_after=OpenAfter(findings=3, windows=3))), labels=True)
    window = window_of(PROFILE, table_of(2_000, 1, mean=0.8))
    found = examine_window(PROFILE, window, context).findings[0]
    pane = WindowSpan(kind="pane", start=found.window.start, end=found.window.end, size_ms=10_000, extended=False)
    detection = msgspec.structs.replace(
        found, check="detector.cusum", family="detector", role=role, window=pane, level=None, effect=None
    )
    sequence: Sequence = "performance" if role == "error" else "predictions"
    verdict: Verdict[Event] = Verdict(findings=(detection,), sequence=sequence, tested=True)
    book, records, _ = settled(msgspec.structs.replace(verdict, tested=False), ModelAlerts(), context)
    assert (book, len(records)) == (ModelAlerts(), 1)
    book, records, _ = settled(verdict, ModelAlerts(), context)
    (alert,) = alerts_of(records)
    assert (alert.cause, alert.notify, alert.in_budget) == (cause, True, True)
    assert [problem.open for problem in book.open.values()] == [(cause,)]
