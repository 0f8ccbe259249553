"""Score and error sketches: what performance needs of joined predictions and labels, as one signed integer vector.

A correction takes the old contribution out and puts the new one in, so cells are sums of signed counts, and of words of
values (:mod:`driftline.sketches.words`) that are cut before they are added: what goes out is exactly what came in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.sketches.words import SumFormat

if TYPE_CHECKING:
    from fractions import Fraction

    from numpy.typing import NDArray

SCORE_BINS: Final = 1_024
"""Bins of a probability: 0 and 1 apart, the rest evenly spaced in logit(score) between ±LOGIT_LIMIT."""
LOGIT_LIMIT: Final = 16.0
"""Beyond a logit of ±16 (a probability of 10⁻⁷ from its end) scores share the outermost bin."""
RELIABILITY_BINS: Final = 20
"""Bins of equal width of a probability, open below and closed above, in which mean score and label are compared."""
ERROR_SCALE: Final = float(1 << 24)
"""For detectors, errors are divided by the reference's spread, clipped at ±256 and kept in units of 2⁻²⁴."""
SQUARE_SCALE: Final = float(1 << 16)
ERROR_LIMIT: Final = 256.0
WEIGHT_UNIT: Final = 1_024
"""Weights are whole numbers of units of 2⁻¹⁰."""
MAX_WEIGHT: Final = 1 << 30
"""Largest weight, in units: about a million."""

PREDICTED, LABELLED, DUPLICATES = range(3)
HEAD: Final = ("predictions", "labelled", "duplicates")
"""First cells: predictions of the window, those with a label that counts now, predictions whose id had been seen.
These are never weighted."""

_PROBABILITY_SUMS: Final = (
    SumFormat("log_loss", -20, 2),
    SumFormat("log_loss_square", -14, 3),
    SumFormat("brier", -29, 2),
    SumFormat("brier_square", -29, 2),
)
"""Of rows with a score and a label 0 or 1: -ln of the probability of the label, (score - label)², and their squares."""
_ERROR_SUMS: Final = (
    SumFormat("error", -10, 3),
    SumFormat("absolute", -10, 3),
    SumFormat("square", 10, 4),
    SumFormat("signed_square", 10, 4),
    SumFormat("fourth", 50, 5),
    SumFormat("actual", -6, 4),
    SumFormat("actual_square", 18, 4),
    SumFormat("ratio", 32, 4),
    SumFormat("ratio_square", 80, 5),
    SumFormat("log_square", -10, 3),
    SumFormat("log_fourth", 10, 3),
)
"""Of all pairs, in spreads of the reference: e = prediction - label, |e|, e², e |e|, e⁴, the label and its square; the
relative error |e| / |label| and its square; the squared difference of ln(1 + x) and its square."""
_HIGH_WORDS: Final = {
    "error": 2,
    "absolute": 2,
    "square": 4,
    "signed_square": 4,
    "fourth": 8,
    "actual": 2,
    "actual_square": 4,
    "ratio": 3,
    "ratio_square": 7,
}
"""Words more of values that do not fit: rare, so they stand in cells at the end, which are zero as a rule."""
VALUE_LIMIT: Final = 2.0**79
"""Predictions and labels of a regression are clipped here, in spreads of the reference: every sum holds what follows
from smaller ones but relative errors, which are clipped at 2¹⁵²."""
CLIPPED, BELOW_LOG = range(2)
"""First of the sums' cells: rows of which a value was clipped, rows that have no ln(1 + x) on one side."""
_FLAGS: Final = 2


def _edges() -> NDArray[np.float64]:
    inner = SCORE_BINS - 2
    logits = [LOGIT_LIMIT * (2 * i / inner - 1) for i in range(1, inner)]
    cuts = [1.0 / (1.0 + math.exp(-t)) for t in logits]
    return np.array([math.nextafter(0.0, 1.0), *cuts, 1.0])


SCORE_EDGES: Final = _edges()
"""float64, shape (SCORE_BINS - 1,); bin i is [edge i-1, edge i); bin 0 holds exactly 0, the last exactly 1."""
RELIABILITY_EDGES: Final = np.linspace(0.0, 1.0, RELIABILITY_BINS + 1)
_SCORE_SUM: Final = SumFormat("score", -29, 2)


def score_bin(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the bin of each probability, shape (n,), in [0, SCORE_BINS)."""
    return np.searchsorted(SCORE_EDGES, scores, side="right")


def reliability_bin(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the bin of equal width of each probability, shape (n,), in [0, RELIABILITY_BINS)."""
    return np.searchsorted(RELIABILITY_EDGES[1:-1], scores, side="left")


@dataclass(frozen=True)
class PerformanceLayout:
    """Where confusion counts, score histograms, sums and weights stand in a performance vector.

    Notes
    -----
    *State*: cells of 8 bytes: 2,154 of a binary task, (K + 1)² + 4 of one of K classes, 81 of a regression. Sparse on
    the wire.
    """

    n_classes: int
    """Classes of the task; 0 for regression. One more is kept for classes the profile does not know: of two unknown
    classes, those that are the same in the confusion matrix, different ones in a cell of their own."""
    binary: bool
    """Whether scores are histogrammed by label (then class 1 is the positive one)."""
    weighted: bool = False
    """Whether labels have weights: counts, but those of the head, are then in units of 2⁻¹⁰, and beside them stand
    plain counts and the sums of squared weights."""
    spread: float = 1.0
    """What predictions and labels of a regression were divided by, greater than 0."""

    @property
    def n_codes(self) -> int:
        """Classes with the unknown one, or 0."""
        return self.n_classes + 1 if self.n_classes else 0

    @property
    def unit(self) -> int:
        """What one label counts, where it weighs 1."""
        return WEIGHT_UNIT if self.weighted else 1

    @property
    def scores(self) -> int:
        """First cell of the score histograms: SCORE_BINS for label 0, then as many for label 1."""
        return len(HEAD) + self.n_codes * self.n_codes

    @property
    def flags(self) -> int:
        """First cell of the counts of rows with something amiss, which the sums follow."""
        return self.scores + (2 * SCORE_BINS if self.binary else 0)

    @cached_property
    def sums(self) -> dict[str, tuple[int, SumFormat]]:
        """First cell of the words of each sum, and how they are kept, by name; in the order of the cells."""
        specs = _PROBABILITY_SUMS if self.binary else () if self.n_classes else _ERROR_SUMS
        places: dict[str, tuple[int, SumFormat]] = {}
        at = self.flags + (_FLAGS if specs else 0)
        for spec in specs:
            form = spec.weighted() if self.weighted else spec
            places[spec.name] = (at, form)
            at += form.n_words
        return places

    @cached_property
    def limits(self) -> dict[str, float]:
        """What values of each sum need more words from, before their weight."""
        return {spec.name: spec.limit for spec in (*_PROBABILITY_SUMS, *_ERROR_SUMS)}

    @cached_property
    def high_words(self) -> dict[str, tuple[int, int]]:
        """First cell and number of the words more of larger values, by sum; empty where there are none."""
        if self.n_classes:
            return {}
        places, at = {}, self.last
        for name, n_words in _HIGH_WORDS.items():
            places[name] = (at, n_words)
            at += n_words
        return places

    @cached_property
    def reliability(self) -> int:
        """First cell of the reliability curve: for each bin labels, positive labels, and the words of the scores."""
        ends = [at + form.n_words for at, form in self.sums.values()]
        return max(ends, default=self.flags)

    @cached_property
    def score_sum(self) -> SumFormat:
        """How the scores of a bin of the reliability curve are summed."""
        return _SCORE_SUM.weighted() if self.weighted else _SCORE_SUM

    @property
    def per_reliability_bin(self) -> int:
        """Cells of a bin of the reliability curve."""
        return 2 + self.score_sum.n_words

    @cached_property
    def weights(self) -> int:
        """First cell of what is known of weights: see :meth:`weight_cells`."""
        return self.reliability + (RELIABILITY_BINS * self.per_reliability_bin if self.binary else 0)

    @cached_property
    def last(self) -> int:
        """First cell of what is rare: labels whose prediction is of another unknown class; words of large values."""
        return self.weights + (3 * max(1, 2 * self.n_codes) if self.weighted else 0)

    @cached_property
    def n_cells(self) -> int:
        """Length of the vector."""
        return self.last + (1 if self.n_classes else sum(_HIGH_WORDS.values()))

    def known_codes(self, codes: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return class codes with ``n_classes`` for all that the task does not know, shape (n,)."""
        return np.minimum(codes, self.n_classes).astype(np.int64)

    def confusion(self, predicted: NDArray[np.float64], actual: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the cells of (predicted, actual) class codes, shape (n,)."""
        cells = len(HEAD) + self.known_codes(predicted) * self.n_codes + self.known_codes(actual)
        if max(predicted.max(initial=0), actual.max(initial=0)) < self.n_classes:
            return cells
        different = (predicted >= self.n_classes) & (actual >= self.n_classes) & (predicted != actual)
        return np.where(different, self.last, cells)

    def score(self, actual: NDArray[np.int64], scores: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the cells of scores under the label codes 0 or 1, shape (n,)."""
        return self.scores + actual * SCORE_BINS + score_bin(scores)

    def confusion_of(self, vector: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the confusion matrix of a vector, shape (n_codes, n_codes), rows predicted, columns actual.

        The last code stands for unknown classes, and its pairs with itself are right. Where the vector has predictions
        of an unknown class that were wrong as another unknown class occurred, there is one code more, for the latter:
        shape (n_codes + 1, n_codes + 1).
        """
        matrix = vector[len(HEAD) : self.scores].reshape(self.n_codes, self.n_codes)
        wrong = int(vector[self.last])
        if wrong:
            matrix = np.pad(matrix, (0, 1))
            matrix[-2, -1] = wrong
        return matrix

    def score_histograms_of(self, vector: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the score histograms of a vector, shape (2, SCORE_BINS), by actual class."""
        return vector[self.scores : self.scores + 2 * SCORE_BINS].reshape(2, SCORE_BINS)

    def sum_of(self, vector: NDArray[np.int64], name: str) -> Fraction:
        """Return the exact sum of that name of a vector; weighted where labels are."""
        at, form = self.sums[name]
        high, n_high = self.high_words.get(name, (0, 0))
        words = [*vector[high : high + n_high].tolist(), *vector[at : at + form.n_words].tolist()]
        return form.joined(words)

    def n_clipped(self, vector: NDArray[np.int64]) -> int:
        """Return how many rows of a vector had a value clipped."""
        return max(0, int(vector[self.flags + CLIPPED])) if self.sums else 0

    def n_below_log(self, vector: NDArray[np.int64]) -> int:
        """Return how many rows of a regression's vector have a prediction or label of -1 or less."""
        return max(0, int(vector[self.flags + BELOW_LOG]))

    def reliability_of(self, vector: NDArray[np.int64]) -> list[tuple[int, int, Fraction]]:
        """Return labels, positive labels and the sum of the scores of each bin of equal width."""
        step = self.per_reliability_bin
        cells = vector[self.reliability : self.reliability + RELIABILITY_BINS * step].reshape(-1, step).tolist()
        return [(int(n), int(positive), self.score_sum.joined(words)) for n, positive, *words in cells]

    def weight_of(self, vector: NDArray[np.int64]) -> float:
        """Return the sum of the weights of the labels."""
        if not self.weighted:
            return float(max(0, int(vector[LABELLED])))
        if self.n_classes:
            return int(np.maximum(self.confusion_of(vector), 0).sum()) / WEIGHT_UNIT
        return max(0, int(vector[self.weights])) / WEIGHT_UNIT

    def weight_cells(self, codes: NDArray[np.int64], *, actual: bool) -> NDArray[np.int64]:
        """Return the first of the three cells of classes' weights: of labels predicted as, or that are, each class.

        The cells are labels, then the high and the low word (of 30 bits) of the sum of squared weights in units². Of a
        regression there is one such triple, whose first cell is the sum of the weights.
        """
        return self.weights + 3 * (codes + (self.n_codes if actual else 0))

    def squared_weights(self, vector: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the sums of squared weights, shape (2, n_codes) by predicted and actual class, or (1, 1)."""
        triples = vector[self.weights : self.last].reshape(-1, 3).tolist()
        squares = [((int(high) << 30) + int(low)) / WEIGHT_UNIT**2 for _, high, low in triples]
        sums: NDArray[np.float64] = np.maximum(np.array(squares).reshape(2 if self.n_codes else 1, -1), 0.0)
        return sums
