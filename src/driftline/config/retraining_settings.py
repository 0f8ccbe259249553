"""Settings of the loop back to a model: when it should be retrained, and which changes of its score are proposed."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from driftline.config.durations import Duration

_DAY_MS: Final = 86_400_000
RetrainingCause = Literal["data drift", "prediction drift", "data quality", "performance"]
RetrainingKind = Literal["data drift", "prior shift", "concept drift", "performance", "data quality"]
RetrainingRoot = Literal[
    "schema change",
    "missing values",
    "frozen values",
    "wrong type",
    "unit change",
    "new category",
    "changed mix",
    "feature shift",
    "prediction shift",
    "changed relation",
    "performance",
]


class RetrainingSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """When a model should be retrained: the event `retrain_requested` ([retraining](retraining.md))."""

    enabled: bool = False
    """Whether requests are made at all; they need labels."""
    causes: tuple[RetrainingCause, ...] = ("data drift", "prediction drift", "performance")
    """Alerts that can ask for it: those that have one of these causes."""
    kinds: tuple[RetrainingKind, ...] = ()
    """Alerts of these kinds alone; of any kind if empty."""
    roots: tuple[RetrainingRoot, ...] = ()
    """Alerts with one of these roots alone; with any root if empty."""
    severity: Literal["warning", "critical"] = "critical"
    """Least severity of the alerts."""
    after: Duration = Duration(_DAY_MS)
    """How long an alert must have been open, in event time."""
    min_labels: Annotated[int, Meta(ge=1)] = 1_000
    """Least number of labelled predictions made since the onset, in performance windows that have matured."""
    cooldown: Duration = Duration(7 * _DAY_MS)
    """Least time between two requests for one version of a model."""
    train_on: Literal["onset", "recent"] = "onset"
    """`onset` asks for training on the predictions since the onset, `recent` on all of the span."""
    span: Duration = Duration(30 * _DAY_MS)
    """Longest span of predictions to train on, counted back from the newest labelled ones; at most 2,000 performance
    windows."""


class ProposalSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Changes of a binary model's score that driftline works out and proposes, but never applies
    ([retraining](retraining.md#proposals)).
    """

    recalibration: Literal["none", "isotonic", "platt"] = "none"
    """The map from scores to probabilities that is proposed if it lowers the log loss: steps that never fall
    (`isotonic`), or a logistic curve (`platt`)."""
    threshold: Literal["none", "accuracy", "precision", "recall", "alert_rate"] = "none"
    """What a new threshold of the score should restore: the reference's precision, recall or fraction of positive
    predictions (`alert_rate`), or the best accuracy."""
    min_labels: Annotated[int, Meta(ge=100)] = 1_000
    """Least number of labels to work a proposal out on, and as many later ones to test it on."""
    min_log_loss_drop: Annotated[float, Meta(ge=0, le=1)] = 0.02
    """Gate of a recalibration: the fall of the log loss, relative to the log loss before."""
    min_change: Annotated[float, Meta(ge=0, le=1)] = 0.02
    """Gate of a new threshold: how far the objective is from the reference, or how much accuracy rises."""
    cooldown: Duration = Duration(7 * _DAY_MS)
    """Least time between two proposals of one kind; later ones use only predictions made after the earlier one."""
    span: Duration = Duration(30 * _DAY_MS)
    """Longest span of predictions that a proposal is worked out and tested on; at most 2,000 performance windows."""

    @property
    def wanted(self) -> bool:
        """Whether any proposal is to be made."""
        return self.recalibration != "none" or self.threshold != "none"
