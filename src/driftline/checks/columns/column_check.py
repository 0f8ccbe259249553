"""One column of a closed window beside its profile: its summary, and its findings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct, structs

from driftline.checks import quality
from driftline.checks.columns import distribution_check
from driftline.checks.columns.threshold_check import crossings, thresholds_of
from driftline.checks.contract.error_budget import FIXED_THRESHOLD, calibrating
from driftline.checks.contract.finding_builder import Subject, finding_of, seen_by
from driftline.checks.contract.units import moments_of
from driftline.checks.contract.verdict import CheckStatistic
from driftline.events.finding import FindingEvent  # msgspec reads it
from driftline.events.window import ColumnSummary
from driftline.sketches.columns import CategoricalColumn, NumericColumn
from driftline.sketches.grouping import tail_bins

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.checks.columns.distribution_check import DistributionOutcome
    from driftline.checks.contract.closed_window import ClosedWindow
    from driftline.checks.contract.common_fields import CommonFields
    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.checks.quality import QualityOutcome
    from driftline.checks.references.reference_view import ReferenceView
    from driftline.config.model import CheckSettings, ModelSettings
    from driftline.events.finding import Effect, Family, HistogramPair, LevelEvidence, Statistic
    from driftline.profiles.profile import Profile
    from driftline.sketches.pane_sketch import PaneSketch


DISPLAYED: Final = 0.01
"""Level down to which a simulated test is drawn for a window that gets no verdict."""


class CheckedColumn(Struct, frozen=True):
    """What the checks say of one column."""

    summary: ColumnSummary
    findings: list[FindingEvent]
    statistics: list[CheckStatistic]


def examine_column(
    standard: ReferenceView,
    index: int,
    window: ClosedWindow,
    context: ErrorBudget,
    common: CommonFields,
    level: LevelEvidence | None,
) -> CheckedColumn:
    """Compare one column of a window with its profile.

    Parameters
    ----------
    standard : ReferenceView
        What the windows of the profile are held against.
    index : int
        Position of the column in the profile.
    window : ClosedWindow
    context : ErrorBudget
    common : CommonFields
        Of the window; findings count their own events.
    level : LevelEvidence or None
        Of each of the column's tests; None for a window that gets no verdict.
    """
    profile, checks = standard.profile, context.settings.checks
    held = standard.column(index, window)
    names = _distances_of(context.settings, profile.columns[index].name)
    compared = distribution_check.Compared(profile, index, window, held)
    outcome = distribution_check.compare_distributions(
        compared, names, checks.test, DISPLAYED if level is None else level.level
    )
    tested = quality.examine_quality(profile, index, window.sketch, held.of_shares(outcome.n))
    summary = _summary(profile, index, window.sketch, outcome, tested)
    findings: list[FindingEvent] = []
    if level is not None:
        of_values = _Evidence(profile, index, window, common, calibrating(level) if held.calibrating else level)
        of_shares = of_values._replace(level=calibrating(level) if held.shares_calibrating else level)
        info = context.info_level()
        beside = [] if info is None else [of_values._replace(level=info)]
        findings += _first(
            _distribution_findings(each, summary, outcome, checks.min_psi) for each in [of_values, *beside]
        )
        findings += _first(_quality_findings(each, tested, checks) for each in [of_shares, *beside])
        findings += _threshold_findings(of_values, outcome, context.settings)
    return CheckedColumn(summary, findings, _statistics(summary))


def _distances_of(settings: ModelSettings, column: str) -> tuple[str, ...]:
    """Return the distances that are reported of a column, the one that is held against the gate first."""
    wanted = (distribution_check.EFFECT, *settings.checks.distances, *thresholds_of(settings, column))
    return tuple(dict.fromkeys(wanted))


def _first(found: Iterable[list[FindingEvent]]) -> list[FindingEvent]:
    """Return what was found at the first level at which there was anything: the budget's, then that for information."""
    return next((findings for findings in found if findings), [])


def _distribution_findings(
    evidence: _Evidence, summary: ColumnSummary, outcome: DistributionOutcome, gate: float
) -> list[FindingEvent]:
    real = distribution_check.distribution_effect(outcome, evidence.level.level, gate)
    if real is None:
        return []
    message = distribution_check.distribution_message(summary, outcome, real[1], evidence.level)
    sizes = (outcome.n, outcome.n_reference)
    finding = evidence.finding(distribution_check.CHECK, "distribution", real, sizes, outcome.histograms, message)
    unseen = _unseen(evidence.window.sketch, evidence.position)
    unit = quality.unit_change(evidence.profile, evidence.position, evidence.window.sketch)
    if unit is not None:
        finding = structs.replace(finding, unit_change=unit, message=f"{message}; {quality.unit_words(unit)}")
    dispersion = None if outcome.test is None else outcome.test.dispersion
    return [structs.replace(finding, distances=outcome.distances, dispersion=dispersion, unseen=unseen)]


def _threshold_findings(
    evidence: _Evidence, outcome: DistributionOutcome, settings: ModelSettings
) -> list[FindingEvent]:
    """Return a finding for each distance that reached its fixed threshold, of severity ``warning``."""
    name = evidence.profile.columns[evidence.position].name
    untested = evidence._replace(level=FIXED_THRESHOLD)
    sizes = (outcome.n, outcome.n_reference)
    found: list[FindingEvent] = []
    for crossing in crossings(outcome.distances, thresholds_of(settings, name), settings.checks.threshold_value):
        real, message = (crossing.statistic, crossing.effect), f"{name}: {crossing.words}"
        finding = untested.finding(crossing.check, "distribution", real, sizes, outcome.histograms, message)
        found.append(structs.replace(finding, severity="warning", distances=outcome.distances))
    return found


def _quality_findings(evidence: _Evidence, tested: list[QualityOutcome], checks: CheckSettings) -> list[FindingEvent]:
    column = evidence.profile.columns[evidence.position]
    n_tests = quality.n_quality_tests(column)
    outcome = quality.found(tested, n_tests, evidence.level.level, checks)
    if outcome is None:
        return []
    real = quality.evidence_of(outcome, quality.combined_p(outcome, n_tests), checks)
    message = quality.message_of(outcome, column.name, real, evidence.level)
    sizes = (outcome.n, outcome.n_reference)
    finding = evidence.finding(outcome.check, "quality", real, sizes, outcome.histograms, message)
    named = outcome.test in {"unseen", "cardinality"}
    return [structs.replace(finding, unseen=_unseen(evidence.window.sketch, evidence.position))] if named else [finding]


def _statistics(summary: ColumnSummary) -> list[CheckStatistic]:
    name, role = summary.name, summary.role
    found = [
        CheckStatistic(distance, name, role, value.raw if value.corrected is None else value.corrected, None)
        for distance, value in summary.distances.items()
    ]
    if summary.test is not None:
        test = summary.test
        found.append(CheckStatistic(distribution_check.CHECK, name, role, test.statistic, test.p_value))
    if summary.quality_test is not None:
        n_events = sum(structs.astuple(summary.absent)) + summary.n
        share = 1.0 - summary.n / n_events if n_events else 0.0
        found.append(CheckStatistic("quality", name, role, share, summary.quality_test.p_value))
    return found


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
        histograms: HistogramPair | None,
        message: str,
    ) -> FindingEvent:
        """Return a finding; ``sizes`` are the events that the test saw in the window and in the reference."""
        column = self.profile.columns[self.position]
        subject = Subject(check, family, column.name, column.role, self.profile.importances.get(column.name, 1.0))
        found = finding_of(seen_by(self.common, *sizes), subject, outcome, self.level, message)
        return structs.replace(found, histograms=histograms)


def _summary(
    profile: Profile, index: int, sketch: PaneSketch, outcome: DistributionOutcome, tested: list[QualityOutcome]
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
        absent=quality.absent_counts(sketch.counts[place.quality]),
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
        quality_test=quality.quality_test(column, tested),
    )


def _unseen(sketch: PaneSketch, index: int) -> dict[str, int]:
    names = sketch.unseen.get(index, {})
    return {name: count for name, count in sorted(names.values()) if count > 0}
