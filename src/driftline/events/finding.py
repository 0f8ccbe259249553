"""Finding events: a check that detected a change in one window, with the evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from driftline.events.by_feature import ValueErrors  # noqa: TC001  # msgspec reads it where the schema is made
from driftline.events.cloudevents import FINDING
from driftline.events.evidence import Count, DispersionEvidence, Event, EventRole, Histogram, Severity, Share, Time
from driftline.events.explanation import Explained  # noqa: TC001  # msgspec reads it where the schema is made
from driftline.events.ids import event_id
from driftline.events.origin import Origin  # noqa: TC001  # msgspec reads it where the schema is made
from driftline.events.window import DistanceValue  # noqa: TC001  # msgspec reads it where the schema is made

if TYPE_CHECKING:
    from driftline.events.evidence import WindowSpan
    from driftline.events.model_key import ModelKey

Family = Literal["distribution", "quality", "performance", "labels", "detector", "multivariate", "intake", "operations"]


class Statistic(Struct, frozen=True, kw_only=True):
    """Evidence that the change is real: the test statistic and its p-value."""

    name: str
    """``pearson_chi_squared`` or ``exact_partition`` (both compared with chi-squared), ``exact_share``, ``welch_t``,
    ``interval_quantile`` (of the widest interval of a metric's change that lies beyond 0), ``sampled_score_quantile``
    (of a metric of the confusion matrix, among random samples of the labels of window and baseline), ``group_shift``
    (change of the log-odds of an error or a label in one group of values, less that elsewhere), ``log_mixture``
    (evidence of an e-detector), ``estimated_<metric>`` (no test: its band is compared with the reference), or a
    detector's name."""
    value: float
    degrees_of_freedom: int | None
    """Null for statistics without degrees of freedom."""
    p_value: Share | None
    """Null for sequential detectors, which have none."""
    threshold: float | None
    """Threshold that a detector's statistic exceeded; null for tests."""


class BudgetSplit(Struct, frozen=True, kw_only=True):
    """Derivation of a significance level from the budget: pages x share x findings to a page / (windows x tests)."""

    pages: Annotated[float, Meta(gt=0)]
    """Expected number of false alarms of the model within the horizon."""
    horizon_ms: Count
    spender: str
    """Owner of the share: a size of evaluation windows, ``performance``, ``labels``, ``detectors``, ``operations``."""
    share: Annotated[float, Meta(gt=0, le=1)]
    """Share of the budget."""
    n_windows: Annotated[int, Meta(ge=1)]
    """Number of windows within the horizon."""
    tests_per_window: Annotated[int, Meta(ge=1)]
    findings_to_open: Annotated[int, Meta(ge=1)]
    """Findings of one check that a notification needs and uses up (k)."""
    within_windows: Annotated[int, Meta(ge=1)]
    """Consecutive windows in which they must occur (n)."""


class LevelEvidence(Struct, frozen=True, kw_only=True):
    """The significance level, and its derivation from the false-alarm budget."""

    level: Annotated[float, Meta(gt=0, le=1)]
    """Significance level; 1 if nothing was tested, as with fixed thresholds."""
    n_tests: Annotated[int, Meta(ge=1)]
    """Number of tests within the budget's horizon that divide the share."""
    derivation: str
    """The derivation in words."""
    split: BudgetSplit | None = None
    """The derivation in numbers; null if the level does not come from the budget."""
    in_budget: bool = True
    """Whether the false-alarm budget bounds such findings; false for fixed thresholds and for severity ``info``."""


class Effect(Struct, frozen=True, kw_only=True):
    """Practical significance: the size of the change, and its gate."""

    name: str
    """``psi``, ``mean_shift``, ``spread_change``, ``share_shift``, ``share_change``, ``cardinality_growth``,
    ``volume_change``, ``<metric>_drop``, ``<metric>_rise``, ``group_error_rise``, ``group_label_change``,
    ``correlation_change``, ``reconstruction_change``, ``embedding_distance``, ``domain_auc``, ``labelled_share_drop``,
    ``orphan_share_rise``, ``silent_hours``, ``refused_share``, ``unmatched_share``, ``failed_share_rise``,
    ``latency_p95_rise``, ``failed_share``, ``latency_p95_ms``, ``latency_p99_ms`` or ``silent_seconds``."""
    raw: float
    corrected: float
    """Value compared with the gate: without its bias (``psi``), without its sign (fractions)."""
    gate: float
    """Threshold for practical significance, as configured."""
    current: float | None
    """Fraction, accuracy, correlation or error of the window; null for distances."""
    reference: float | None
    """Fraction, accuracy, correlation or error of the reference; null for distances."""


class HistogramPair(Struct, frozen=True, kw_only=True):
    """The compared counts: three lists of equal length, without bins that are empty on both sides."""

    bins: list[str]
    """Ranges of numbers, or categories."""
    reference: Histogram
    current: Histogram


class UnitChange(Struct, frozen=True):
    """An apparent change of unit: ``factor`` x the reference's values + ``offset``; not a test."""

    factor: float
    offset: float
    conversion: str | None
    """Known conversion with this factor and offset; null if there is none."""
    residual: Share
    """Largest difference between the distribution functions after the change is undone."""
    explained: float
    """Fraction of the Kolmogorov-Smirnov distance that the change explains, at most 1."""
    determined_by: Literal["shape", "moments", "mean"]
    """Evidence for the factor: the ``shape`` on the grid, mean and standard deviation (``moments``), or only the
    ``mean`` if the values are too far away for more."""
    part: Share = 1.0
    """Fraction of the values that changed; below 1 where only some came in another unit, as from one of several
    producers."""


class StuckValue(Struct, frozen=True, kw_only=True):
    """A number that most values of a window are, where few of the reference's were."""

    value: float
    """The roundest number in the bin of the grid that most values fall into."""
    share: Share
    """Fraction of the window's values in the bin."""
    share_before: Share


class ColumnMoments(Struct, frozen=True, kw_only=True):
    """Mean and standard deviation of a numeric column on both sides, in its unit; null where they are not known."""

    mean: float | None
    reference_mean: float | None
    standard_deviation: float | None
    reference_standard_deviation: float | None


class WithoutValue(Struct, frozen=True, kw_only=True):
    """A feature whose missing values explain that labels do not come: predictions without it get no label either."""

    column: str
    share: Share
    """Fraction of the cohort's predictions that have no value of it."""
    share_before: Share
    """The same of the earlier cohorts in the comparison."""
    labelled: Share
    """Labelled fraction of the predictions that have a value."""
    labelled_before: Share


class FindingEvent(Event, frozen=True, kw_only=True):
    """A check that detected a change in one window: the change is real and reaches its gate.

    Findings of sequential detectors have no p-value. Those of detectors that cannot open alerts have no effect, no
    level and the severity ``info``.
    """

    TYPE: ClassVar[str] = FINDING

    finding_id: str
    """Equal to ``ce_id``."""
    check: str
    """Permanent name of the check: ``distribution.pearson``, ``quality.<test>``, ``multivariate.<check>``,
    ``performance.<metric>``, ``concept.errors``, ``concept.labels``, ``improvement.<metric>``, ``estimate.<metric>``,
    ``threshold.<distance>``, ``detector.<name>``, ``labels.<check>``, ``intake.refused``, ``intake.unmatched`` or
    ``operations.<check>``."""
    family: Family
    """Kind of change: of a distribution, of data quality, of performance, of label arrival, between columns
    (``multivariate``), by a sequential detector, of what can be used of an input topic (``intake``), or of how the
    model predicts, whatever it predicts (``operations``)."""
    column: str | None
    """Null if the check concerns the model as a whole."""
    role: EventRole | None
    """Role of the column; null if ``column`` is."""
    severity: Severity
    """``warning``, or ``critical`` from 2.5 times the gate. ``info`` opens no alert: detectors that cannot open alerts,
    and p-values between the budget's significance level and the level for information."""
    importance: float
    """Importance of the column, from the profile or the configuration; 1 by default."""
    statistic: Statistic
    """Evidence that the change is real."""
    level: LevelEvidence | None
    """Significance level of the p-value. For a detector that can open alerts, the expected false alarms of its
    threshold in the budget's horizon; null for other detectors."""
    effect: Effect | None
    """Practical significance; null for detectors that cannot open alerts."""
    baseline: Literal[
        "reference", "first windows", "earlier weeks", "rolling", "earlier cohorts", "configured", "earlier windows"
    ]
    """What the window was compared with: ``first windows`` if the reference has no labels, ``earlier weeks`` for
    volume, ``rolling`` for the recent past beside the profile, ``earlier cohorts`` for label arrival,
    ``configured`` for a limit of the configuration (``intake``, ``operations``), ``earlier windows`` for failures and
    latency."""
    distances: dict[str, DistanceValue]
    """All distances of the column, by name."""
    histograms: HistogramPair | None
    """The compared counts; null if there are none to show."""
    dispersion: DispersionEvidence | None
    """Variation of unchanged data, as used by the test; null if it is not a test of a distribution."""
    unseen: dict[str, Count]
    """Counts of categories that the profile does not list, or of events with features that it does not know, by name; a
    selection if there are many."""
    since: Time
    """Start of the change in event time: the window's start, or the detector's estimate."""
    message: str
    """One sentence with numbers, for people; its wording may change."""
    unit_change: UnitChange | None
    """Apparent change of unit of a numeric column; null if there is none."""
    moments: ColumnMoments | None
    """Of a numeric column whose distribution or mean changed, over all hours; null for other findings."""
    minor: bool
    """Whether it is drift of a feature whose importance is below ``alerts.min_importance``: it opens no alert."""
    most_changed: list[str]
    """Columns in which a check of several together found the clearest change; empty for other findings."""
    origins: list[Origin] | UnsetType = UNSET
    """The few partitions, producers, schemas or other [origins](alerts.md#where-it-began) whose records alone have the
    change; those that say most come first. Empty if the change is everywhere, or spread over too many. Absent if
    there was nothing to compare."""
    stuck: StuckValue | UnsetType | None = UNSET
    """The number that most values are; absent where there is none."""
    explained: Explained | UnsetType | None = UNSET
    """What explains the change of a performance metric: other traffic or other outcomes. Absent from other findings."""
    without_value: WithoutValue | UnsetType | None = UNSET
    """The feature that explains that labels do not come. Absent from other findings."""
    group: ValueErrors | UnsetType | None = UNSET
    """The values of the column at which errors rose (``concept.errors``) or labels changed
    (``concept.labels``). Absent from other findings."""

    @property
    def ce_id(self) -> str:
        """CloudEvents id; a repeated event has the same id."""
        return self.finding_id


def finding_id(
    key: ModelKey, segment: str, window: WindowSpan, check: str, role: EventRole | None, column: str | None
) -> str:
    """Return the id of the finding of a check in a window; it does not depend on the result."""
    return event_id(FINDING, key, segment, (*window.about, check, role or "", column or ""))
