"""Pending entries in memory; restored from the changelog when a partition is assigned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

EXPIRY_BUCKET_MS: Final = 600_000
"""Entries that expire within the same ten minutes are dropped together, so that no scan is needed."""


class MemoryPendingStore:
    """A :class:`driftline.pipeline.joining.pending.PendingStore` in dictionaries.

    Notes
    -----
    *State*: about 400 bytes an entry, with its key. *Cost*: a dictionary operation an entry.
    """

    def __init__(self) -> None:
        self._entries: dict[str, bytes] = {}
        self._bucket_of: dict[str, int] = {}
        self._overlay: dict[str, bytes | None] = {}
        self._overlay_bucket_of: dict[str, int] = {}
        self._buckets: dict[int, list[str]] = {}

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the entries of the keys, None where there is none."""
        return [*map(self._overlay.get, keys, map(self._entries.get, keys))]

    def put_many(self, keys: Sequence[str], values: Sequence[bytes], expires_ms: Sequence[int]) -> None:
        """Write entries into the overlay."""
        self._overlay.update(zip(keys, values, strict=True))
        self._overlay_bucket_of.update(zip(keys, [expires // EXPIRY_BUCKET_MS for expires in expires_ms], strict=True))

    def delete_many(self, keys: Sequence[str]) -> None:
        """Mark entries as removed in the overlay."""
        self._overlay.update(dict.fromkeys(keys))
        for key in keys:
            self._overlay_bucket_of.pop(key, None)

    def expire(self, before_ms: int) -> int:
        """Remove committed entries that expire before a time, by whole buckets; return how many."""
        removed = 0
        for bucket in [bucket for bucket in self._buckets if (bucket + 1) * EXPIRY_BUCKET_MS <= before_ms]:
            for key in self._buckets.pop(bucket):
                if self._bucket_of.get(key) == bucket:
                    del self._entries[key], self._bucket_of[key]
                    removed += 1
        return removed

    def commit(self) -> None:
        """Take the overlay over."""
        written = {key: value for key, value in self._overlay.items() if value is not None}
        if len(written) < len(self._overlay):
            for key in self._overlay.keys() - written.keys():
                self._entries.pop(key, None)
                self._bucket_of.pop(key, None)
        known = self._bucket_of.get
        for key, bucket in self._overlay_bucket_of.items():
            if known(key) != bucket:
                self._buckets.setdefault(bucket, []).append(key)
        self._entries.update(written)
        self._bucket_of.update(self._overlay_bucket_of)
        self.rollback()

    def rollback(self) -> None:
        """Drop the overlay."""
        self._overlay.clear()
        self._overlay_bucket_of.clear()

    def __len__(self) -> int:
        """Return the number of committed entries."""
        return len(self._entries)
