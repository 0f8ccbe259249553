"""Pending records on disk, in RocksDB: a cache of the pending changelog, which it can be made from again.

A key says what it is of, when it goes and whose it is: the store's letter, the bucket of its expiry, the digest of the
id. So what expires together lies together and goes as one range, without a scan. Where to look for an id is told by a
filter in memory for each bucket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.sketching.joins.waiting.digest_filter import DigestFilter, probes_of
from driftline.sketching.joins.waiting.digests import digests_from
from driftline.sketching.joins.waiting.overlay import Overlay
from driftline.sketching.joins.waiting.pending import RecordsById, as_bytes, taken, together

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.runtime.pending.keyed_values import KeyedValues
    from driftline.sketching.joins.waiting.digests import Digests
    from driftline.sketching.joins.waiting.pending import RecordKind

_KEY: Final = np.dtype([("store", "S1"), ("bucket", ">u4"), ("high", ">u8"), ("low", ">u8")])
_PREFIX_BYTES: Final = 5
_LAST_BUCKET: Final = 0xFFFFFFFE
"""136 years from 1970 on in seconds, the shortest buckets; what expires later stays."""


class RocksPendingStore:
    """A :class:`driftline.sketching.joins.waiting.pending.PendingStore` in a part of a database.

    Notes
    -----
    *State*: on disk one entry an id and bucket; in memory the overlay, and 2 to 4 bytes an entry of filters. *Cost*: a
    lookup in RocksDB for each id that is known, next to nothing for others. An id is to be read before it is written:
    only so can entries be counted.
    """

    def __init__(self, values: KeyedValues, kind: RecordKind) -> None:
        self._values = values
        self._kind = kind
        self._letter = kind.name[:1].encode()
        self._overlay = Overlay(kind.dtype)
        self._removed: set[bytes] = set()
        self._committed_keys: set[bytes] = set()
        self._filters: dict[int, DigestFilter] = {}
        self._n_entries: dict[int, int] = {}
        for keys in values.keys(self._letter):
            self._note(np.frombuffer(b"".join(keys), dtype=_KEY))

    def __len__(self) -> int:
        """Return the number of committed entries: one an id and bucket."""
        return sum(self._n_entries.values())

    @property
    def n_bytes(self) -> int:
        """About what entries take on disk before compression."""
        return len(self) * (self._kind.dtype.itemsize + _KEY.itemsize)

    # --- reading ------------------------------------------------------------------------------------------------------

    def get(self, digests: Digests) -> RecordsById:
        """Return the records of different ids."""
        place = self._overlay.find(digests)
        rows = np.flatnonzero(place < 0)
        if rows.size and self._filters:
            records, owner = self._look_up(digests[rows], rows)
        else:
            records, owner = np.zeros(0, dtype=self._kind.dtype), rows[:0]
        if rows.size < len(digests):
            known = np.flatnonzero(place >= 0)
            written = self._overlay.records_at(place[known])
            records = together([records, written.records])
            owner = np.concatenate([owner, np.repeat(known, written.counts)])
        order = np.argsort(owner, kind="stable")
        return RecordsById(taken(records, order), np.cumsum(np.bincount(owner, minlength=len(digests))))

    def _look_up(self, digests: Digests, rows: NDArray[np.int64]) -> tuple[NDArray[np.void], NDArray[np.int64]]:
        """Return what is committed of ids, and the row of each record."""
        probes = probes_of(digests)
        order = np.argsort(digests[:, 0])
        candidates = [(bucket, order[each.contains(probes)[order]]) for bucket, each in sorted(self._filters.items())]
        owner = np.concatenate([rows_in for _, rows_in in candidates])
        buckets = np.repeat([bucket for bucket, _ in candidates], [rows_in.size for _, rows_in in candidates])
        keys = _pieces(self._keys(buckets, digests[owner]))
        values = self._values.get(keys)
        present = [row for row, value in enumerate(values) if value is not None]
        self._committed_keys.update([keys[row] for row in present])
        records, lengths = self._records([values[row] for row in present])
        owner = np.repeat(rows[owner[present]], lengths)
        records = self._values.known(records)
        if "profile" in (records.dtype.names or ()) and (records["profile"] < 0).any():
            has_profile = records["profile"] >= 0
            return taken(records, has_profile), owner[has_profile]
        return records, owner

    def _records(self, values: Sequence[bytes | None]) -> tuple[NDArray[np.void], NDArray[np.int64]]:
        """Return the records of values, and how many each has."""
        whole, truncation = self._kind.dtype.itemsize, self._kind.truncation
        parts = [value or b"" for value in values]
        lengths = np.fromiter(map(len, parts), dtype=np.int64, count=len(parts))
        if truncation is not None and (lengths == truncation.n_bytes).any():
            rest, n_bytes = truncation.rest, truncation.n_bytes
            parts = [part + rest if len(part) == n_bytes else part for part in parts]
            lengths[lengths == n_bytes] = whole
        records = np.frombuffer(bytearray().join(parts), dtype=self._kind.dtype)
        if truncation is not None:
            truncation.mend(records)
        return records, lengths // whole

    def expiring(self, before_ms: int) -> NDArray[np.void]:
        """Return all records whose buckets end by a time, with what is not committed yet."""
        limit = min(before_ms // self._kind.bucket_ms, _LAST_BUCKET)
        parts = [self._overlay.content().by_id.records]
        if any(bucket < limit for bucket in self._filters):
            entries = [*self._values.entries(self._prefix(0), self._prefix(limit))]
            digests = digests_from(b"".join([key[_PREFIX_BYTES:] for key, _ in entries]))
            untouched = np.flatnonzero(self._overlay.find(digests) < 0).tolist()
            parts.append(self._values.known(self._records([entries[row][1] for row in untouched])[0]))
        records = together(parts)
        return taken(records, self._buckets(records) < limit)

    # --- writing ------------------------------------------------------------------------------------------------------

    def put(self, digests: Digests, records: NDArray[np.void], ends: NDArray[np.int64]) -> None:
        """Write all records of different ids; those that an id held before and that expire otherwise stay."""
        self._overlay.put(digests, records, ends)

    def remove(self, digests: Digests, by_id: RecordsById) -> None:
        """Remove ids with what :meth:`get` returned of them."""
        owner = by_id.owners
        keys = self._keys(self._buckets(by_id.records), digests[owner])
        self._removed.update(_pieces(keys))
        gone = digests[np.unique(owner)]
        self._overlay.put(gone, by_id.records[:0], np.zeros(len(gone), dtype=np.int64))

    def commit(self) -> None:
        """Give the overlay to the database's next batch."""
        for key in self._removed:
            self._values.delete(key)
        written = self._write()
        new = [key for key in written if key not in self._committed_keys] if self._committed_keys else written
        self._note(np.frombuffer(b"".join(new), dtype=_KEY))
        self._removed.difference_update(written)
        for key in self._removed & self._committed_keys:
            self._n_entries[int.from_bytes(key[1:_PREFIX_BYTES], "big")] -= 1
        self._clear()

    def _write(self) -> list[bytes]:
        """Put the overlay's records by key, those of one id and bucket together; return the keys."""
        digests, by_id = self._overlay.content()
        if not by_id.records.size:
            return []
        lengths = by_id.counts
        buckets = self._buckets(by_id.records)
        order = np.argsort(buckets, kind="stable")
        keys = taken(self._keys(buckets, np.repeat(digests, lengths, axis=0)), order)
        records = self._values.local(taken(by_id.records, order))
        names = _pieces(keys)
        values = _pieces(records)
        if (lengths > 1).any():
            grouped: dict[bytes, bytes] = {}
            for key, value in zip(names, values, strict=True):
                grouped[key] = grouped.get(key, b"") + value
            names, values = [*grouped], [*grouped.values()]
        elif self._kind.truncation is not None:
            n_bytes, short = self._kind.truncation.n_bytes, self._kind.truncation.applies(records).tolist()
            values = [value[:n_bytes] if applies else value for value, applies in zip(values, short, strict=True)]
        self._values.put(zip(names, values, strict=True))
        return names

    def _keys(self, buckets: NDArray[np.int64], digests: Digests) -> NDArray[np.void]:
        """Return the keys of records."""
        keys = np.empty(buckets.size, dtype=_KEY)
        keys["store"], keys["bucket"], keys["high"], keys["low"] = self._letter, buckets, digests[:, 0], digests[:, 1]
        return keys

    def _note(self, keys: NDArray[np.void]) -> None:
        """Let the filters know of new entries."""
        for bucket in np.unique(keys["bucket"]).tolist():
            bucket_keys = taken(keys, keys["bucket"] == bucket)
            digests = np.stack([bucket_keys["high"], bucket_keys["low"]], axis=1).astype(np.uint64)
            self._filters.setdefault(bucket, DigestFilter()).add(probes_of(digests))
            self._n_entries[bucket] = self._n_entries.get(bucket, 0) + bucket_keys.size

    def rollback(self) -> None:
        """Forget what was written since the last commit."""
        self._clear()

    def _clear(self) -> None:
        self._overlay.clear()
        self._removed.clear()
        self._committed_keys.clear()

    # --- what goes ----------------------------------------------------------------------------------------------------

    def expire(self, before_ms: int) -> int:
        """Remove committed records whose buckets end by a time; return how many entries they were."""
        limit = min(before_ms // self._kind.bucket_ms, _LAST_BUCKET)
        return sum(self._drop(bucket) for bucket in sorted(self._filters) if bucket < limit)

    def evict(self) -> int:
        """Drop the bucket that expires first; return how many entries it had."""
        return self._drop(min(self._filters)) if self._filters else 0

    def _drop(self, bucket: int) -> int:
        self._values.delete_range(self._prefix(bucket), self._prefix(bucket + 1))
        del self._filters[bucket]
        return self._n_entries.pop(bucket)

    def _prefix(self, bucket: int) -> bytes:
        return self._letter + bucket.to_bytes(_PREFIX_BYTES - 1, "big")

    def _buckets(self, records: NDArray[np.void]) -> NDArray[np.int64]:
        return np.clip(self._kind.expires_ms(records) // self._kind.bucket_ms, 0, _LAST_BUCKET)


def _pieces(records: NDArray[np.void]) -> list[bytes]:
    """Return the bytes of each record."""
    pieces: list[bytes] = as_bytes(records).tolist()
    return pieces
