"""A closed window beside its profile: an event with every column, and findings where a change is real and matters.

Pure functions: the same window, profile and settings give the same events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from driftline.checks.columns.column_summary import column_statistics, column_summary
from driftline.checks.contract.check import checks_of
from driftline.checks.contract.common_fields import window_fields
from driftline.checks.contract.ladder import judge, lingering
from driftline.checks.contract.verdict import CheckStatistic, Verdict
from driftline.checks.references.cases import ColumnCase, WindowCase
from driftline.events.window import MAX_COLUMNS, ColumnBlock, WindowEvent
from driftline.sketches.layout import LATE, UNEXPECTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from driftline.checks.contract.check import Check, Outcome
    from driftline.checks.contract.closed_window import ClosedWindow
    from driftline.checks.contract.common_fields import CommonFields
    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.checks.references.reference_view import ReferenceView
    from driftline.config.model import ModelSettings
    from driftline.events.finding import FindingEvent
    from driftline.events.window import ColumnSummary

DISPLAYED: Final = 0.01
"""Level down to which a simulated test is drawn for a window that gets no verdict."""


def examine_window(
    view: ReferenceView, window: ClosedWindow, budget: ErrorBudget, summaries: Sequence[ColumnSummary] = ()
) -> Verdict[WindowEvent]:
    """Compare every column of a window with its profile, on whose grid the window's sketch is.

    ``tumbling`` windows get findings, ``sliding`` ones do not. ``summaries`` are those of the columns, if they are
    known from a window with the same events; see :func:`shown_columns`.
    """
    n_columns, tested = len(view.profile.columns), window.kind == "tumbling"
    level = budget.column_level(window.size_ms, n_columns).level if tested else DISPLAYED
    columns = [ColumnCase(view, window, level, index) for index in range(n_columns)]
    summaries = summaries or [column_summary(case) for case in columns]
    common = window_fields(view.profile, window, budget)
    found = window_findings(WindowCase(view, window, level), columns, budget, common) if tested else WindowFindings()
    starts = range(0, max(n_columns, 1), MAX_COLUMNS)
    counts = window.sketch.counts
    events = tuple(
        WindowEvent(
            **common,
            late=int(counts[LATE]),
            unexpected_features=int(counts[UNEXPECTED]),
            n_columns=n_columns,
            n_findings=len(found.findings),
            block=ColumnBlock(index=index, of=len(starts)),
            columns=list(summaries[start : start + MAX_COLUMNS]),
        )
        for index, start in enumerate(starts)
    )
    return Verdict(
        events=events,
        findings=found.findings,
        statistics=(*(each for summary in summaries for each in column_statistics(summary)), *found.statistics),
        sequence="predictions",
        tested=tested,
        lingering=found.lingering,
    )


def shown_columns(
    window: ClosedWindow, beside: tuple[ClosedWindow, Verdict[WindowEvent]] | None, settings: ModelSettings
) -> list[ColumnSummary]:
    """Return what is known of a window's columns from another that was just examined: all, if it has the same events.

    At a full hour the window for display often is the hour. Simulated tests are drawn for a level of their own.
    """
    if beside is None or settings.checks.test != "pearson":
        return []
    other, verdict = beside
    spans = [(each.start_ms, each.end_ms, each.size_ms, each.n_events, each.hours) for each in (window, other)]
    return [summary for event in verdict.events for summary in event.columns] if spans[0] == spans[1] else []


class WindowFindings(NamedTuple):
    """What all registered checks of a verdict window say."""

    findings: tuple[FindingEvent, ...] = ()
    statistics: tuple[CheckStatistic, ...] = ()
    """Of its multivariate checks."""
    lingering: frozenset[str] = frozenset()
    """As in :class:`~driftline.checks.contract.verdict.Verdict`."""


def window_findings(
    whole: WindowCase, columns: Iterable[ColumnCase], budget: ErrorBudget, common: CommonFields
) -> WindowFindings:
    """Return what all registered checks of one verdict window say."""
    levels = budget.with_info(budget.column_level(whole.window.size_ms, len(whole.profile.columns)))
    examined: list[tuple[Check[Any], list[Outcome]]] = []
    for checks, cases in ((checks_of("column"), columns), (checks_of("window"), [whole])):
        examined += [(check, [*check.examine(case)]) for case in cases for check in checks]
    examined.sort(key=lambda each: each[0].order)  # stable: of one column together, in the order of the columns
    return WindowFindings(
        findings=tuple(finding for _, outcomes in examined for finding in judge(outcomes, levels, common)),
        statistics=tuple(
            CheckStatistic("multivariate", each.check, "", "feature", each.effect.corrected, each.p_value)
            for _, outcomes in examined
            for each in outcomes
            if each.family == "multivariate" and each.effect is not None
        ),
        lingering=frozenset(key for _, outcomes in examined for key in lingering(outcomes, levels[0], budget)),
    )
