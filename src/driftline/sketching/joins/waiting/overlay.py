"""What was written since the last commit: records by digest in arrays, of which the latest write counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from driftline.sketching.joins.waiting.digests import differ, places_in, sorting
from driftline.sketching.joins.waiting.pending import RecordsById, as_bytes, taken

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.sketching.joins.waiting.digests import Digests


class OverlayContent(NamedTuple):
    """The latest write of each id."""

    digests: Digests
    """Different ones, in their order, shape (n, 2)."""
    by_id: RecordsById
    """Their records; none of those that were removed."""


class Overlay:
    """Writes by digest.

    Notes
    -----
    *State*: what was written, and an index of 40 bytes a digest. *Cost*: a merge with the index at the first read after
    a write, then a binary search a digest.
    """

    def __init__(self, dtype: np.dtype[np.void]) -> None:
        self._dtype = dtype
        self.clear()

    def __len__(self) -> int:
        """Return the number of writes."""
        return self._n_written

    def clear(self) -> None:
        """Forget all writes."""
        self._new: list[tuple[Digests, NDArray[np.int64], NDArray[np.int64]]] = []
        self._n_records = self._n_written = 0
        self._records: NDArray[np.void] = np.zeros(0, dtype=self._dtype)
        self._digests: Digests = np.zeros((0, 2), dtype=np.uint64)
        self._spans: NDArray[np.int64] = np.zeros((0, 2), dtype=np.int64)

    def put(self, digests: Digests, records: NDArray[np.void], ends: NDArray[np.int64]) -> None:
        """Write what different ids hold, in place of what was written of them before."""
        starts = np.append(0, ends[:-1])[: ends.size]
        self._new.append((digests, starts + self._n_records, ends + self._n_records))
        if self._n_records + records.size > self._records.size:
            grown = np.empty(max(2 * self._records.size, self._n_records + records.size), dtype=self._dtype)
            as_bytes(grown)[: self._n_records] = as_bytes(self._records)[: self._n_records]
            self._records = grown
        as_bytes(self._records)[self._n_records : self._n_records + records.size] = as_bytes(records)
        self._n_records += records.size
        self._n_written += ends.size

    def find(self, digests: Digests) -> NDArray[np.int64]:
        """Return the place of each digest among those written, -1 where it is not, shape (n,)."""
        self._settle()
        return places_in(self._digests, digests)

    def records_at(self, places: NDArray[np.int64]) -> RecordsById:
        """Return the records at places that :meth:`find` gave."""
        starts, ends = self._spans[places, 0], self._spans[places, 1]
        counts = ends - starts
        stops = np.cumsum(counts)
        rows = np.arange(int(counts.sum())) + np.repeat(starts - (stops - counts), counts)
        return RecordsById(taken(self._records, rows), stops)

    def content(self) -> OverlayContent:
        """Return all that counts, in the order of the digests."""
        self._settle()
        return OverlayContent(self._digests, self.records_at(np.arange(len(self._digests))))

    def _settle(self) -> None:
        """Merge new writes into the index; of writes of one digest the last one stays."""
        if sum(new[1].size for new in self._new) == 0:
            return
        digests = np.concatenate([self._digests, *(new[0] for new in self._new)])
        starts = np.concatenate([self._spans[:, 0], *(new[1] for new in self._new)])
        ends = np.concatenate([self._spans[:, 1], *(new[2] for new in self._new)])
        order = sorting(digests)
        ordered = digests.take(order, axis=0)
        last = np.append(differ(ordered[1:], ordered[:-1]), True)  # a value, no switch
        order = order[last]
        self._digests, self._spans = ordered.compress(last, axis=0), np.stack([starts[order], ends[order]], axis=1)
        self._new.clear()
