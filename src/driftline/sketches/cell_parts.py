"""Parts of a sketch that are arrays of whole numbers: how their cells merge, and how they stand on the wire."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

import numpy as np
from msgspec import NODEFAULT
from numpy.typing import NDArray

from driftline.sketches.fixed_point import carry, join, split_exact
from driftline.sketches.packed import NO_CELLS, NO_WORDS, DenseWords, Sparse
from driftline.sketches.parts import Packed, Part
from driftline.sketches.slot_cells import SlotCells
from driftline.sketches.sparse import cells, combine, pack_cells, pack_groups
from driftline.sketches.tails import NO_EXTREME
from driftline.sketches.word_types import pack_words, unpack_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from driftline.sketches.event_slots import EventSlots
    from driftline.sketches.layout import Layout, Place

Array = NDArray[np.int64]
Slots = TypeVar("Slots")
SlotArrays = tuple[Array, int]
"""The arrays of all slots, and the axis on which the slots are."""


class Merging(NamedTuple):
    """What the cells of an array merge to, and what weights and factors do to them."""

    both: np.ufunc
    """What two cells merge to; commutative and associative, without rounding."""
    nothing: int
    """A cell that nothing was counted in: merging it changes nothing."""
    canonical: Callable[[Array], Array]
    """Returns the one form of cells that stand for the same."""
    weighed: Callable[[Array, int], Array]
    """Returns the cells of events that each weigh so much, at least 1 and at most 2¹⁶."""
    scaled: Callable[[Array, Callable[[int], int]], Array]
    """Returns the cells with each sum passed through a function."""


def _unchanged(array: Array, *_: object) -> Array:
    return array


def _scaled_counts(counts: Array, scale: Callable[[int], int]) -> Array:
    return np.array([scale(value) for value in counts.ravel().tolist()], dtype=np.int64).reshape(counts.shape)


def _scaled_words(words: Array, scale: Callable[[int], int]) -> Array:
    return split_exact([scale(value) for value in join(words.reshape(2, -1))]).reshape(words.shape)


COUNTS: Final = Merging(np.add, 0, _unchanged, operator.mul, _scaled_counts)
"""Cells that add up."""
WORD_SUMS: Final = Merging(np.add, 0, carry, lambda words, weight: carry(words) * weight, _scaled_words)
"""Sums in two words of 32 bits, shape (2, ...), see :func:`driftline.sketches.fixed_point.split`; weighed exactly below
2⁷⁸."""
EXTREMES: Final = Merging(np.maximum, NO_EXTREME, _unchanged, _unchanged, _unchanged)
"""The greatest value of each cell; ``NO_EXTREME`` where there was none. Weights do not move it."""


class CellPart(Part[Array, Packed], Generic[Packed, Slots]):
    """An array of whole numbers; each subclass is one form that arrays have on the wire.

    Parameters
    ----------
    shape : callable
        Of the array, by layout.
    merging : Merging
    count : callable
        The array of one slot's events; None where it would be empty.
    column : callable
        Where the cells of a column stand, by place; None where all cells are of several columns together.
    slots : callable
        The arrays of all slots' events, as the form wants them; None where each slot is counted by itself.
    shared : slice
        Beside them: first cells of a vector that are of no column, and go with every run of columns.
    required : bool
        Whether packed sketches always had this part.
    """

    type: type
    """What msgspec decodes."""
    absent: Packed
    """An array in which nothing was counted, whatever its length."""

    def __init__(
        self,
        shape: Callable[[Layout], tuple[int, ...]],
        merging: Merging,
        *,
        count: Callable[[EventSlots, int], Array | None],
        slots: Callable[[EventSlots], Slots] | None = None,
        column: Callable[[Place], tuple[slice, ...] | slice] | None = None,
        shared: slice = slice(0),
        required: bool = False,
    ) -> None:
        super().__init__(self.type, NODEFAULT if required else self.absent)
        self._shape, self._merging, self._count, self._column, self._shared = shape, merging, count, column, shared
        self._slots = slots
        self._both, self._nothing = merging.both, merging.nothing

    def empty(self, layout: Layout) -> Array:
        """Return cells that nothing was counted in."""
        shape = self._shape(layout)
        return np.full(shape, self._nothing, dtype=np.int64) if self._nothing else np.zeros(shape, dtype=np.int64)

    def count(self, events: EventSlots, slot: int) -> Array:
        """Return the cells of the events of one slot."""
        counted = self._count(events, slot)
        return self.empty(events.layout) if counted is None else counted

    def merge(self, value: Array, other: Array) -> None:
        """Merge cell by cell."""
        self._both(value, other, out=value)

    def blank(self, _packed: Packed) -> Packed:
        """Return the packed array in which nothing was counted."""
        return self.absent

    def normalise(self, value: Array) -> None:
        """Bring words to their canonical form."""
        value[...] = self._merging.canonical(value)

    def copy(self, source: Array, target: Array, places: Sequence[tuple[Place, Place]]) -> None:
        """Copy the cells of columns, and the shared ones."""
        if self._column is None:
            return
        for at, to in places:
            target[self._column(to)] = source[self._column(at)]
        if self._shared.stop:
            target[self._shared] = source[self._shared]

    def weighed(self, value: Array, weight: int) -> Array:
        """Return weighted cells."""
        return self._merging.weighed(value, weight)

    def scaled(self, value: Array, scale: Callable[[int], int]) -> Array:
        """Return scaled cells."""
        return self._merging.scaled(value, scale)


class SparseCells(CellPart[Sparse, SlotCells]):
    """The cells that something was counted in, with their indices in the flattened array."""

    type = Sparse
    absent = NO_CELLS

    def pack(self, value: Array) -> Sparse:
        """Return the filled cells."""
        flat = self._merging.canonical(value).reshape(-1)
        indices = np.flatnonzero(flat if self._nothing == 0 else flat != self._nothing)
        return pack_cells(indices, flat[indices])

    def pack_slots(self, events: EventSlots) -> list[Sparse] | None:
        """Return the filled cells of each slot."""
        if self._slots is None:
            return None
        keys, values, length = self._slots(events)
        slots, indices = np.divmod(keys, length) if length else (keys, keys)
        return pack_groups(indices, values, np.searchsorted(slots, np.arange(events.n_slots), side="right"))

    def merge_packed(self, value: Array, packed: Sparse) -> None:
        """Merge the packed cells alone."""
        if packed.indices:
            flat = value.reshape(-1)
            indices, values = cells(packed)
            flat[indices] = self._both(flat[indices], values)

    def merge_pieces(self, pieces: Sequence[Sparse]) -> Sparse:
        """Return the cells of all pieces; words are not carried, as where the low ones begin is not known."""
        return combine(pieces, self._both, self._nothing)


class RawCells(CellPart[bytes, SlotArrays]):
    """All cells as int64, little-endian."""

    type = bytes
    absent = b""

    def pack(self, value: Array) -> bytes:
        """Return the cells' bytes."""
        return self._merging.canonical(value).astype("<i8", copy=False).tobytes()

    def pack_slots(self, events: EventSlots) -> list[bytes] | None:
        """Return the cells' bytes of each slot."""
        if self._slots is None:
            return None
        array, axis = self._slots(events)
        data = np.moveaxis(self._merging.canonical(array), axis, 0).astype("<i8", copy=False).tobytes()
        size = len(data) // max(events.n_slots, 1)
        return [data[slot * size : (slot + 1) * size] for slot in range(events.n_slots)]

    def merge_packed(self, value: Array, packed: bytes) -> None:
        """Merge cell by cell."""
        if packed:
            self._both(value, np.frombuffer(packed, dtype="<i8").reshape(value.shape), out=value)

    def merge_pieces(self, pieces: Sequence[bytes]) -> bytes:
        """Return the merged cells' bytes; words are not carried."""
        return bytes(self._both.reduce([np.frombuffer(piece, dtype="<i8") for piece in pieces]).tobytes())

    def blank(self, packed: bytes) -> bytes:
        """Return as many cells."""
        return np.full(len(packed) // 8, self._nothing, dtype="<i8").tobytes()


class DenseCells(CellPart[DenseWords, None]):
    """Sums in words, the high ones as narrow as they can be; nothing where all are zero."""

    type = DenseWords
    absent = NO_WORDS

    def pack(self, value: Array) -> DenseWords:
        """Return the carried words."""
        return pack_words(value)

    def merge_packed(self, value: Array, packed: DenseWords) -> None:
        """Add the words."""
        if packed.low:
            value += unpack_words(packed)

    def merge_pieces(self, pieces: Sequence[DenseWords]) -> DenseWords:
        """Return the words of the sums."""
        filled = [unpack_words(piece) for piece in pieces if piece.low]
        return pack_words(np.sum(filled, axis=0, dtype=np.int64)) if filled else NO_WORDS
