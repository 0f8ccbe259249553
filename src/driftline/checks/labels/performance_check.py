"""One revision of a performance window: its metrics, and where it is the tested one, the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from driftline.checks.contract.check import checks_of
from driftline.checks.contract.closed_window import PerformanceCase
from driftline.checks.contract.common_fields import common_fields, span
from driftline.checks.contract.ladder import judge, lingering
from driftline.checks.contract.verdict import CheckStatistic, Verdict
from driftline.checks.labels.explanation import explanations
from driftline.checks.labels.explanation_words import with_explanation
from driftline.checks.labels.feature_evidence import errors_by_feature_of
from driftline.checks.labels.foreign_labels_check import foreign_outcome
from driftline.checks.labels.performance_event import performance_event
from driftline.checks.labels.performance_tests import PREFIX
from driftline.sketches.scores import LABELLED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from driftline.checks.contract.check import Outcome
    from driftline.checks.contract.closed_window import PerformanceBaseline, PerformanceRevision
    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.events.performance import PerformanceEvent
    from driftline.profiles.profile import Profile


def examine_performance(
    profile: Profile, revision: PerformanceRevision, baseline: PerformanceBaseline | None, budget: ErrorBudget
) -> Verdict[PerformanceEvent]:
    """Measure a revision of a performance window, and compare it with the baseline where ``revision.tested``.

    The revision has at least one prediction, and its vector is of the profile's task. The baseline is None while the
    first windows are still gathered; then the revision is not tested. There is a finding for each watched metric that
    is significantly worse than the baseline's, and by as much as matters. Where nearly all labels are of no class of
    the task, nothing is measured, and the finding is about that. Findings, and then the event too, say what
    explains a change for the worse. One for the better is a finding for information.
    """
    settings, vector = budget.settings, revision.vector
    window = span("performance", revision.start_ms, revision.end_ms, settings.windows.performance)
    key, segment, offsets, flags = revision.key, revision.segment, revision.offsets, revision.flags
    common = common_fields(key, segment, window, profile, budget, offsets, flags)
    common["n"] = _cell(vector, LABELLED)
    common["n_reference"] = _cell(baseline.vector, LABELLED) if baseline else 0
    foreign = foreign_outcome(profile.task, revision)
    tested = revision.tested and baseline is not None and foreign is None
    event = performance_event(profile, revision, baseline, settings.performance, common, tested=tested)
    by_feature = errors_by_feature_of(profile, settings, revision.by_feature) if tested else None
    if by_feature is not None:
        event = structs.replace(event, by_feature=by_feature)
    examined: list[list[Outcome]] = []
    case = PerformanceCase(profile, revision, baseline, settings) if tested and baseline else None
    if case is not None:
        examined = [[*each.examine(case)] for each in checks_of("performance")]
    levels = budget.with_info(budget.performance_level()) if tested else ()
    if revision.tested and foreign is not None:
        examined = [[foreign]]
    findings = [finding for outcomes in examined for finding in judge(outcomes, levels, common)]
    worse = [finding.check.removeprefix(PREFIX) for finding in findings if finding.check.startswith(PREFIX)]
    if case is not None and worse:
        explained = explanations(case, worse)
        findings = [with_explanation(finding, explained) for finding in findings]
        event = structs.replace(event, explained=[*explained.values()])
    p_values = {each.check: each.p_value for outcomes in examined for each in outcomes if not each.lingers}
    return Verdict(
        events=(event,),
        findings=tuple(findings),
        statistics=tuple(
            CheckStatistic("performance", name, "", "error", value, p_values.get(f"{PREFIX}{name}"))
            for name, value in event.metrics.items()
            if value is not None
        ),
        sequence="performance",
        tested=revision.tested and (tested or foreign is not None),
        lingering=frozenset(key for outcomes in examined for key in lingering(outcomes, levels[0], budget))
        if levels
        else frozenset(),
        age_ms=event.age_ms,
    )


def _cell(vector: NDArray[np.int64], index: int) -> int:
    return max(0, int(vector[index]))
