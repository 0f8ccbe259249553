"""The contract of a pending store: predictions that wait for labels, and labels that wait for their prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class PendingStore(Protocol):
    """Entries by key, with an overlay of what is not committed yet.

    Writes MUST be visible to reads at once, MUST survive :meth:`commit` and MUST be gone after :meth:`rollback`.
    An entry SHOULD be removed soon after :meth:`expire` has passed its expiry; it MUST NOT be removed before.
    Expiry is no write: it concerns what is committed, and is not rolled back.
    """

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the entries of the keys, None where there is none."""

    def put_many(self, keys: Sequence[str], values: Sequence[bytes], expires_ms: Sequence[int]) -> None:
        """Write entries, each of which may go when :meth:`expire` has passed its time."""

    def delete_many(self, keys: Sequence[str]) -> None:
        """Remove entries."""

    def expire(self, before_ms: int) -> int:
        """Remove committed entries that expire before a time; return how many."""

    def commit(self) -> None:
        """Keep what was written since the last commit."""

    def rollback(self) -> None:
        """Forget what was written since the last commit."""

    def __len__(self) -> int:
        """Return the number of committed entries."""
