"""Window events: what a window looks like beside its profile, column by column."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from driftline.events.cloudevents import WINDOW
from driftline.events.evidence import Count, DispersionEvidence, Event, EventRole, Share

MAX_COLUMNS = 50
"""Columns of one window event; a model with more gets several, told apart by their block."""


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
    """Which part of the columns an event holds."""

    index: Count
    """From 0."""
    of: Count
    """Number of events over which the window's columns are spread."""


class AbsentCounts(Struct, frozen=True, kw_only=True):
    """Events without a usable value of a column, by reason."""

    missing: Count
    not_a_number: Count
    infinite: Count
    wrong_type: Count


class DistanceValue(Struct, frozen=True, kw_only=True):
    """How far a column is from its profile."""

    raw: float
    corrected: float | None
    """Less what it shows on average when nothing has changed; null where no correction is known."""
    error_bound: float | None
    """The value on the unbinned events is at most this much away from ``raw``; null for distances defined on bins."""


class DistributionTest(Struct, frozen=True, kw_only=True):
    """The test for a change of a column's distribution."""

    name: TestName
    """Which statistic: Pearson's where all bins are well filled, the exact partition's where they are not; weighted
    where the column's events are not independent; simulated where another was chosen, then the p-value is a rank among
    draws; untestable (p-value 1) where all events are in one bin."""
    statistic: float
    """To be compared with chi-squared at so many degrees of freedom or, where it is weighted, with a sum of as many
    weighted ones."""
    degrees_of_freedom: Count
    p_value: Share
    dispersion: DispersionEvidence
    """How much unchanged data vary."""


class QualityTest(Struct, frozen=True, kw_only=True):
    """The test of a column's quality: of all its tests the one with the smallest p-value."""

    check: str
    """Its permanent name: ``quality.missing``, ``quality.out_of_range``, ..."""
    current: Annotated[float, Meta(ge=0)]
    """What it looks at, in the window: a share, or a number of categories."""
    reference: Annotated[float, Meta(ge=0)]
    """The same in the reference, or what would be expected by it."""
    p_value: Share
    """The smallest p-value times the number of tests."""
    n_tests: Annotated[int, Meta(ge=1)]
    """Tests of the column, fixed by its kind."""


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
    """Events with a number beyond the reference's smallest and largest."""
    mean: float | None
    """Null for categories and where there was no value; so are the next five."""
    reference_mean: float | None
    standard_deviation: float | None
    reference_standard_deviation: float | None
    minimum: float | None
    maximum: float | None
    distances: dict[str, DistanceValue]
    """By name; empty where there is nothing to compare."""
    test: DistributionTest | None
    quality_test: QualityTest | None


class WindowEvent(Event, frozen=True, kw_only=True):
    """A window beside its profile: for dashboards, and as the record of what was looked at."""

    TYPE: ClassVar[str] = WINDOW

    late: Count
    """Events that came too late to be counted."""
    unexpected_features: Count
    """Events with a feature that the profile does not know."""
    n_columns: Count
    """Columns of the profile, over all blocks."""
    n_findings: Count
    """Findings of this window, over all blocks; always 0 for sliding windows, which give no verdict."""
    block: ColumnBlock
    """Which part of the columns this event holds."""
    columns: list[ColumnSummary]
    """In the profile's order: features by name, then the prediction and the score."""

    @property
    def about(self) -> tuple[str | int, ...]:
        """What the event is about, beside its type, model and segment."""
        return (*super().about, self.block.index)
