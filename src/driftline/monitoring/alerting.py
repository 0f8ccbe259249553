"""From verdicts to records: the one place where checks, the alert lifecycle and the output topics meet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import structs

from driftline.alerts import (
    JOIN_CAUSES,
    LABEL_CAUSES,
    PREDICTION_CAUSES,
    AlertRules,
    ModelAlerts,
    Observation,
    OpeningRule,
    advance,
)
from driftline.events.cloudevents import epoch_ms
from driftline.events.output_record import OutputRecord, event_records, tombstone

if TYPE_CHECKING:
    from driftline.alerts.lifecycle import Step
    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.checks.contract.verdict import PerformanceVerdict, WindowVerdict
    from driftline.checks.labels.arrival_check import ArrivalVerdict
    from driftline.checks.labels.label_stream_check import StreamVerdict
    from driftline.events.evidence import Event
    from driftline.events.finding import FindingEvent

Sequence: TypeAlias = Literal["tumbling", "performance"]
"""The two sequences of windows, each with alerts of its own."""


def settle_window(
    verdict: WindowVerdict, book: ModelAlerts, context: ErrorBudget
) -> tuple[ModelAlerts, list[OutputRecord]]:
    """Return the alerts after a window of prediction panes, and all its records: window, findings, alerts.

    Parameters
    ----------
    verdict : WindowVerdict
        Of a tumbling window, or of a sliding one, which changes no alert.
    book : ModelAlerts
        Of the model key and segment, for windows of predictions; it is not changed.
    context : ErrorBudget
    """
    events: list[Event] = [*verdict.windows, *verdict.findings]
    event = verdict.windows[0]
    if event.window.kind != "tumbling":
        return book, event_records(events, context.source)
    step = advance(book, _observation(event, 0), verdict.findings, PREDICTION_CAUSES, _rules(context, "tumbling"))
    return step.book, _records(events, step, context)


def settle_performance(
    verdict: PerformanceVerdict, book: ModelAlerts, context: ErrorBudget
) -> tuple[ModelAlerts, list[OutputRecord]]:
    """Return the alerts after a revision of a performance window, and its records; only tested ones change alerts.

    Parameters
    ----------
    verdict : PerformanceVerdict
    book : ModelAlerts
        Of the model key and segment, for windows of joined labels; it is not changed.
    context : ErrorBudget
    """
    events: list[Event] = [verdict.event, *verdict.findings]
    if not verdict.event.tested:
        return book, event_records(events, context.source)
    observation = _observation(verdict.event, verdict.event.age_ms)
    step = advance(book, observation, verdict.findings, JOIN_CAUSES, _rules(context, "performance"))
    return step.book, _records(events, step, context)


def settle_arrival(
    verdict: ArrivalVerdict, book: ModelAlerts, context: ErrorBudget
) -> tuple[ModelAlerts, list[OutputRecord]]:
    """Return the alerts after a cohort has reached an age, and its records; only tested ones change alerts.

    Parameters
    ----------
    verdict : ArrivalVerdict
    book : ModelAlerts
        Of the model key and segment, for cohorts alone; it is not changed.
    context : ErrorBudget

    Notes
    -----
    Each cohort is looked at as many times as there are ages, so that many observations count as one window.
    """
    events: list[Event] = [verdict.event, *verdict.findings]
    if not verdict.tested:
        return book, event_records(events, context.source)
    observation = _observation(verdict.event, verdict.event.age_ms)
    rules = _labels_rules(context, len(context.settings.labels.ages_ms))
    step = advance(book, observation, verdict.findings, LABEL_CAUSES, rules)
    return step.book, _records(events, step, context)


def settle_stream(
    verdict: StreamVerdict, book: ModelAlerts, context: ErrorBudget
) -> tuple[ModelAlerts, list[OutputRecord]]:
    """Return the alerts after a span of the label stream, and its records; only spans with labels change alerts.

    Parameters
    ----------
    verdict : StreamVerdict
    book : ModelAlerts
        Of the label stream; it is not changed.
    context : ErrorBudget
    """
    events: list[Event] = [verdict.event, *verdict.findings]
    if not verdict.event.n:
        return book, event_records(events, context.source)
    step = advance(book, _observation(verdict.event, 0), verdict.findings, LABEL_CAUSES, _labels_rules(context, 1))
    return step.book, _records(events, step, context)


def settle_silence(
    finding: FindingEvent, book: ModelAlerts, context: ErrorBudget
) -> tuple[ModelAlerts, list[OutputRecord]]:
    """Return the alerts after it was found that labels are silent, which opens one at once, and its records.

    Parameters
    ----------
    finding : FindingEvent
    book : ModelAlerts
        Of the label stream; it is not changed. Spans with labels resolve the alert.
    context : ErrorBudget
    """
    rules = structs.replace(_labels_rules(context, 1), opening=OpeningRule(1, 1))
    step = advance(book, _observation(finding, 0), [finding], LABEL_CAUSES, rules)
    return step.book, _records([finding], step, context)


def _labels_rules(context: ErrorBudget, n_looks: int) -> AlertRules:
    """Return when alerts about labels open, page again and resolve, where each span is looked at so many times."""
    alerts = context.settings.alerts
    return AlertRules(
        resolve_after=alerts.resolve_after * n_looks,
        sizes=(context.settings.cohort_ms,),
        opening=OpeningRule(alerts.open_after.findings, alerts.open_after.windows * n_looks),
        remind_after_ms=int(alerts.false_alarm_budget.horizon),
    )


def settle_detection(
    finding: FindingEvent, book: ModelAlerts, context: ErrorBudget
) -> tuple[ModelAlerts, list[OutputRecord]]:
    """Return the alerts after a detection, and its records; only a detector that may page changes alerts.

    Parameters
    ----------
    finding : FindingEvent
        Of family ``detector``, in a pane. Severity ``info`` says that it may not page.
    book : ModelAlerts
        Of the model key and segment: that of the labels for a detector on errors, else that of the predictions; it is
        not changed.
    context : ErrorBudget
    """
    if finding.severity == "info":
        return book, event_records([finding], context.source)
    kind: Sequence = "performance" if finding.role == "error" else "tumbling"
    causes = JOIN_CAUSES if kind == "performance" else PREDICTION_CAUSES
    step = advance(book, _observation(finding, 0), [finding], causes, _rules(context, kind))
    return step.book, _records([finding], step, context)


def _rules(context: ErrorBudget, sequence: Sequence) -> AlertRules:
    alerts, windows = context.settings.alerts, context.settings.windows
    sizes = windows.verdict if sequence == "tumbling" else (windows.performance,)
    return AlertRules(
        resolve_after=alerts.resolve_after,
        sizes=tuple(int(size) for size in sizes),
        opening=OpeningRule(alerts.open_after.findings, alerts.open_after.windows),
        remind_after_ms=int(alerts.false_alarm_budget.horizon),
    )


def _observation(event: Event, age_ms: int) -> Observation:
    return Observation(
        key=event.key,
        segment=event.segment,
        window=event.window,
        time_ms=epoch_ms(event.window.end) + age_ms,
        profile=event.profile,
        settings=event.settings,
        n=event.n,
        n_reference=event.n_reference,
        offsets=event.offsets,
        flags=event.flags,
    )


def _records(events: list[Event], step: Step, context: ErrorBudget) -> list[OutputRecord]:
    forgotten = [tombstone(alert_id) for alert_id in step.forgotten]
    return [*event_records([*events, *step.alerts], context.source), *forgotten]
