"""Counting joined predictions and labels into performance cells, with signs: +1 for a label that counts, -1 to undo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.sketches.pair_sums import cut, error_values, probability_values, sum_words
from driftline.sketches.scores import LABELLED, MAX_WEIGHT, WEIGHT_UNIT, reliability_bin

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.sketches.scores import PerformanceLayout

CHUNK: Final = 1 << 16
"""Pairs whose contributions are held at a time: at most 60 MB."""
_WORD: Final = 30


class LabelledPairs(NamedTuple):
    """Predictions with their labels, n of them."""

    predicted: NDArray[np.float64]
    actual: NDArray[np.float64]
    """Both are class codes, or values divided by the task's spread for regression; shape (n,)."""
    scores: NDArray[np.float64]
    """Probability of the positive class, shape (n,); not-a-number where there is none."""
    signs: NDArray[np.int64]
    """+1 or -1, shape (n,)."""
    weights: NDArray[np.int64] | None = None
    """Of the labels, in units of 2⁻¹⁰, shape (n,), in [0, 2³⁰]; None where each weighs 1. Without effect on a layout
    without weights."""

    def rows(self, chosen: NDArray[np.int64] | slice) -> LabelledPairs:
        """Return some of the rows."""
        weights = None if self.weights is None else self.weights[chosen]
        return LabelledPairs(
            self.predicted[chosen], self.actual[chosen], self.scores[chosen], self.signs[chosen], weights
        )


class Contributions(NamedTuple):
    """What n pairs add to a performance vector, a column each; some may be added to one vector, some to others."""

    signs: NDArray[np.int64]
    first: int
    """Cell of the first row of ``run``."""
    run: NDArray[np.int64]
    """For the cells ``first`` to ``first + m - 1``, shape (m, n)."""
    cells: NDArray[np.int64]
    values: NDArray[np.int64]
    """Cells and values where the cells differ from pair to pair, shape (k, n)."""

    def add(self, rows: NDArray[np.int64] | slice, vector: NDArray[np.int64]) -> None:
        """Add some of the pairs to a vector."""
        vector[LABELLED] += self.signs[rows].sum()
        if self.run.size:
            vector[self.first : self.first + len(self.run)] += self.run[:, rows].sum(axis=1)
        if self.cells.size:
            np.add.at(vector, self.cells[:, rows].ravel(), self.values[:, rows].ravel())


def contributions(layout: PerformanceLayout, joined: LabelledPairs) -> Contributions:
    """Return what each pair adds to a performance vector: a function of the pair alone, whatever stands beside it.

    Notes
    -----
    *Cost*: about 100 passes over the pairs of a binary task, 150 over those of a regression, 5 over others; so better
    for all pairs at once than for each vector.
    """
    signs = joined.signs
    units = None
    if layout.weighted:
        units = np.full(signs.size, WEIGHT_UNIT) if joined.weights is None else joined.weights.clip(0, MAX_WEIGHT)
    if layout.n_classes:
        return _classified(layout, joined, units)
    words = sum_words(layout, error_values(joined.predicted, joined.actual, layout.spread), units)
    run = words.run if units is None else np.concatenate([words.run, units[None], *_squares(units)])
    cells = np.repeat(np.arange(len(words.high))[:, None] + layout.last, signs.size, axis=1)
    return Contributions(signs, layout.flags, run * signs, cells, words.high * signs)


def _classified(layout: PerformanceLayout, joined: LabelledPairs, units: NDArray[np.int64] | None) -> Contributions:
    signs = joined.signs
    counted = signs if units is None else signs * units
    cells, values = [layout.confusion(joined.predicted, joined.actual)], [counted]
    predicted, actual = layout.known_codes(joined.predicted), layout.known_codes(joined.actual)
    run = np.empty((0, signs.size), dtype=np.int64)
    if layout.binary:
        scored = np.isfinite(joined.scores) & (actual < layout.n_classes)
        scores, labels = np.where(scored, joined.scores, 0.5), np.where(scored, actual, 0)
        run = sum_words(layout, probability_values(scores, labels), units).run * (signs * scored)
        inside = scores.clip(0.0, 1.0)
        first = layout.reliability + layout.per_reliability_bin * reliability_bin(inside)
        words = cut(layout.score_sum, inside, None, units) * (signs * scored)
        cells += [layout.score(labels, inside), first, first + 1, *(first + 2 + i for i in range(len(words)))]
        values += [counted * scored, counted * scored, counted * scored * labels, *words]
    if units is not None:
        for codes, is_actual in ((predicted, False), (actual, True)):
            first = layout.weight_cells(codes, actual=is_actual)
            cells += [first, first + 1, first + 2]
            values += [signs, *(part[0] * signs for part in _squares(units))]
    return Contributions(signs, layout.flags, run, np.stack(cells), np.stack(values))


def _squares(units: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the two words of squared weights, each of shape (1, n)."""
    squares = (units * units)[None]
    return squares >> _WORD, squares & ((1 << _WORD) - 1)


def add_joined(layout: PerformanceLayout, joined: LabelledPairs, vector: NDArray[np.int64]) -> None:
    """Add joined pairs to a performance vector of shape (layout.n_cells,)."""
    for start in range(0, joined.signs.size, CHUNK):
        part = joined.rows(slice(start, start + CHUNK))
        contributions(layout, part).add(slice(None), vector)


def errors_of(layout: PerformanceLayout, joined: LabelledPairs) -> NDArray[np.float64]:
    """Return the error of each pair, shape (n,): 0 or 1 for classes, the standardised absolute error otherwise."""
    if layout.n_classes:
        wrong: NDArray[np.float64] = (joined.predicted != joined.actual).astype(np.float64)
        return wrong
    errors: NDArray[np.float64] = np.abs(joined.predicted - joined.actual)
    return errors
