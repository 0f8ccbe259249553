"""Has the distribution of a column's values changed: distances for the effect, Pearson's test for the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from driftline import distances
from driftline.events.finding import Effect, HistogramPair, Statistic
from driftline.events.window import DistanceValue, DistributionTest
from driftline.pipeline.checking.wording import number, p_value_at, percent
from driftline.significance.pearson import pearson
from driftline.sketches.columns import NumericColumn
from driftline.sketches.grouping import grouping_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from driftline.events.finding import LevelEvidence
    from driftline.events.window import ColumnSummary, TestName
    from driftline.significance.pearson import Tail
    from driftline.sketches.columns import Column

CHECK: Final = "distribution.pearson"
EFFECT: Final = "psi"
ON_GROUPS: Final = ("psi", "jensen_shannon")
ON_GRID: Final = ("kolmogorov_smirnov",)
"""Read off the full grid, where the bins are in the order of the values."""
_TEST_NAMES: Final[dict[Tail, TestName]] = {
    "chi_squared": "pearson_chi_squared",
    "exact_partition": "exact_partition",
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
    column: Column, current: NDArray[np.int64], reference: NDArray[np.int64], n_groups: int
) -> DistributionOutcome:
    """Compare the values of a column; events without one are the quality check's business.

    Parameters
    ----------
    column : Column
    current, reference : ndarray of int64, shape (column.n_bins,)
    n_groups : int
        Groups of numeric bins that distances and test see.
    """
    ordered = isinstance(column, NumericColumn)
    grouping = grouping_of(column, reference, n_groups)
    here, there = grouping.grouped(current), grouping.grouped(reference)
    values: dict[str, DistanceValue] = {}
    for name in (*ON_GROUPS, *(ON_GRID if ordered else ())):
        sides = (current, reference) if name in ON_GRID else (here, there)
        result = distances.get(name)(*sides)
        if result is not None:
            values[name] = DistanceValue(raw=result.raw, corrected=result.corrected, error_bound=result.error_bound)
    result_of_test = pearson(here, there, ordered=ordered)
    held = [i for i in range(here.size) if here[i] or there[i]]
    return DistributionOutcome(
        distances=values,
        test=None
        if result_of_test is None
        else DistributionTest(
            name=_TEST_NAMES[result_of_test.tail],
            statistic=result_of_test.tail_statistic,
            degrees_of_freedom=result_of_test.degrees_of_freedom,
            p_value=result_of_test.p_value,
        ),
        histograms=HistogramPair(
            bins=[grouping.labels[i] for i in held],
            reference=[int(there[i]) for i in held],
            current=[int(here[i]) for i in held],
        ),
        n=int(current.sum()),
        n_reference=int(reference.sum()),
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
