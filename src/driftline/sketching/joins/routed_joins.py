"""Joins over the pending topic: rows are sent to the partition of their id, and joined by whoever reads that one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.sketching.joins.join_batch import JoinRows
from driftline.sketching.joins.joiner import Joiner
from driftline.sketching.joins.local_joins import known_predictions
from driftline.sketching.joins.pending_block import decode_block, encode_blocks, encode_marks
from driftline.sketching.joins.reorder_buffer import ReorderBuffer
from driftline.sketching.joins.routing import ROUTED, destinations, places

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from driftline.events.record_batch import RecordBatch
    from driftline.events.source import Source, Watermark
    from driftline.profiles.profiles import Profiles
    from driftline.sketching.joins.counting.join_counter import JoinCounter
    from driftline.sketching.joins.pending_block import PendingBlock
    from driftline.sketching.joins.profile_table import ProfileTable
    from driftline.sketching.joins.reorder_buffer import Side
    from driftline.sketching.joins.waiting.pending import PendingStores

SLICES: Final = 10
"""Parts of a pane in which rows are given to the join, where it can be divided so."""

MAX_HELD: Final = 1_000_000
"""Rows that wait for their turn, about 100 MB, from which on inputs that are ahead wait as well."""


class RoutedJoins:
    """What a sketch worker does of the joins where inputs are repartitioned.

    Its input partitions' rows leave in the blocks of a flush; those that come in the blocks of the pending partitions
    it was assigned are joined. Both may be the same rows, a flush later.

    Parameters
    ----------
    n_partitions : int
        Of the pending topic.
    pane_ms : int
    book : Profiles
    table : ProfileTable
    counter : JoinCounter
        Takes what joins add.
    open_stores : callable
        Returns the pending stores of a partition, given its number and the profile table.

    Attributes
    ----------
    feeds : dict of int to ReorderBuffer
        By partition of the pending topic.
    n_waiting : int
        Rows taken in since the last flush.
    """

    def __init__(
        self,
        n_partitions: int,
        pane_ms: int,
        book: Profiles,
        table: ProfileTable,
        counter: JoinCounter,
        open_stores: Callable[[int, ProfileTable], PendingStores],
    ) -> None:
        self._n_partitions = n_partitions
        self._slice_ms = pane_ms // SLICES if pane_ms % SLICES == 0 else pane_ms
        self._book = book
        self._table = table
        self._counter = counter
        self._open_stores = open_stores
        self._out: dict[Side, list[JoinRows]] = {"predictions": [], "labels": []}
        self._told: dict[Source, Watermark] = {}
        self._telling: dict[Source, Watermark] = {}
        self._next: dict[int, int] = {}
        self.feeds: dict[int, ReorderBuffer] = {}
        self.n_waiting = 0

    # --- assignment ---------------------------------------------------------------------------------------------------

    def assign(self, partition: int) -> None:
        """Start on a partition of the pending topic."""
        stores = self._open_stores(partition, self._table)
        joiner = Joiner(ROUTED, self._table, self._counter, stores)
        self.feeds[partition] = ReorderBuffer(partition, self._n_partitions, joiner, self._slice_ms, stores.resume)

    def revoke(self) -> None:
        """Give all partitions up."""
        for feed in self.feeds.values():
            feed.joiner.close()
        self.feeds.clear()

    def restore(self, partition: int, block: bytes, offset: int, at: str) -> int:
        """Take in one block of which everything was counted before; return its number of rows."""
        with self.feeds[partition].joiner.uncounted():
            return self._take(partition, decode_block(block, at, self._n_partitions), offset)

    def restored(self, partition: int) -> None:
        """Keep what was restored."""
        feed = self.feeds[partition]
        with feed.joiner.uncounted():
            feed.settle()
        feed.commit(counted=False)

    # --- rows ---------------------------------------------------------------------------------------------------------

    def add(self, side: Side, partition: int, rows: JoinRows) -> None:
        """Let rows of an input partition leave with the next flush."""
        rows.records["offset"] = places(partition, rows.records["offset"])
        self._out[side].append(rows)

    def profiles_wanted(self, batch: RecordBatch) -> set[str]:
        """Return the ids of profiles that blocks name and that are not known."""
        return {
            name
            for value, offset in zip(batch.values, batch.offsets, strict=True)
            for name in self._decode(batch, value, offset).profile_ids
            if self._book.get(name) is None
        }

    def take(self, batch: RecordBatch) -> None:
        """Take blocks of an assigned partition in."""
        partition = batch.source.partition
        for value, offset in zip(batch.values, batch.offsets, strict=True):
            self.n_waiting += self._take(partition, self._decode(batch, value, offset), offset)
        self.feeds[partition].settle()
        self._next[partition] = batch.offsets[-1] + 1

    def skip(self, partition: int, next_offset: int) -> None:
        """Go on at an offset."""
        self._next[partition] = next_offset

    def _decode(self, batch: RecordBatch, value: bytes | None, offset: int) -> PendingBlock:
        return decode_block(value or b"", f"{batch.topic}-{batch.source.partition}@{offset}", self._n_partitions)

    def _take(self, partition: int, block: PendingBlock, offset: int) -> int:
        rows = known_predictions(block, self._book, self._table)
        self.feeds[partition].take(offset, rows, block.label_rows(), block.marks)
        return block.n_rows

    # --- flush --------------------------------------------------------------------------------------------------------

    def positions(self) -> dict[int, int]:
        """Return where each partition is read on that was read since the last flush."""
        return dict(self._next)

    def count_orphans(self) -> None:
        """Count labels whose prediction can no longer come."""
        for feed in self.feeds.values():
            feed.count_orphans()

    def watermarks(self) -> list[Watermark]:
        """Return how far the joins of each partition have come."""
        return [feed.watermark() for _, feed in sorted(self.feeds.items())]

    def blocks(self, marks: Mapping[Source, Watermark]) -> dict[int, list[bytes]]:
        """Return what goes to the partitions of the pending topic: rows, and to all of them what is new of the marks.

        Parameters
        ----------
        marks : dict of Source to Watermark
            Of all input partitions.
        """
        profile_ids = [profile.profile_id for profile in self._table.profiles]
        parts = {side: self._divided(rows) for side, rows in self._out.items()}
        blocks: dict[int, list[bytes]] = {}
        for partition in sorted({number for divided in parts.values() for number in divided}):
            predicted, labelled = (parts[side].get(partition, []) for side in ("predictions", "labels"))
            blocks[partition] = encode_blocks(profile_ids, predicted, labelled, self._n_partitions)
        self._telling = {source: mark for source, mark in marks.items() if self._told.get(source) != mark}
        if self._telling:
            last = encode_marks(self._n_partitions, [mark for _, mark in sorted(self._telling.items())])
            for partition in range(self._n_partitions):
                blocks.setdefault(partition, []).append(last)
        return blocks

    def _divided(self, batches: list[JoinRows]) -> dict[int, list[JoinRows]]:
        if not batches:
            return {}
        every = JoinRows.together(batches)
        to: NDArray[np.int64] = destinations(every.digests, self._n_partitions)
        return {number: [every.chosen(to == number)] for number in np.unique(to).tolist()}

    def committed(self) -> None:
        """Make the last flush final."""
        self._told.update(self._telling)
        for feed in self.feeds.values():
            feed.commit()
        self._clear()

    def aborted(self) -> None:
        """Forget everything since the last committed flush, and say everything again."""
        self._told.clear()
        for feed in self.feeds.values():
            feed.rollback()
        self._clear()

    def _clear(self) -> None:
        for batches in self._out.values():
            batches.clear()
        self._telling = {}
        self._next.clear()
        self.n_waiting = 0

    def behind_ms(self) -> int | None:
        """Return the watermark of the input partition that is furthest behind, where too many rows wait for it."""
        if sum(feed.n_held for feed in self.feeds.values()) < MAX_HELD:
            return None
        return min((time_ms for feed in self.feeds.values() for time_ms in feed.inputs()), default=None)
