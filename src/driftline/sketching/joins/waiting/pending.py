"""The contract of a pending store: predictions that wait for labels, or labels that wait for their prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from driftline.sketching.joins.waiting.digests import Digests


class Held(NamedTuple):
    """What the store holds of n ids.

    Attributes
    ----------
    records : ndarray
        Of all ids, one id after the other, of each in the order in which they expire.
    ends : ndarray of int64, shape (n,)
        Where the records of each id end.
    """

    records: NDArray[np.void]
    ends: NDArray[np.int64]

    @property
    def starts(self) -> NDArray[np.int64]:
        """Where the records of each id begin."""
        starts = self.ends.copy()
        starts[1:] = self.ends[:-1]
        starts[:1] = 0
        return starts


class Truncation(NamedTuple):
    """How records that are as they came may be cut short.

    Attributes
    ----------
    n_bytes : int
        What is kept of such a record.
    rest : bytes
        What it is made whole with.
    applies : callable
        Returns which of n records may be cut, shape (n,).
    mend : callable
        Sets, in place, fields of records made whole that follow from others.
    """

    n_bytes: int
    rest: bytes
    applies: Callable[[NDArray[np.void]], NDArray[np.bool_]]
    mend: Callable[[NDArray[np.void]], None]


class Kept(NamedTuple):
    """What a store is for.

    Attributes
    ----------
    name : str
    dtype : dtype
        Of its records.
    expires_ms : callable
        Returns the moment from which on each of n records is of no use, shape (n,).
    bucket_ms : int
        Records that expire within the same bucket go together, when all of them have.
    cut : Truncation or None
    """

    name: str
    dtype: np.dtype[np.void]
    expires_ms: Callable[[NDArray[np.void]], NDArray[np.int64]]
    bucket_ms: int
    cut: Truncation | None = None


class PendingStore(Protocol):
    """Records by id, with an overlay of what is not committed yet.

    Writes MUST be visible to reads at once, MUST survive :meth:`commit` and MUST be gone after :meth:`rollback`.
    A record MUST NOT go before its bucket has expired, unless the store's quota is exceeded. Ids are read before they
    are written.
    """

    def get(self, digests: Digests) -> Held:
        """Return the records of different ids."""

    def put(self, digests: Digests, records: NDArray[np.void], ends: NDArray[np.int64]) -> None:
        """Write all records of different ids; those that an id held before and that expire otherwise stay."""

    def remove(self, digests: Digests, held: Held) -> None:
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

    def open(self, kept: Kept) -> PendingStore:
        """Return the store for something; called once for each name."""

    @property
    def resume(self) -> bytes:
        """What the last commit that gave some kept for whoever opens the stores next; empty where none did."""

    def commit(self, next_offset: int | None, resume: bytes | None = None) -> None:
        """Make durable what its stores have committed, with the changelog offset that it reaches up to if that rose."""

    def close(self) -> None:
        """Let go of everything; called once."""
