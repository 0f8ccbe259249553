"""Prediction-powered metrics of classes: accuracy, precision, recall and F1 of all predictions, from few labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.performance.arrival_weights import ratios_of
from driftline.performance.prediction_powered import LEAST_LABELS, Cells, PoweredMean, Strata, Values

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_OF_ALL: Final = frozenset({"accuracy", "positive_rate"})
"""Metrics about all predictions, which need no labels of a class."""
_EITHER: Final = 5
"""Least number of labels that a metric counts as right, and as wrong: with fewer a ratio is far from normal."""


class ClassCells(NamedTuple):
    """Predictions and labels by cell: s bins of the score, K classes.

    Attributes
    ----------
    n : ndarray of int64, shape (s, K)
        Predictions by score and predicted class.
    labels : ndarray of int64, shape (s, K, K)
        Labels that count by score, predicted and actual class; at most as many as there are predictions.
    shares : ndarray of float64, shape (s, K, K)
        Of the actual classes that are expected in each cell; they sum to 1 over the last axis.
    """

    n: Ints
    labels: Ints
    shares: Floats

    def filled(self) -> tuple[Ints, Ints]:
        """Return predicted class and score bin of the cells with predictions, class by class."""
        predicted, scores = np.nonzero(self.n.T)
        return predicted, scores

    def cells(self) -> Cells:
        """Return the cells with predictions."""
        predicted, scores = self.filled()
        return Cells(predicted, self.n[scores, predicted], self.labels.sum(axis=2)[scores, predicted])


class PoweredClasses(NamedTuple):
    """Metrics of all predictions.

    Attributes
    ----------
    metrics : dict of str to PoweredMean or None
        None where undefined, and for a metric about a class where fewer than ``LEAST_LABELS`` labels are predicted as
        it or are of it, or fewer than five are hits, or misses.
    weight : float in [0, 1]
        How much of the expected losses is believed.
    n_strata : int
    """

    metrics: dict[str, PoweredMean | None]
    weight: float
    n_strata: int


def powered_classes(cells: ClassCells, *, binary: bool) -> PoweredClasses:
    """Return the metrics of all predictions, given two labels or more.

    Parameters
    ----------
    cells : ClassCells
    binary : bool
        Whether class 1 is the positive one; else precision, recall and F1 are means over the classes seen.

    Notes
    -----
    A metric is a mean of ratios of counts, each of which is estimated over all predictions by
    :class:`driftline.performance.prediction_powered.Strata`; its error is that of the linearised ratio, the mean of
    (a - R b) / B over the predictions. The weight λ is that of the error rate.

    *Source*: Särndal, Swensson and Wretman (1992), Model Assisted Survey Sampling, section 5.6, for the ratio.

    *Cost*: O(cells).
    """
    predicted, scores = cells.filled()
    labels, shares = cells.labels[scores, predicted], cells.shares[scores, predicted]
    wrong = 1.0 - np.eye(cells.labels.shape[2])[predicted]
    strata = Strata(cells.cells(), (labels * wrong).sum(axis=1), (shares * wrong).sum(axis=1))

    seen = cells.labels.sum(axis=(0, 1)) + cells.n.sum(axis=0) > 0

    def mean_of(value: Floats) -> PoweredMean:
        """Return the mean of a value, shape (K, K), by predicted and actual class."""
        of_cell = value[predicted]
        prior = of_cell[:, seen]
        total, square = (labels * of_cell).sum(axis=1), (labels * of_cell**2).sum(axis=1)
        expected = (shares * of_cell).sum(axis=1)
        return strata.mean(Values(total, square, expected, prior.mean(axis=1), (prior**2).mean(axis=1)))

    metrics: dict[str, PoweredMean | None] = {}
    confusion = cells.labels.sum(axis=0)
    enough = _enough(confusion, binary=binary)
    for name, ratios in ratios_of(confusion, binary=binary).items():
        if name in _OF_ALL or (enough and _some_of_each(confusion, ratios)):
            metrics[name] = _mean_of_ratios(ratios, mean_of)
        else:
            metrics[name] = None
    return PoweredClasses(metrics, strata.weight, strata.n_strata)


def _mean_of_ratios(
    ratios: Sequence[tuple[Floats, Floats]], mean_of: Callable[[Floats], PoweredMean]
) -> PoweredMean | None:
    """Return a mean of ratios, each undefined one of which is 0; None where all are undefined."""
    value, influence = 0.0, np.zeros(ratios[0][0].shape)
    defined = False
    for above, below in ratios:
        whole = mean_of(below).value
        if whole > 0:
            part = mean_of(above).value / whole
            value += part / len(ratios)
            influence += (above - part * below) / (whole * len(ratios))
            defined = True
    spread = mean_of(influence)
    return PoweredMean(value, spread.window_error, spread.error) if defined else None


def _enough(confusion: Ints, *, binary: bool) -> bool:
    """Return whether there are enough labels of each class that a metric is about, and predicted as it.

    Averages are about all classes that the task lists: one without a label is not one that is not there. The last code
    stands for all others, and is one of them where it was seen.
    """
    margins = np.stack([confusion.sum(axis=1), confusion.sum(axis=0)])
    about = margins[:, 1:2] if binary else margins[:, : -1 if not margins[:, -1].any() else None]
    return bool((about >= LEAST_LABELS).all())


def _some_of_each(confusion: Ints, ratios: Sequence[tuple[Floats, Floats]]) -> bool:
    """Return whether there are some labels on either side of a metric: hits and misses."""
    above, below = (float(sum((confusion * each[side]).sum() for each in ratios)) for side in (0, 1))
    return min(above, below - above) >= _EITHER
