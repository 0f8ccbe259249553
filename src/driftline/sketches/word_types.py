"""Whole numbers on the wire in the narrowest words that hold them: one, two, four or eight bytes each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.sketches.fixed_point import carry
from driftline.sketches.packed import NO_WORDS, DenseWords

if TYPE_CHECKING:
    from numpy.typing import NDArray


class WordTypes:
    r"""A list of word types to choose from; on the wire, the position in the list says which one was chosen.

    Parameters
    ----------
    *names : str
        NumPy's names, the preferred first. The last one must hold every number that is packed.

    Examples
    --------
    >>> SIGNED.pack(np.array([1, -300]))
    (1, b'\x01\x00\xd4\xfe')
    >>> SIGNED.unpack(1, b"\x01\x00\xd4\xfe").tolist()
    [1, -300]
    """

    def __init__(self, *names: str) -> None:
        self._types = tuple(np.dtype(name) for name in names)
        self._limits = tuple((int(np.iinfo(name).min), int(np.iinfo(name).max)) for name in names)
        self.n_bytes: Final = tuple(each.itemsize for each in self._types)
        """Bytes of a word of each type."""

    def narrowest(self, least: int, greatest: int) -> int:
        """Return the first type that holds both numbers, and so all numbers between them."""
        return next(i for i, (low, high) in enumerate(self._limits) if low <= least and greatest <= high)

    def narrowest_each(self, least: NDArray[np.int64], greatest: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return :meth:`narrowest` of each of g pairs, shape (g,)."""
        fits = np.stack([(low <= least) & (greatest <= high) for low, high in self._limits])
        first: NDArray[np.int64] = fits.argmax(axis=0)
        return first

    def pack(self, numbers: NDArray[np.int64]) -> tuple[int, bytes]:
        """Return numbers of any shape as the type that was chosen and the words; equal numbers give equal bytes."""
        kind = self.narrowest(int(numbers.min(initial=0)), int(numbers.max(initial=0)))
        return kind, self.bytes_of(numbers, kind)

    def bytes_of(self, numbers: NDArray[np.int64], kind: int) -> bytes:
        """Return numbers as words of a type that holds them all."""
        return numbers.astype(self._types[kind]).tobytes()

    def unpack(self, kind: int, data: bytes) -> NDArray[np.int64]:
        """Return the numbers that words stand for, shape (n,)."""
        return np.frombuffer(data, dtype=self._types[kind]).astype(np.int64)


_UNSIGNED = ("<u1", "<u2", "<u4")
_SIGNED = ("<i1", "<i2", "<i4", "<i8")
INDICES: Final = WordTypes(*_UNSIGNED)
"""Positions in a vector of up to 2³² cells."""
SIGNED: Final = WordTypes(*_SIGNED)
"""Any whole number of 64 bits."""
UNSIGNED_FIRST: Final = WordTypes(*_UNSIGNED, *_SIGNED)
"""The same; what has no sign up to 2³² is kept without one."""


def pack_words(words: NDArray[np.int64]) -> DenseWords:
    """Return words of shape (2, n) packed; equal sums give equal bytes, and sums of nothing but zeros none.

    Examples
    --------
    >>> from driftline.sketches.fixed_point import split
    >>> packed = pack_words(split(np.array([-5, 1 << 33])))
    >>> (len(packed.high), len(packed.low), unpack_words(packed).tolist())
    (2, 8, [[-1, 2], [4294967291, 0]])
    """
    high, low = carry(words)
    if not high.any() and not low.any():
        return NO_WORDS
    return DenseWords(*SIGNED.pack(high), low.astype("<u4").tobytes())


def unpack_words(packed: DenseWords) -> NDArray[np.int64]:
    """Return the words, shape (2, n); n is 0 where all sums are zero."""
    high = SIGNED.unpack(packed.high_type, packed.high)
    return np.stack([high, np.frombuffer(packed.low, dtype="<u4").astype(np.int64)])
