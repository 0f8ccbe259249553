"""What was committed and is not on disk yet: records by digest in sorted runs, of which the later ones count."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from driftline.sketching.joins.waiting.digests import DIGEST_BYTES, differ, places_in, sorting
from driftline.sketching.joins.waiting.overlay import OverlayContent
from driftline.sketching.joins.waiting.pending import RecordsById, taken, together

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from driftline.sketching.joins.waiting.digests import Digests

_ID_BYTES = DIGEST_BYTES + 8 + 8
"""Of an id in a run, beside its records: the digest, its first word again, where the records end."""


class Known(NamedTuple):
    """What a table says of n digests."""

    is_known: NDArray[np.bool_]
    """Which ones were written to it, shape (n,)."""
    records: NDArray[np.void]
    """All records of these, those of one id behind each other; none of an id that was removed or is over."""
    owner: NDArray[np.int64]
    """Which of the digests each record is of."""


class _Run(NamedTuple):
    content: OverlayContent
    highs: NDArray[np.uint64]
    """The first word of each digest."""

    @classmethod
    def of(cls, content: OverlayContent) -> _Run:
        return cls(content, np.ascontiguousarray(content.digests[:, 0]))


class MemTable:
    """Writes of several commits, each in place of what was written of its ids before.

    Notes
    -----
    *State*: the latest writes, 32 bytes an id and the records; besides, up to as much of what they replaced, until runs
    are merged. *Cost*: a run is merged with one before it that is less than twice as long, so there are log₂ n of them,
    and a write is moved as often; a binary search of each run a digest.

    *Source*: the sorted runs of O'Neil, Cheng, Gawlick and O'Neil (1996), doi:10.1007/s002360050048, in memory.
    """

    def __init__(self, dtype: np.dtype[np.void]) -> None:
        self._dtype = dtype
        self._runs: list[_Run] = []

    @property
    def n_bytes(self) -> int:
        """Memory that is taken up."""
        runs = [run.content for run in self._runs]
        return sum(len(run.digests) * _ID_BYTES + run.by_id.records.nbytes for run in runs)

    def add(self, content: OverlayContent) -> None:
        """Write what ids hold, in place of what was written of them before."""
        if not len(content.digests):
            return
        self._runs.append(_Run.of(content))
        while len(self._runs) > 1 and len(self._runs[-2].highs) < 2 * len(self._runs[-1].highs):
            self._merge_last()

    def _merge_last(self) -> None:
        later, earlier = self._runs.pop().content, self._runs.pop().content
        digests = np.concatenate([earlier.digests, later.digests])
        order = sorting(digests)
        ordered = digests.take(order, axis=0)
        last = np.append(differ(ordered[1:], ordered[:-1]), True)  # a value, no switch
        one, other = earlier.by_id, later.by_id
        both = RecordsById(
            together([one.records, other.records]), np.concatenate([one.ends, other.ends + one.records.size])
        )
        self._runs.append(_Run.of(OverlayContent(ordered.compress(last, axis=0), both.chosen(order[last]))))

    def find(self, digests: Digests) -> Known:
        """Return what is known of n different digests."""
        left = np.arange(len(digests))
        known: NDArray[np.bool_] = np.zeros(len(digests), dtype=np.bool_)
        records, owners = [np.zeros(0, dtype=self._dtype)], [left[:0]]
        for run in reversed(self._runs):
            place = places_in(run.content.digests, digests if left.size == len(digests) else digests[left], run.highs)
            hit = np.flatnonzero(place >= 0)
            if hit.size:
                by_id = run.content.by_id.chosen(place[hit])
                records.append(by_id.records)
                owners.append(np.repeat(left[hit], by_id.counts))
                known[left[hit]] = True
                left = left[place < 0]
        return Known(known, together(records), np.concatenate(owners))

    def drop(self, is_over: Callable[[NDArray[np.void]], NDArray[np.bool_]]) -> None:
        """Forget records. Their ids stay known, without any: what was removed of them before may be on disk still."""
        for number, run in enumerate(self._runs):
            digests, by_id = run.content
            over = is_over(by_id.records)
            if over.any():
                left = by_id.counts - np.bincount(by_id.owners[over], minlength=by_id.ends.size)
                rest = RecordsById(taken(by_id.records, ~over), np.cumsum(left))
                self._runs[number] = run._replace(content=OverlayContent(digests, rest))

    def content(self) -> OverlayContent:
        """Return all that counts, in the order of the digests."""
        while len(self._runs) > 1:
            self._merge_last()
        if self._runs:
            return self._runs[0].content
        return OverlayContent(
            np.zeros((0, 2), dtype=np.uint64),
            RecordsById(np.zeros(0, dtype=self._dtype), np.zeros(0, dtype=np.int64)),
        )

    def clear(self) -> None:
        """Forget everything."""
        self._runs.clear()
