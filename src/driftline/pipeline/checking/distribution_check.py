"""Has the distribution of a column's values changed: distances for the effect, one test for the verdict."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from driftline import distances
from driftline.distances.comparison import compare
from driftline.distances.support import Support
from driftline.events.evidence import DispersionEvidence
from driftline.events.finding import Effect, HistogramPair, Statistic
from driftline.events.window import DistanceValue, DistributionTest
from driftline.pipeline.checking.column_support import grid_support, group_support
from driftline.pipeline.checking.wording import number, p_value_at, percent
from driftline.significance.dispersed_pearson import dispersed_pearson
from driftline.sketches.columns import NumericColumn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.distances.base import DistanceResult
    from driftline.events.finding import LevelEvidence
    from driftline.events.window import ColumnSummary, TestName
    from driftline.pipeline.checking.closed_window import ClosedWindow
    from driftline.pipeline.checking.standard import ColumnStandard
    from driftline.profiles.profile import Profile
    from driftline.significance.dispersed_pearson import DispersedPearsonResult, Tail

CHECK: Final = "distribution.pearson"
EFFECT: Final = "psi"
_TEST_NAMES: Final[dict[Tail, TestName]] = {
    "chi_squared": "pearson_chi_squared",
    "exact_partition": "exact_partition",
    "weighted_chi_squared": "pearson_weighted_chi_squared",
    "weighted_partition": "weighted_partition",
    "untestable": "untestable",
}


class DistributionOutcome(Struct, frozen=True, kw_only=True):
    """How a column's values compare with the profile's.

    Parameters
    ----------
    distances : dict of str to DistanceValue
        Empty where either side has no value.
    test : DistributionTest or None
    histograms : HistogramPair
        Of the groups that are not empty on both sides.
    n, n_reference : int
        Events with a value.
    """

    distances: dict[str, DistanceValue]
    test: DistributionTest | None
    histograms: HistogramPair
    n: int
    n_reference: int


def compare_distributions(
    profile: Profile, index: int, window: ClosedWindow, standard: ColumnStandard, names: Sequence[str]
) -> DistributionOutcome:
    """Compare the values of a column; events without one are the quality check's business.

    Parameters
    ----------
    profile : Profile
    index : int
        Position of the column in the profile.
    window : ClosedWindow
    standard : ColumnStandard
        Groups, reference counts and dispersion of the column.
    names : sequence of str
        Distances wanted.
    """
    column, place = profile.columns[index], profile.layout.places[index]
    current = window.sketch.counts[place.bins]
    here, there = standard.grouping.grouped(current), standard.reference
    ordered = isinstance(column, NumericColumn)
    outcome = dispersed_pearson(here, there, standard.dispersion, ordered=ordered)
    held = [i for i in range(here.size) if here[i] or there[i]]
    found = _distances(profile, index, window, standard, names, 1.0 if outcome is None else outcome.lambda_bar)
    return DistributionOutcome(
        distances={
            name: DistanceValue(raw=value.raw, corrected=value.corrected, error_bound=value.error_bound)
            for name, value in found.items()
        },
        test=None if outcome is None else _test(outcome, standard),
        histograms=HistogramPair(
            bins=[standard.grouping.labels[i] for i in held],
            reference=[int(there[i]) for i in held],
            current=[int(here[i]) for i in held],
        ),
        n=int(current.sum()),
        n_reference=int(there.sum()),
    )


def _distances(
    profile: Profile,
    index: int,
    window: ClosedWindow,
    standard: ColumnStandard,
    names: Sequence[str],
    lambda_bar: float,
) -> dict[str, DistanceResult]:
    """Return distances on the groups and, where the reference is all of the profile's, on the whole grid."""
    place = profile.layout.places[index]
    current = window.sketch.counts[place.bins]
    here = standard.grouping.grouped(current)
    # The hours of the week are kept on the base groups alone.
    whole = not standard.seasonal
    fine = current if whole else standard.base.grouped(current)
    fine_reference = profile.reference.counts[place.bins] if whole else standard.base_reference
    return compare(
        names,
        here,
        standard.reference,
        fine,
        fine_reference,
        _support(profile, index, window, standard, names),
        dispersion=lambda_bar,
    )


def _support(
    profile: Profile, index: int, window: ClosedWindow, standard: ColumnStandard, names: Sequence[str]
) -> Support | None:
    """Return which values the bins hold; None for categories. What the tails hold is looked at where it is needed."""
    column = profile.columns[index]
    if not isinstance(column, NumericColumn):
        return None
    if standard.seasonal:
        return group_support(profile, index, window.sketch, standard.base)
    if any(distances.get(name).needs_values for name in names):
        return grid_support(profile, index, window.sketch)
    return Support.of_grid(column.edges, spread=column.spread)


def _test(outcome: DispersedPearsonResult, standard: ColumnStandard) -> DistributionTest:
    known = standard.dispersion
    independent = known is None or known.independent
    return DistributionTest(
        name=_TEST_NAMES[outcome.tail],
        statistic=outcome.tail_statistic,
        degrees_of_freedom=outcome.n_groups - 1,
        p_value=outcome.p_value,
        dispersion=DispersionEvidence(
            status="calibrating" if standard.calibrating else "assumed" if known is None else known.status,
            source="assumed" if known is None else known.source,
            independent=independent,
            lambda_bar=outcome.lambda_bar,
            lambda_max=outcome.lambda_max,
            degrees_of_freedom=outcome.freedom if math.isfinite(outcome.freedom) else None,
            n_panes=0 if known is None else known.n_panes,
            n_windows=0 if known is None else known.n_windows,
            same_hours=standard.seasonal,
        ),
    )


def distribution_effect(outcome: DistributionOutcome, level: float, gate: float) -> tuple[Statistic, Effect] | None:
    """Return statistic and effect where the change is real and as large as matters, else None."""
    psi = outcome.distances.get(EFFECT)
    test = outcome.test
    if psi is None or test is None or psi.corrected is None or test.p_value > level or psi.corrected < gate:
        return None
    statistic = Statistic(
        name=test.name,
        value=test.statistic,
        degrees_of_freedom=test.degrees_of_freedom,
        p_value=test.p_value,
        threshold=None,
    )
    effect = Effect(name=EFFECT, raw=psi.raw, corrected=psi.corrected, gate=gate, current=None, reference=None)
    return statistic, effect


def distribution_message(
    summary: ColumnSummary, outcome: DistributionOutcome, effect: Effect, level: LevelEvidence
) -> str:
    """Return what changed, in one sentence with numbers."""
    p_value = outcome.test.p_value if outcome.test else 1.0
    text = (
        f"{summary.name}: PSI {effect.raw:.2f} (corrected {effect.corrected:.2f}, matters from {effect.gate:.2f}); "
        f"{p_value_at(p_value, level.level)}"
    )
    if summary.mean is not None and summary.reference_mean is not None:
        return f"{text}; mean {number(summary.reference_mean)} -> {number(summary.mean)}"
    pairs = zip(outcome.histograms.bins, outcome.histograms.reference, outcome.histograms.current, strict=True)
    shares = [(name, before / outcome.n_reference, after / outcome.n) for name, before, after in pairs]
    name, before, after = max(shares, key=lambda share: abs(share[2] - share[1]))
    return f"{text}; share of {name} {percent(before)} -> {percent(after)}"
