"""How long labels took: first labels by age, coarse score and class, as one signed integer vector a window.

Blocks of whole numbers, which merge by addition:

* first labels by age x score x actual class: only the first label of a prediction counts, and nothing takes it out
  again, so corrections and retractions do not change when it arrived;
* labels that count now by score x predicted x actual class, signed: a correction takes the old one out;
* predictions by score x predicted class;
* of regressions, predictions, labels that count and their losses by stratum of the prediction
  (:mod:`driftline.sketches.loss_strata`), signed.

Ages are the label's effective time less the prediction's time. Scores are cut coarsely, as what is learnt of arrival
is learnt by score and class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.sketches import loss_strata

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.sketches.joined import LabelledPairs
    from driftline.sketches.scores import PerformanceLayout

_MINUTE: Final = 60_000
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
AGE_EDGES_MS: Final = (
    1_000,
    10_000,
    _MINUTE,
    10 * _MINUTE,
    _HOUR,
    6 * _HOUR,
    _DAY,
    3 * _DAY,
    7 * _DAY,
    14 * _DAY,
    30 * _DAY,
    60 * _DAY,
    90 * _DAY,
    180 * _DAY,
    365 * _DAY,
    730 * _DAY,
)
"""Ages between 1 s and 2 years, evenly enough in their logarithm; bin i holds ages in [edge i-1, edge i)."""
N_AGES: Final = len(AGE_EDGES_MS) + 1
SCORE_CUTS: Final = (0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99)
"""Cuts of a probability: eight bins; a ninth is for events without one."""
N_SCORES: Final = len(SCORE_CUTS) + 2
MAX_CLASSES: Final = 16
"""Classes told apart; all others, and those that the profile does not know, are one more."""
_EDGES: Final = np.array(AGE_EDGES_MS, dtype=np.int64)
_CUTS: Final = np.array(SCORE_CUTS)


@dataclass(frozen=True, slots=True)
class ArrivalLayout:
    """Where the blocks stand in an arrival vector.

    Examples
    --------
    >>> layout = ArrivalLayout(n_scores=1, n_codes=3, exact=True)
    >>> layout.counting, layout.predictions, layout.n_cells
    (51, 60, 64)
    """

    n_scores: int
    """Bins of the score: ``N_SCORES`` for binary tasks, else 1."""
    n_codes: int
    """Classes told apart, with the one for all others; 1 for regression."""
    exact: bool
    """Whether every class that the profile knows has a code of its own."""

    @classmethod
    def of(cls, layout: PerformanceLayout) -> ArrivalLayout:
        """Return the layout of a task, given that of its performance cells."""
        if not layout.n_classes:
            return cls(1, 1, exact=False)
        n_known = min(layout.n_classes, MAX_CLASSES)
        return cls(N_SCORES if layout.binary else 1, n_known + 1, exact=n_known == layout.n_classes)

    @property
    def n_strata(self) -> int:
        """Pairs of score bin and actual class."""
        return self.n_scores * self.n_codes

    @property
    def counting(self) -> int:
        """First cell of the labels that count now."""
        return N_AGES * self.n_strata

    @property
    def predictions(self) -> int:
        """First cell of the predictions."""
        return self.counting + self.n_strata * self.n_codes

    @property
    def wrong(self) -> int:
        """First cell, by score, of labels that count whose prediction is of another unknown class: rare, so last."""
        return self.predictions + self.n_scores * self.n_codes

    @property
    def losses(self) -> int:
        """First cell of the losses by stratum of the prediction, of a regression."""
        return self.wrong + self.n_scores

    @property
    def n_cells(self) -> int:
        """Length of the vector."""
        return self.losses + (loss_strata.N_CELLS if self.n_codes == 1 else 0)

    def first_of(self, vector: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return first labels, shape (N_AGES, n_scores, n_codes): by age, score and actual class."""
        return vector[: self.counting].reshape(N_AGES, self.n_scores, self.n_codes)

    def counting_of(self, vector: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the labels that count now, shape (n_scores, n_codes, n_codes): by score, predicted, actual class.

        Where predictions of an unknown class were wrong as another unknown class occurred, there is a row more for
        them: shape (n_scores, n_codes + 1, n_codes).
        """
        counts = vector[self.counting : self.predictions].reshape(self.n_scores, self.n_codes, self.n_codes)
        wrong = vector[self.wrong : self.losses]
        if wrong.any():
            counts = np.pad(counts, ((0, 0), (0, 1), (0, 0)))
            counts[:, -1, -1] = wrong
        return counts

    def predictions_of(self, vector: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return predictions, shape (n_scores, n_codes): by score and predicted class."""
        return vector[self.predictions : self.wrong].reshape(self.n_scores, self.n_codes)

    def losses_of(self, vector: NDArray[np.int64]) -> loss_strata.LossSums | None:
        """Return the losses by stratum of the prediction; None of classes."""
        return loss_strata.loss_sums(vector[self.losses : self.n_cells]) if self.n_codes == 1 else None

    def score_bins(self, scores: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the bin of each score, shape (n,); not-a-number stands for none."""
        if self.n_scores == 1:
            return np.zeros(scores.size, dtype=np.int64)
        bins = np.searchsorted(_CUTS, scores, side="right")
        return np.where(np.isnan(scores), self.n_scores - 1, bins)

    def codes(self, classes: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the code of each class, shape (n,): its own, or the one for all others; 0 for regression."""
        if self.n_codes == 1:
            return np.zeros(classes.size, dtype=np.int64)
        return np.minimum(classes, self.n_codes - 1).astype(np.int64)


def age_bins(ages_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the bin of each age, shape (n,), in [0, N_AGES); what is below 0 counts as 0.

    Examples
    --------
    >>> age_bins(np.array([-5, 0, 999, 1_000, 86_400_000, 10**12])).tolist()
    [0, 0, 0, 1, 7, 16]
    """
    return np.searchsorted(_EDGES, ages_ms, side="right")


def arrival_cells(
    layout: ArrivalLayout, joined: LabelledPairs, ages_ms: NDArray[np.int64], first: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return which cell of first labels each pair would add 1 to, which rows do, and the cell of labels that count.

    ``ages_ms`` are those of the labels at their effective times; ``first`` says which labels are the first of their
    prediction. What a correction takes out has the sign -1, which it adds to the cell of labels that count.
    """
    scores, actual = layout.score_bins(joined.scores), layout.codes(joined.actual)
    strata = scores * layout.n_codes + actual
    new = np.flatnonzero(first & (joined.signs > 0))
    predicted = layout.codes(joined.predicted)
    counting = layout.counting + (scores * layout.n_codes + predicted) * layout.n_codes + actual
    if layout.exact:
        unknown = (predicted == layout.n_codes - 1) & (actual == predicted) & (joined.predicted != joined.actual)
        counting = np.where(unknown, layout.wrong + scores, counting)
    return age_bins(ages_ms[new]) * layout.n_strata + strata[new], new, counting


def prediction_cells(
    layout: ArrivalLayout, predicted: NDArray[np.float64], scores: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return the cell that each of n class codes and scores adds 1 to."""
    return layout.predictions + layout.score_bins(scores) * layout.n_codes + layout.codes(predicted)
