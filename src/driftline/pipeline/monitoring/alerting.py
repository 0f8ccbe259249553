"""From verdicts to records: the one place where checks, the alert lifecycle and the output topics meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.alerts import JOIN_CAUSES, PREDICTION_CAUSES, AlertBook, Observation, Resolution, advance
from driftline.events.cloudevents import epoch_ms
from driftline.pipeline.outputs import OutputRecord, event_records, tombstone

if TYPE_CHECKING:
    from driftline.alerts.lifecycle import Step
    from driftline.events.evidence import Event
    from driftline.pipeline.checking.check_context import CheckContext
    from driftline.pipeline.checking.verdict import PerformanceVerdict, WindowVerdict


def settle_window(
    verdict: WindowVerdict, book: AlertBook, context: CheckContext
) -> tuple[AlertBook, list[OutputRecord]]:
    """Return the alerts after a window of prediction panes, and all its records: window, findings, alerts.

    Parameters
    ----------
    verdict : WindowVerdict
        Of a tumbling window, or of a sliding one, which changes no alert.
    book : AlertBook
        Of the model key and segment, for windows of predictions; it is not changed.
    context : CheckContext
    """
    events: list[Event] = [*verdict.windows, *verdict.findings]
    event = verdict.windows[0]
    if event.window.kind != "tumbling":
        return book, event_records(events, context.source)
    sizes = tuple(int(size) for size in context.settings.windows.verdict)
    resolution = Resolution(after=context.settings.alerts.resolve_after, sizes=sizes)
    step = advance(book, _observation(event, 0), verdict.findings, PREDICTION_CAUSES, resolution)
    return step.book, _records(events, step, context)


def settle_performance(
    verdict: PerformanceVerdict, book: AlertBook, context: CheckContext
) -> tuple[AlertBook, list[OutputRecord]]:
    """Return the alerts after a revision of a performance window, and its records; only tested ones change alerts.

    Parameters
    ----------
    verdict : PerformanceVerdict
    book : AlertBook
        Of the model key and segment, for windows of joined labels; it is not changed.
    context : CheckContext
    """
    events: list[Event] = [verdict.event, *verdict.findings]
    if not verdict.event.tested:
        return book, event_records(events, context.source)
    sizes = (int(context.settings.windows.performance),)
    resolution = Resolution(after=context.settings.alerts.resolve_after, sizes=sizes)
    observation = _observation(verdict.event, verdict.event.age_ms)
    step = advance(book, observation, verdict.findings, JOIN_CAUSES, resolution)
    return step.book, _records(events, step, context)


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


def _records(events: list[Event], step: Step, context: CheckContext) -> list[OutputRecord]:
    forgotten = [tombstone(alert_id) for alert_id in step.forgotten]
    return [*event_records([*events, *step.alerts], context.source), *forgotten]
