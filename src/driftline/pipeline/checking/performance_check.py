"""One revision of a performance window: its metrics, and where it is the tested one, the verdict on its accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.events.finding import Effect, Statistic
from driftline.performance import hits
from driftline.pipeline.checking.common_fields import common_fields, span
from driftline.pipeline.checking.finding_builder import Subject, finding_of, seen_by
from driftline.pipeline.checking.performance_event import performance_event
from driftline.pipeline.checking.quality.duplicates import PART_OF_LEVEL, duplicate_findings, part_of
from driftline.pipeline.checking.verdict import CheckStatistic, PerformanceVerdict
from driftline.pipeline.checking.wording import number, p_value_at, percent
from driftline.significance.share import share_test
from driftline.sketches.scores import LABELLED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from driftline.events.finding import FindingEvent
    from driftline.pipeline.checking.check_context import CheckContext
    from driftline.pipeline.checking.closed_window import Baseline, PerformanceCut
    from driftline.pipeline.checking.common_fields import CommonFields
    from driftline.profiles.profile import Profile

CHECK: Final = "performance.accuracy"


def examine_performance(
    profile: Profile, cut: PerformanceCut, baseline: Baseline | None, context: CheckContext
) -> PerformanceVerdict:
    """Measure a revision of a performance window, and test its accuracy where ``cut.tested``.

    Parameters
    ----------
    profile : Profile
        Whose task the cut's vector is of.
    cut : PerformanceCut
        With at least one prediction.
    baseline : Baseline or None
        None while the first windows are still gathered; then the cut is not tested.
    context : CheckContext

    Returns
    -------
    PerformanceVerdict
        With a finding where the error share is above the baseline's, by the exact one-sided test, and accuracy fell by
        as much as matters. Regression gets no verdict.
    """
    task, vector = profile.task, cut.vector
    size_ms = context.settings.windows.performance
    window = span("performance", cut.start_ms, cut.end_ms, size_ms)
    common = common_fields(cut.key, cut.segment, window, profile, context, cut.offsets, cut.flags)
    common["n"] = _cell(vector, LABELLED)
    common["n_reference"] = _cell(baseline.vector, LABELLED) if baseline else 0
    tested = cut.tested and baseline is not None and task.kind != "regression"
    event = performance_event(task, cut, baseline, context.settings.performance, common, tested=tested)
    finding, p_value = _test(profile, cut, baseline, context, common) if tested and baseline else (None, None)
    statistics = tuple(
        CheckStatistic(name, "", "error", value, p_value if name == "accuracy" else None)
        for name, value in event.metrics.items()
        if value is not None
    )
    findings = [finding] if finding else []
    if tested and baseline:
        info = context.info_level()
        levels = [part_of(context.performance_level(), PART_OF_LEVEL), *([info] if info else [])]
        findings += duplicate_findings(cut, baseline, context.settings.checks, common, levels)
    return PerformanceVerdict(event=event, findings=tuple(findings), statistics=statistics)


def _test(
    profile: Profile, cut: PerformanceCut, baseline: Baseline, context: CheckContext, common: CommonFields
) -> tuple[FindingEvent | None, float | None]:
    layout = profile.task.performance_layout
    current, reference = hits(layout, cut.vector), hits(layout, baseline.vector)
    result = share_test(current.n_wrong, current.n, reference.n_wrong, reference.n, alternative="greater")
    if result is None:
        return None, None
    levels = (part_of(context.performance_level(), 1 - PART_OF_LEVEL), context.info_level())
    level = next((each for each in levels if each is not None and result.p_value <= each.level), None)
    gate = context.settings.checks.min_accuracy_drop
    before, after = reference.n_right / reference.n, current.n_right / current.n
    drop = before - after
    if level is None or drop < gate:
        return None, result.p_value
    origin = "the reference" if baseline.origin == "reference" else "the first windows"
    statistic = Statistic(
        name="exact_share", value=result.share, degrees_of_freedom=None, p_value=result.p_value, threshold=None
    )
    effect = Effect(name="accuracy_drop", raw=drop, corrected=drop, gate=gate, current=after, reference=before)
    message = (
        f"accuracy {percent(before)} -> {percent(after)} against {origin} (a drop matters from {percent(gate)}); "
        f"{p_value_at(result.p_value, level.level)}; {number(current.n)} labelled predictions"
    )
    seen, subject = seen_by(common, current.n, reference.n), Subject(CHECK, "performance")
    finding = finding_of(seen, subject, (statistic, effect), level, message, baseline.origin)
    return finding, result.p_value


def _cell(vector: NDArray[np.int64], index: int) -> int:
    return max(0, int(vector[index]))
