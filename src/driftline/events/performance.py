"""Performance events: how good the predictions of a window were, as far as labels tell by now."""

from __future__ import annotations

from typing import ClassVar, Literal

from msgspec import Struct

from driftline.events.cloudevents import PERFORMANCE
from driftline.events.evidence import Count, Event, Share, Time
from driftline.events.label_arrival import CorrectedMetrics  # noqa: TC001  # msgspec reads it where the schema is made

Interval = tuple[float, float]
"""Lower and upper end, of a confidence of 95 %."""
Difference = tuple[float, float, float]
"""This window's value less the other one's, and the lower and upper end of its interval."""


class Confusion(Struct, frozen=True, kw_only=True):
    """Labelled predictions by predicted and by actual class."""

    classes: list[str | None]
    """The last one, null, stands for all classes that the profile does not know."""
    counts: list[list[Count | float]]
    """One row per predicted class, one column per actual class; sums of weights where labels are weighted."""


class OneAgainstRest(Struct, frozen=True, kw_only=True):
    """One class of several against all others."""

    name: str | None
    """Null for all classes that the profile does not know."""
    precision: Share | None
    """Null where the class was never predicted."""
    recall: Share | None
    """Null where it never occurred."""
    f1: Share | None
    n_predicted: Count | float
    n_actual: Count | float


class ReliabilityBin(Struct, frozen=True, kw_only=True):
    """Scores in (low, high], the first bin with 0: how often the positive class came, beside how often it should."""

    low: Share
    high: Share
    n: Count | float
    mean_score: Share
    positive_share: Share


class Reliability(Struct, frozen=True, kw_only=True):
    """The reliability curve of a binary task's scores; the calibration error ``ece`` is made of it."""

    binning: Literal["equal width"]
    """How the bins were cut. Scores are told apart exactly, not by the bins of the score histogram."""
    bins: list[ReliabilityBin]
    """Those that hold a score."""


class PreviousWindow(Struct, frozen=True, kw_only=True):
    """The window with predictions before this one, at the same revision."""

    start: Time
    end: Time
    n: Count
    """Predictions whose label counted then."""
    metrics: dict[str, float | None]
    differences: dict[str, Difference]
    """Of the metrics that have an interval in both windows."""


class Champion(Struct, frozen=True, kw_only=True):
    """The same revision of the same window of the version that others are measured by."""

    model_version: str
    n: Count
    """Predictions whose label counts."""
    metrics: dict[str, float | None]
    differences: dict[str, Difference]
    """From the champion, of the metrics that have an interval on both sides."""


class PerformanceEvent(Event, frozen=True, kw_only=True):
    """How good the predictions of a window were, as far as labels tell at one of its fixed ages.

    ``n`` counts the predictions whose label counts now, ``n_reference`` the labelled predictions of the baseline.
    A later revision of the same window replaces an earlier one.
    """

    TYPE: ClassVar[str] = PERFORMANCE

    task: Literal["binary", "multiclass", "regression"]
    """What the model predicts: one of two classes, one of several, or a number."""
    revision: Count
    """From 0, one for each fixed age of the window."""
    age_ms: Count
    """Age of the window, from its end, at which this revision was cut."""
    final: bool
    """Whether this is the last revision: later labels do not count."""
    tested: bool
    """Whether this revision was held against the baseline; that happens once a window."""
    n_predictions: Count
    """Predictions of the window, with a label or without."""
    coverage: Share
    """Labelled predictions over all predictions of the window."""
    duplicates: Count
    """Predictions whose id had been seen before."""
    n_effective: float
    """How many labels of equal weight the labels are worth, (sum of weights)² / sum of squared weights; ``n`` without
    weights."""
    clipped: Count
    """Labels of which a value was beyond what sums hold, and counts as that: see ``docs/performance-metrics.md``."""
    metrics: dict[str, float | None]
    """By name, null where undefined. Classes: ``accuracy``, ``balanced_accuracy``, ``cohen_kappa``,
    ``matthews_correlation``, ``precision``, ``recall``, ``f1``, ``f_beta``; binary tasks: of the positive class, and
    ``specificity``, ``auc``, ``gini``, ``ks``, ``average_precision``, ``lift``, each with what the bins of the scores
    leave open, ``log_loss``, ``brier``, ``ece``; multiclass tasks: macro averages, ``..._micro`` and ``..._weighted``.
    Regression: ``mae``, ``mse``, ``rmse``, ``rmsle``, ``mape``, ``r2``, ``pinball``, ``bias``. Where values are
    configured, ``value`` a label and ``value_total``."""
    intervals: dict[str, Interval]
    """Of the metrics that have one. Labels are taken for an independent sample of unlimited traffic; what the bins of
    the scores leave open is not in them, but for average precision."""
    baseline: dict[str, float | None] | None
    """The same metrics of the baseline; null while there is none."""
    differences: dict[str, Difference] | None
    """From the baseline, of the metrics that have an interval on both sides; null while there is none."""
    previous: PreviousWindow | None
    """Null for a model's first window, and for the first under another task."""
    champion: Champion | None
    """Null without a configured champion, for the champion itself, and where it has no such window."""
    baseline_origin: Literal["reference", "first windows"] | None
    """Where the baseline comes from: labelled events of the reference, or the first windows; null while there is
    none."""
    confusion: Confusion | None
    """Null for regression and for tasks of more than 64 classes."""
    one_against_rest: list[OneAgainstRest] | None
    """Each class of a multiclass task of up to 64 classes that was predicted or occurred; null for others."""
    reliability: Reliability | None
    """Null for all but binary tasks."""
    corrected: CorrectedMetrics | None
    """Corrected for early labels being a biased part of all; null for regression, for tasks of more than 16 classes and
    for slices of the traffic."""

    @property
    def about(self) -> tuple[str | int, ...]:
        """What the event is about, beside its type, model and segment."""
        return (*super().about, self.revision)
