"""Label arrival events: how fast labels arrived for the predictions of a cohort, beside the baseline."""

from __future__ import annotations

from typing import ClassVar, Literal

from msgspec import Struct

from driftline.events.cloudevents import LABEL_ARRIVAL
from driftline.events.evidence import Count, Event, Share


class MaturityPoint(Struct, frozen=True, kw_only=True):
    """One point of the maturity curve: the fraction of predictions that had a label by an age."""

    age_ms: Count
    share: Share
    n_predictions: Count
    """Predictions of all cohorts that have reached the age; younger cohorts are excluded."""
    n_cohorts: Count


class ArrivalTest(Struct, frozen=True, kw_only=True):
    """Test of the labelled fraction against that of earlier cohorts at the same age."""

    share: Share
    """Fraction of the earlier cohorts together."""
    n_predictions: Count
    n_cohorts: Count
    dispersion: float
    """Variance of the count between cohorts divided by that of independent labels; at least 1."""
    p_value: Share
    """Probability of a fraction as low as this one, or lower."""


class CorrectedMetrics(Struct, frozen=True, kw_only=True):
    """Metrics of a window corrected for early labels: weighted by how soon labels of their kind arrive."""

    status: Literal["corrected", "withheld", "mature"]
    """``mature``: all labels that count have arrived, so there is nothing to correct."""
    reason: str | None
    """Reason for withholding the correction."""
    metrics: dict[str, float | None]
    """``accuracy``, ``precision``, ``recall``, ``f1`` and, for binary tasks, ``positive_rate`` (the fraction of actual
    positives), of predictions that get a label; empty unless ``status`` is ``corrected``."""
    standard_errors: dict[str, float | None]
    """Standard errors of the difference between the corrected and the final metrics of the window."""
    n_effective: float | None
    """Effective sample size, (sum of weights)² / sum of squared weights."""
    least_rate: Share | None
    """Smallest fraction of the labels of a score bin and class that arrives by this age; withheld below 0.05."""
    n_cohorts: Count
    """Number of cohorts past the horizon behind the weights."""
    dispersion: float | None
    """Variance between cohorts of the labels so far, divided by that of chance alone."""
    bounds: dict[str, tuple[float, float]]
    """Lowest and highest value over all predictions of the window, for any outcome of the missing labels; without
    assumptions."""
    assumptions: list[str]
    """Assumptions behind the corrected metrics."""


class LabelArrivalEvent(Event, frozen=True, kw_only=True):
    """The labelled fraction of a cohort's predictions at an age, and the maturity curve as known then.

    A cohort is the predictions of one span, a day by default. ``n`` counts those that had a label by then, whatever
    happened to it later; ``n_reference`` counts the predictions of the earlier cohorts in the comparison.
    """

    TYPE: ClassVar[str] = LABEL_ARRIVAL

    age_ms: Count
    """Age of the cohort, from the end of its windows."""
    final: bool
    """Whether later labels no longer count."""
    status: Literal["calibrating", "usual", "late"]
    """``calibrating`` while there are too few earlier cohorts to compare with; ``usual``: no finding; ``late``: a
    finding."""
    n_predictions: Count
    """Predictions of the cohort."""
    share: Share
    """Labelled predictions divided by all predictions of the cohort."""
    test: ArrivalTest | None
    """Null while calibrating."""
    ages_ms: list[Count]
    """Upper edges of the bins of ``by_age``; one more bin holds older labels."""
    by_age: list[Count]
    """First labels of the cohort by age: the label's effective time minus the prediction's time."""
    curve: list[MaturityPoint]
    """The maturity curve as known then, by rising age; each point uses only cohorts that had reached its age."""

    @property
    def about(self) -> tuple[str | int, ...]:
        """Identity of the event, beside its type, model and segment."""
        return (*super().about, self.age_ms)
