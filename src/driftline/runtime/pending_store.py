"""Pending entries in memory; restored from the changelog when a partition is assigned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

EXPIRY_BUCKET_MS: Final = 600_000
"""Entries that expire within the same ten minutes are dropped together, so that no scan is needed."""


class MemoryPendingStore:
    """A :class:`driftline.pipeline.pending.PendingStore` in dictionaries.

    Notes
    -----
    *State*: about 400 bytes an entry, with its key. *Cost*: a dictionary operation an entry.
    """

    def __init__(self) -> None:
        self._entries: dict[str, tuple[bytes, int]] = {}
        self._overlay: dict[str, tuple[bytes, int] | None] = {}
        self._buckets: dict[int, list[str]] = {}

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the entries of the keys, None where there is none."""
        entries, overlay = self._entries, self._overlay
        found = [overlay[key] if key in overlay else entries.get(key) for key in keys]
        return [None if entry is None else entry[0] for entry in found]

    def put_many(self, keys: Sequence[str], values: Sequence[bytes], expires_ms: Sequence[int]) -> None:
        """Write entries into the overlay."""
        self._overlay.update(zip(keys, zip(values, expires_ms, strict=True), strict=True))

    def delete_many(self, keys: Sequence[str]) -> None:
        """Mark entries as removed in the overlay."""
        self._overlay.update(dict.fromkeys(keys))

    def expire(self, before_ms: int) -> int:
        """Remove committed entries that expire before a time, by whole buckets; return how many."""
        removed = 0
        for bucket in [bucket for bucket in self._buckets if (bucket + 1) * EXPIRY_BUCKET_MS <= before_ms]:
            for key in self._buckets.pop(bucket):
                entry = self._entries.get(key)
                if entry is not None and entry[1] // EXPIRY_BUCKET_MS == bucket:
                    del self._entries[key]
                    removed += 1
        return removed

    def commit(self) -> None:
        """Take the overlay over."""
        for key, entry in self._overlay.items():
            if entry is None:
                self._entries.pop(key, None)
                continue
            known = self._entries.get(key)
            if known is None or known[1] // EXPIRY_BUCKET_MS != entry[1] // EXPIRY_BUCKET_MS:
                self._buckets.setdefault(entry[1] // EXPIRY_BUCKET_MS, []).append(key)
            self._entries[key] = entry
        self._overlay.clear()

    def rollback(self) -> None:
        """Drop the overlay."""
        self._overlay.clear()

    def __len__(self) -> int:
        """Return the number of committed entries."""
        return len(self._entries)
