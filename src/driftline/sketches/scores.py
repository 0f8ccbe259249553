"""Score and error sketches: what performance needs of joined predictions and labels, as one signed integer vector.

A correction takes the old contribution out and puts the new one in, so cells are sums of signed counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCORE_BINS: Final = 1_024
"""Bins of a probability: 0 and 1 apart, the rest evenly spaced in logit(score) between ±LOGIT_LIMIT."""
LOGIT_LIMIT: Final = 16.0
"""Beyond a logit of ±16 (a probability of 10⁻⁷ from its end) scores share the outermost bin."""
ERROR_SCALE: Final = float(1 << 24)
"""Regression errors are divided by the reference's spread, clipped at ±256 and kept in units of 2⁻²⁴."""
SQUARE_SCALE: Final = float(1 << 16)
ERROR_LIMIT: Final = 256.0
SUMS: Final = ("error", "absolute", "square")

PREDICTED, LABELLED, DUPLICATES = range(3)
HEAD: Final = ("predictions", "labelled", "duplicates")
"""First cells: predictions of the window, those with a label that counts now, predictions whose id had been seen."""


def _edges() -> NDArray[np.float64]:
    inner = SCORE_BINS - 2
    logits = [LOGIT_LIMIT * (2 * i / inner - 1) for i in range(1, inner)]
    cuts = [1.0 / (1.0 + math.exp(-t)) for t in logits]
    return np.array([math.nextafter(0.0, 1.0), *cuts, 1.0])


SCORE_EDGES: Final = _edges()
"""float64, shape (SCORE_BINS - 1,); bin i is [edge i-1, edge i); bin 0 holds exactly 0, the last exactly 1."""


def score_bin(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the bin of each probability, shape (n,), in [0, SCORE_BINS)."""
    return np.searchsorted(SCORE_EDGES, scores, side="right")


@dataclass(frozen=True, slots=True)
class PerformanceLayout:
    """Where confusion counts, score histograms and error sums stand in a performance vector.

    Parameters
    ----------
    n_classes : int
        Classes of the task; 0 for regression. One more is kept for classes the profile does not know.
    binary : bool
        Whether scores are histogrammed by label (then class 1 is the positive one).
    """

    n_classes: int
    binary: bool

    @property
    def n_codes(self) -> int:
        """Classes with the unknown one, or 0."""
        return self.n_classes + 1 if self.n_classes else 0

    @property
    def scores(self) -> int:
        """First cell of the score histograms: SCORE_BINS for label 0, then as many for label 1."""
        return len(HEAD) + self.n_codes * self.n_codes

    @property
    def sums(self) -> int:
        """First cell of the error sums of regression, as words: (high, low) of each of SUMS."""
        return self.scores + (2 * SCORE_BINS if self.binary else 0)

    @property
    def n_cells(self) -> int:
        """Length of the vector."""
        return self.sums + (0 if self.n_classes else 2 * len(SUMS))

    def confusion(self, predicted: NDArray[np.int64], actual: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the cells of (predicted, actual) class codes, shape (n,)."""
        return len(HEAD) + predicted * self.n_codes + actual

    def score(self, actual: NDArray[np.int64], scores: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the cells of scores under the label codes 0 or 1, shape (n,)."""
        return self.scores + actual * SCORE_BINS + score_bin(scores)

    def confusion_of(self, vector: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the confusion matrix of a vector, shape (n_codes, n_codes), rows predicted, columns actual."""
        return vector[len(HEAD) : self.scores].reshape(self.n_codes, self.n_codes)

    def score_histograms_of(self, vector: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the score histograms of a vector, shape (2, SCORE_BINS), by actual class."""
        return vector[self.scores : self.scores + 2 * SCORE_BINS].reshape(2, SCORE_BINS)

    def sums_of(self, vector: NDArray[np.int64]) -> tuple[float, float, float]:
        """Return Σ error, Σ |error| and Σ error² of a vector, in units of the reference's spread."""
        words = vector[self.sums : self.sums + 2 * len(SUMS)].reshape(len(SUMS), 2)
        error, absolute, square = ((int(high) << 32) + int(low) for high, low in words)
        return error / ERROR_SCALE, absolute / ERROR_SCALE, square / SQUARE_SCALE


def error_words(errors: NDArray[np.float64], signs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the words of Σ error, Σ |error| and Σ error², shape (6,), of standardised errors with signs ±1."""
    clipped = np.clip(errors, -ERROR_LIMIT, ERROR_LIMIT)
    units = np.rint(clipped * ERROR_SCALE).astype(np.int64)
    squares = np.rint(clipped * clipped * SQUARE_SCALE).astype(np.int64)
    sums = np.array([(signs * units).sum(), (signs * np.abs(units)).sum(), (signs * squares).sum()])
    return np.stack([sums >> 32, sums & 0xFFFFFFFF], axis=1).ravel()
