"""Performance events: how good the predictions of a window were, as far as labels tell by now."""

from __future__ import annotations

from typing import ClassVar, Literal

from msgspec import Struct

from driftline.events.cloudevents import PERFORMANCE
from driftline.events.evidence import Count, Event, Share


class Confusion(Struct, frozen=True, kw_only=True):
    """Labelled predictions by predicted and by actual class."""

    classes: list[str | None]
    """The last one, null, stands for all classes that the profile does not know."""
    counts: list[list[Count]]
    """One row per predicted class, one column per actual class."""


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
    metrics: dict[str, float | None]
    """By name: ``accuracy``, ``precision``, ``recall``, ``f1`` and, for binary tasks, ``auc`` with
    ``auc_error_bound``; ``mae``, ``rmse`` and ``bias`` for regression. Null where undefined. Averages over classes
    (macro) for multiclass tasks."""
    baseline: dict[str, float | None] | None
    """The same metrics of the baseline; null while there is none."""
    baseline_origin: Literal["reference", "first windows"] | None
    """Where the baseline comes from: labelled events of the reference, or the first windows; null while there is
    none."""
    confusion: Confusion | None
    """Null for regression and for tasks of more than 64 classes."""

    @property
    def about(self) -> tuple[str | int, ...]:
        """What the event is about, beside its type, model and segment."""
        return (*super().about, self.revision)
