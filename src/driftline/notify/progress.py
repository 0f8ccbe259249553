"""How far a sink has come in one partition, as the metadata of a committed offset keep it.

A committed offset is that of the oldest record that the sink has not taken. Records behind it may be done already, such
as a critical alert that was sent while a milder one waits for the digest; the metadata name those that are not.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

MAX_HELD: Final = 400
"""Records that a sink may hold back before it reads no further."""
MAX_METADATA_BYTES: Final = 4_000
"""Brokers take 4,096 (``offset.metadata.max.bytes``)."""
_VERSION: Final = 1


class _Metadata(Struct, frozen=True):
    """Version, end of what was read, end of the history, and the distances between offsets of records that wait."""

    v: int
    to: int
    born: int
    held: tuple[int, ...] = ()


class Progress:
    """Which records of a partition a sink is done with.

    Parameters
    ----------
    position : int
        Offset of the next record that has not been read; what lies before it and is not in ``waiting`` is done.
    born : int
        End of the partition when the sink was first seen. Of what lies before it, only open alerts are sent.
    waiting : iterable of int
        Offsets before the position of records that are not done.
    is_new : bool
        Whether nothing is committed yet. Then ``born`` must be before anything is sent, or else a crash would move it.

    Examples
    --------
    >>> progress = Progress(10, 0)
    >>> progress.read(10), progress.read(11), progress.done(11)
    (None, None, None)
    >>> progress.commit()
    (10, '{"v":1,"to":12,"born":0,"held":[0]}')
    >>> Progress.restored(*progress.commit()).is_done(11)
    True
    """

    def __init__(self, position: int, born: int, waiting: tuple[int, ...] = (), *, is_new: bool = False) -> None:
        self.is_new = is_new
        self.position = position
        self.born = born
        self._held = dict.fromkeys(sorted(waiting))
        self._listed = frozenset(waiting)
        self._unseen = set(waiting)
        self._settled_to = position

    @classmethod
    def restored(cls, offset: int, metadata: str | None) -> Progress:
        """Return the progress of a committed offset; metadata that are none of ours stand for a plain offset."""
        try:
            found = msgspec.json.decode(metadata or "", type=_Metadata)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return cls(offset, 0)
        if found.v != _VERSION or found.to < offset:
            return cls(offset, 0)
        waiting, at = [], offset
        for distance in found.held:
            at += distance
            waiting.append(at)
        return cls(found.to, found.born, tuple(waiting))

    @property
    def oldest(self) -> int:
        """Offset of the oldest record that is not done, or of the next one to read."""
        return min(self._held, default=self.position)

    @property
    def n_held(self) -> int:
        """Number of records that were read and are not done."""
        return len(self._held)

    def is_done(self, offset: int) -> bool:
        """Whether an earlier run was done with a record, as the committed metadata say."""
        return offset < self._settled_to and offset not in self._listed

    def read(self, offset: int) -> None:
        """Note that a record was read, and hold it until it is done."""
        self._held[offset] = None
        self._unseen.discard(offset)
        self.position = max(self.position, offset + 1)

    def done(self, offset: int) -> None:
        """Note that nothing remains to be done for a record."""
        self._held.pop(offset, None)

    def forget_lost(self) -> None:
        """Let go of records that an earlier run held and that compaction has deleted since: newer ones replace them."""
        while self._unseen:
            self.done(self._unseen.pop())

    def skip_to(self, offset: int) -> None:
        """Note that there are no records before an offset."""
        self.position = max(self.position, offset)

    def commit(self) -> tuple[int, str]:
        """Return the offset to commit and its metadata.

        Where more records wait than the metadata can name, those read after the last one named count as not read.
        """
        held = sorted(self._held)
        offset = held[0] if held else self.position
        to, n = self.position, len(held)
        while True:
            distances = tuple(b - a for a, b in zip([offset, *held[: n - 1]], held[:n], strict=True)) if n else ()
            text = msgspec.json.encode(_Metadata(_VERSION, to, self.born, distances)).decode()
            if len(text) <= MAX_METADATA_BYTES:
                return offset, text
            n = n * 3 // 4
            to = held[n]
