"""Has the distribution of a column's values changed: distances for the effect, one test for the verdict."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from msgspec import UNSET, Struct, structs

from driftline import distances
from driftline.checks.columns.share_test import applies, simulated_test
from driftline.checks.contract.check import Evidence, Outcome, check, effect_of, statistic_of
from driftline.checks.contract.units import Moments, moments_of
from driftline.checks.contract.wording import number, percent
from driftline.checks.quality.stuck import stuck_value
from driftline.checks.quality.unit_change import unit_change, unit_words
from driftline.checks.references.column_support import grid_support, group_support
from driftline.distances.comparison import compare
from driftline.distances.support import Support
from driftline.events.evidence import DispersionEvidence
from driftline.events.finding import ColumnMoments, HistogramPair
from driftline.events.window import DistanceValue, DistributionTest
from driftline.significance.dispersed_pearson import dispersed_pearson
from driftline.sketches.columns import NumericColumn

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from driftline.checks.columns.share_test import Chosen
    from driftline.checks.references.cases import ColumnCase
    from driftline.checks.references.column_reference import ColumnReference
    from driftline.config.model import ModelSettings
    from driftline.distances.sides import DistanceResult
    from driftline.events.window import TestName
    from driftline.significance.dispersed_pearson import DispersedPearsonResult, Tail
    from driftline.sketches.pane_sketch import PaneSketch

CHECK: Final = "distribution.pearson"
EFFECT: Final = "psi"
_TEST_NAMES: Final[dict[Tail, TestName]] = {
    "chi_squared": "pearson_chi_squared",
    "exact_partition": "exact_partition",
    "weighted_chi_squared": "pearson_weighted_chi_squared",
    "weighted_partition": "weighted_partition",
    "untestable": "untestable",
}
_SIMULATED_NAMES: Final[dict[Chosen, TestName]] = {
    "kolmogorov_smirnov": "simulated_kolmogorov_smirnov",
    "total_variation": "simulated_total_variation",
    "l_infinity": "simulated_l_infinity",
    "wasserstein": "simulated_wasserstein",
}


class DistributionComparison(Struct, frozen=True, kw_only=True):
    """How a column's values compare with the reference's."""

    distances: dict[str, DistanceValue]
    """Empty where either side has no value."""
    test: DistributionTest | None
    histograms: HistogramPair
    """Of the groups that are not empty on both sides."""
    n: int
    n_reference: int
    """Events with a value."""
    calibrating: bool
    """Whether the column's dispersion is still being learnt."""
    moments: ColumnMoments | None
    """Of numbers; None for categories."""

    @property
    def evidence(self) -> Evidence:
        """What findings show of it."""
        dispersion = None if self.test is None else self.test.dispersion
        return Evidence(
            distances=self.distances, histograms=self.histograms, dispersion=dispersion, moments=self.moments
        )


def compared(case: ColumnCase) -> DistributionComparison:
    """Return how a column compares with its profile, by all distances that are reported; the gate's own comes first."""
    wanted = (EFFECT, *case.settings.checks.distances, *thresholds_of(case.settings, case.column.feature))
    return compare_distributions(case, case.reference, tuple(dict.fromkeys(wanted)), case.profile.reference)


def compare_distributions(
    case: ColumnCase, reference: ColumnReference, names: Sequence[str], beside: PaneSketch
) -> DistributionComparison:
    """Compare the values of a column with the profile's or the recent past; events without a value are the quality
    check's business. ``names`` are the distances to compute, and ``beside`` is the sketch of all of the reference.
    """
    here, there = reference.grouping.grouped(case.window.sketch.counts[case.place.bins]), reference.reference
    result = dispersed_pearson(here, there, reference.dispersion, ordered=isinstance(case.column, NumericColumn))
    shown = [i for i in range(here.size) if here[i] or there[i]]
    made = None if result is None else _test(result, reference)
    chosen = case.settings.checks.test
    if made is not None and chosen != "pearson" and applies(chosen, case.column):
        drawn = simulated_test(chosen, case, reference, here)
        if drawn is not None:
            name = _SIMULATED_NAMES[chosen]
            made = structs.replace(made, name=name, statistic=drawn.statistic, p_value=drawn.p_value)
    return DistributionComparison(
        distances={
            name: DistanceValue(raw=value.raw, corrected=value.corrected, error_bound=value.error_bound)
            for name, value in _distances(
                case, reference, here, names, 1.0 if result is None else result.lambda_bar
            ).items()
        },
        test=made,
        histograms=HistogramPair(
            bins=[reference.grouping.labels[i] for i in shown],
            reference=[int(there[i]) for i in shown],
            current=[int(here[i]) for i in shown],
        ),
        n=int(here.sum()),
        n_reference=int(there.sum()),
        calibrating=reference.calibrating,
        moments=_moments(case, beside),
    )


def window_moments(case: ColumnCase) -> Moments:
    """Return the moments of a column in its window."""
    return moments_of(case.profile, case.window.sketch, case.index)


def _moments(case: ColumnCase, beside: PaneSketch) -> ColumnMoments | None:
    if not isinstance(case.column, NumericColumn):
        return None
    current, there = case.once(window_moments), moments_of(case.profile, beside, case.index)
    return ColumnMoments(
        mean=current.mean,
        reference_mean=there.mean,
        standard_deviation=current.standard_deviation,
        reference_standard_deviation=there.standard_deviation,
    )


def thresholds_of(settings: ModelSettings, column: str) -> dict[str, float]:
    """Return the fixed thresholds of a column, by distance: its own, then those of all.

    Examples
    --------
    >>> from driftline.config.model import CheckSettings, ColumnSettings, ModelSettings
    >>> settings = ModelSettings(
    ...     checks=CheckSettings(thresholds={"psi": 0.2}), columns={"age": ColumnSettings(thresholds={"psi": 0.5})}
    ... )
    >>> thresholds_of(settings, "age"), thresholds_of(settings, "income")
    ({'psi': 0.5}, {'psi': 0.2})
    """
    own = settings.columns.get(column)
    return {**settings.checks.thresholds, **(own.thresholds if own is not None else {})}


@check("distribution", "column")
def distribution(case: ColumnCase) -> Iterable[Outcome]:
    """Test whether a column's values fall into other groups than the reference's."""
    comparison = case.once(compared)
    outcome = distribution_outcome(case, comparison, CHECK)
    return [] if outcome is None else [structs.replace(outcome, evidence=lambda: full_evidence(case))]


def distribution_outcome(case: ColumnCase, comparison: DistributionComparison, name: str) -> Outcome | None:
    """Return what the test of a comparison says; None where a side has no value."""
    psi, test = comparison.distances.get(EFFECT), comparison.test
    if psi is None or test is None or psi.corrected is None:
        return None
    gate = case.settings.checks.min_psi
    return Outcome(
        check=name,
        family="distribution",
        subject=case.subject,
        statistic=statistic_of(test.name, test.statistic, test.p_value, degrees_of_freedom=test.degrees_of_freedom),
        effect=effect_of(EFFECT, psi.raw, gate, corrected=psi.corrected),
        n=comparison.n,
        n_reference=comparison.n_reference,
        message=f"{case.column.name}: PSI {psi.raw:.2f} (corrected {psi.corrected:.2f}, matters from {gate:.2f})",
        calibrating=comparison.calibrating,
    )


def full_evidence(case: ColumnCase) -> Evidence:
    """Return all that a finding of a changed distribution shows: with what explains it, if anything does."""
    comparison = case.once(compared)
    stuck = stuck_value(case.profile, case.index, case.window.sketch)
    unit = unit_change(case.profile, case.index, case.window.sketch) if stuck is None else None
    details = _details(comparison)
    if stuck is not None:
        details = f"{details}; {percent(stuck.share)} of the values are about {number(stuck.value)}"
    return structs.replace(
        comparison.evidence,
        details=details if unit is None else f"{details}; {unit_words(unit)}",
        unseen=case.unseen,
        unit_change=unit,
        stuck=UNSET if stuck is None else stuck,
    )


def _details(comparison: DistributionComparison) -> str:
    """Return what moved: the mean of numbers, the share that changed most of categories."""
    moments = comparison.moments
    if moments is not None and moments.mean is not None and moments.reference_mean is not None:
        same_hours = comparison.test is not None and comparison.test.dispersion.same_hours
        hours, whole = ("against the same hours of the week; ", " (all hours)") if same_hours else ("", "")
        return f"{hours}mean {number(moments.reference_mean)}{whole} -> {number(moments.mean)}"
    histograms = comparison.histograms
    pairs = zip(histograms.bins, histograms.reference, histograms.current, strict=True)
    shares = [(name, k / comparison.n_reference, n / comparison.n) for name, k, n in pairs]
    name, before, after = max(shares, key=lambda share: abs(share[2] - share[1]))
    return f"share of {name} {percent(before)} -> {percent(after)}"


def _distances(
    case: ColumnCase, reference: ColumnReference, here: NDArray[np.int64], names: Sequence[str], lambda_bar: float
) -> dict[str, DistanceResult]:
    """Return distances on the groups and, where the reference is all of the profile's, on the whole grid."""
    fine, there = (counts[case.place.bins] for counts in (case.window.sketch.counts, case.profile.reference.counts))
    if reference.by_base:  # the hours of the week and the recent past are kept on the base groups alone
        fine, there = reference.base.grouped(fine), reference.base_reference
    support = _support(case, reference, names)
    return compare(names, here, reference.reference, fine, there, support, dispersion=lambda_bar)


def _support(case: ColumnCase, reference: ColumnReference, names: Sequence[str]) -> Support | None:
    """Return which values the bins hold; None for categories. What the tails hold is looked at where it is needed."""
    column, sketch, whole = case.column, case.window.sketch, case.profile.reference
    if not isinstance(column, NumericColumn):
        return None
    if reference.by_base:
        return group_support(column, case.place, sketch, whole, reference.base)
    if any(distances.get(name).needs_values for name in names):
        return grid_support(column, case.place, sketch, whole)
    return Support.of_grid(column.edges, spread=column.spread)


def _test(result: DispersedPearsonResult, reference: ColumnReference) -> DistributionTest:
    dispersion = reference.dispersion
    return DistributionTest(
        name=_TEST_NAMES[result.tail],
        statistic=result.tail_statistic,
        degrees_of_freedom=result.n_groups - 1,
        p_value=result.p_value,
        dispersion=DispersionEvidence(
            status="calibrating" if reference.calibrating else "assumed" if dispersion is None else dispersion.status,
            source="assumed" if dispersion is None else dispersion.source,
            independent=dispersion is None or dispersion.independent,
            lambda_bar=result.lambda_bar,
            lambda_max=result.lambda_max,
            degrees_of_freedom=result.freedom if math.isfinite(result.freedom) else None,
            n_panes=0 if dispersion is None else dispersion.n_panes,
            n_windows=0 if dispersion is None else dispersion.n_windows,
            same_hours=reference.seasonal,
        ),
    )
