"""Finding events: a check that came out against the model in one window, with the evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from driftline.events.cloudevents import FINDING
from driftline.events.evidence import Count, DispersionEvidence, Event, EventRole, Histogram, Severity, Share, Time
from driftline.events.ids import event_id
from driftline.events.window import DistanceValue  # noqa: TC001  # msgspec reads it where the schema is made

if TYPE_CHECKING:
    from driftline.events.evidence import WindowSpan
    from driftline.events.model_key import ModelKey

Family = Literal["distribution", "quality", "performance", "labels", "detector", "multivariate"]


class Statistic(Struct, frozen=True, kw_only=True):
    """Is it real: what was tested, and how unlikely it is when nothing has changed."""

    name: str
    """``pearson_chi_squared`` or ``exact_partition`` (both to be compared with chi-squared), ``exact_share``,
    ``welch_t``, ``estimated_accuracy`` (no test: its band is held against the reference), or a detector's name."""
    value: float
    degrees_of_freedom: int | None
    """Null for statistics that have none."""
    p_value: Share | None
    """Null for sequential detectors, which give none."""
    threshold: float | None
    """What a detector's statistic exceeded; null for tests."""


class BudgetSplit(Struct, frozen=True, kw_only=True):
    """How a level follows from the budget: pages x share x findings to a page / (windows x tests)."""

    pages: Annotated[float, Meta(gt=0)]
    """False pages that the model may cost within the horizon."""
    horizon_ms: Count
    spender: str
    """What has the share: a size of verdict windows, ``performance``, ``labels`` or ``detectors``."""
    share: Annotated[float, Meta(gt=0, le=1)]
    """Its share of the budget."""
    n_windows: Annotated[int, Meta(ge=1)]
    """Windows within the horizon."""
    tests_per_window: Annotated[int, Meta(ge=1)]
    findings_to_open: Annotated[int, Meta(ge=1)]
    """Findings of one check that a page takes and uses up (k)."""
    within_windows: Annotated[int, Meta(ge=1)]
    """Windows in a row within which they must come (n)."""


class LevelEvidence(Struct, frozen=True, kw_only=True):
    """The level that the p-value was held against, and how it follows from the false-alarm budget."""

    level: Annotated[float, Meta(gt=0, le=1)]
    """1 where nothing was tested, as with fixed thresholds."""
    n_tests: Annotated[int, Meta(ge=1)]
    """Tests within the budget's horizon that share it."""
    derivation: str
    """The division in words."""
    split: BudgetSplit | None = None
    """The division in numbers; null where the level does not come from the budget."""
    in_budget: bool = True
    """Whether the false-alarm budget bounds such findings: not those of fixed thresholds, nor those of severity
    ``info``."""


class Effect(Struct, frozen=True, kw_only=True):
    """Does it matter: how large the change is, beside the smallest that counts."""

    name: str
    """``psi``, ``share_change``, ``cardinality_growth``, ``volume_change``, ``<metric>_drop``, ``<metric>_rise``,
    ``correlation_change``, ``reconstruction_change``, ``embedding_distance``, ``domain_auc``, ``labelled_share_drop``,
    ``orphan_share_rise`` or ``silent_hours``."""
    raw: float
    corrected: float
    """What is held against the gate: without the bias (``psi``), without the sign (shares)."""
    gate: float
    """The smallest change that matters, as configured."""
    current: float | None
    """The share, accuracy, correlation or error of the window; null for distances."""
    reference: float | None
    """The share, accuracy, correlation or error of the reference; null for distances."""


class HistogramPair(Struct, frozen=True, kw_only=True):
    """What was compared: three lists of one length; bins that are empty on both sides are left out."""

    bins: list[str]
    """Ranges of numbers, or categories."""
    reference: Histogram
    current: Histogram


class UnitChange(Struct, frozen=True):
    """A number that looks as if its unit had changed: ``factor`` x the reference's values + ``offset``; no test."""

    factor: float
    offset: float
    conversion: str | None
    """The known conversion with this factor and offset; null where none is known."""
    residual: Share
    """Largest difference between the distribution functions once the change is undone."""
    explained: float
    """Part of the Kolmogorov-Smirnov distance that the change explains, at most 1."""
    determined_by: Literal["shape", "moments", "mean"]
    """What tells the factor from others: the ``shape`` on the grid, mean and standard deviation (``moments``), or the
    ``mean`` alone, where values lie too far away for more."""


class FindingEvent(Event, frozen=True, kw_only=True):
    """A check that came out against the model in one window: the change is real, and it is large enough to matter.

    Findings of sequential detectors have no effect and no p-value; those that may not page have no level and are
    informative (severity ``info``).
    """

    TYPE: ClassVar[str] = FINDING

    finding_id: str
    """The same as ``ce_id``."""
    check: str
    """Permanent name of the check: ``distribution.pearson``, ``quality.<test>``, ``multivariate.<check>``,
    ``performance.<metric>``, ``estimate.accuracy``, ``threshold.<distance>`` or ``detector.<name>``."""
    family: Family
    """Which kind of change: of a distribution, of the data's quality, of performance, between columns
    (``multivariate``); or a sequential detector's."""
    column: str | None
    """Null where the check is about the model as a whole."""
    role: EventRole | None
    """What the column is; null as for the column."""
    severity: Severity
    """``warning``, ``critical`` from 2.5 times the smallest effect that matters; ``info``, which opens no alert, for
    detectors that may not page and for p-values between the budget's level and the level for information."""
    importance: float
    """How much the column matters, from the profile or the configuration; 1 where nothing is known."""
    statistic: Statistic
    """Is it real."""
    level: LevelEvidence | None
    """What the p-value was held against. Of a detector that may page, the false alarms that its threshold allows in the
    budget's horizon; null for other detectors."""
    effect: Effect | None
    """Does it matter; null for detectors."""
    baseline: Literal["reference", "first windows", "earlier weeks", "rolling", "earlier cohorts"]
    """What the window was compared with; ``first windows`` where the reference has no labels, ``earlier weeks`` for
    volume, ``rolling`` where it was the recent past beside the profile, ``earlier cohorts`` for when labels arrive."""
    distances: dict[str, DistanceValue]
    """All distances of the column, by name."""
    histograms: HistogramPair | None
    """The counts that were compared; null where there are none to show."""
    dispersion: DispersionEvidence | None
    """How much unchanged data vary, as the test took it; null where it is no test of a distribution."""
    unseen: dict[str, Count]
    """Categories that the profile does not list, by name, with their counts; a selection where there are many."""
    since: Time
    """Since when, in event time: the window's start, or the detector's estimate."""
    message: str
    """One sentence with numbers, for people; its wording may change."""
    unit_change: UnitChange | None
    """What a changed distribution of a number looks like, where it looks like another unit; else null."""

    @property
    def ce_id(self) -> str:
        """CloudEvents id; repeats with the event."""
        return self.finding_id


def finding_id(
    key: ModelKey, segment: str, window: WindowSpan, check: str, role: EventRole | None, column: str | None
) -> str:
    """Return the id of the finding of a check in a window, whatever it found."""
    return event_id(FINDING, key, segment, (*window.about, check, role or "", column or ""))
