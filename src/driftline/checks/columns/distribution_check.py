"""Has the distribution of a column's values changed: distances for the effect, one test for the verdict."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct, structs

from driftline import distances
from driftline.checks.columns.share_test import applies, chosen_test
from driftline.checks.contract.wording import number, p_value_at, percent
from driftline.checks.references.column_support import grid_support, group_support
from driftline.distances.comparison import compare
from driftline.distances.support import Support
from driftline.events.evidence import DispersionEvidence
from driftline.events.finding import Effect, HistogramPair, Statistic
from driftline.events.window import DistanceValue, DistributionTest
from driftline.significance.dispersed_pearson import dispersed_pearson
from driftline.sketches.columns import NumericColumn

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from driftline.checks.columns.share_test import Chosen
    from driftline.checks.contract.closed_window import ClosedWindow
    from driftline.checks.references.reference_view import ColumnReference
    from driftline.config.model import ChosenTest
    from driftline.distances.sides import DistanceResult
    from driftline.events.finding import LevelEvidence
    from driftline.events.window import ColumnSummary, TestName
    from driftline.profiles.profile import Profile
    from driftline.significance.dispersed_pearson import DispersedPearsonResult, Tail
    from driftline.sketches.columns import Column
    from driftline.sketches.layout import Place

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


class Compared(NamedTuple):
    """One column of one window, and what it is held against."""

    profile: Profile
    position: int
    window: ClosedWindow
    standard: ColumnReference

    @property
    def column(self) -> Column:
        """The column."""
        return self.profile.columns[self.position]

    @property
    def place(self) -> Place:
        """Where the column stands in the profile's layout."""
        return self.profile.layout.places[self.position]

    @property
    def bins(self) -> NDArray[np.int64]:
        """The window's counts over the whole grid, shape (column.n_bins,)."""
        return self.window.sketch.counts[self.place.bins]

    @property
    def groups(self) -> NDArray[np.int64]:
        """The window's counts by the standard's groups."""
        return self.standard.grouping.grouped(self.bins)


def compare_distributions(
    compared: Compared, names: Sequence[str], test: ChosenTest, level: float
) -> DistributionOutcome:
    """Compare the values of a column; events without one are the quality check's business.

    Parameters
    ----------
    compared : Compared
    names : sequence of str
        Distances wanted.
    test : str
        Test wanted: ``pearson``, or one that is simulated.
    level : float in (0, 1)
        Of the test; simulated ones draw by it.
    """
    here, there, standard = compared.groups, compared.standard.reference, compared.standard
    ordered = isinstance(compared.column, NumericColumn)
    outcome = dispersed_pearson(here, there, standard.dispersion, ordered=ordered)
    held = [i for i in range(here.size) if here[i] or there[i]]
    found = _distances(compared, here, names, 1.0 if outcome is None else outcome.lambda_bar)
    made = None if outcome is None else _test(outcome, standard)
    if made is not None and test != "pearson" and applies(test, compared.column):
        made = _simulated(made, compared, here, test, level)
    return DistributionOutcome(
        distances={
            name: DistanceValue(raw=value.raw, corrected=value.corrected, error_bound=value.error_bound)
            for name, value in found.items()
        },
        test=made,
        histograms=HistogramPair(
            bins=[standard.grouping.labels[i] for i in held],
            reference=[int(there[i]) for i in held],
            current=[int(here[i]) for i in held],
        ),
        n=int(here.sum()),
        n_reference=int(there.sum()),
    )


def _distances(
    compared: Compared, here: NDArray[np.int64], names: Sequence[str], lambda_bar: float
) -> dict[str, DistanceResult]:
    """Return distances on the groups and, where the reference is all of the profile's, on the whole grid."""
    standard, bins = compared.standard, compared.bins
    # The hours of the week and the recent past are kept on the base groups alone.
    fine = standard.base.grouped(bins) if standard.by_base else bins
    reference = compared.profile.reference.counts[compared.place.bins]
    fine_reference = standard.base_reference if standard.by_base else reference
    support = _support(compared, names)
    return compare(names, here, standard.reference, fine, fine_reference, support, dispersion=lambda_bar)


def _support(compared: Compared, names: Sequence[str]) -> Support | None:
    """Return which values the bins hold; None for categories. What the tails hold is looked at where it is needed."""
    column, sketch, reference = compared.column, compared.window.sketch, compared.profile.reference
    if not isinstance(column, NumericColumn):
        return None
    if compared.standard.by_base:
        return group_support(column, compared.place, sketch, reference, compared.standard.base)
    if any(distances.get(name).needs_values for name in names):
        return grid_support(column, compared.place, sketch, reference)
    return Support.of_grid(column.edges, spread=column.spread)


def _simulated(
    made: DistributionTest, compared: Compared, here: NDArray[np.int64], test: Chosen, level: float
) -> DistributionTest:
    """Return the chosen test in the place of Pearson's."""
    drawn = chosen_test(test, compared.column, compared.window, compared.standard, here, level)
    if drawn is None:
        return made
    name = _SIMULATED_NAMES[test]
    return structs.replace(made, name=name, statistic=drawn.statistic, p_value=drawn.p_value)


def _test(outcome: DispersedPearsonResult, standard: ColumnReference) -> DistributionTest:
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
    same_hours = outcome.test is not None and outcome.test.dispersion.same_hours
    if summary.mean is not None and summary.reference_mean is not None:
        if same_hours:
            text = f"{text}; against the same hours of the week"
        whole = " (all hours)" if same_hours else ""
        return f"{text}; mean {number(summary.reference_mean)}{whole} -> {number(summary.mean)}"
    pairs = zip(outcome.histograms.bins, outcome.histograms.reference, outcome.histograms.current, strict=True)
    shares = [(name, before / outcome.n_reference, after / outcome.n) for name, before, after in pairs]
    name, before, after = max(shares, key=lambda share: abs(share[2] - share[1]))
    return f"{text}; share of {name} {percent(before)} -> {percent(after)}"
