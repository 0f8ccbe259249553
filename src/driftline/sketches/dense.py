"""Sums in two words on the wire: four bytes for the low words, and the narrowest that hold the high ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from driftline.sketches.fixed_point import carry
from driftline.sketches.packed import NO_WORDS, DenseWords
from driftline.sketches.word_types import SIGNED

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
