"""Pending records: those of late in memory, the others on disk, in RocksDB: a cache of the pending changelog, which it
can be made from again.

A key says what it is of, when it goes and whose it is: the store's letter, the bucket of its expiry, the digest of the
id. So what expires together lies together and goes as one range, without a scan. Where to look for an id is told by a
filter in memory for each bucket.
"""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.sketching.joins.waiting.digest_filter import DigestFilter, probes_of
from driftline.sketching.joins.waiting.digests import digests_from, places_in
from driftline.sketching.joins.waiting.memtable import MemTable
from driftline.sketching.joins.waiting.overlay import Overlay
from driftline.sketching.joins.waiting.pending import RecordsById, as_bytes, taken, together

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from driftline.runtime.pending.keyed_values import KeyedValues
    from driftline.sketching.joins.waiting.digests import Digests
    from driftline.sketching.joins.waiting.overlay import OverlayContent
    from driftline.sketching.joins.waiting.pending import RecordKind

_KEY: Final = np.dtype([("store", "S1"), ("bucket", ">u4"), ("high", ">u8"), ("low", ">u8")])
_PREFIX_BYTES: Final = 5
_AT_ONCE: Final = 16_384
"""Entries that are made into keys and values, with an object each, before RocksDB's batch takes them over."""
_LAST_BUCKET: Final = 0xFFFFFFFE
"""136 years from 1970 on in seconds, the shortest buckets; what expires later stays."""


class RocksPendingStore:
    """A :class:`driftline.sketching.joins.waiting.pending.PendingStore` in memory and in a part of a database.

    What is committed stays in memory until :meth:`spill`: most labels come soon, and then neither they nor their
    prediction are looked up on disk.

    Notes
    -----
    *State*: on disk one entry an id and bucket; in memory the overlay, what was committed since the last spill, and 2
    to 4 bytes an entry of filters. *Cost*: a lookup in RocksDB for each id that is known there alone, next to nothing
    for others. An id is to be read before it is written: only so can entries be counted.
    """

    def __init__(self, values: KeyedValues, kind: RecordKind) -> None:
        self._values = values
        self._kind = kind
        self._letter = kind.name[:1].encode()
        self._overlay = Overlay(kind.dtype)
        self._memory = MemTable(kind.dtype)
        self._removed: list[NDArray[np.void]] = []
        self._seen: list[NDArray[np.void]] = []
        """Keys of committed entries that were read since the last commit."""
        self._gone: list[NDArray[np.void]] = []
        """Keys that the next spill deletes, before it writes."""
        self._filters: dict[int, DigestFilter] = {}
        """Of what is on disk, by bucket."""
        self._n_entries: dict[int, int] = {}
        """Committed, wherever they are, by bucket."""
        self.is_settled = True
        """Whether nothing was committed since :meth:`settle`."""
        for keys in values.keys(self._letter):
            found = np.frombuffer(b"".join(keys), dtype=_KEY)
            self._note(found)
            self._count(found["bucket"], 1)

    def __len__(self) -> int:
        """Return the number of committed entries: one an id and bucket."""
        return sum(self._n_entries.values())

    @property
    def n_bytes(self) -> int:
        """About what entries take on disk before compression."""
        return len(self) * (self._kind.dtype.itemsize + _KEY.itemsize)

    @property
    def memory_bytes(self) -> int:
        """What entries that are not on disk yet take in memory."""
        return self._memory.n_bytes + sum(keys.nbytes for keys in self._gone)

    # --- reading ------------------------------------------------------------------------------------------------------

    def get(self, digests: Digests) -> RecordsById:
        """Return the records of different ids."""
        place = self._overlay.find(digests)
        rows = np.flatnonzero(place < 0)
        parts: list[tuple[NDArray[np.void], NDArray[np.int64]]] = []
        if rows.size < len(digests):
            written = np.flatnonzero(place >= 0)
            by_id = self._overlay.records_at(place[written])
            parts.append((by_id.records, np.repeat(written, by_id.counts)))
        if rows.size:
            of_memory = self._memory.find(digests[rows])
            if of_memory.records.size:
                owner = rows[of_memory.owner]
                self._seen.append(self._keys(self._buckets(of_memory.records), digests[owner]))
                parts.append((of_memory.records, owner))
            rows = rows[~of_memory.is_known]
        if rows.size and self._filters:
            parts.append(self._look_up(digests[rows], rows))
        return self._by_id(parts, len(digests))

    def _by_id(self, parts: list[tuple[NDArray[np.void], NDArray[np.int64]]], n: int) -> RecordsById:
        """Return records, each with the row of its id, by id."""
        if not parts:
            return RecordsById(np.zeros(0, dtype=self._kind.dtype), np.zeros(n, dtype=np.int64))
        records, owner = parts[0]
        if len(parts) > 1:
            records, owner = together([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
        if (owner[1:] < owner[:-1]).any():
            order = np.argsort(owner, kind="stable")
            records = taken(records, order)
        return RecordsById(records, np.cumsum(np.bincount(owner, minlength=n)))

    def _look_up(self, digests: Digests, rows: NDArray[np.int64]) -> tuple[NDArray[np.void], NDArray[np.int64]]:
        """Return what is on disk of ids, and the row of each record."""
        probes = probes_of(digests)
        order = np.argsort(digests[:, 0], kind="stable")
        candidates = [(bucket, order[each.contains(probes)[order]]) for bucket, each in sorted(self._filters.items())]
        owner = np.concatenate([rows_in for _, rows_in in candidates])
        buckets = np.repeat([bucket for bucket, _ in candidates], [rows_in.size for _, rows_in in candidates])
        keys = self._keys(buckets, digests[owner])
        values = self._values.get(_pieces(keys))
        present = np.flatnonzero(np.fromiter((value is not None for value in values), dtype=np.bool_, count=owner.size))
        self._seen.append(taken(keys, present))
        records, lengths = self._records([value for value in values if value is not None])
        owner = np.repeat(rows[owner[present]], lengths)
        records = self._values.known(records)
        if "profile" in (records.dtype.names or ()) and (records["profile"] < 0).any():
            has_profile = records["profile"] >= 0
            return taken(records, has_profile), owner[has_profile]
        return records, owner

    def _records(self, parts: list[bytes]) -> tuple[NDArray[np.void], NDArray[np.int64]]:
        """Return the records of values, and how many each has."""
        lengths = np.fromiter(map(len, parts), dtype=np.int64, count=len(parts))
        counts = np.maximum(lengths // self._kind.dtype.itemsize, 1)
        records = np.empty(int(counts.sum()), dtype=self._kind.dtype)
        truncation = self._kind.truncation
        short = np.zeros(counts.size, dtype=np.bool_) if truncation is None else lengths == truncation.n_bytes
        is_short = np.repeat(short, counts)
        as_bytes(records)[~is_short] = np.frombuffer(
            b"".join(compress(parts, (~short).tolist())), dtype=as_bytes(records).dtype
        )
        if truncation is not None:
            as_bytes(records)[is_short] = truncation.whole(b"".join(compress(parts, short.tolist())))
            truncation.mend(records)
        return records, counts

    def expiring(self, before_ms: int) -> NDArray[np.void]:
        """Return all records whose buckets end by a time, with what is not committed yet."""
        limit = self._limit(before_ms)
        parts = [self._overlay.content().by_id.records] if len(self._overlay) else []
        if any(bucket < limit for bucket in self._n_entries):
            memory = self._memory.content()
            parts.append(memory.by_id.chosen(np.flatnonzero(self._overlay.find(memory.digests) < 0)).records)
        for bucket in sorted(bucket for bucket in self._filters if bucket < limit):
            entries = [*self._values.entries(self._prefix(bucket), self._prefix(bucket + 1))]
            digests = digests_from(b"".join([key[_PREFIX_BYTES:] for key, _ in entries]))
            untouched = (self._overlay.find(digests) < 0) & ~self._memory.find(digests).is_known
            values = [entries[row][1] for row in np.flatnonzero(untouched).tolist()]
            parts.append(self._values.known(self._records(values)[0]))
        records = together(parts) if parts else np.zeros(0, dtype=self._kind.dtype)
        return taken(records, self._buckets(records) < limit)

    # --- writing ------------------------------------------------------------------------------------------------------

    def put(self, digests: Digests, records: NDArray[np.void], ends: NDArray[np.int64]) -> None:
        """Write all records of different ids, those that they held before among them."""
        self._overlay.put(digests, records, ends)

    def remove(self, digests: Digests, by_id: RecordsById) -> None:
        """Remove ids with what :meth:`get` returned of them."""
        owner = by_id.owners
        self._removed.append(self._keys(self._buckets(by_id.records), digests[owner]))
        gone = digests[np.unique(owner)]
        self._overlay.put(gone, by_id.records[:0], np.zeros(len(gone), dtype=np.int64))

    def commit(self) -> None:
        """Keep the overlay in memory, until it is given to the database."""
        if len(self._overlay):
            content = self._overlay.content()
            self._count_written(content)
            self._memory.add(content)
        self._clear()
        self.is_settled = False

    def settle(self) -> None:
        """Note that the changelog offset which what was committed reaches up to is known."""
        self.is_settled = True

    def _count_written(self, content: OverlayContent) -> None:
        """Count the entries that a commit makes and removes."""
        written = np.stack([content.by_id.owners, self._buckets(content.by_id.records)], axis=1)
        if (content.by_id.counts > 1).any():
            written = np.unique(written, axis=0)
        seen, removed = (self._places(content.digests, keys) for keys in (self._seen, self._removed))
        self._count(written[:, 1] if not len(seen) else written[~_among(written, seen), 1], 1)
        if len(removed):
            lost = np.unique(removed[~_among(removed, written)], axis=0)
            self._count(lost[_among(lost, seen), 1], -1)
            self._gone += self._on_disk(self._keys(lost[:, 1], content.digests[lost[:, 0]]))

    def _on_disk(self, keys: NDArray[np.void]) -> Iterator[NDArray[np.void]]:
        """Yield those of some keys that may be on disk, by bucket."""
        for bucket in np.unique(keys["bucket"]).tolist():
            if bucket in self._filters:
                own = taken(keys, keys["bucket"] == bucket)
                yield taken(own, self._filters[bucket].contains(probes_of(_digests(own))))

    def _places(self, written: Digests, parts: list[NDArray[np.void]]) -> NDArray[np.int64]:
        """Return where ids of keys stand among those written, with the bucket, shape (m, 2); without the others."""
        if not parts:
            return np.zeros((0, 2), dtype=np.int64)
        keys = together(parts)
        places = np.stack([places_in(written, _digests(keys)), keys["bucket"].astype(np.int64)], axis=1)
        return places[places[:, 0] >= 0]

    def spill(self) -> None:
        """Give what is in memory to the database's next batch."""
        for keys in self._gone:
            for key in _pieces(keys):
                self._values.delete(key)
        self._gone.clear()
        digests, by_id = self._memory.content()
        self._memory.clear()
        alone, several = (np.flatnonzero(which) for which in (by_id.counts == 1, by_id.counts > 1))
        self._put(digests.take(alone, axis=0), by_id.chosen(alone).records)
        if several.size:
            self._put_together(digests.take(several, axis=0), by_id.chosen(several))

    def _put(self, digests: Digests, records: NDArray[np.void]) -> None:
        """Put the only records of ids, in the order of their keys."""
        buckets = self._buckets(records)
        order = np.argsort(buckets, kind="stable")
        keys, truncation = self._keys(buckets, digests), self._kind.truncation
        for start in range(0, order.size, _AT_ONCE):
            rows = order[start : start + _AT_ONCE]
            self._note(own := taken(keys, rows))
            part = self._values.local(taken(records, rows))
            if truncation is not None:
                short = truncation.applies(part)
                self._values.put(_pieces(taken(own, short)), truncation.cut(taken(part, short)))
                own, part = taken(own, ~short), taken(part, ~short)
            self._values.put(_pieces(own), _pieces(part))

    def _put_together(self, digests: Digests, by_id: RecordsById) -> None:
        """Put the records of ids that have several, those of one id and bucket together."""
        keys = self._keys(self._buckets(by_id.records), digests[by_id.owners])
        self._note(keys)
        grouped: dict[bytes, bytes] = {}
        for key, value in zip(_pieces(keys), _pieces(self._values.local(by_id.records)), strict=True):
            grouped[key] = grouped.get(key, b"") + value
        self._values.put([*grouped], [*grouped.values()])

    def _keys(self, buckets: NDArray[np.int64], digests: Digests) -> NDArray[np.void]:
        """Return the keys of records."""
        keys = np.empty(buckets.size, dtype=_KEY)
        keys["store"], keys["bucket"], keys["high"], keys["low"] = self._letter, buckets, digests[:, 0], digests[:, 1]
        return keys

    def _note(self, keys: NDArray[np.void]) -> None:
        """Let the filters know of entries that come to disk."""
        for bucket in np.unique(keys["bucket"]).tolist():
            probes = probes_of(_digests(taken(keys, keys["bucket"] == bucket)))
            known = self._filters.setdefault(bucket, DigestFilter())
            known.add(probes.chosen(~known.contains(probes)))

    def _count(self, buckets: NDArray[np.int64], sign: int) -> None:
        """Count entries that there are more, or less, of each bucket."""
        for bucket, n in zip(*(each.tolist() for each in np.unique(buckets, return_counts=True)), strict=True):
            self._n_entries[bucket] = self._n_entries.get(bucket, 0) + sign * n

    def rollback(self) -> None:
        """Forget what was written since the last commit."""
        self._clear()

    def _clear(self) -> None:
        self._overlay.clear()
        self._removed.clear()
        self._seen.clear()

    # --- what goes ----------------------------------------------------------------------------------------------------

    def expire(self, before_ms: int) -> int:
        """Remove committed records whose buckets end by a time; return how many entries they were."""
        limit = self._limit(before_ms)
        return self._drop([bucket for bucket in self._n_entries if bucket < limit])

    def evict(self) -> int:
        """Drop the bucket that expires first; return how many entries it had."""
        return self._drop([min(self._n_entries)]) if self._n_entries else 0

    def _drop(self, buckets: list[int]) -> int:
        """Remove the buckets that expire first."""
        if not buckets:
            return 0
        last = max(buckets)
        self._memory.drop(lambda records: self._buckets(records) <= last)
        for bucket in sorted(buckets):
            if self._filters.pop(bucket, None) is not None:
                self._values.delete_range(self._prefix(bucket), self._prefix(bucket + 1))
        return sum(self._n_entries.pop(bucket) for bucket in buckets)

    def _limit(self, before_ms: int) -> int:
        return min(before_ms // self._kind.bucket_ms, _LAST_BUCKET)

    def _prefix(self, bucket: int) -> bytes:
        return self._letter + bucket.to_bytes(_PREFIX_BYTES - 1, "big")

    def _buckets(self, records: NDArray[np.void]) -> NDArray[np.int64]:
        return np.clip(self._kind.expires_ms(records) // self._kind.bucket_ms, 0, _LAST_BUCKET)


def _pieces(records: NDArray[np.void]) -> list[bytes]:
    """Return the bytes of each record."""
    pieces: list[bytes] = as_bytes(records).tolist()
    return pieces


def _digests(keys: NDArray[np.void]) -> Digests:
    """Return the digests of keys."""
    return np.stack([keys["high"], keys["low"]], axis=1).astype(np.uint64)


def _among(pairs: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which of n pairs are among others, shape (n,)."""
    buckets = np.unique(np.concatenate([pairs[:, 1], others[:, 1]]))
    one, other = (each[:, 0] * buckets.size + np.searchsorted(buckets, each[:, 1]) for each in (pairs, others))
    return np.isin(one, other)
