"""A cohort of predictions at one age: how many have a label, and whether that is fewer than usual."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import structs

from driftline.checks.contract.check import check, checks_of
from driftline.checks.contract.common_fields import common_fields, span
from driftline.checks.contract.ladder import judge, lingering
from driftline.checks.contract.verdict import Verdict
from driftline.checks.contract.wording import number, percent
from driftline.checks.labels.baseline_comparison import MIN_COHORTS, BaselineComparison, compared
from driftline.checks.labels.missing_labels import Counted, feature_without, together, with_missing_values
from driftline.config.durations import Duration
from driftline.events.cloudevents import rfc3339
from driftline.events.label_arrival import LabelArrivalEvent, MaturityPoint
from driftline.sketches.arrival import AGE_EDGES_MS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from driftline.checks.contract.check import Outcome
    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.config.model import ModelSettings
    from driftline.events.finding import WithoutValue
    from driftline.events.model_key import ModelKey
    from driftline.events.source import Kind, Offsets
    from driftline.performance.arrival_curve import CurvePoint
    from driftline.profiles.profile import Profile

CHECK: Final = "labels.arrival"


class CohortAt(NamedTuple):
    """A cohort that is complete at an age, and what there is to compare it with."""

    key: ModelKey
    segment: str
    start_ms: int
    end_ms: int
    """Span of prediction time, end excluded."""
    age_ms: int
    final: bool
    n_predictions: int
    by_age: NDArray[np.int64]
    """Shape (N_AGES,). First labels."""
    earlier: Sequence[tuple[int, int, bool]]
    """Labelled and all predictions of the cohorts before at this age, and whether they came out as late; the oldest
    first."""
    curve: Sequence[CurvePoint]
    offsets: Mapping[Kind, Offsets]
    flags: Sequence[str]
    missing: Sequence[Mapping[str, int] | None] = ()
    """Predictions without a value by feature, of the cohorts before and last of this one; None where not known."""
    silent_ms: int | None = None
    """Start of the last pane with a label of the model, where no label has come for as long as the age; else None."""


class CohortCase(NamedTuple):
    """A cohort at an age, compared with the cohorts before it."""

    cohort: CohortAt
    comparison: BaselineComparison
    settings: ModelSettings


def examine_arrival(profile: Profile, cohort: CohortAt, budget: ErrorBudget) -> Verdict[LabelArrivalEvent]:
    """Report how many predictions of a cohort have a label by an age, and test whether they are fewer than usual.

    The profile is that of the cohort's end, and the cohort has at least one prediction. There is a finding where the
    share labelled is below that of the earlier cohorts, and by as much as matters; tested where there was enough to
    compare with.
    """
    window = span("performance", cohort.start_ms, cohort.end_ms, cohort.end_ms - cohort.start_ms)
    common = common_fields(cohort.key, cohort.segment, window, profile, budget, cohort.offsets, cohort.flags)
    n_labelled = min(int(cohort.by_age.sum()), cohort.n_predictions)
    comparison = BaselineComparison.of(n_labelled, cohort.n_predictions, cohort.earlier, "less")
    common["n"], common["n_reference"] = n_labelled, comparison.n_reference
    case, levels = CohortCase(cohort, comparison, budget.settings), budget.with_info(budget.labels_level())
    examined = [check.examine(case) for check in checks_of("cohort")]
    findings = [each for outcomes in examined for each in judge(outcomes, levels, common)]
    if findings and (without := _without_value(case)) is not None:
        findings = [with_missing_values(finding, without) for finding in findings]
    if cohort.silent_ms is not None:
        findings = [structs.replace(each, since=rfc3339(cohort.silent_ms)) for each in findings]
    event = LabelArrivalEvent(
        **common,
        age_ms=cohort.age_ms,
        final=cohort.final,
        status="calibrating" if comparison.baseline is None else "late" if findings else "usual",
        n_predictions=cohort.n_predictions,
        share=n_labelled / cohort.n_predictions,
        test=comparison.test,
        ages_ms=list(AGE_EDGES_MS),
        by_age=[max(0, int(n)) for n in cohort.by_age],
        curve=[
            MaturityPoint(
                age_ms=point.age_ms,
                share=min(1.0, point.n_labelled / point.n_predictions),
                n_predictions=point.n_predictions,
                n_cohorts=point.n_cohorts,
            )
            for point in cohort.curve
        ],
    )
    return Verdict(
        events=(event,),
        findings=tuple(findings),
        sequence="cohorts",
        tested=comparison.result is not None,
        lingering=frozenset(key for outcomes in examined for key in lingering(outcomes, levels[0], budget)),
        age_ms=cohort.age_ms,
    )


def _without_value(case: CohortCase) -> WithoutValue | None:
    """Return the feature whose missing values explain the finding, where the cohorts' missing values are known."""
    cohort = case.cohort
    if len(cohort.missing) <= len(cohort.earlier):
        return None
    *before, now = cohort.missing
    counted = [
        Counted(min(n_labelled, n), n, missing)
        for index in compared(cohort.earlier)
        for (n_labelled, n, _), missing in ((cohort.earlier[index], before[index]),)
        if missing is not None
    ]
    if now is None or len(counted) < MIN_COHORTS:
        return None
    here = Counted(min(int(cohort.by_age.sum()), cohort.n_predictions), cohort.n_predictions, now)
    return feature_without(here, together(counted), case.settings.labels.min_arrival_drop)


@check("arrival", "cohort", lambda settings: len(settings.labels.ages_ms))
def arrival(case: CohortCase) -> list[Outcome]:
    """Test whether fewer predictions of a cohort have a label than usual: one test at each age."""
    cohort, (baseline, result) = case.cohort, case.comparison
    if baseline is None or result is None:
        return []
    age, gate = Duration(cohort.age_ms), case.settings.labels.min_arrival_drop
    message = (
        f"predictions with a label within {age}: {percent(result.share_reference)} -> {percent(result.share)} (a drop "
        f"matters from {percent(gate)})"
    )
    if cohort.silent_ms is not None:
        message = f"no label of the model since {rfc3339(cohort.silent_ms)}; {message}"
    details = f"{number(cohort.n_predictions)} predictions beside those of {baseline.n_groups} earlier spans"
    drop = result.share_reference - result.share
    return [case.comparison.outcome(f"{CHECK}.{age}", "labelled_share_drop", drop, gate, message, details)]
