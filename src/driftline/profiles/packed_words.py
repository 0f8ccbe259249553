"""Arrays of whole numbers, packed in the narrowest words that hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from driftline.sketches.word_types import UNSIGNED_FIRST

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class PackedWords(Struct, frozen=True, array_like=True):
    """A packed array; equal numbers give equal bytes."""

    type: int
    """How many bytes a word has, and whether it has a sign."""
    data: bytes

    @classmethod
    def of(cls, numbers: NDArray[np.int64]) -> PackedWords:
        """Pack whole numbers of any shape.

        Examples
        --------
        >>> import numpy as np
        >>> packed = PackedWords.of(np.array([1, -300]))
        >>> len(packed.data), packed.unpacked().tolist()
        (4, [1, -300])
        """
        return cls(*UNSIGNED_FIRST.pack(numbers))

    def unpacked(self) -> NDArray[np.int64]:
        """Return the numbers, shape (n,)."""
        return UNSIGNED_FIRST.unpack(self.type, self.data)
