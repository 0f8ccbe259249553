"""Pending records on disk, in RocksDB: a cache of the pending changelog, which it can be made from again.

A key says what it is of, when it goes and whose it is: the store's letter, the bucket of its expiry, the digest of the
id. So what expires together lies together and goes as one range, without a scan. Where to look for an id is told by a
filter in memory for each bucket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.pipeline.joining.digest_filter import DigestFilter, probes_of
from driftline.pipeline.joining.digests import DIGEST_BYTES, digests_from, keys_of
from driftline.pipeline.joining.pending import Held

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.pipeline.joining.digests import Digests
    from driftline.pipeline.joining.pending import Kept
    from driftline.runtime.pending_database import PendingDatabase

_KEY: Final = np.dtype([("store", "S1"), ("bucket", ">u4"), ("digest", f"V{DIGEST_BYTES}")])
_PREFIX_BYTES: Final = 5
_NONE: Final = b""


class RocksPendingStore:
    """A :class:`driftline.pipeline.joining.pending.PendingStore` in a part of a database.

    Parameters
    ----------
    database : PendingDatabase
    kept : Kept

    Notes
    -----
    *State*: on disk one entry an id and bucket; in memory the overlay, and 2 to 4 bytes an entry of filters. *Cost*: a
    lookup in RocksDB for each id that is known, next to nothing for others. An id is to be read before it is written:
    only so can entries be counted.
    """

    def __init__(self, database: PendingDatabase, kept: Kept) -> None:
        self._database = database
        self._kept = kept
        self._letter = kept.name[:1].encode()
        self._overlay: dict[bytes, bytes] = {}
        self._removed: set[bytes] = set()
        self._there: set[bytes] = set()
        self._filters: dict[int, DigestFilter] = {}
        self._n_entries: dict[int, int] = {}
        for keys in database.keys(self._letter):
            self._note(np.frombuffer(b"".join(keys), dtype=_KEY))

    def __len__(self) -> int:
        """Return the number of committed entries: one an id and bucket."""
        return sum(self._n_entries.values())

    @property
    def n_bytes(self) -> int:
        """About what entries take on disk before compression."""
        return len(self) * (self._kept.dtype.itemsize + _KEY.itemsize)

    # --- reading ------------------------------------------------------------------------------------------------------

    def get(self, digests: Digests) -> Held:
        """Return the records of different ids."""
        keys = keys_of(digests)
        values: list[bytes | None] = [*map(self._overlay.get, keys)]
        unknown = np.array([row for row, value in enumerate(values) if value is None], dtype=np.int64)
        if unknown.size and self._filters:
            self._look_up(digests, keys, unknown, values)
        records, lengths = self._records(values)
        return _without(self._database.known(records), np.cumsum(lengths))

    def _records(self, values: Sequence[bytes | None]) -> tuple[NDArray[np.void], NDArray[np.int64]]:
        """Return the records of values, and how many each has."""
        whole, cut = self._kept.dtype.itemsize, self._kept.cut
        parts = [value or _NONE for value in values]
        lengths = np.fromiter(map(len, parts), dtype=np.int64, count=len(parts))
        if cut is not None and (lengths == cut.n_bytes).any():
            rest, n_bytes = cut.rest, cut.n_bytes
            parts = [part + rest if len(part) == n_bytes else part for part in parts]
            lengths[lengths == n_bytes] = whole
        records = np.frombuffer(b"".join(parts), dtype=self._kept.dtype).copy()
        if cut is not None:
            cut.mend(records)
        return records, lengths // whole

    def _look_up(
        self, digests: Digests, keys: list[bytes], rows: NDArray[np.int64], values: list[bytes | None]
    ) -> None:
        """Read what is committed of some ids into ``values``."""
        probes = probes_of(digests[rows])
        wanted: list[bytes] = []
        owners: list[int] = []
        for bucket, known in sorted(self._filters.items()):
            found = rows[known.contains(probes)]
            found = found[np.argsort(digests[found, 0])]
            prefix = self._prefix(bucket)
            wanted += [prefix + keys[row] for row in found.tolist()]
            owners += found.tolist()
        for row, key, value in zip(owners, wanted, self._database.get(wanted), strict=True):
            if value is not None:
                self._there.add(key)
                before = values[row]
                values[row] = value if before is None else self._whole(before) + self._whole(value)

    def _whole(self, value: bytes) -> bytes:
        cut = self._kept.cut
        return value + cut.rest if cut is not None and len(value) == cut.n_bytes else value

    def expiring(self, before_ms: int) -> NDArray[np.void]:
        """Return all records whose buckets end by a time, with what is not committed yet."""
        limit = before_ms // self._kept.bucket_ms
        parts = []
        if any(bucket < limit for bucket in self._filters):
            entries = self._database.entries(self._prefix(0), self._prefix(limit))
            parts = [value for key, value in entries if key[_PREFIX_BYTES:] not in self._overlay]
        records = self._database.known(self._records([*parts, *self._overlay.values()])[0])
        return records[self._buckets(records) < limit]

    # --- writing ------------------------------------------------------------------------------------------------------

    def put(self, digests: Digests, records: NDArray[np.void], ends: NDArray[np.int64]) -> None:
        """Write all records of different ids; those that an id held before and that expire otherwise stay."""
        data, size = self._database.local(records).tobytes(), self._kept.dtype.itemsize
        stops = (ends * size).tolist()
        starts = [0, *stops[:-1]]
        self._overlay.update(
            zip(keys_of(digests), [data[a:b] for a, b in zip(starts, stops, strict=True)], strict=True)
        )

    def remove(self, digests: Digests, held: Held) -> None:
        """Remove ids with what :meth:`get` returned of them."""
        counts = held.ends - held.starts
        owner = np.repeat(np.arange(counts.size), counts)
        keys = keys_of(digests)
        for row, bucket in zip(owner.tolist(), self._buckets(held.records).tolist(), strict=True):
            self._removed.add(self._prefix(bucket) + keys[row])
        self._overlay.update({keys[row]: _NONE for row in np.unique(owner).tolist()})

    def commit(self) -> None:
        """Give the overlay to the database's next batch."""
        for key in self._removed:
            self._database.delete(key)
        written = self._write()
        self._note(np.frombuffer(b"".join([key for key in written if key not in self._there]), dtype=_KEY))
        self._removed.difference_update(written)
        for key in self._removed & self._there:
            self._n_entries[int.from_bytes(key[1:_PREFIX_BYTES], "big")] -= 1
        self._clear()

    def _write(self) -> list[bytes]:
        """Put the overlay's records by key, those of one id and bucket together; return the keys."""
        local, lengths = self._records([*self._overlay.values()])
        if not local.size:
            return []
        owner = np.repeat(np.arange(lengths.size), lengths)
        keys = np.zeros(local.size, dtype=_KEY)
        keys["store"], keys["bucket"] = self._letter, self._buckets(self._database.known(local.copy()))
        keys["digest"] = np.frombuffer(b"".join(self._overlay), dtype=_KEY["digest"])[owner]
        order = np.argsort(_places(keys), kind="stable")
        size, joined, data = self._kept.dtype.itemsize, keys[order].tobytes(), local[order].tobytes()
        names = [joined[start : start + _KEY.itemsize] for start in range(0, len(joined), _KEY.itemsize)]
        values = [data[start : start + size] for start in range(0, len(data), size)]
        if (lengths > 1).any():
            grouped: dict[bytes, bytes] = {}
            for key, value in zip(names, values, strict=True):
                grouped[key] = grouped.get(key, _NONE) + value
            names, values = [*grouped], [*grouped.values()]
        elif self._kept.cut is not None:
            n_bytes, cut = self._kept.cut.n_bytes, self._kept.cut.applies(local[order]).tolist()
            values = [value[:n_bytes] if short else value for value, short in zip(values, cut, strict=True)]
        self._database.put(zip(names, values, strict=True))
        return names

    def _note(self, keys: NDArray[np.void]) -> None:
        """Let the filters know of new entries."""
        for bucket in np.unique(keys["bucket"]).tolist():
            mine = keys["digest"][keys["bucket"] == bucket]
            self._filters.setdefault(bucket, DigestFilter()).add(probes_of(digests_from(mine.tobytes())))
            self._n_entries[bucket] = self._n_entries.get(bucket, 0) + mine.size

    def rollback(self) -> None:
        """Forget what was written since the last commit."""
        self._clear()

    def _clear(self) -> None:
        self._overlay.clear()
        self._removed.clear()
        self._there.clear()

    # --- what goes ----------------------------------------------------------------------------------------------------

    def expire(self, before_ms: int) -> int:
        """Remove committed records whose buckets end by a time; return how many entries they were."""
        limit = before_ms // self._kept.bucket_ms
        return sum(self._drop(bucket) for bucket in sorted(self._filters) if bucket < limit)

    def evict(self) -> int:
        """Drop the bucket that expires first; return how many entries it had."""
        return self._drop(min(self._filters)) if self._filters else 0

    def _drop(self, bucket: int) -> int:
        self._database.delete_range(self._prefix(bucket), self._prefix(bucket + 1))
        del self._filters[bucket]
        return self._n_entries.pop(bucket)

    def _prefix(self, bucket: int) -> bytes:
        return self._letter + bucket.to_bytes(_PREFIX_BYTES - 1, "big")

    def _buckets(self, records: NDArray[np.void]) -> NDArray[np.int64]:
        return np.clip(self._kept.expires_ms(records) // self._kept.bucket_ms, 0, 0xFFFFFFFE)


def _without(records: NDArray[np.void], ends: NDArray[np.int64]) -> Held:
    """Return what is held, less records whose profile is not known any more."""
    if "profile" not in (records.dtype.names or ()) or (records["profile"] >= 0).all():
        return Held(records, ends)
    kept = records["profile"] >= 0
    return Held(records[kept], np.append(0, np.cumsum(kept))[ends])


def _places(keys: NDArray[np.void]) -> NDArray[np.uint64]:
    """Return what keys of one store are nearly in the order of: bucket and first bytes of the digest."""
    digests = np.frombuffer(np.ascontiguousarray(keys["digest"]).tobytes(), dtype=">u8").reshape(-1, 2)[:, 0]
    return (keys["bucket"].astype(np.uint64) << np.uint64(32)) | (digests >> np.uint64(32))
