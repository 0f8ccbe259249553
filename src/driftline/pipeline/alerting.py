"""From verdicts to records: the one place where checks, the alert lifecycle and the output topics meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.alerts import JOIN_CAUSES, PREDICTION_CAUSES, AlertBook, Observation, Resolution, advance
from driftline.events.cloudevents import epoch_ms
from driftline.pipeline.outputs import OutputRecord, event_records, tombstone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.alerts.lifecycle import Step
    from driftline.events.alert import Cause
    from driftline.events.evidence import Event
    from driftline.events.finding import FindingEvent
    from driftline.pipeline.check_context import CheckContext
    from driftline.pipeline.verdict import PerformanceVerdict, WindowVerdict


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
    sizes = tuple(context.settings.windows.verdict)
    step = _advance(book, event, verdict.findings, PREDICTION_CAUSES, sizes, context)
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
    step = _advance(book, verdict.event, verdict.findings, JOIN_CAUSES, sizes, context)
    return step.book, _records(events, step, context)


def _advance(
    book: AlertBook,
    event: Event,
    findings: Sequence[FindingEvent],
    causes: tuple[Cause, ...],
    sizes: tuple[int, ...],
    context: CheckContext,
) -> Step:
    observation = Observation(
        key=event.key,
        segment=event.segment,
        window=event.window,
        time_ms=epoch_ms(event.ce_time),
        profile=event.profile,
        settings=event.settings,
        n=event.n,
        n_reference=event.n_reference,
        offsets=event.offsets,
        flags=event.flags,
    )
    resolution = Resolution(after=context.settings.alerts.resolve_after, sizes=sizes)
    return advance(book, observation, findings, causes, resolution)


def _records(events: list[Event], step: Step, context: CheckContext) -> list[OutputRecord]:
    forgotten = [tombstone(alert_id) for alert_id in step.forgotten]
    return [*event_records([*events, *step.alerts], context.source), *forgotten]
