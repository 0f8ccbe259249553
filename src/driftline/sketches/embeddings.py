"""Embeddings: lists of numbers of one length, watched through a few numbers that each of them has.

An embedding of d numbers has a norm, its scores on at most ``N_SCORES`` directions that the profile holds, and the rest
of it that these directions do not explain. Each is an ordinary numeric column, so that every sketch, check and detector
works on embeddings as on other features.

Whatever batch a vector comes in, and whatever processor works on it, its numbers are the same to the bit: vectors and
directions are whole numbers of so few bits that sums of their products are exact in any order.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftline.sketches.columns import INFINITE, NOT_A_NUMBER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.sketches.columns import EmbeddingColumn

N_SCORES: Final = 8
"""Directions at most: each is one more test against the budget."""
DIMENSIONS: Final = 4_096
"""Numbers of a direction at most. In longer vectors, numbers that many places apart share one, with fixed signs."""
MAX_LENGTH: Final = 65_536
"""Numbers of a vector at most."""
VALUE_BITS: Final = 22
"""Bits of each number of a vector, relative to its largest one; float32 has 24."""
_EXACT_BITS: Final = 36
"""With vectors of ``VALUE_BITS`` bits and directions of so many, less one for each doubling of the length, sums of
products stay below 2⁵², by the inequality of Cauchy and Schwarz."""
_SIGNS: Final = np.uint64(0x9E3779B1)


def weight_bits(length: int) -> int:
    """Return the bits of a direction's numbers, a direction being of length 1.

    Examples
    --------
    >>> weight_bits(8), weight_bits(DIMENSIONS), weight_bits(MAX_LENGTH)
    (24, 24, 20)
    """
    return _EXACT_BITS - (max(length, DIMENSIONS) - 1).bit_length()


def unfolded(weights: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Return the weight of each number of a vector, shape (length, m), given those of a direction's numbers.

    Parameters
    ----------
    weights : ndarray of float64, shape (min(length, ``DIMENSIONS``), m)
    length : int

    Examples
    --------
    >>> unfolded(np.eye(3), 3).tolist() == np.eye(3).tolist()
    True
    """
    places = np.arange(length, dtype=np.uint64)
    signs = 1.0 - 2.0 * ((places * _SIGNS >> np.uint64(31)) & np.uint64(1)).astype(np.float64)
    signs[:DIMENSIONS] = 1.0
    return weights[np.arange(length) % DIMENSIONS] * signs[:, None]


def whole_vectors(vectors: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return n finite vectors as whole numbers, shape (n, d), and the power of two that each is to be scaled with."""
    exponents = np.frexp(np.abs(vectors).max(axis=1, initial=0.0))[1].astype(np.int64) - VALUE_BITS
    return np.rint(np.ldexp(vectors, -exponents[:, None])), exponents


def packed_vectors(vectors: Sequence[Sequence[float]], length: int) -> NDArray[np.float64]:
    """Return lists of ``length`` numbers each as an array, shape (n, length).

    Raises
    ------
    OverflowError
        When a number is a whole one beyond 1.8e308.
    """
    flat = np.fromiter(chain.from_iterable(vectors), dtype=np.float64, count=length * len(vectors))
    return flat.reshape(len(vectors), length)


def odd_vectors(vectors: NDArray[np.floating[Any]]) -> list[tuple[int, int]]:
    """Return row and quality code of the vectors that are not finite."""
    rows = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    return [(row, NOT_A_NUMBER if np.isnan(vectors[row]).any() else INFINITE) for row in rows.tolist()]


class EmbeddingReader:
    """Makes the numbers of an embedding's columns from its vectors.

    Parameters
    ----------
    columns : sequence of EmbeddingColumn
        All k of one embedding.

    Notes
    -----
    *Cost*: a product of n × d and d × k numbers for n vectors of length d.
    """

    def __init__(self, columns: Sequence[EmbeddingColumn]) -> None:
        self.length = columns[0].length
        self._parts = tuple(columns)
        directions = [column.directions for column in columns if column.weights]
        folded = min(self.length, DIMENSIONS)
        weights = np.stack(directions, axis=1) if directions else np.empty((folded, 0))
        self._weights = unfolded(weights, self.length)
        self._bits = weight_bits(self.length)

    def __call__(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the values of the columns, shape (k, n), of n finite vectors, shape (n, d)."""
        whole, exponents = whole_vectors(vectors)
        integers = whole.astype(np.int64)
        squares = np.einsum("ij,ij->i", integers, integers).astype(np.float64)
        products = np.ldexp(whole @ self._weights, -self._bits)  # (n, m), in units of each vector's power of two
        values = np.empty((len(self._parts), len(vectors)))
        directions = iter(products.T)
        explained = np.zeros(len(vectors))
        for product in products.T:
            explained += product * product
        with np.errstate(over="ignore"):
            for value, column in zip(values, self._parts, strict=True):
                if column.part == "norm":
                    value[:] = np.ldexp(np.sqrt(squares), exponents)
                elif column.part == "score":
                    value[:] = np.ldexp(next(directions), exponents)
                else:
                    beyond = np.ldexp(np.sqrt(np.maximum(squares - explained, 0.0)), exponents)
                    along = np.ldexp(next(directions), exponents) - column.offset
                    value[:] = np.sqrt(beyond * beyond + along * along)
                if column.unit:
                    value[:] = np.rint(value / column.unit) * column.unit
        return values
