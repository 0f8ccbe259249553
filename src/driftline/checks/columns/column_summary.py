"""What the event of a window says of one column, whether anything was found or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from driftline.checks.columns.distribution_check import CHECK, compared, window_moments
from driftline.checks.contract.verdict import CheckStatistic
from driftline.checks.quality.columns import quality_outcomes, quality_test
from driftline.checks.quality.shares import absent_counts
from driftline.events.window import ColumnSummary
from driftline.sketches.columns import CategoricalColumn, NumericColumn

if TYPE_CHECKING:
    from driftline.checks.references.cases import ColumnCase


def column_summary(case: ColumnCase) -> ColumnSummary:
    """Return counts, moments, distances and tests of a column in a window."""
    sketch, column = case.window.sketch, case.column
    bins, comparison = sketch.counts[case.place.bins], case.once(compared)
    current, usual = case.once(window_moments), comparison.moments
    out_of_range = 0
    if isinstance(column, NumericColumn):
        first, last = case.place.inside
        out_of_range = int(bins[:first].sum() + bins[last + 1 :].sum())
    return ColumnSummary(
        name=column.name,
        role=column.role,
        kind="numeric" if isinstance(column, NumericColumn) else "categorical",
        n=comparison.n,
        absent=absent_counts(sketch.counts[case.place.quality]),
        unseen=int(bins[column.unlisted]) if isinstance(column, CategoricalColumn) else 0,
        out_of_range=out_of_range,
        mean=current.mean,
        reference_mean=None if usual is None else usual.reference_mean,
        standard_deviation=current.standard_deviation,
        reference_standard_deviation=None if usual is None else usual.reference_standard_deviation,
        minimum=current.minimum,
        maximum=current.maximum,
        distances=comparison.distances,
        test=comparison.test,
        quality_test=quality_test(case.once(quality_outcomes)),
    )


def column_statistics(summary: ColumnSummary) -> list[CheckStatistic]:
    """Return the numbers of a column for telemetry: distances, and the two tests of its distribution and quality."""
    name, role = summary.name, summary.role
    statistics = [
        CheckStatistic(
            "distance", distance, name, role, value.raw if value.corrected is None else value.corrected, None
        )
        for distance, value in summary.distances.items()
    ]
    if summary.test is not None:
        statistics.append(
            CheckStatistic("distribution", CHECK, name, role, summary.test.statistic, summary.test.p_value)
        )
    if summary.quality_test is not None:
        n_events = sum(structs.astuple(summary.absent)) + summary.n
        share = 1.0 - summary.n / n_events if n_events else 0.0
        p_value = summary.quality_test.p_value
        statistics.append(CheckStatistic("unusable ratio", "quality", name, role, share, p_value))
    return statistics
