"""Window events: a window compared with its profile, column by column."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from driftline.events.cloudevents import WINDOW
from driftline.events.evidence import Count, DispersionEvidence, Event, EventRole, Share

MAX_COLUMNS = 50
"""Maximum number of columns of one window event; a model with more gets several, numbered by block."""


TestName = Literal[
    "pearson_chi_squared",
    "exact_partition",
    "pearson_weighted_chi_squared",
    "weighted_partition",
    "simulated_kolmogorov_smirnov",
    "simulated_total_variation",
    "simulated_l_infinity",
    "simulated_wasserstein",
    "untestable",
]


class ColumnBlock(Struct, frozen=True, kw_only=True):
    """The part of the columns that an event holds."""

    index: Count
    """From 0."""
    of: Count
    """Number of events that hold the window's columns."""


class AbsentCounts(Struct, frozen=True, kw_only=True):
    """Events without a usable value of a column, by reason."""

    missing: Count
    not_a_number: Count
    infinite: Count
    wrong_type: Count


class DistanceValue(Struct, frozen=True, kw_only=True):
    """Distance of a column from its profile."""

    raw: float
    corrected: float | None
    """The value minus its expectation without a change; null if no correction is known."""
    error_bound: float | None
    """Maximum difference of the unbinned distance from ``raw``; null for distances defined on bins."""


class DistributionTest(Struct, frozen=True, kw_only=True):
    """The test for a change of a column's distribution."""

    name: TestName
    """The statistic: Pearson's if all bins are well filled, otherwise that of the exact partition. Weighted if the
    column's events are not independent. Simulated if another test was configured; its p-value is a rank among draws.
    Untestable (p-value 1) if all events are in one bin."""
    statistic: float
    """Compared with chi-squared at these degrees of freedom; if weighted, with a sum of this many weighted ones."""
    degrees_of_freedom: Count
    p_value: Share
    dispersion: DispersionEvidence
    """Variation of unchanged data."""


class QualityTest(Struct, frozen=True, kw_only=True):
    """The test of a column's quality: the one with the smallest p-value among its tests."""

    check: str
    """Its permanent name: ``quality.missing``, ``quality.out_of_range``, ..."""
    current: Annotated[float, Meta(ge=0)]
    """Value in the window: a fraction, or a number of categories."""
    reference: Annotated[float, Meta(ge=0)]
    """Value in the reference, or expected from it."""
    p_value: Share
    """The smallest p-value times the number of tests."""
    n_tests: Annotated[int, Meta(ge=1)]
    """Number of tests of the column, fixed by its kind."""


class ColumnSummary(Struct, frozen=True, kw_only=True):
    """One column in one window."""

    name: str
    role: EventRole
    kind: Literal["numeric", "categorical"]
    n: Count
    """Events with a value."""
    absent: AbsentCounts
    unseen: Count
    """Events with a category that the profile does not list."""
    out_of_range: Count
    """Events with a number outside the reference's range."""
    mean: float | None
    """Null for categories and without values; the same holds for the next five fields."""
    reference_mean: float | None
    standard_deviation: float | None
    reference_standard_deviation: float | None
    minimum: float | None
    maximum: float | None
    distances: dict[str, DistanceValue]
    """Distances by name; empty if there is nothing to compare."""
    test: DistributionTest | None
    quality_test: QualityTest | None


class WindowEvent(Event, frozen=True, kw_only=True):
    """A window compared with its profile, for dashboards and as a record of every evaluation."""

    TYPE: ClassVar[str] = WINDOW

    late: Count
    """Events that came too late to be counted."""
    unexpected_features: Count
    """Events with a feature that the profile does not have."""
    n_columns: Count
    """Number of columns of the profile, over all blocks."""
    n_findings: Count
    """Number of findings of this window, over all blocks; always 0 for sliding windows, on which no checks run."""
    block: ColumnBlock
    """The part of the columns that this event holds."""
    columns: list[ColumnSummary]
    """Columns in the profile's order: features by name, then the prediction and the score."""

    @property
    def about(self) -> tuple[str | int, ...]:
        """Identity of the event, beside its type, model and segment."""
        return (*super().about, self.block.index)
