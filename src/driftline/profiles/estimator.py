"""What estimates performance before labels: fitted on the reference's labelled rows, kept in the profile, evaluated
for each event where events are sketched.
"""

from __future__ import annotations

import math
from operator import itemgetter
from typing import TYPE_CHECKING, ClassVar, Literal

import msgspec
import numpy as np
import xxhash
from msgspec import Struct

from driftline.profiles.calibrator import Calibrator
from driftline.profiles.loss_estimator import LossEstimator
from driftline.sketches.estimates import BINARY, EstimateLayout, EventEstimates, multiclass_layout
from driftline.sketches.scores import score_bin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.events.outcomes import Score
    from driftline.profiles.class_names import ClassNames
    from driftline.sketches.encoding import EncodedColumns
    from driftline.sketches.estimates import EstimateTotals


class MulticlassEstimator(Struct, frozen=True, array_like=True, tag="multiclass"):
    """A calibrator for each class, against all others; what they say is divided by its sum."""

    classes: tuple[str, ...]
    """Of the task, at least two."""
    calibrators: tuple[Calibrator, ...]
    """One for each."""
    prediction: int
    """Position of the prediction's column."""

    method: ClassVar[Literal["confidence"]] = "confidence"

    @property
    def layout(self) -> EstimateLayout:
        """Of what it says."""
        return multiclass_layout(len(self.classes))

    @property
    def calibrated(self) -> bool:
        """Whether the scores of any class are changed before they serve as probabilities."""
        return any(calibrator.fitted for calibrator in self.calibrators)

    @property
    def n_labelled(self) -> int:
        """Labelled rows that it was fitted on."""
        return self.calibrators[0].n_rows

    def n_events(self, totals: EstimateTotals) -> int:
        """Return the events that it said something of."""
        return int(totals.counts.sum())

    def evaluate(
        self, columns: EncodedColumns, scores: Sequence[Score | None], names: ClassNames | None = None
    ) -> EventEstimates:
        """Return the calibrated probability of each class of n events, by predicted class.

        Events without a map of scores in [0, 1], or of a predicted class that the profile does not know, are left out.
        A class that a map does not name has score 0; ``names`` say which class a key stands for.
        """
        raw = score_matrix(self.classes, scores, names)
        usable = ((raw >= 0.0) & (raw <= 1.0)).all(axis=0)
        values = np.stack([calibrator(row) for calibrator, row in zip(self.calibrators, raw, strict=True)])
        total = values.sum(axis=0)
        values = np.divide(values, total, out=np.full(values.shape, 1 / len(self.classes)), where=total > 0)
        rows = columns.bins[self.prediction]
        rows = np.where(usable & (rows < len(self.classes)), rows, -1)
        return EventEstimates(np.maximum(rows, -1), values, np.zeros((1, rows.size), dtype=np.int64))


def score_matrix(
    classes: tuple[str, ...], scores: Sequence[Score | None], names: ClassNames | None = None
) -> NDArray[np.float64]:
    """Return the score of each class, shape (len(classes), n); not-a-number where an event has no map of scores.

    ``names`` say which class each key stands for, where a map does not have the classes' own names.

    Examples
    --------
    >>> score_matrix(("a", "b"), [{"a": 0.25, "b": 0.75}, {"b": 1.0}, None]).tolist()
    [[0.25, 0.0, nan], [0.75, 1.0, nan]]
    """
    try:
        listed = [*map(itemgetter(*classes), scores)]  # type: ignore[arg-type]  # where one is no map, it raises
    except (KeyError, TypeError):
        nothing, own = (math.nan,) * len(classes), set(classes)
        maps = [
            names.of_score(score)
            if names is not None and isinstance(score, dict) and not own.issuperset(score)
            else score
            for score in scores
        ]
        listed = [
            tuple(score.get(name, 0.0) for name in classes) if isinstance(score, dict) else nothing for score in maps
        ]
    return np.array(listed, dtype=np.float64).reshape(-1, len(classes)).T


EVEN_ODDS = 0.5
"""Where an event has a score but no prediction, the positive class is predicted from this probability on."""


class BinaryEstimator(Struct, frozen=True, array_like=True, tag="binary"):
    """Confidence-based estimation of a binary task: the probability that the positive class is true, by the score."""

    calibrator: Calibrator
    prediction: int
    """Position of the prediction's column; -1 where there is none."""

    method: ClassVar[Literal["confidence"]] = "confidence"

    @property
    def layout(self) -> EstimateLayout:
        """Of what it says."""
        return BINARY

    @property
    def calibrated(self) -> bool:
        """Whether scores are changed before they serve as probabilities."""
        return self.calibrator.fitted

    @property
    def n_labelled(self) -> int:
        """Labelled rows that it was fitted on."""
        return self.calibrator.n_rows

    def n_events(self, totals: EstimateTotals) -> int:
        """Return the events that it said something of."""
        return int(totals.counts.sum())

    def evaluate(
        self, columns: EncodedColumns, _scores: Sequence[Score | None], _names: ClassNames | None = None
    ) -> EventEstimates:
        """Return the calibrated probability of n events, by predicted class, and the bin of each score.

        Events without a score in [0, 1], or of a predicted class that the profile does not know, are left out.
        """
        n = columns.bins.shape[1]
        scores = np.full(n, np.nan) if columns.scores is None else columns.scores
        usable = (scores >= 0.0) & (scores <= 1.0)
        by_score = (scores >= EVEN_ODDS).astype(np.int64)
        rows = by_score if self.prediction < 0 else columns.bins[self.prediction]
        rows = np.where(rows < 0, by_score, rows)
        rows = np.where(usable & (rows < BINARY.n_rows), rows, -1)
        return EventEstimates(rows, self.calibrator(scores)[None], score_bin(scores)[None])


Estimator = BinaryEstimator | MulticlassEstimator | LossEstimator


def estimator_id(estimator: Estimator) -> str:
    """Identifies an estimator: only what the same one says adds up."""
    return xxhash.xxh3_64_hexdigest(msgspec.msgpack.encode(estimator))
