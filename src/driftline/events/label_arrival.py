"""Label arrival events: how soon labels came for the predictions of a span of time, and how soon they usually come."""

from __future__ import annotations

from typing import ClassVar, Literal

from msgspec import Struct

from driftline.events.cloudevents import LABEL_ARRIVAL
from driftline.events.evidence import Count, Event, Share


class MaturityPoint(Struct, frozen=True, kw_only=True):
    """One point of the maturity curve: the share of predictions that had a label within an age."""

    age_ms: Count
    share: Share
    n_predictions: Count
    """Predictions of all cohorts that have reached the age; younger ones take no part."""
    n_cohorts: Count


class ArrivalTest(Struct, frozen=True, kw_only=True):
    """The share labelled within the age, held against what earlier cohorts showed at the same age."""

    share: Share
    """Of the earlier cohorts together."""
    n_predictions: Count
    n_cohorts: Count
    dispersion: float
    """How many times as much as that of independent labels the count varies from cohort to cohort; at least 1."""
    p_value: Share
    """Of a share as low as this one's, or lower."""


class CorrectedMetrics(Struct, frozen=True, kw_only=True):
    """Metrics of a window as its early labels let expect them: weighted by how soon labels of their kind come."""

    status: Literal["corrected", "withheld", "mature"]
    """``mature``: all labels that count have come, so nothing is to be corrected."""
    reason: str | None
    """Why they are withheld."""
    metrics: dict[str, float | None]
    """``accuracy``, ``precision``, ``recall``, ``f1`` and, for binary tasks, ``positive_rate`` (the share of actual
    positives), of what has a label in the end; empty unless corrected."""
    standard_errors: dict[str, float | None]
    """Of the difference between the corrected metrics and those that the window will show in the end."""
    n_effective: float | None
    """How many labels of equal weight would tell as much, (sum of weights)² / sum of squared weights."""
    least_rate: Share | None
    """Least part of a score bin's and class's labels that comes by this age; withheld below 0.05."""
    n_cohorts: Count
    """Cohorts past the horizon that the weights come from."""
    dispersion: float | None
    """How many times as much as chance alone the labels that have come vary from cohort to cohort."""
    bounds: dict[str, tuple[float, float]]
    """The least and the greatest value over all predictions of the window, whatever the labels say that have not come,
    or never will: nothing is assumed."""
    assumptions: list[str]
    """What the corrected metrics rest on."""


class LabelArrivalEvent(Event, frozen=True, kw_only=True):
    """How many of a cohort's predictions had a label by an age, and the maturity curve as it was known then.

    A cohort is the predictions of one span, a day by default. ``n`` counts those that had a label by then, whatever
    became of it later; ``n_reference`` the predictions of the earlier cohorts that it was held against.
    """

    TYPE: ClassVar[str] = LABEL_ARRIVAL

    age_ms: Count
    """Age of the cohort, counted from the end of its windows."""
    final: bool
    """Whether no label counts that comes later."""
    status: Literal["calibrating", "usual", "late"]
    """``calibrating`` while there are too few earlier cohorts to compare with; ``late`` where there is a finding."""
    n_predictions: Count
    """Predictions of the cohort."""
    share: Share
    """Labelled predictions over all predictions of the cohort."""
    test: ArrivalTest | None
    """Null while calibrating."""
    ages_ms: list[Count]
    """Upper edges of the bins of ``by_age``; one more bin is for older labels."""
    by_age: list[Count]
    """First labels of the cohort by the label's age: its effective time less the prediction's time."""
    curve: list[MaturityPoint]
    """The maturity curve as it was known then, by rising age: each point is of the cohorts that had reached its age."""

    @property
    def about(self) -> tuple[str | int, ...]:
        """What the event is about, beside its type, model and segment."""
        return (*super().about, self.age_ms)
