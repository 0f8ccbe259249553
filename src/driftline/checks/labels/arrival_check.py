"""A cohort of predictions at one age: how many have a label, and whether that is fewer than usual."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct

from driftline.checks.contract.common_fields import common_fields, span
from driftline.checks.contract.finding_builder import Subject, finding_of, seen_by
from driftline.checks.contract.wording import number, p_value_at, percent
from driftline.config.durations import Duration
from driftline.events.finding import Effect, FindingEvent, Statistic
from driftline.events.label_arrival import ArrivalTest, LabelArrivalEvent, MaturityPoint
from driftline.significance.baseline_share import baseline_share, baseline_share_test
from driftline.sketches.arrival import AGE_EDGES_MS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from driftline.checks.contract.common_fields import CommonFields
    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.events.model_key import ModelKey
    from driftline.events.source import Kind, Offsets
    from driftline.performance.arrival_curve import CurvePoint
    from driftline.profiles.profile import Profile
    from driftline.significance.baseline_share import BaselineShare
    from driftline.significance.share import ShareResult

CHECK: Final = "labels.arrival"
MIN_COHORTS: Final = 7
"""Earlier cohorts that a share is compared with at least: of days, one of each day of the week."""
NEW_USUAL: Final = 14
"""Cohorts later than usual in a row, after which that is the usual: a fortnight of days."""


class CohortAt(NamedTuple):
    """A cohort that is complete at an age, and what there is to compare it with.

    Attributes
    ----------
    key : ModelKey
    segment : str
    start_ms, end_ms : int
        Span of prediction time, end excluded.
    age_ms : int
    final : bool
    n_predictions : int
    by_age : ndarray of int64, shape (N_AGES,)
        First labels.
    earlier : sequence of (int, int, bool)
        Labelled and all predictions of the cohorts before at this age, and whether they came out as late; the oldest
        first.
    curve : sequence of CurvePoint
    offsets : dict of kind to Offsets
    flags : sequence of str
    """

    key: ModelKey
    segment: str
    start_ms: int
    end_ms: int
    age_ms: int
    final: bool
    n_predictions: int
    by_age: NDArray[np.int64]
    earlier: Sequence[tuple[int, int, bool]]
    curve: Sequence[CurvePoint]
    offsets: Mapping[Kind, Offsets]
    flags: Sequence[str]


class ArrivalVerdict(Struct, frozen=True, kw_only=True):
    """What is known of a cohort at one age.

    Parameters
    ----------
    event : LabelArrivalEvent
    findings : tuple of FindingEvent
        At most one.
    tested : bool
        Whether there was enough to compare with.
    """

    event: LabelArrivalEvent
    findings: tuple[FindingEvent, ...]
    tested: bool


def examine_arrival(profile: Profile, cohort: CohortAt, context: ErrorBudget) -> ArrivalVerdict:
    """Say how many predictions of a cohort have a label by an age, and test whether they are fewer than usual.

    Parameters
    ----------
    profile : Profile
        Of the cohort's end.
    cohort : CohortAt
        With at least one prediction.
    context : ErrorBudget

    Returns
    -------
    ArrivalVerdict
        With a finding where the share labelled is below that of the earlier cohorts, and by as much as matters.

    Notes
    -----
    Cohorts that came out as late are not compared with, so that a stall does not become the usual; after ``NEW_USUAL``
    of them in a row it has.
    """
    window = span("performance", cohort.start_ms, cohort.end_ms, cohort.end_ms - cohort.start_ms)
    common = common_fields(cohort.key, cohort.segment, window, profile, context, cohort.offsets, cohort.flags)
    n_labelled = min(int(cohort.by_age.sum()), cohort.n_predictions)
    usual = usual_of(cohort.earlier)
    result = None if usual is None else baseline_share_test(n_labelled, cohort.n_predictions, usual, "less")
    common["n"], common["n_reference"] = n_labelled, 0 if usual is None else usual.n
    finding = None
    if usual is not None and result is not None:
        finding = _finding(cohort, usual, result, common, context)
    event = LabelArrivalEvent(
        **common,
        age_ms=cohort.age_ms,
        final=cohort.final,
        status="calibrating" if usual is None else "usual" if finding is None else "late",
        n_predictions=cohort.n_predictions,
        share=n_labelled / cohort.n_predictions,
        test=None if usual is None or result is None else _test(usual, result),
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
    return ArrivalVerdict(event=event, findings=() if finding is None else (finding,), tested=result is not None)


def usual_of(earlier: Sequence[tuple[int, int, bool]]) -> BaselineShare | None:
    """Return what spans before one showed; None of fewer than ``MIN_COHORTS``.

    Parameters
    ----------
    earlier : sequence of (int, int, bool)
        Marked events, all events, and whether the share was found to be unusual, the oldest first: such spans are left
        out, unless the latest ``NEW_USUAL`` all were.
    """
    latest = earlier[-NEW_USUAL:]
    lasting = len(latest) == NEW_USUAL and all(late for _, _, late in latest)
    held = [(min(k, n), n) for k, n, late in (latest if lasting else earlier) if (lasting or not late) and n > 0]
    return baseline_share(held) if len(held) >= MIN_COHORTS else None


def _test(usual: BaselineShare, result: ShareResult) -> ArrivalTest:
    return ArrivalTest(
        share=result.share_reference,
        n_predictions=usual.n,
        n_cohorts=usual.n_groups,
        dispersion=result.dispersion,
        p_value=result.p_value,
    )


def _finding(
    cohort: CohortAt, usual: BaselineShare, result: ShareResult, common: CommonFields, context: ErrorBudget
) -> FindingEvent | None:
    levels = (context.labels_level(), context.info_level())
    level = next((each for each in levels if each is not None and result.p_value <= each.level), None)
    gate = context.settings.labels.min_arrival_drop
    drop = result.share_reference - result.share
    if level is None or drop < gate:
        return None
    age = Duration(cohort.age_ms)
    statistic = Statistic(
        name="exact_share", value=result.share, degrees_of_freedom=None, p_value=result.p_value, threshold=None
    )
    effect = Effect(
        name="labelled_share_drop",
        raw=drop,
        corrected=drop,
        gate=gate,
        current=result.share,
        reference=result.share_reference,
    )
    message = (
        f"predictions with a label within {age}: {percent(result.share_reference)} -> {percent(result.share)} (a drop "
        f"matters from {percent(gate)}); {p_value_at(result.p_value, level.level)}; "
        f"{number(cohort.n_predictions)} predictions beside those of {usual.n_groups} earlier spans"
    )
    seen = seen_by(common, cohort.n_predictions, usual.n)
    return finding_of(seen, Subject(f"{CHECK}.{age}", "labels"), (statistic, effect), level, message, "earlier cohorts")
