"""Atomic checkpoints in a table that can only write one entry at a time.

Each key has two slots. A checkpoint writes the slot that does *not* hold the key's valid version, with the checkpoint's
generation in front of the value, and the meta entry last: it names the last complete generation. At a restore, the
version with the highest generation that is not above the meta entry's wins. So a crash after any prefix of the writes
leaves exactly the previous checkpoint or exactly the new one, and a reader of the changelog needs no transaction.

Leftovers of a checkpoint that was never completed carry a generation above the meta entry's. They would become valid
when a later checkpoint raises it, so each checkpoint removes them before its own meta entry is written.

Layout, all integers big-endian::

    key    <partition> "/" ("a" | "b") "/" <entry key>      an entry
           <partition> "/m"                                 the meta entry
    value  generation:u64  kind:u8 (0 deleted, 1 value)  payload
           version:u8  generation:u64  position:i64  payload    (meta)
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.errors import ParameterError
from driftline.monitoring.state.checkpoint import META_KEY, damaged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.monitoring.state.checkpoint import Checkpoint

__all__ = ["META_KEY", "STATE_VERSION", "CheckpointSlots", "Write", "partition_of"]

STATE_VERSION: Final = 1

_SLOTS: Final = (b"a", b"b")
_ENTRY: Final = struct.Struct(">QB")
_META: Final = struct.Struct(">BQq")


class Write(NamedTuple):
    """One change of the table; a value of None removes the key."""

    key: bytes
    value: bytes | None


class CheckpointWrites(NamedTuple):
    """One checkpoint's changes: `first` must be acknowledged before `meta` is written, in this order."""

    first: tuple[Write, ...]
    meta: Write
    position: int


class _Version(NamedTuple):
    slot: bytes
    generation: int
    value: bytes | None


class CheckpointSlots:
    """Tracks the valid slot of each key of a partition; turns checkpoints into writes, and stored entries into state.

    *State*: about 100 bytes a key, without the values. *Cost*: O(entries) for a checkpoint, O(keys) for a restore.
    """

    def __init__(self, partition: int) -> None:
        self.position: int | None = None
        self._prefix = b"%d/" % partition
        self._partition = partition
        self._complete = 0
        self._valid: dict[bytes, bytes] = {}
        self._garbage: list[bytes] = []

    @classmethod
    def restore(cls, partition: int, stored: Mapping[bytes, bytes]) -> tuple[CheckpointSlots, dict[bytes, bytes]]:
        """Return the slots of a partition, ready for the next checkpoint, and the entries of its last complete one.

        ``stored`` is all that the table holds for the partition. The entries include the meta bytes, under
        :data:`META_KEY`; they are empty, and the slots' position is None, where no checkpoint was ever completed.

        Raises
        ------
        FormatError
            The table holds a key or a version that this release does not know.
        """
        slots = cls(partition)
        entries: dict[bytes, bytes] = {}
        meta = stored.get(slots._prefix + b"m")
        if meta is not None:
            slots._complete, slots.position, entries[META_KEY] = _read_meta(meta, partition)
        versions: dict[bytes, list[_Version]] = {}
        for table_key, value in stored.items():
            if table_key != slots._prefix + b"m":
                slots._collect(table_key, value, versions)
        for key, each in versions.items():
            slots._settle(key, each, entries)
        return slots, entries

    def _collect(self, table_key: bytes, value: bytes, versions: dict[bytes, list[_Version]]) -> None:
        slot, separator, key = table_key[len(self._prefix) :].partition(b"/")
        if not table_key.startswith(self._prefix) or slot not in _SLOTS or not separator or len(value) < _ENTRY.size:
            expected = f"an entry of state version {STATE_VERSION} for partition {self._partition}"
            raise damaged(expected, table_key, "detection state")
        generation, kind = _ENTRY.unpack_from(value)
        payload = value[_ENTRY.size :] if kind else None
        versions.setdefault(key, []).append(_Version(slot, generation, payload))

    def _settle(self, key: bytes, versions: list[_Version], entries: dict[bytes, bytes]) -> None:
        self._garbage.extend(self._table_key(v.slot, key) for v in versions if v.generation > self._complete)
        complete = sorted((v for v in versions if v.generation <= self._complete), key=lambda v: v.generation)
        if not complete:
            return
        winner = complete[-1]
        if winner.value is None:  # the older version goes first, or a crash in between would bring it back
            self._garbage.extend(self._table_key(v.slot, key) for v in complete)
            return
        entries[key] = winner.value
        self._valid[key] = winner.slot

    def writes(self, checkpoint: Checkpoint) -> CheckpointWrites:
        """Return the writes of a checkpoint, which counts as the valid one from now on; no entry's key may be empty.

        The caller writes all of it or ends the process; :meth:`restore` heals whatever prefix got through.
        """
        generation = self._complete + 1
        first = [Write(key, None) for key in self._garbage]
        self._garbage = []
        for key, value in checkpoint.entries.items():
            if key == META_KEY:
                raise ParameterError("a non-empty entry key", key, f"checkpoint of panes partition {self._partition}")
            first.extend(self._entry_writes(key, value, generation))
        self._complete, self.position = generation, checkpoint.position
        meta = _META.pack(STATE_VERSION, generation, checkpoint.position) + checkpoint.meta
        return CheckpointWrites(tuple(first), Write(self._prefix + b"m", meta), checkpoint.position)

    def _entry_writes(self, key: bytes, value: bytes | None, generation: int) -> list[Write]:
        valid = self._valid.get(key)
        if value is None and valid is None:
            return []
        target = _SLOTS[1] if valid == _SLOTS[0] else _SLOTS[0]
        table_key = self._table_key(target, key)
        if value is None:
            del self._valid[key]
            self._garbage += [self._table_key(valid or target, key), table_key]
            return [Write(table_key, _ENTRY.pack(generation, 0))]
        self._valid[key] = target
        return [Write(table_key, _ENTRY.pack(generation, 1) + value)]

    def _table_key(self, slot: bytes, key: bytes) -> bytes:
        return self._prefix + slot + b"/" + key


def _read_meta(value: bytes, partition: int) -> tuple[int, int, bytes]:
    if len(value) < _META.size or value[0] != STATE_VERSION:
        version = value[0] if value else None
        at = f"detection state of panes partition {partition}"
        raise damaged(f"state version {STATE_VERSION}", version, at)
    _, generation, position = _META.unpack_from(value)
    return generation, position, value[_META.size :]


def partition_of(table_key: bytes) -> int:
    """Return the panes partition that a table key belongs to."""
    return int(table_key.partition(b"/")[0])
