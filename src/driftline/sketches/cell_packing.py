"""How the cells of a sketch's arrays stand on the wire, and how packed cells merge without their layout."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Final, Generic, TypeVar

import numpy as np

from driftline.sketches.packed import NO_CELLS, NO_WORDS, DenseWords, Sparse
from driftline.sketches.sparse import cells, combine, pack_cells
from driftline.sketches.word_types import pack_words, unpack_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.sketches.cell_merging import CellMerging

Packed = TypeVar("Packed")


class CellPacking(ABC, Generic[Packed]):
    """One form that arrays have on the wire.

    Attributes
    ----------
    type : type
        What msgspec decodes.
    nothing : Packed
        An array in which nothing was counted, whatever its length.
    """

    type: ClassVar[type]
    nothing: Packed

    @abstractmethod
    def pack(self, array: NDArray[np.int64], merging: CellMerging) -> Packed:
        """Return an array packed; arrays that stand for the same give equal bytes."""

    @abstractmethod
    def merge(self, array: NDArray[np.int64], packed: Packed, merging: CellMerging) -> None:
        """Merge a packed array into one of the same shape."""

    @abstractmethod
    def merge_packed(self, pieces: Sequence[Packed], merging: CellMerging) -> Packed:
        """Return packed arrays of one shape merged, without knowing it."""

    def blank(self, _packed: Packed, _merging: CellMerging) -> Packed:
        """Return a packed array of the same shape in which nothing was counted."""
        return self.nothing


class SparseCells(CellPacking[Sparse]):
    """The cells that something was counted in, with their indices."""

    type = Sparse
    nothing = NO_CELLS

    def pack(self, array: NDArray[np.int64], merging: CellMerging) -> Sparse:
        """Return the cells of the flattened array."""
        flat = merging.canonical(array).reshape(-1)
        indices = np.flatnonzero(flat if merging.nothing == 0 else flat != merging.nothing)
        return pack_cells(indices, flat[indices])

    def merge(self, array: NDArray[np.int64], packed: Sparse, merging: CellMerging) -> None:
        """Merge the packed cells alone."""
        if packed.indices:
            flat = array.reshape(-1)
            indices, values = cells(packed)
            flat[indices] = merging.both(flat[indices], values)

    def merge_packed(self, pieces: Sequence[Sparse], merging: CellMerging) -> Sparse:
        """Return the cells of all pieces; words are not carried, as where the low ones begin is not known."""
        return combine(pieces, merging.both, merging.nothing)


class RawNumbers(CellPacking[bytes]):
    """All numbers as int64, little-endian."""

    type = bytes
    nothing = b""

    def pack(self, array: NDArray[np.int64], merging: CellMerging) -> bytes:
        """Return the numbers' bytes."""
        return merging.canonical(array).astype("<i8", copy=False).tobytes()

    def merge(self, array: NDArray[np.int64], packed: bytes, merging: CellMerging) -> None:
        """Merge number by number."""
        if packed:
            merging.both(array, np.frombuffer(packed, dtype="<i8").reshape(array.shape), out=array)

    def merge_packed(self, pieces: Sequence[bytes], merging: CellMerging) -> bytes:
        """Return the merged numbers' bytes; words are not carried."""
        return bytes(merging.both.reduce([np.frombuffer(piece, dtype="<i8") for piece in pieces]).tobytes())

    def blank(self, packed: bytes, merging: CellMerging) -> bytes:
        """Return as many numbers."""
        return np.full(len(packed) // 8, merging.nothing, dtype="<i8").tobytes()


class DenseWordSums(CellPacking[DenseWords]):
    """Sums in words, the high ones as narrow as they can be; nothing where all are zero."""

    type = DenseWords
    nothing = NO_WORDS

    def pack(self, array: NDArray[np.int64], _merging: CellMerging) -> DenseWords:
        """Return the carried words."""
        return pack_words(array)

    def merge(self, array: NDArray[np.int64], packed: DenseWords, _merging: CellMerging) -> None:
        """Add the words."""
        if packed.low:
            array += unpack_words(packed)

    def merge_packed(self, pieces: Sequence[DenseWords], _merging: CellMerging) -> DenseWords:
        """Return the words of the sums."""
        filled = [unpack_words(piece) for piece in pieces if piece.low]
        return pack_words(np.sum(filled, axis=0, dtype=np.int64)) if filled else NO_WORDS


SPARSE: Final = SparseCells()
RAW: Final = RawNumbers()
DENSE_WORDS: Final = DenseWordSums()
