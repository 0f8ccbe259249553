"""One column of a closed window beside its profile: its summary, and its findings."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct, structs

from driftline.alerts.policy import severity_of
from driftline.events.finding import FindingEvent, finding_id
from driftline.events.window import ColumnSummary
from driftline.pipeline import distribution_check, quality_check
from driftline.pipeline.grouping import tail_bins
from driftline.pipeline.units import moments_of
from driftline.pipeline.verdict import CheckStatistic
from driftline.sketches.columns import CategoricalColumn, NumericColumn

if TYPE_CHECKING:
    from driftline.events.finding import Effect, Family, HistogramPair, LevelEvidence, Statistic
    from driftline.events.window import AbsentTest
    from driftline.pipeline.check_context import CheckContext
    from driftline.pipeline.closed_window import ClosedWindow
    from driftline.pipeline.common_fields import CommonFields
    from driftline.pipeline.distribution_check import DistributionOutcome
    from driftline.profiles.profile import Profile
    from driftline.sketches.pane_sketch import PaneSketch


class CheckedColumn(Struct, frozen=True):
    """What the checks say of one column."""

    summary: ColumnSummary
    findings: list[FindingEvent]
    statistics: list[CheckStatistic]


def examine_column(
    profile: Profile, index: int, window: ClosedWindow, context: CheckContext, common: CommonFields
) -> CheckedColumn:
    """Compare one column of a window with its profile.

    Parameters
    ----------
    profile : Profile
    index : int
        Position of the column in the profile.
    window : ClosedWindow
    context : CheckContext
    common : CommonFields
        Of the window; findings count their own events.
    """
    column, place = profile.columns[index], profile.layout.places[index]
    here, there = window.sketch.counts, profile.reference.counts
    outcome = distribution_check.compare_distributions(
        column, here[place.bins], there[place.bins], context.settings.checks.bins
    )
    absent = quality_check.compare_absent(here[place.quality], window.n_events, there[place.quality], profile.n_events)
    summary = _summary(profile, index, window.sketch, outcome, absent)
    statistics = [
        CheckStatistic(name, column.name, column.role, value.raw if value.corrected is None else value.corrected, None)
        for name, value in outcome.distances.items()
    ]
    if outcome.test is not None:
        statistics.append(
            CheckStatistic(
                distribution_check.CHECK, column.name, column.role, outcome.test.statistic, outcome.test.p_value
            )
        )
    if absent is not None:
        statistics.append(CheckStatistic(quality_check.CHECK, column.name, column.role, absent.share, absent.p_value))
    if window.kind != "tumbling":
        return CheckedColumn(summary, [], statistics)
    evidence = _Evidence(profile, index, window, common, context.column_level(window.size_ms, len(profile.columns)))
    checks = context.settings.checks
    findings = []
    real = distribution_check.distribution_effect(outcome, evidence.level.level, checks.min_psi)
    if real is not None:
        message = distribution_check.distribution_message(summary, outcome, real[1], evidence.level)
        sizes = (outcome.n, outcome.n_reference)
        finding = evidence.finding(distribution_check.CHECK, "distribution", real, sizes, outcome.histograms, message)
        findings.append(structs.replace(finding, distances=outcome.distances, unseen=_unseen(window.sketch, index)))
    wrong = quality_check.quality_effect(absent, evidence.level.level, checks.min_share_change)
    if wrong is not None and absent is not None:
        sizes = (window.n_events, profile.n_events)
        histograms = quality_check.quality_histograms(here[place.quality], sizes[0], there[place.quality], sizes[1])
        message = quality_check.quality_message(column.name, summary.absent, absent, wrong[1].gate, evidence.level)
        findings.append(evidence.finding(quality_check.CHECK, "quality", wrong, sizes, histograms, message))
    return CheckedColumn(summary, findings, statistics)


class _Evidence(NamedTuple):
    """What all findings of one column in one window share."""

    profile: Profile
    position: int
    window: ClosedWindow
    common: CommonFields
    level: LevelEvidence

    def finding(
        self,
        check: str,
        family: Family,
        outcome: tuple[Statistic, Effect],
        sizes: tuple[int, int],
        histograms: HistogramPair,
        message: str,
    ) -> FindingEvent:
        """Return a finding; ``sizes`` are the events that the test saw in the window and in the reference."""
        column, span = self.profile.columns[self.position], self.common["window"]
        statistic, effect = outcome
        fields: CommonFields = {**self.common, "n": sizes[0], "n_reference": sizes[1]}
        return FindingEvent(
            **fields,
            finding_id=finding_id(self.window.key, self.window.segment, span, check, column.role, column.name),
            check=check,
            family=family,
            column=column.name,
            role=column.role,
            severity=severity_of(effect.corrected, effect.gate),
            importance=self.profile.importances.get(column.name, 1.0),
            statistic=statistic,
            level=self.level,
            effect=effect,
            baseline="reference",
            distances={},
            histograms=histograms,
            unseen={},
            since=span.start,
            message=message,
        )


def _summary(
    profile: Profile, index: int, sketch: PaneSketch, outcome: DistributionOutcome, absent: AbsentTest | None
) -> ColumnSummary:
    column, place = profile.columns[index], profile.layout.places[index]
    bins = sketch.counts[place.bins]
    current, reference = moments_of(profile, sketch, index), moments_of(profile, profile.reference, index)
    out_of_range = 0
    if isinstance(column, NumericColumn):
        first, last = tail_bins(column)
        out_of_range = int(bins[:first].sum() + bins[last + 1 :].sum())
    return ColumnSummary(
        name=column.name,
        role=column.role,
        kind="numeric" if isinstance(column, NumericColumn) else "categorical",
        n=outcome.n,
        absent=quality_check.absent_counts(sketch.counts[place.quality]),
        unseen=int(bins[column.unlisted]) if isinstance(column, CategoricalColumn) else 0,
        out_of_range=out_of_range,
        mean=current.mean,
        reference_mean=reference.mean,
        standard_deviation=current.standard_deviation,
        reference_standard_deviation=reference.standard_deviation,
        minimum=current.minimum,
        maximum=current.maximum,
        distances=outcome.distances,
        test=outcome.test,
        absent_test=absent,
    )


def _unseen(sketch: PaneSketch, index: int) -> dict[str, int]:
    names = sketch.unseen.get(index, {})
    return {name: count for name, count in sorted(names.values()) if count > 0}
