"""The RocksDB database of one source partition's pending stores, and how far into the changelog it reaches."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import rocksdict
from msgspec import Struct

from driftline.pipeline.joining.record_arrays import as_bytes
from driftline.runtime.logs import get_logger
from driftline.runtime.pending_store import RocksPendingStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from driftline.pipeline.joining.pending import Kept
    from driftline.pipeline.joining.profile_table import ProfileTable
    from driftline.profiles.profile import Profile

VERSION: Final = 2
_META: Final = b"!"
_WRITE_BUFFER: Final = 8 << 20
_ALL_WRITE_BUFFERS: Final = 32 << 20
_BLOCK_BYTES: Final = 2 << 10
"""Lookups have no neighbours: small blocks are read faster."""
_BLOOM_BITS: Final = 10
"""An entry, in all files but those of the last level: an id that is looked up is there, though not in the newest."""
_FIRST_FILE: Final = 8 << 20
"""Files of each further level are twice as large: compaction needs room for one of them, and few stay open."""
_KEYS_AT_ONCE: Final = 100_000
_log = get_logger(__name__)


class Meta(Struct):
    """What is said of a database in itself."""

    version: int
    owner: str
    """Cluster, topic, partition and settings: a database of another owner is not taken over."""
    next_offset: int
    """Of the changelog, behind what the database holds."""
    profile_ids: list[str]
    """What ``profile`` in its records is an index into."""
    resume: bytes = b""
    """Kept for the join."""


def shared_buffers() -> rocksdict.WriteBufferManager:
    """Return what all databases of a worker keep writes in, so that its 32 MB do not grow with the partitions.

    Besides, a database takes 20 bytes of memory for every 2 KB on disk. What is read of it is left to the system's own
    cache: a label that is months late finds nothing near what was read before it.
    """
    return rocksdict.WriteBufferManager(_ALL_WRITE_BUFFERS, allow_stall=False)


class PendingDatabase:
    """Both stores of a partition, written in one batch with the changelog offset that they reach up to.

    Parameters
    ----------
    path : Path
        A folder; one that holds anything but a database of the same owner is emptied.
    owner : str
    table : ProfileTable
    find : callable
        Returns a profile by its id, or None.
    max_bytes : int
        What entries may take before compression; beyond it those that expire first are dropped.
    buffers : WriteBufferManager
        Shared by all databases of a worker.

    Attributes
    ----------
    max_bytes : int
    """

    def __init__(
        self,
        path: Path,
        owner: str,
        table: ProfileTable,
        find: Callable[[str], Profile | None],
        max_bytes: int,
        buffers: rocksdict.WriteBufferManager,
    ) -> None:
        self._path = path
        self._table = table
        self._find = find
        self.max_bytes = max_bytes
        self._n_evicted = 0
        self._db: Any = _open(path, buffers)  # its keys and values are bytes in raw mode, which its types do not say
        meta = _meta_of(self._db)
        if meta is None or meta.version != VERSION or meta.owner != owner:
            if meta is not None:
                _log.warning("pending store made anew", path=str(path), version=meta.version, owner=meta.owner)
            self._db.close()
            shutil.rmtree(path)
            self._db = _open(path, buffers)
            meta = Meta(VERSION, owner, 0, [])
        self._meta = meta
        self._stores: list[RocksPendingStore] = []
        self._batch = rocksdict.WriteBatch(raw_mode=True)
        without_log: Any = rocksdict.WriteOptions()  # its types take a property for a method
        without_log.disable_wal = True  # the changelog is the log: what is lost is read there again
        self._without_log = without_log
        self._local: NDArray[np.int32] = np.zeros(0, dtype=np.int32)
        self._global: NDArray[np.int32] = np.zeros(0, dtype=np.int32)
        self._index()

    @property
    def next_offset(self) -> int:
        """Of the changelog: what stands there and behind it is not in the database."""
        return self._meta.next_offset

    @property
    def resume(self) -> bytes:
        """What the last commit kept for the join."""
        return self._meta.resume

    # --- what a worker's joiner calls ---------------------------------------------------------------------------------

    def open(self, kept: Kept) -> RocksPendingStore:
        """Return the store for something; called once for each name."""
        store = RocksPendingStore(self, kept)
        self._stores.append(store)
        return store

    def commit(self, next_offset: int | None, resume: bytes | None = None) -> None:
        """Write what the stores have committed, with the changelog offset that it reaches up to, if that rose."""
        while sum(store.n_bytes for store in self._stores) > self.max_bytes:
            evicted = max(self._stores, key=lambda store: store.n_bytes).evict()
            self._n_evicted += evicted
            _log.warning("pending store is full: the oldest entries are dropped", entries=evicted, path=str(self._path))
        if next_offset is not None:
            self._meta.next_offset = next_offset
        if resume is not None:
            self._meta.resume = resume
        self._batch.put(_META, msgspec.msgpack.encode(self._meta))
        self._db.write(self._batch, self._without_log)
        self._batch = rocksdict.WriteBatch(raw_mode=True)

    def take_evicted(self) -> int:
        """Return how many entries were dropped for want of room since the last call."""
        taken, self._n_evicted = self._n_evicted, 0
        return taken

    def close(self) -> None:
        """Close the database; what was not committed is in the changelog."""
        self._db.flush()
        self._db.close()

    # --- profiles -----------------------------------------------------------------------------------------------------

    def local(self, records: NDArray[np.void]) -> NDArray[np.void]:
        """Return records with profiles as the database numbers them."""
        if "profile" not in (records.dtype.names or ()) or not records.size:
            return records
        if records["profile"].max() >= self._local.size or (self._local[records["profile"]] < 0).any():
            for index in np.unique(records["profile"]).tolist():
                name = self._table.profiles[index].profile_id
                if name not in self._meta.profile_ids:
                    self._meta.profile_ids.append(name)
            self._index()
        mine = as_bytes(records).copy().view(records.dtype)
        mine["profile"] = self._local[records["profile"]]
        return mine

    def known(self, records: NDArray[np.void]) -> NDArray[np.void]:
        """Number the profiles of records, in place, as the table does; -1 where there is no such profile any more."""
        if "profile" in (records.dtype.names or ()) and records.size:
            records["profile"] = self._global[records["profile"]]
        return records

    def _index(self) -> None:
        found = [self._find(name) for name in self._meta.profile_ids]
        numbers = [-1 if profile is None else self._table.intern(profile) for profile in found]
        self._global = np.array(numbers, dtype=np.int32)
        self._local = np.full(len(self._table.profiles), -1, dtype=np.int32)
        for local, number in enumerate(numbers):
            if number >= 0:
                self._local[number] = local

    # --- what the stores call -----------------------------------------------------------------------------------------

    def get(self, keys: list[bytes]) -> list[bytes | None]:
        """Return the values of keys, None where there is none."""
        values: list[bytes | None] = self._db.get(keys) if keys else []
        return values

    def keys(self, prefix: bytes) -> Iterator[list[bytes]]:
        """Yield all keys that begin with a byte, many at a time."""
        part: list[bytes] = []
        for key in self._db.keys(from_key=prefix):
            if key[:1] != prefix:
                break
            part.append(key)
            if len(part) == _KEYS_AT_ONCE:
                yield part
                part = []
        if part:
            yield part

    def entries(self, start: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield committed entries with keys from ``start`` up to, without, ``stop``."""
        for key, value in self._db.items(from_key=start):
            if key >= stop:
                return
            yield key, value

    def put(self, entries: Iterator[tuple[bytes, bytes]]) -> None:
        """Add entries to the next batch."""
        put = self._batch.put
        for key, value in entries:
            put(key, value)

    def delete(self, key: bytes) -> None:
        """Add a removal to the next batch."""
        self._batch.delete(key)

    def delete_range(self, start: bytes, stop: bytes) -> None:
        """Add the removal of a range, without its end, to the next batch."""
        self._batch.delete_range(start, stop)


def _open(path: Path, buffers: rocksdict.WriteBufferManager) -> rocksdict.Rdict:
    path.mkdir(parents=True, exist_ok=True)
    options = rocksdict.Options(raw_mode=True)
    options.create_if_missing(True)  # noqa: FBT003  # RocksDB's own names
    options.set_write_buffer_size(_WRITE_BUFFER)
    options.set_write_buffer_manager(buffers)
    options.set_keep_log_file_num(2)
    options.set_compression_type(rocksdict.DBCompressionType.none())  # half of the time of a lookup
    options.set_target_file_size_base(_FIRST_FILE)
    options.set_target_file_size_multiplier(2)
    options.set_max_bytes_for_level_base(_ALL_WRITE_BUFFERS)
    options.set_optimize_filters_for_hits(True)
    blocks = rocksdict.BlockBasedOptions()
    blocks.disable_cache()
    blocks.set_block_size(_BLOCK_BYTES)
    blocks.set_bloom_filter(_BLOOM_BITS, block_based=False)
    blocks.set_data_block_index_type(rocksdict.DataBlockIndexType.binary_and_hash())
    options.set_block_based_table_factory(blocks)
    return rocksdict.Rdict(str(path), options)


def _meta_of(db: rocksdict.Rdict) -> Meta | None:
    """Return what a database says of itself; a new one says nothing, and an unreadable one counts as old."""
    data = db.get(_META)
    if data is None:
        return None
    try:
        return msgspec.msgpack.decode(data, type=Meta)
    except msgspec.DecodeError:
        return Meta(-1, "unreadable", 0, [])
