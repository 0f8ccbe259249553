"""Moments in fixed point: whole-number sums are associative, so results depend on no order and no batch.

A value is standardised with the reference's mean and spread, clipped at ±256 and rounded to units of 2⁻²⁴; its
square is kept in units of 2⁻¹⁶. A pane of up to 2³⁰ values fits int64 that way. Sums over many panes are carried as
two words (see :func:`split`), so that windows of any length are exact as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Z_LIMIT: Final = 256.0
Z_SCALE: Final = float(1 << 24)
SQUARE_SCALE: Final = float(1 << 16)
_LOW_MASK: Final = np.int64(0xFFFFFFFF)


def standardise(
    values: NDArray[np.float64], mean: float | NDArray[np.float64], spread: float | NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return z in units of 2⁻²⁴, z² in units of 2⁻¹⁶, and which values were clipped.

    Parameters
    ----------
    values : ndarray of float64, shape (n,) or (c, n)
        Finite values, of one column or of c.
    mean, spread : float, or ndarray of float64, shape (c, 1)
        The reference's; a spread of zero standardises by 1.

    Returns
    -------
    z, squares : ndarray of int64, of the values' shape
        ``z`` in [-2³², 2³²], ``squares`` in [0, 2³²].
    clipped : ndarray of bool, of the values' shape
    """
    with np.errstate(over="ignore"):
        z = values - mean
        z /= np.where(np.greater(spread, 0), spread, 1.0)
    clipped = np.abs(z) > Z_LIMIT
    np.minimum(z, Z_LIMIT, out=z)
    np.maximum(z, -Z_LIMIT, out=z)
    squares = z * z
    squares *= SQUARE_SCALE
    z *= Z_SCALE
    return np.rint(z, out=z).astype(np.int64), np.rint(squares, out=squares).astype(np.int64), clipped


def split(sums: NDArray[np.int64]) -> NDArray[np.int64]:
    """Split sums into (high, low) words of 32 bits, shape (2, ...); both may be added 2³¹ times without overflow.

    Examples
    --------
    >>> join(split(np.array([-5, 1 << 40])))
    [-5, 1099511627776]
    """
    return np.stack([sums >> 32, sums & _LOW_MASK])


def split_exact(sums: Sequence[int]) -> NDArray[np.int64]:
    """Return :func:`split` of exact sums, which may pass 64 bits; shape (2, n).

    Examples
    --------
    >>> join(split_exact([-5, 1 << 70]))
    [-5, 1180591620717411303424]
    """
    return np.array([[value >> 32 for value in sums], [value & int(_LOW_MASK) for value in sums]], dtype=np.int64)


def carry(words: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the words in the one form in which the low ones are below 2³²: equal sums are then equal words.

    Examples
    --------
    >>> carry(split(np.array([-5])) + split(np.array([-5]))).tolist() == split(np.array([-10])).tolist()
    True
    """
    return np.stack([words[0] + (words[1] >> 32), words[1] & _LOW_MASK])


def join(words: NDArray[np.int64]) -> list[int]:
    """Return the exact sums as Python integers, from words as :func:`split` makes them (and their additions)."""
    return [(high << 32) + low for high, low in zip(words[0].tolist(), words[1].tolist(), strict=True)]
