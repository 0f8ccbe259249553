"""Performance events: the performance of a window's predictions, according to the labels so far."""

from __future__ import annotations

from typing import ClassVar, Literal

from msgspec import UNSET, Struct, UnsetType

from driftline.events.by_feature import ErrorsByFeature  # noqa: TC001  # msgspec reads it where the schema is made
from driftline.events.cloudevents import PERFORMANCE
from driftline.events.evidence import Count, Event, Share, Time
from driftline.events.explanation import Explained  # noqa: TC001  # msgspec reads it where the schema is made
from driftline.events.label_arrival import CorrectedMetrics  # noqa: TC001  # msgspec reads it where the schema is made
from driftline.events.powered import PoweredMetrics  # noqa: TC001  # msgspec reads it where the schema is made

Interval = tuple[float, float]
"""Lower and upper end of the 95 % confidence interval."""
Difference = tuple[float, float, float]
"""This window's value minus the other's, and the lower and upper end of its interval."""


class Confusion(Struct, frozen=True, kw_only=True):
    """Labelled predictions by predicted and actual class."""

    classes: list[str | None]
    """The last entry, null, stands for all classes that the profile does not have."""
    counts: list[list[Count | float]]
    """One row per predicted class, one column per actual class; sums of weights if labels are weighted."""
    unknown_wrong: Count | float
    """How much of the last count are predictions of one class that the profile does not have, with another as the
    label; the rest of it was right."""


class OneAgainstRest(Struct, frozen=True, kw_only=True):
    """One class of several against all others."""

    name: str | None
    """Null for all classes that the profile does not have, whose precision, recall and F1 are null."""
    precision: Share | None
    """Null if the class was never predicted."""
    recall: Share | None
    """Null if the class never occurred."""
    f1: Share | None
    n_predicted: Count | float
    n_actual: Count | float


class ReliabilityBin(Struct, frozen=True, kw_only=True):
    """Scores in (low, high], the first bin including 0: observed fraction of the positive class, beside the expected
    one.
    """

    low: Share
    high: Share
    n: Count | float
    mean_score: Share
    positive_share: Share


class Reliability(Struct, frozen=True, kw_only=True):
    """The reliability curve of a binary task's scores, the basis of the calibration error ``ece``."""

    binning: Literal["equal width"]
    """Kind of bins. Scores are assigned exactly, not by the bins of the score histogram."""
    bins: list[ReliabilityBin]
    """Bins that hold a score."""


class PreviousWindow(Struct, frozen=True, kw_only=True):
    """The previous window with predictions, at the same revision."""

    start: Time
    end: Time
    n: Count
    """Predictions whose label counted then."""
    metrics: dict[str, float | None]
    differences: dict[str, Difference]
    """Differences of the metrics that have an interval in both windows."""


class Champion(Struct, frozen=True, kw_only=True):
    """The same revision of the same window of the champion version."""

    model_version: str
    n: Count
    """Predictions whose label counts."""
    metrics: dict[str, float | None]
    differences: dict[str, Difference]
    """Differences from the champion, of the metrics that have an interval on both sides."""


class WatchedErrors(Struct, frozen=True, kw_only=True):
    """Whether an e-detector watches the errors of a segment, as labels come."""

    n_baseline: Count
    """Labels of the segment's first windows that it compares with; 0 while there are too few."""
    since: Time | None
    """Event time from which on labels count; null while nothing is watched."""
    why_not: str | None
    """Why nothing is watched; null if something is."""


class PerformanceEvent(Event, frozen=True, kw_only=True):
    """Performance of a window's predictions, according to the labels at one of its fixed ages.

    ``n`` counts the predictions whose label counts now, ``n_reference`` the labelled predictions of the baseline. A
    later revision of the same window replaces an earlier one.
    """

    TYPE: ClassVar[str] = PERFORMANCE

    task: Literal["binary", "multiclass", "regression"]
    """The model's prediction: one of two classes, one of several, or a number."""
    revision: Count
    """Counts the fixed ages of the window, from 0."""
    age_ms: Count
    """Age of the window at this revision, from its end."""
    final: bool
    """Whether this is the last revision: later labels do not count."""
    tested: bool
    """Whether this revision was tested against the baseline, which happens once per window."""
    n_predictions: Count
    """Predictions of the window, with or without a label."""
    coverage: Share
    """Labelled predictions divided by all predictions of the window."""
    duplicates: Count
    """Predictions whose id had been seen before."""
    n_effective: float
    """Effective sample size, (sum of weights)² / sum of squared weights; ``n`` without weights."""
    clipped: Count
    """Labels with a value outside the range of the sums, clipped to it: see ``docs/performance-metrics.md``."""
    withheld: str | None
    """Why metrics are null although there are labels: labels of classes that the task does not have, classes that the
    profile does not list, clipped values. Null if none is for such a reason."""
    metrics: dict[str, float | None]
    """Metrics by name, null if undefined. Classes: ``accuracy``, ``balanced_accuracy``, ``cohen_kappa``,
    ``matthews_correlation``, ``precision``, ``recall``, ``f1``, ``f_beta``. Binary tasks: those of the positive class,
    and ``specificity``, ``auc``, ``gini``, ``ks``, ``average_precision``, ``lift``, each with the error bound of the
    score bins, ``log_loss``, ``brier``, ``ece``. Multiclass tasks: macro averages, ``..._micro`` and ``..._weighted``.
    Regression: ``mae``, ``mse``, ``rmse``, ``rmsle``, ``mape``, ``r2``, ``pinball``, ``bias``. With configured values:
    ``value`` per label and ``value_total``."""
    intervals: dict[str, Interval]
    """Confidence intervals of the metrics that have one. Labels are treated as an independent sample of unlimited
    traffic. Except for average precision, intervals exclude the error bound of the score bins."""
    baseline: dict[str, float | None] | None
    """The same metrics of the baseline; null while there is none."""
    differences: dict[str, Difference] | None
    """Differences from the baseline, of the metrics that have an interval on both sides; null while there is none."""
    previous: PreviousWindow | None
    """Null for a model's first window, and for the first after a change of task."""
    champion: Champion | None
    """Null without a configured champion, for the champion itself, and if it has no such window."""
    baseline_origin: Literal["reference", "first windows"] | None
    """Source of the baseline: labelled events of the reference, or the first windows; null while there is none."""
    confusion: Confusion | None
    """Null for regression and for tasks of more than 64 classes."""
    one_against_rest: list[OneAgainstRest] | None
    """Each class of a multiclass task of up to 64 classes that was predicted or occurred; null for others."""
    reliability: Reliability | None
    """Null for all but binary tasks."""
    corrected: CorrectedMetrics | None
    """Metrics corrected for the bias of early labels; null for regression, for tasks of more than 16 classes and for
    segments."""
    powered: PoweredMetrics | None
    """Metrics of all predictions, labelled or not; null if all have labels, if labels have weights, for tasks of
    more than 16 classes and for segments."""
    explained: list[Explained] | UnsetType = UNSET
    """What explains the change of each metric with a finding and, for binary tasks with segments, of
    ``positive_share`` and ``mean_score``; absent without a finding."""
    errors_watched: WatchedErrors | UnsetType | None = UNSET
    """Of a segment, whether an e-detector watches its errors; absent for all traffic, and if none watches any."""

    by_feature: ErrorsByFeature | UnsetType | None = UNSET
    """Errors by the values of the most important features, at the tested revision; absent at others, for segments, and
    unless ``performance.by_feature`` is set."""

    @property
    def about(self) -> tuple[str | int, ...]:
        """Identity of the event, beside its type, model and segment."""
        return (*super().about, self.revision)
