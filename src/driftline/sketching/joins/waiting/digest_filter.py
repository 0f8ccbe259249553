"""Which digests may be known: a Bloom filter in blocks of one word, that grows as digests come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.sketching.joins.waiting.digests import Digests

BITS_A_DIGEST: Final = 16
_FIRST, _LARGEST = 12, 18
"""Log₂ of the digests that the first and the largest tables are for."""
_N_BITS: Final = 5
"""Bits set a digest."""
_SHIFT: Final = np.uint64(6)
_LOW: Final = np.uint64(63)
_ONE: Final = np.uint64(1)


class Probes(NamedTuple):
    """What a filter looks at of n digests: where, and which bits."""

    places: NDArray[np.uint64]
    masks: NDArray[np.uint64]

    def chosen(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Probes:
        """Return some of them."""
        return Probes(self.places[rows], self.masks[rows])


def probes_of(digests: Digests) -> Probes:
    """Return what a filter looks at of digests."""
    bits = digests[:, 1].copy()
    masks = np.zeros(len(digests), dtype=np.uint64)
    for _ in range(_N_BITS):
        masks |= _ONE << (bits & _LOW)
        bits >>= _SHIFT
    return Probes(digests[:, 0], masks)


class DigestFilter:
    """Tells of digests whether they may have been added; never that one was not that was.

    Notes
    -----
    *State*: 2 to 4 bytes a digest. *Cost*: one word of each table a digest.

    *Source*: the blocked Bloom filter of Putze, Sanders and Singler (2009), doi:10.1145/1498698.1594230, with blocks of
    64 bits, of which a digest sets 5: about 1 in 100 of others seem known to a full table.
    """

    def __init__(self) -> None:
        self._tables: list[NDArray[np.uint64]] = []
        self._room = 0

    def __len__(self) -> int:
        """Number of tables, each of which costs a look."""
        return len(self._tables)

    def contains(self, probes: Probes) -> NDArray[np.bool_]:
        """Return which digests may have been added, shape (n,)."""
        possible = np.zeros(probes.masks.size, dtype=np.bool_)
        for table in self._tables:
            possible |= (table[_slots(table, probes)] & probes.masks) == probes.masks
        return possible

    def add(self, probes: Probes) -> None:
        """Add digests; adding one again uses up room again."""
        start, n = 0, probes.masks.size
        while start < n:
            if not self._room:
                log2 = min(_FIRST + 2 * len(self._tables), _LARGEST)
                self._tables.append(np.zeros((BITS_A_DIGEST << log2) // 64, dtype=np.uint64))
                self._room = 1 << log2
            part = probes.chosen(slice(start, start + self._room))
            table = self._tables[-1]
            np.bitwise_or.at(table, _slots(table, part), part.masks)
            self._room -= part.masks.size
            start += part.masks.size


def _slots(table: NDArray[np.uint64], probes: Probes) -> NDArray[np.int64]:
    return (probes.places & np.uint64(table.size - 1)).astype(np.int64)
