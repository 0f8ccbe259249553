"""Losses of a regression by stratum of the prediction, as whole numbers that merge by addition.

A prediction's stratum follows from its value and the profile's grid alone, so that it is the same wherever the
prediction, its label or a correction is counted. Of each stratum there are predictions, labels that count, and the sums
of errors and of their squares on either side of zero: any loss that is linear on each side follows from these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.sketches.words import WORD_BITS, SumFormat

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

STRATUM_SHARES: Final = (0.005, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.995)
"""Quantiles of the reference's predictions at which strata end: finer at the ends, where errors differ most."""
N_STRATA: Final = len(STRATUM_SHARES) + 1
ERROR_LIMIT: Final = 2.0**20
"""Errors beyond it, in spreads of the reference, are clipped and counted as too large."""
_VALUE: Final = SumFormat("value", -10, 2)
_SQUARE: Final = SumFormat("square", 10, 3)
_PREDICTIONS, _LABELS, _SIDES = range(3)
_SIDE: Final = _VALUE.n_words + _SQUARE.n_words
"""Cells of one side of a stratum, under and over the label."""
_STRATUM: Final = _SIDES + 2 * _SIDE
_TOO_LARGE: Final = N_STRATA * _STRATUM
N_CELLS: Final = _TOO_LARGE + 1
"""Cells of 8 bytes, 1.5 KB where all are used."""
N_SLOTS: Final = 2 * N_STRATA


def _slot_cells() -> Ints:
    first = np.arange(N_STRATA).repeat(2) * _STRATUM
    side = first + _SIDES + np.tile([0, _SIDE], N_STRATA)
    return np.stack([first + _LABELS, *(side + i for i in range(_SIDE)), np.full(N_SLOTS, _TOO_LARGE)], axis=1)


SLOT_CELLS: Final = _slot_cells()
"""Cells of each slot, shape (N_SLOTS, k): labels, the words of the error and of its square, labels too large."""


class LossSums(NamedTuple):
    """Sums over the predictions of each stratum; errors are in spreads of the reference.

    Attributes
    ----------
    n, n_labels : ndarray of int64, shape (N_STRATA,)
        Predictions, and labels that count.
    under, over, under_square, over_square : ndarray of float64, shape (N_STRATA,), at least 0
        Of predictions below their label and above it: sums of the absolute error and of its square.
    n_too_large : int
        Labels whose error was clipped.
    """

    n: Ints
    n_labels: Ints
    under: Floats
    over: Floats
    under_square: Floats
    over_square: Floats
    n_too_large: int


def stratum_cuts(edges: Floats, n_tail: int) -> Floats:
    """Return where strata end: edges at ``STRATUM_SHARES`` of a grid, shape (at most N_STRATA - 1,), ascending.

    ``n_tail`` edges at either end lie beyond the reference's range.

    Examples
    --------
    >>> stratum_cuts(np.arange(215.0), 7)[[0, 7, -1]].tolist()
    [8.0, 107.0, 206.0]
    """
    inner = edges[n_tail : edges.size - n_tail]
    if not inner.size:
        return inner
    return np.unique(inner[np.rint(np.array(STRATUM_SHARES) * (inner.size - 1)).astype(np.int64)])


def prediction_cells(strata: Ints) -> Ints:
    """Return the cell that each of n predictions adds 1 to."""
    return strata * _STRATUM + _PREDICTIONS


def label_slots(strata: Ints, errors: Floats) -> tuple[Ints, Ints]:
    """Return the slot of n labelled predictions, shape (n,), and what each adds to the cells of its slot, shape (k, n).

    A slot, below ``N_SLOTS``, is a side of a stratum; its k cells are a row of ``SLOT_CELLS``. ``errors`` are
    prediction less label, in spreads of the reference.
    """
    absolute = np.abs(errors)
    inside = np.minimum(absolute, ERROR_LIMIT)
    values = np.empty((_SIDE + 2, errors.size), dtype=np.int64)
    values[0], values[-1] = 1, absolute > ERROR_LIMIT
    values[1 : 1 + _VALUE.n_words], values[1 + _VALUE.n_words : -1] = _VALUE.cut(inside), _SQUARE.cut(inside * inside)
    return 2 * strata + (errors > 0), values


def label_cells(strata: Ints, errors: Floats) -> tuple[Ints, Ints]:
    """Return the cells that n labelled predictions add to, and what, both of shape (k, n); see :func:`label_slots`."""
    slots, values = label_slots(strata, errors)
    return SLOT_CELLS[slots].T, values


def loss_sums(vector: Ints) -> LossSums:
    """Return the sums of loss cells, shape (N_CELLS,).

    Examples
    --------
    >>> vector = np.zeros(N_CELLS, dtype=np.int64)
    >>> cells, values = label_cells(np.array([0, 0, 1]), np.array([-0.5, 2.0, 0.0]))
    >>> np.add.at(vector, cells.ravel(), values.ravel())
    >>> sums = loss_sums(vector)
    >>> sums.n_labels[:2].tolist(), sums.under[0], sums.over[0], sums.over_square[0]
    ([2, 1], np.float64(0.5), np.float64(2.0), np.float64(4.0))
    """
    cells = vector[:_TOO_LARGE].reshape(N_STRATA, _STRATUM)
    sums = []
    for first in (_SIDES, _SIDES + _SIDE):
        square = first + _VALUE.n_words
        sums += [_joined(_VALUE, cells[:, first:square]), _joined(_SQUARE, cells[:, square : first + _SIDE])]
    under, under_square, over, over_square = sums
    n, n_labels = np.maximum(cells[:, _PREDICTIONS], 0), np.maximum(cells[:, _LABELS], 0)
    return LossSums(n, n_labels, under, over, under_square, over_square, max(0, int(vector[_TOO_LARGE])))


def _joined(form: SumFormat, words: Ints) -> Floats:
    units = 2.0 ** (form.top - WORD_BITS * np.arange(form.n_words))
    joined: Floats = np.maximum((words * units).sum(axis=1), 0.0)
    return joined
