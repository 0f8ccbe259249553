"""Estimate events: how good the predictions of a window are likely to be, before their labels say so."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from driftline.events.cloudevents import ESTIMATE
from driftline.events.evidence import Count, Event, Share

NonNegative = Annotated[float, Meta(ge=0)]


class EstimatedMetric(Struct, frozen=True, kw_only=True):
    """One metric, as it is to be expected; ``lower`` and ``upper`` are three standard errors away."""

    value: float
    standard_error: NonNegative
    """Of the difference between estimate and realised metric: both errors below, squared and added."""
    sampling_error: NonNegative
    """How far chance puts the realised metric off its expectation, with as many events."""
    model_error: NonNegative
    """How well the labelled rows of the reference determine the calibrator or the loss model."""
    lower: float
    upper: float


class EstimatorReference(Struct, frozen=True, kw_only=True):
    """What made the estimate; it is a part of the profile."""

    id: str
    """Estimates by one estimator can be compared with each other."""
    method: Literal["confidence", "direct_loss"]
    """``confidence``: from the scores, taken for probabilities; ``direct_loss``: from a model of the loss."""
    calibrated: bool | None
    """Whether scores were calibrated first: they are where that made rows that were held out better calibrated. Null
    for ``direct_loss``."""
    n_labelled: Count
    """Labelled rows of the reference that it was fitted on."""


class TrackRecord(Struct, frozen=True, kw_only=True):
    """How far estimates of one metric were from what labels showed, over the windows in which they have."""

    n_windows: Count
    mean_error: float
    """Mean of realised less estimated value: below zero where a metric turns out lower than estimated."""
    mean_absolute_error: NonNegative
    within: Share
    """Share of the windows in which the realised value lay in the estimate's band: near 1, unless what is to be
    predicted has changed itself (concept drift), which no estimate without labels can see."""


class ExpectedConfusion(Struct, frozen=True, kw_only=True):
    """Events by predicted and by actual class, as they are to be expected."""

    classes: list[str]
    counts: list[list[NonNegative]]
    """One row per predicted class, one column per actual class."""


class EstimateEvent(Event, frozen=True, kw_only=True):
    """How good the predictions of a window are likely to be, from the predictions alone.

    ``n`` counts the events that the estimate rests on, ``n_reference`` the labelled rows of the reference that the
    estimator was fitted on. Revision 0 comes when the window has closed. With labels, each revision of the performance
    event is followed by one of this event as soon as there is something to add: the same estimate beside what labels
    say, or beside that of a calibrator fitted again.
    """

    TYPE: ClassVar[str] = ESTIMATE

    task: Literal["binary", "multiclass", "regression"]
    """What the model predicts: one of two classes, one of several, or a number."""
    revision: Count
    """0 before any label; else one more than the revision of the performance event."""
    age_ms: Count
    """Age of the window, from its end, at this revision."""
    final: bool
    """Whether no revision comes after it."""
    estimator: EstimatorReference
    """Which estimator of the profile made the estimate."""
    left_out: Count
    """Events that nothing was estimated of: without a score, or of an unknown class."""
    metrics: dict[str, EstimatedMetric | None]
    """By name: ``accuracy``, ``balanced_accuracy``, ``precision``, ``recall``, ``specificity``, ``f1`` and ``auc``;
    ``mae``, ``mse`` and ``rmse`` for regression. Null where undefined. Averages over classes (macro) for multiclass
    tasks."""
    reference: dict[str, float | None]
    """The same metrics of the reference's labelled rows, realised."""
    confusion: ExpectedConfusion | None
    """Null for regression and for tasks of more than 64 classes."""
    refitted: dict[str, EstimatedMetric | None] | None
    """The estimate with the calibrator fitted again, on the labels of the windows that had matured before: it follows a
    change of what is to be predicted as soon as they show it. Binary tasks only; null before there are enough."""
    coverage: Share | None
    """Labelled predictions over all predictions of the window; null at revision 0."""
    realised: dict[str, float | None] | None
    """The same metrics as labels have them by now; null at revision 0."""
    matured: bool
    """Whether this is the revision that the track record takes: the first with enough labels, or the last."""
    record: dict[str, TrackRecord]
    """Of this estimator so far, by metric, with this window where it has matured; empty before the first has."""

    @property
    def about(self) -> tuple[str | int, ...]:
        """What the event is about, beside its type, model and segment."""
        return (*super().about, self.revision)
