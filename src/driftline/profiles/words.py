"""Arrays of whole numbers at or above zero, packed in the narrowest words that hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec import Struct

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TYPES: Final = ("<u1", "<u2", "<u4", "<i8")


class Words(Struct, frozen=True, array_like=True):
    """A packed array; equal numbers give equal bytes.

    Parameters
    ----------
    type : int
        Which of one, two, four and eight bytes a word has.
    data : bytes
    """

    type: int
    data: bytes

    @classmethod
    def of(cls, numbers: NDArray[np.int64]) -> Words:
        """Pack whole numbers at or above zero, of any shape.

        Examples
        --------
        >>> Words.of(np.array([1, 300])).unpacked().tolist()
        [1, 300]
        """
        greatest = int(numbers.max(initial=0))
        kind = next(i for i, name in enumerate(_TYPES) if greatest <= np.iinfo(name).max)
        return cls(kind, numbers.astype(_TYPES[kind]).tobytes())

    def unpacked(self) -> NDArray[np.int64]:
        """Return the numbers, shape (n,)."""
        return np.frombuffer(self.data, dtype=_TYPES[self.type]).astype(np.int64)
