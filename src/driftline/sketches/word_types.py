"""Whole numbers on the wire in the narrowest words that hold them: one, two, four or eight bytes each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

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
