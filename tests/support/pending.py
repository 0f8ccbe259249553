"""A plain pending store in memory: what a store on disk is held against, and what tests of the join run on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from driftline.sketching.joins.waiting.digests import DIGEST_BYTES, bytes_of
from driftline.sketching.joins.waiting.pending import RecordsById

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.sketching.joins.waiting.digests import Digests
    from driftline.sketching.joins.waiting.pending import RecordKind


def keys_of(digests: Digests) -> list[bytes]:
    """Return each digest as 16 bytes."""
    data = bytes_of(digests)
    return [data[start : start + DIGEST_BYTES] for start in range(0, len(data), DIGEST_BYTES)]


class MemoryStore:
    """Records by bucket and id, in a dictionary that is copied at each commit."""

    def __init__(self, kind: RecordKind) -> None:
        self.kind = kind
        self._committed: dict[tuple[int, bytes], bytes] = {}
        self._now: dict[tuple[int, bytes], bytes] = {}

    def __len__(self) -> int:
        return len(self._committed)

    def get(self, digests: Digests) -> RecordsById:
        keys = keys_of(digests)
        values = dict.fromkeys(keys, b"")
        for (_, key), value in sorted(item for item in self._now.items() if item[0][1] in values):
            values[key] += value
        found = [values[key] for key in keys]
        ends = np.cumsum([len(value) for value in found], dtype=np.int64) // self.kind.dtype.itemsize
        return RecordsById(np.frombuffer(b"".join(found), dtype=self.kind.dtype).copy(), ends)

    def put(self, digests: Digests, records: NDArray[np.void], ends: NDArray[np.int64]) -> None:
        for key, start, end in zip(keys_of(digests), [0, *ends[:-1]], ends, strict=True):
            values: dict[tuple[int, bytes], bytes] = {}
            for record, bucket in zip(records[start:end], self._buckets(records[start:end]), strict=True):
                values[bucket, key] = values.get((bucket, key), b"") + record.tobytes()
            self._now.update(values)

    def remove(self, digests: Digests, by_id: RecordsById) -> None:
        for key, start, end in zip(keys_of(digests), by_id.starts, by_id.ends, strict=True):
            for bucket in self._buckets(by_id.records[start:end]):
                self._now.pop((bucket, key), None)

    def expiring(self, before_ms: int) -> NDArray[np.void]:
        limit = before_ms // self.kind.bucket_ms
        gone = [value for (bucket, _), value in self._now.items() if bucket < limit]
        return np.frombuffer(b"".join(gone), dtype=self.kind.dtype).copy()

    def expire(self, before_ms: int) -> int:
        limit = before_ms // self.kind.bucket_ms
        gone = [place for place in self._committed if place[0] < limit]
        for place in gone:
            del self._committed[place]
            self._now.pop(place, None)
        return len(gone)

    def commit(self) -> None:
        self._committed = dict(self._now)

    def rollback(self) -> None:
        self._now = dict(self._committed)

    def _buckets(self, records: NDArray[np.void]) -> list[int]:
        buckets: list[int] = (self.kind.expires_ms(records) // self.kind.bucket_ms).tolist()
        return buckets


class MemoryStores:
    """Both stores of a partition."""

    def __init__(self, *_: object) -> None:
        self.next_offset = 0
        self.resume = b""
        self.is_open = True

    def open(self, kind: RecordKind) -> MemoryStore:
        return MemoryStore(kind)

    def commit(self, next_offset: int | None, resume: bytes | None = None) -> None:
        self.next_offset = self.next_offset if next_offset is None else next_offset
        self.resume = self.resume if resume is None else resume

    def close(self) -> None:
        self.is_open = False
