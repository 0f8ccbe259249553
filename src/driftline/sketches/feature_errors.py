"""Errors of labelled predictions by group of a feature's values, as whole numbers that merge by addition.

A prediction's groups are packed in one word, four bits a feature, which waits with it for its label.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Words = NDArray[np.uint64]

MAX_FEATURES: Final = 16
"""Features of which the group of a value is kept."""
N_CODES: Final = 15
"""Groups of a feature at most, with that of absent values, which is the first; a code of 0 says that none is kept."""
ABSENT: Final = 1
"""Code of a value that is absent or of a wrong type."""
_BITS: Final = 4
_MASK: Final = np.uint64((1 << _BITS) - 1)
_OF_CODE: Final = 4
"""Cells of a group: right and wrong predictions, each with a label of another class and of the positive one."""
_OF_SLOT: Final = N_CODES * _OF_CODE
N_CELLS: Final = MAX_FEATURES * _OF_SLOT
"""Cells of 8 bytes, 7.7 KB where all are used."""


def packed_codes(codes: NDArray[np.uint64]) -> Words:
    """Return the codes of k features of n predictions, shape (k, n), each in [0, 15], as a word a prediction.

    Examples
    --------
    >>> packed_codes(np.array([[1, 2], [15, 0]], dtype=np.uint64)).tolist()
    [241, 2]
    """
    words: Words = np.zeros(codes.shape[1], dtype=np.uint64)
    for slot, row in enumerate(codes):
        words |= row << np.uint64(_BITS * slot)
    return words


def codes_of(words: Words, slot: int) -> Ints:
    """Return the codes of one feature of n predictions, shape (n,).

    Examples
    --------
    >>> codes_of(np.array([241, 2], dtype=np.uint64), 1).tolist()
    [15, 0]
    """
    return (words >> np.uint64(_BITS * slot) & _MASK).astype(np.int64)


def feature_cells(words: Words, wrong: NDArray[np.bool_], positive: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Return which of n labelled predictions add to a cell, and to which: one cell for each feature that has a group.

    Parameters
    ----------
    words : ndarray of uint64, shape (n,)
        Packed codes.
    wrong, positive : ndarray of bool, shape (n,)
        Whether the prediction is wrong, and whether the label is of the positive class of a binary task.

    Returns
    -------
    ndarray of int64, shape (m,)
        Rows, in the order of the features.
    ndarray of int64, shape (m,)
        Cells below :data:`N_CELLS`.
    """
    inside = 2 * wrong.astype(np.int64) + positive
    highest = int(words.max(initial=np.uint64(0))).bit_length()
    rows, cells = [], []
    for slot in range(-(-highest // _BITS)):
        codes = codes_of(words, slot)
        known = np.flatnonzero(codes)
        rows.append(known)
        cells.append(slot * _OF_SLOT + (codes[known] - 1) * _OF_CODE + inside[known])
    nothing = np.zeros(0, dtype=np.int64)
    return np.concatenate([nothing, *rows]), np.concatenate([nothing, *cells])


def counts_of(vector: Ints) -> Ints:
    """Return labelled predictions by feature, code - 1, whether wrong and whether of the positive class.

    ``vector`` has the shape (N_CELLS,), what is returned (MAX_FEATURES, N_CODES, 2, 2); counts that a correction has
    made negative, which only an incomplete window has, are 0.

    Examples
    --------
    >>> vector = np.zeros(N_CELLS, dtype=np.int64)
    >>> words = packed_codes(np.array([[1, 3], [2, 0]], dtype=np.uint64))
    >>> _, cells = feature_cells(words, np.array([True, False]), np.array([False, True]))
    >>> np.add.at(vector, cells, 1)
    >>> [each.tolist() for each in np.nonzero(counts_of(vector))]
    [[0, 0, 1], [0, 2, 1], [1, 0, 1], [0, 1, 0]]
    """
    return vector.clip(min=0).reshape(MAX_FEATURES, N_CODES, 2, 2)
