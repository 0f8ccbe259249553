"""What estimates performance before labels: fitted on the reference's labelled rows, kept in the profile, evaluated
for each event where events are sketched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import msgspec
import numpy as np
import xxhash
from msgspec import Struct

from driftline.profiles.calibrator import Calibrator
from driftline.profiles.loss_estimator import LossEstimator
from driftline.profiles.multiclass_estimator import MulticlassEstimator
from driftline.sketches.estimates import BINARY, EstimateLayout, EventEstimates
from driftline.sketches.scores import score_bin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.events.prediction import Score
    from driftline.sketches.encoding import EncodedColumns
    from driftline.sketches.estimates import EstimateTotals

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

    def evaluate(self, columns: EncodedColumns, _scores: Sequence[Score | None]) -> EventEstimates:
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
