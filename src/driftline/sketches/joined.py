"""Counting joined predictions and labels into performance cells, with signs: +1 for a label that counts, -1 to undo."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from driftline.sketches.scores import LABELLED, error_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.sketches.scores import PerformanceLayout


class Joined(NamedTuple):
    """Predictions with their labels, n of them.

    Attributes
    ----------
    predicted, actual : ndarray of float64, shape (n,)
        Class codes, or values divided by the task's spread for regression.
    scores : ndarray of float64, shape (n,)
        Probability of the positive class; not-a-number where there is none.
    signs : ndarray of int64, shape (n,)
        +1 or -1.
    """

    predicted: NDArray[np.float64]
    actual: NDArray[np.float64]
    scores: NDArray[np.float64]
    signs: NDArray[np.int64]

    def rows(self, chosen: NDArray[np.int64]) -> Joined:
        """Return some of the rows."""
        return Joined(self.predicted[chosen], self.actual[chosen], self.scores[chosen], self.signs[chosen])


def add_joined(layout: PerformanceLayout, joined: Joined, vector: NDArray[np.int64]) -> None:
    """Add joined pairs to a performance vector of shape (layout.n_cells,)."""
    vector[LABELLED] += joined.signs.sum()
    if not layout.n_classes:
        vector[layout.sums :] += error_words(joined.predicted - joined.actual, joined.signs)
        return
    predicted, actual = joined.predicted.astype(np.int64), joined.actual.astype(np.int64)
    np.add.at(vector, layout.confusion(predicted, actual), joined.signs)
    if layout.binary:
        scored = np.flatnonzero(np.isfinite(joined.scores) & (actual < layout.n_classes))
        cells = layout.score(actual[scored], joined.scores[scored])
        np.add.at(vector, cells, joined.signs[scored])


def errors_of(layout: PerformanceLayout, joined: Joined) -> NDArray[np.float64]:
    """Return the error of each pair, shape (n,): 0 or 1 for classes, the standardised absolute error otherwise."""
    if layout.n_classes:
        wrong: NDArray[np.float64] = (joined.predicted != joined.actual).astype(np.float64)
        return wrong
    errors: NDArray[np.float64] = np.abs(joined.predicted - joined.actual)
    return errors
