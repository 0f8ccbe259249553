"""Estimate events: the expected performance of a window's predictions, before their labels arrive."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from driftline.events.cloudevents import ESTIMATE
from driftline.events.evidence import Count, Event, Share

NonNegative = Annotated[float, Meta(ge=0)]


class EstimatedMetric(Struct, frozen=True, kw_only=True):
    """Expected value of one metric; ``lower`` and ``upper`` are three standard errors away."""

    value: float
    standard_error: NonNegative
    """Standard error of the difference between estimate and realised metric: the root of the sum of the two squared
    errors below."""
    sampling_error: NonNegative
    """Random deviation of the realised metric from its expectation, for this number of events."""
    model_error: NonNegative
    """Error of the calibrator or loss model from the finite number of labelled reference rows."""
    lower: float
    upper: float


class EstimatorReference(Struct, frozen=True, kw_only=True):
    """The estimator; it is part of the profile."""

    id: str
    """Id of the estimator; estimates of one estimator are comparable."""
    method: Literal["confidence", "direct_loss"]
    """``confidence``: from the scores, used as probabilities; ``direct_loss``: from a model of the loss."""
    calibrated: bool | None
    """Whether scores are calibrated first; they are if that improved the calibration of held-out rows. Null for
    ``direct_loss``."""
    n_labelled: Count
    """Labelled reference rows that it was fitted on."""


class TrackRecord(Struct, frozen=True, kw_only=True):
    """Errors of the estimates of one metric, over the windows that have labels."""

    n_windows: Count
    mean_error: float
    """Mean of realised minus estimated value; negative if the metric was lower than estimated."""
    mean_absolute_error: NonNegative
    within: Share
    """Fraction of the windows whose realised value was in the estimate's band: near 1, except after concept drift,
    which no estimate without labels can see."""


class ExpectedConfusion(Struct, frozen=True, kw_only=True):
    """Expected number of events by predicted and actual class."""

    classes: list[str]
    counts: list[list[NonNegative]]
    """One row per predicted class, one column per actual class."""


class EstimateEvent(Event, frozen=True, kw_only=True):
    """Expected performance of a window's predictions, from the predictions alone.

    ``n`` is the number of events behind the estimate, ``n_reference`` the number of labelled reference rows that the
    estimator was fitted on. Revision 0 is sent when the window has closed. With labels, each revision of the
    performance event is followed by one of this event if there is something to add: the same estimate beside the
    realised values, or beside the estimate of a refitted calibrator.
    """

    TYPE: ClassVar[str] = ESTIMATE

    task: Literal["binary", "multiclass", "regression"]
    """The model's prediction: one of two classes, one of several, or a number."""
    revision: Count
    """0 before any label, otherwise the revision of the performance event plus 1."""
    age_ms: Count
    """Age of the window at this revision, from its end."""
    final: bool
    """Whether this is the last revision."""
    estimator: EstimatorReference
    """The estimator of the profile that made the estimate."""
    left_out: Count
    """Events without an estimate: they have no score, or an unknown class."""
    metrics: dict[str, EstimatedMetric | None]
    """Estimates by metric: ``accuracy``, ``balanced_accuracy``, ``precision``, ``recall``, ``specificity``, ``f1`` and
    ``auc``; ``mae``, ``mse`` and ``rmse`` for regression. Null if undefined. Macro averages for multiclass tasks."""
    reference: dict[str, float | None]
    """Realised values of the same metrics on the reference's labelled rows."""
    confusion: ExpectedConfusion | None
    """Null for regression and for tasks of more than 64 classes."""
    refitted: dict[str, EstimatedMetric | None] | None
    """Estimate of a calibrator refitted on the labels of previously matured windows; it follows concept drift once
    those labels show it. Binary tasks only; null until there are enough labels."""
    coverage: Share | None
    """Labelled predictions divided by all predictions of the window; null at revision 0."""
    realised: dict[str, float | None] | None
    """Values of the same metrics from the labels so far; null at revision 0."""
    matured: bool
    """Whether this revision counts in the track record: the first with enough labels, or the last."""
    record: dict[str, TrackRecord]
    """Track record of this estimator by metric, including this window if it has matured; empty before the first has."""

    @property
    def about(self) -> tuple[str | int, ...]:
        """Identity of the event, beside its type, model and segment."""
        return (*super().about, self.revision)
