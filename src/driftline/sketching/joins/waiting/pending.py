"""The contract of a pending store: predictions that wait for labels, or labels that wait for their prediction.

NumPy copies a structured row field by field wherever it indexes, concatenates or assigns, which takes 20 to 40 times as
long as its bytes at once; so records are moved as bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from driftline.sketching.joins.waiting.digests import Digests


EXPIRY_BUCKETS: Final = 16
"""Records go in so many parts of the horizon or the wait: they stay at most a sixteenth longer than they are needed."""
SHORTEST_BUCKET_MS: Final = 1_000
"""Of expiry, however short the horizon or the wait."""


def bucket_ms(needed_ms: int) -> int:
    """Return the length of the buckets of records that are needed for a time."""
    return max(SHORTEST_BUCKET_MS, needed_ms // EXPIRY_BUCKETS)


def taken(records: NDArray[np.void], rows: NDArray[np.int64] | NDArray[np.bool_]) -> NDArray[np.void]:
    """Return a copy of some rows, given their numbers or which they are."""
    return records.take(np.flatnonzero(rows) if rows.dtype == np.bool_ else rows)


def together(parts: Sequence[NDArray[np.void]]) -> NDArray[np.void]:
    """Return the rows of arrays of one type, one array behind the other."""
    return np.concatenate([as_bytes(part) for part in parts]).view(parts[0].dtype)


def as_bytes(records: NDArray[np.void]) -> NDArray[np.void]:
    """Return the same memory with a row as nothing but its bytes: to copy it, or to assign to it."""
    return records.view(f"V{records.dtype.itemsize}")


class RecordsById(NamedTuple):
    """The records that a store has for n ids."""

    records: NDArray[np.void]
    """Of all ids, one id after the other, of each in the order in which they expire."""
    ends: NDArray[np.int64]
    """Where the records of each id end, shape (n,)."""

    @property
    def starts(self) -> NDArray[np.int64]:
        """Where the records of each id begin."""
        starts = self.ends.copy()
        starts[1:] = self.ends[:-1]
        starts[:1] = 0
        return starts

    @property
    def counts(self) -> NDArray[np.int64]:
        """Number of records of each id."""
        return self.ends - self.starts

    @property
    def owners(self) -> NDArray[np.int64]:
        """Which of the ids each record is of."""
        return np.repeat(np.arange(self.ends.size), self.counts)

    def chosen(self, ids: NDArray[np.int64]) -> RecordsById:
        """Return a copy of what some of the ids have."""
        starts, counts = self.starts[ids], self.counts[ids]
        stops = np.cumsum(counts)
        if (counts == 1).all():
            return RecordsById(taken(self.records, starts), stops)
        rows = np.arange(int(counts.sum())) + np.repeat(starts - (stops - counts), counts)
        return RecordsById(taken(self.records, rows), stops)


class Truncation(NamedTuple):
    """How records that no label has changed are stored in fewer bytes."""

    n_bytes: int
    """The first bytes of such a record, which are stored."""
    rest: bytes
    """The others, which are the same for all of them."""
    applies: Callable[[NDArray[np.void]], NDArray[np.bool_]]
    """Returns which of n records may be stored so, shape (n,)."""
    mend: Callable[[NDArray[np.void]], None]
    """Sets, in place, fields of records read back that follow from others."""

    def cut(self, records: NDArray[np.void]) -> list[bytes]:
        """Return what is stored of n records that may be stored so."""
        columns = as_bytes(records).view(np.uint8).reshape(-1, records.itemsize)[:, : self.n_bytes]
        cut: list[bytes] = np.ascontiguousarray(columns).view(f"V{self.n_bytes}").ravel().tolist()
        return cut

    def whole(self, stored: bytes) -> NDArray[np.void]:
        """Return the bytes of n records, given what is stored of them, one behind the other."""
        first = np.frombuffer(stored, dtype=np.uint8).reshape(-1, self.n_bytes)
        records = np.empty((len(first), self.n_bytes + len(self.rest)), dtype=np.uint8)
        records[:, : self.n_bytes], records[:, self.n_bytes :] = first, np.frombuffer(self.rest, dtype=np.uint8)
        return records.view(f"V{records.shape[1]}").ravel()


class RecordKind(NamedTuple):
    """The records of one store: their type, when they expire and how they are stored."""

    name: str
    dtype: np.dtype[np.void]
    """Of its records."""
    expires_ms: Callable[[NDArray[np.void]], NDArray[np.int64]]
    """Returns the moment from which on each of n records is of no use, shape (n,)."""
    bucket_ms: int
    """Records that expire within the same bucket go together, when all of them have."""
    truncation: Truncation | None = None


class PendingStore(Protocol):
    """Records by id, with an overlay of what is not committed yet.

    Writes MUST be visible to reads at once, MUST survive :meth:`commit` and MUST be gone after :meth:`rollback`.
    A record MUST NOT go before its bucket has expired, unless the store's quota is exceeded. Ids are read before they
    are written.
    """

    def get(self, digests: Digests) -> RecordsById:
        """Return the records of different ids."""

    def put(self, digests: Digests, records: NDArray[np.void], ends: NDArray[np.int64]) -> None:
        """Write all records of different ids, those that :meth:`get` returned of them among them."""

    def remove(self, digests: Digests, by_id: RecordsById) -> None:
        """Remove ids with what :meth:`get` returned of them."""

    def expiring(self, before_ms: int) -> NDArray[np.void]:
        """Return all records whose buckets end by a time, with what is not committed yet."""

    def expire(self, before_ms: int) -> int:
        """Remove committed records whose buckets end by a time; return how many ids had some."""

    def commit(self) -> None:
        """Keep what was written since the last commit."""

    def rollback(self) -> None:
        """Forget what was written since the last commit."""

    def __len__(self) -> int:
        """Return the number of committed ids."""


class PendingStores(Protocol):
    """What keeps the pending stores of one source partition, which are committed together."""

    def open(self, kind: RecordKind) -> PendingStore:
        """Return the store for a kind of record; called once for each name."""

    @property
    def next_offset(self) -> int:
        """Of the changelog: what stands there and behind it is not in the stores."""

    @property
    def resume(self) -> bytes:
        """What the last commit that gave some kept for whoever opens the stores next; empty where none did."""

    def commit(self, next_offset: int | None, resume: bytes | None = None) -> None:
        """Make durable what its stores have committed, with the changelog offset that it reaches up to if that rose."""

    def close(self) -> None:
        """Let go of everything; called once."""
