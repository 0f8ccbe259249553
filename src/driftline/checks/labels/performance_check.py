"""One revision of a performance window: its metrics, and where it is the tested one, the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.checks.contract.common_fields import common_fields, span
from driftline.checks.contract.verdict import CheckStatistic, PerformanceVerdict
from driftline.checks.labels.performance_event import performance_event
from driftline.checks.labels.performance_tests import performance_findings, performance_outcomes
from driftline.checks.quality.duplicates import PART_OF_LEVEL, duplicate_findings, part_of
from driftline.sketches.scores import LABELLED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from driftline.checks.contract.closed_window import PerformanceBaseline, PerformanceRevision
    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.events.finding import FindingEvent
    from driftline.profiles.profile import Profile


def examine_performance(
    profile: Profile, cut: PerformanceRevision, baseline: PerformanceBaseline | None, context: ErrorBudget
) -> PerformanceVerdict:
    """Measure a revision of a performance window, and hold it against the baseline where ``cut.tested``.

    Parameters
    ----------
    profile : Profile
        Whose task the cut's vector is of.
    cut : PerformanceRevision
        With at least one prediction.
    baseline : PerformanceBaseline or None
        None while the first windows are still gathered; then the cut is not tested.
    context : ErrorBudget

    Returns
    -------
    PerformanceVerdict
        With a finding for each watched metric that is worse than the baseline's, is really so, and by as much as
        matters.
    """
    task, vector = profile.task, cut.vector
    size_ms = context.settings.windows.performance
    window = span("performance", cut.start_ms, cut.end_ms, size_ms)
    common = common_fields(cut.key, cut.segment, window, profile, context, cut.offsets, cut.flags)
    common["n"] = _cell(vector, LABELLED)
    common["n_reference"] = _cell(baseline.vector, LABELLED) if baseline else 0
    tested = cut.tested and baseline is not None
    event = performance_event(task, cut, baseline, context.settings.performance, common, tested=tested)
    outcomes = performance_outcomes(profile, cut, baseline, context) if tested and baseline else []
    p_values: dict[str, float] = {outcome.metric: outcome.p_value for outcome in outcomes}
    statistics = tuple(
        CheckStatistic(name, "", "error", value, p_values.get(name))
        for name, value in event.metrics.items()
        if value is not None
    )
    findings: list[FindingEvent] = []
    if tested and baseline:
        findings += performance_findings(outcomes, profile, baseline, context, common)
        info = context.info_level()
        levels = [part_of(context.performance_level(), PART_OF_LEVEL), *([info] if info else [])]
        findings += duplicate_findings(cut, baseline, context.settings.checks, common, levels)
    return PerformanceVerdict(event=event, findings=tuple(findings), statistics=statistics)


def _cell(vector: NDArray[np.int64], index: int) -> int:
    return max(0, int(vector[index]))
