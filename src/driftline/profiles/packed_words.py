"""Arrays of whole numbers, packed in the narrowest words that hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec import Struct

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TYPES: Final = ("<u1", "<u2", "<u4", "<i1", "<i2", "<i4", "<i8")


class PackedWords(Struct, frozen=True, array_like=True):
    """A packed array; equal numbers give equal bytes.

    Parameters
    ----------
    type : int
        How many bytes a word has, and whether it has a sign.
    data : bytes
    """

    type: int
    data: bytes

    @classmethod
    def of(cls, numbers: NDArray[np.int64]) -> PackedWords:
        """Pack whole numbers of any shape.

        Examples
        --------
        >>> packed = PackedWords.of(np.array([1, -300]))
        >>> len(packed.data), packed.unpacked().tolist()
        (4, [1, -300])
        """
        least, greatest = int(numbers.min(initial=0)), int(numbers.max(initial=0))
        kinds = ((np.iinfo(name), i) for i, name in enumerate(_TYPES))
        kind = next(i for limits, i in kinds if limits.min <= least and greatest <= limits.max)
        return cls(kind, numbers.astype(_TYPES[kind]).tobytes())

    def unpacked(self) -> NDArray[np.int64]:
        """Return the numbers, shape (n,)."""
        return np.frombuffer(self.data, dtype=_TYPES[self.type]).astype(np.int64)
