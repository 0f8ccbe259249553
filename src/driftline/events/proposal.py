"""Proposal events: a change of a model's score that would help, with the effect to expect. Nothing applies them."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from driftline.events.cloudevents import PROPOSAL
from driftline.events.evidence import Count, Event, Share, Time

NonNegative = Annotated[float, Meta(ge=0)]
ProposalKind = Literal["recalibration", "threshold"]
Objective = Literal["log_loss", "accuracy", "precision", "recall", "alert_rate"]


class ProposedEffect(Struct, frozen=True, kw_only=True):
    """One metric on the predictions that the proposal is tested on, as it is and as it would have been."""

    before: float
    after: float
    change: float
    """``after`` minus ``before``."""
    standard_error: NonNegative
    """Of the change: both are of the same predictions, so it is smaller than those of the two values."""
    reference: float | None
    """Value of the baseline; null if it has none."""


class FittedOn(Struct, frozen=True, kw_only=True):
    """The predictions that the proposal was worked out on; they are all earlier than those it is tested on."""

    start: Time
    end: Time
    n: Count
    """Labelled predictions."""


class Recalibration(Struct, frozen=True, kw_only=True):
    """A map from the score to a probability that never falls."""

    method: Literal["isotonic", "platt"]
    points: list[tuple[Share, Share]] | None
    """Score and probability, ascending: straight lines between the points, constant beyond the first and the last; null
    for ``platt``."""
    slope: float | None
    """The probability is 1 / (1 + exp(-(slope * logit(score) + intercept))); null for ``isotonic``."""
    intercept: float | None


class ThresholdChange(Struct, frozen=True, kw_only=True):
    """A new threshold: predictions are positive from it on."""

    objective: Literal["accuracy", "precision", "recall", "alert_rate"]
    current: Share
    """The present threshold, as decisions and scores show it, to one part in 1,022 of the logits."""
    proposed: Share


class ProposalEvent(Event, frozen=True, kw_only=True):
    """A proposal for a binary model's score, worked out on earlier windows and tested on later ones.

    ``window`` is the span of predictions that it was tested on, ``n`` the number of labelled ones in it,
    ``n_reference`` that of the baseline.
    """

    TYPE: ClassVar[str] = PROPOSAL

    kind: ProposalKind
    """``recalibration``: probabilities for the scores; ``threshold``: another threshold of the score."""
    proposed_at: Time
    """Event time of the proposal, of the labels."""
    fitted_on: FittedOn
    """What it was worked out on."""
    objective: Objective
    """The metric that the proposal is to improve; its test is the one below."""
    effects: dict[str, ProposedEffect]
    """By metric: ``log_loss`` and ``brier`` of a recalibration; ``accuracy``, ``precision``, ``recall``,
    ``specificity`` and ``alert_rate``, the fraction of positive predictions, of a threshold."""
    p_value: Share
    """Of the test that the metric has changed as it is said to have: of a recalibration, that the log loss falls; of a
    threshold, that accuracy rises, or that the objective is not at the reference's value now."""
    level: Share
    """Significance level, that of a performance window's tests."""
    dispersion: NonNegative
    """How many times errors vary as much as independent ones, by the reference; standard errors allow for it."""
    recalibration: Recalibration | None
    """Null for a threshold."""
    threshold: ThresholdChange | None
    """Null for a recalibration."""
    message: str
    """The proposal in words, for people; its wording may change."""

    @property
    def about(self) -> tuple[str | int, ...]:
        """Identity of the event, beside its type, model and segment."""
        return (self.kind, self.proposed_at)

    @property
    def ce_time(self) -> str:
        """CloudEvents time: the event time of the proposal."""
        return self.proposed_at
