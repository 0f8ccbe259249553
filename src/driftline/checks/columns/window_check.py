"""The checks on a closed window: every column beside its profile, and findings where a change is real and matters.

Pure functions: the same window, profile and settings give the same events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.checks.columns.column_check import examine_column
from driftline.checks.columns.multivariate_check import examine_multivariate
from driftline.checks.columns.rolling_check import rolling_findings
from driftline.checks.contract.common_fields import window_fields
from driftline.checks.contract.verdict import WindowVerdict
from driftline.checks.quality.whole import whole_findings
from driftline.events.window import MAX_COLUMNS, ColumnBlock, WindowEvent
from driftline.sketches.layout import LATE, UNEXPECTED

if TYPE_CHECKING:
    from driftline.checks.contract.closed_window import ClosedWindow
    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.checks.contract.verdict import CheckStatistic
    from driftline.checks.references.reference_view import ReferenceView

__all__ = ["examine_window"]


def examine_window(standard: ReferenceView, window: ClosedWindow, context: ErrorBudget) -> WindowVerdict:
    """Compare every column of a window with its profile.

    Parameters
    ----------
    standard : ReferenceView
        Of the profile whose grid the window's sketch is on.
    window : ClosedWindow
        Of kind ``tumbling``, which gets findings, or ``sliding``, which does not.
    context : ErrorBudget

    Returns
    -------
    WindowVerdict
    """
    common = window_fields(standard.profile, window, context)
    n_columns = len(standard.profile.columns)
    level = context.column_level(window.size_ms, n_columns) if window.kind == "tumbling" else None
    checked = [examine_column(standard, index, window, context, common, level) for index in range(n_columns)]
    findings = tuple(finding for column in checked for finding in column.findings)
    multivariate: list[CheckStatistic] = []
    if level is not None:
        levels = [each for each in (level, context.info_level()) if each is not None]
        lookup = standard.of_whole(window)
        findings += tuple(whole_findings(standard.profile, window, context.settings.checks, common, levels, lookup))
        findings += tuple(rolling_findings(standard, window, context.settings.checks, common, levels))
        together, multivariate = examine_multivariate(standard, window, context, common, level)
        findings += tuple(together)
    starts = range(0, max(n_columns, 1), MAX_COLUMNS)
    counts = window.sketch.counts
    windows = tuple(
        WindowEvent(
            **common,
            late=int(counts[LATE]),
            unexpected_features=int(counts[UNEXPECTED]),
            n_columns=n_columns,
            n_findings=len(findings),
            block=ColumnBlock(index=index, of=len(starts)),
            columns=[column.summary for column in checked[start : start + MAX_COLUMNS]],
        )
        for index, start in enumerate(starts)
    )
    statistics = tuple(statistic for column in checked for statistic in column.statistics) + tuple(multivariate)
    return WindowVerdict(windows=windows, findings=findings, statistics=statistics)
