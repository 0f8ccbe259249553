"""The RocksDB database of one source partition's pending stores, and how far into the changelog it reaches."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, Final

import msgspec
import rocksdict
from msgspec import Struct

from driftline.runtime.operations.logs import get_logger
from driftline.runtime.pending.keyed_values import KeyedValues
from driftline.runtime.pending.pending_store import RocksPendingStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from driftline.profiles.profile import Profile
    from driftline.sketching.joins.profile_table import ProfileTable
    from driftline.sketching.joins.waiting.pending import RecordKind

VERSION: Final = 3
_META: Final = b"!"
_WRITE_BUFFER: Final = 8 << 20
_ALL_WRITE_BUFFERS: Final = 32 << 20
_BLOCK_BYTES: Final = 2 << 10
"""Lookups have no neighbours: small blocks are read faster."""
_BLOOM_BITS: Final = 10
"""An entry, in all files but those of the last level: an id that is looked up is there, though not in the newest."""
_FIRST_FILE: Final = 8 << 20
"""Files of each further level are twice as large: compaction needs room for one of them, and few stay open."""
MEMORY_BYTES: Final = 64 << 20
"""What all databases of a worker may keep in memory before they write it: 400,000 predictions with their labels. While
one of them writes, its part is there three times: as it was, as RocksDB's batch, and in RocksDB's write buffer."""
_log = get_logger(__name__)


class DatabaseMeta(Struct):
    """What a database stores about itself."""

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
    """Return the write buffers, 32 MB, that all databases of a worker share.

    Besides, a database takes 20 bytes of memory for every 2 KB on disk. What is read of it is left to the system's own
    cache: a label that is months late finds nothing near what was read before it.
    """
    return rocksdict.WriteBufferManager(_ALL_WRITE_BUFFERS, allow_stall=False)


class PendingDatabase:
    """Both stores of a partition, written in one batch with the changelog offset that they reach up to.

    It is written when what was committed takes more than ``memory_bytes`` of memory, and at the end. After a crash the
    changelog has what was not.

    A folder that holds anything but a database of the same owner is emptied. ``find`` returns a profile by its id, or
    None. ``max_bytes`` is what entries may take before compression; beyond it those that expire first are dropped. All
    databases of a worker share ``buffers``.
    """

    def __init__(
        self,
        path: Path,
        owner: str,
        table: ProfileTable,
        find: Callable[[str], Profile | None],
        max_bytes: int,
        buffers: rocksdict.WriteBufferManager,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self._path = path
        self.max_bytes = max_bytes
        self.memory_bytes = memory_bytes
        self._n_evicted = 0
        self._db: Any = _open(path, buffers)  # its keys and values are bytes in raw mode, which its types do not say
        meta = _meta_of(self._db)
        if meta is None or meta.version != VERSION or meta.owner != owner:
            if meta is not None:
                _log.warning(
                    "pending store created again: another version or configuration wrote it",
                    path=str(path),
                    version=meta.version,
                    owner=meta.owner,
                )
            self._db.close()
            shutil.rmtree(path)
            self._db = _open(path, buffers)
            meta = DatabaseMeta(VERSION, owner, 0, [])
        self._meta = meta
        self._stores: list[RocksPendingStore] = []
        self._values = KeyedValues(self._db, table, find, meta.profile_ids)

    @property
    def next_offset(self) -> int:
        """Changelog offset of the first block that the stores do not hold, in memory or on disk."""
        return self._meta.next_offset

    @property
    def resume(self) -> bytes:
        """Bytes that the join stored with the last commit."""
        return self._meta.resume

    # --- what a worker's joiner calls ---------------------------------------------------------------------------------

    def open(self, kind: RecordKind) -> RocksPendingStore:
        """Return the store of one kind of record; called once for each kind."""
        store = RocksPendingStore(self._values, kind)
        self._stores.append(store)
        return store

    def commit(self, next_offset: int | None, resume: bytes | None = None) -> None:
        """Keep what the stores have committed, with the changelog offset that it reaches up to, if that rose."""
        while sum(store.n_bytes for store in self._stores) > self.max_bytes:
            evicted = max(self._stores, key=lambda store: store.n_bytes).evict()
            self._n_evicted += evicted
            _log.warning("pending store is full: dropping the oldest entries", entries=evicted, path=str(self._path))
        if next_offset is not None:
            self._meta.next_offset = next_offset
        if resume is not None:
            self._meta.resume = resume
        for store in self._stores:
            store.settle()
        if sum(store.memory_bytes for store in self._stores) > self.memory_bytes:
            self._spill()

    def _spill(self) -> None:
        """Write all that is in memory, at once."""
        for store in self._stores:
            store.spill()
        self._values.write(_META, msgspec.msgpack.encode(self._meta))

    def take_evicted(self) -> int:
        """Return how many entries the quota has evicted since the last call."""
        n_evicted, self._n_evicted = self._n_evicted, 0
        return n_evicted

    def close(self) -> None:
        """Close the database; what was not committed is in the changelog.

        So is all that is in memory where the last commit has not come to its end: that is not written.
        """
        if all(store.is_settled for store in self._stores):
            self._spill()
        self._db.flush()
        self._db.close()


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


def _meta_of(db: rocksdict.Rdict) -> DatabaseMeta | None:
    """Return a database's metadata; None for a new database, version -1 for unreadable metadata."""
    data = db.get(_META)
    if data is None:
        return None
    try:
        return msgspec.msgpack.decode(data, type=DatabaseMeta)
    except msgspec.DecodeError:
        return DatabaseMeta(-1, "unreadable", 0, [])
