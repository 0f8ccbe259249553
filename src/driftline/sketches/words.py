"""Exact sums of doubles as a few whole numbers each: a value is cut in words of 30 bits before anything is added.

The words of a value add up to it, to half a unit of the last one. A word of a value is below 2³¹, so int64 holds the
sums of 2³⁰ values, and whole numbers add up to the same sum in any order.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

WORD_BITS: Final = 30
_SPLITTER: Final = float((1 << 27) + 1)


class SumFormat(NamedTuple):
    """How one sum is kept."""

    name: str
    top: int
    """Units of the first word are 2**top; those of each further one are 2³⁰ times smaller."""
    n_words: int

    @property
    def limit(self) -> float:
        """Values beyond ±limit are clipped: 2³⁰ units of the first word."""
        return 2.0 ** (self.top + WORD_BITS)

    @property
    def unit(self) -> Fraction:
        """Unit of the last word."""
        return Fraction(2) ** (self.top - WORD_BITS * (self.n_words - 1))

    def wider(self, n_words: int) -> SumFormat:
        """Return how the sum is kept of larger values: with so many words more, before the first."""
        return SumFormat(self.name, self.top + WORD_BITS * n_words, self.n_words + n_words)

    def weighted(self) -> SumFormat:
        """Return how the sum is kept of values with weights up to 2²⁰: wider by a word."""
        return SumFormat(self.name, self.top + 20, self.n_words + 1)

    def cut(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the words of finite values within the limit, shape (n_words, n)."""
        words = np.empty((self.n_words, values.size), dtype=np.int64)
        rest = values
        for word in range(self.n_words):
            unit = 2.0 ** (self.top - WORD_BITS * word)
            scaled = rest / unit
            whole = np.rint(scaled) if word == self.n_words - 1 else np.trunc(scaled)
            words[word] = whole
            rest = rest - whole * unit
        return words

    def joined(self, words: Iterable[int]) -> Fraction:
        """Return the exact sum that words stand for.

        Examples
        --------
        >>> sums = SumFormat("share", -30, 2)
        >>> round(float(sums.joined(sums.cut(np.array([0.1, 0.7])).sum(axis=1))), 15)
        0.8
        """
        total = 0
        for word in words:
            total = (total << WORD_BITS) + int(word)
        exponent = self.top - WORD_BITS * (self.n_words - 1)
        return Fraction(total, 1 << -exponent) if exponent < 0 else Fraction(total << exponent)


def two_product(
    one: NDArray[np.float64], other: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a product rounded to a double, and what rounding left out, itself exact.

    Notes
    -----
    *Source*: Dekker (1971), doi:10.1007/BF01397083, Veltkamp's splitting. For factors below 2⁹⁷⁰.

    Examples
    --------
    >>> high, low = two_product(np.array([1 + 2.0**-40]), np.array([1 + 2.0**-40]))
    >>> float(high[0] - 1), float(low[0])
    (1.8189894035458565e-12, 8.271806125530277e-25)
    """
    product = one * other
    one_high, one_low = _halves(one)
    other_high, other_low = _halves(other)
    rest = one_high * other_high - product + one_high * other_low + one_low * other_high + one_low * other_low
    return product, rest


def _halves(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    scaled = _SPLITTER * values
    high = scaled - (scaled - values)
    return high, values - high
