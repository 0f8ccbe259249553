"""Joins where they lie: each input partition's labels with the predictions of the partition of the same number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from driftline.sketching.joins.join_batch import JoinRows
from driftline.sketching.joins.joiner import Joiner
from driftline.sketching.joins.pending_block import decode_block, encode_blocks
from driftline.sketching.joins.replayed_rows import ReplayedRows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from driftline.profiles.profiles import Profiles
    from driftline.sketching.joins.counting.join_counter import JoinCounter
    from driftline.sketching.joins.pending_block import PendingBlock
    from driftline.sketching.joins.profile_table import ProfileTable
    from driftline.sketching.joins.reorder_buffer import Side
    from driftline.sketching.joins.waiting.pending import PendingStores

    WatermarkOf = Callable[[Side, int], int | None]


class LocalJoins:
    """The joins of a sketch worker's input partitions; the pending topic holds what they were given.

    Parameters
    ----------
    book : Profiles
    table : ProfileTable
    counter : JoinCounter
        Takes what joins add.
    open_stores : callable
        Returns the pending stores of a partition, given its number and the profile table.
    watermark_of : callable
        Returns the watermark of an input partition, given its side and number.

    Attributes
    ----------
    joiners : dict of int to Joiner
        By input partition.
    """

    def __init__(
        self,
        book: Profiles,
        table: ProfileTable,
        counter: JoinCounter,
        open_stores: Callable[[int, ProfileTable], PendingStores],
        watermark_of: WatermarkOf,
    ) -> None:
        self._book = book
        self._table = table
        self._counter = counter
        self._open_stores = open_stores
        self._watermark_of = watermark_of
        self._taken: dict[Side, dict[int, list[JoinRows]]] = {"predictions": {}, "labels": {}}
        self._replayed: dict[int, ReplayedRows] = {}
        self.joiners: dict[int, Joiner] = {}

    def assign(self, partition: int) -> None:
        """Start on an input partition, which both topics have."""
        if partition not in self.joiners:
            stores = self._open_stores(partition, self._table)
            self.joiners[partition] = Joiner(partition, self._table, self._counter, stores)

    def revoke(self) -> None:
        """Give all partitions up."""
        for joiner in self.joiners.values():
            joiner.close()
        self.joiners.clear()
        self._replayed.clear()

    def restore(self, partition: int, block: bytes, at: str) -> int:
        """Give the join of a partition one block of its changelog, oldest first; return its number of rows."""
        read = decode_block(block, at)
        if partition not in self._replayed:
            self._replayed[partition] = ReplayedRows(self.joiners[partition])
        self._replayed[partition].add("predictions", known_predictions(read, self._book, self._table))
        self._replayed[partition].add("labels", read.label_rows())
        return read.n_rows

    def restored(self, partition: int, next_offset: int, *, whole: bool) -> None:
        """Keep what was restored, up to an offset of the changelog.

        What is over by the watermarks, which are those behind the last block, goes when the ``whole`` is there: a label
        that has waited long enough by then may have met its prediction in a block that is still to come.
        """
        if partition in self._replayed:
            self._replayed.pop(partition).give()
        watermarks = self._watermarks(partition) if whole else (None, None)
        self.joiners[partition].restored(next_offset, *watermarks)

    def add(self, side: Side, partition: int, rows: JoinRows) -> None:
        """Let rows of an input partition be joined with the next flush."""
        self._taken[side].setdefault(partition, []).append(rows)

    def join(self) -> None:
        """Join what came since the last flush, as restoring will do it; count labels that can no longer be joined.

        Many rows at once, sorted by their digests, are looked up with less work each.
        """
        predicted, labelled = self._taken["predictions"], self._taken["labels"]
        for number, joiner in self.joiners.items():
            for taken, give in ((predicted, joiner.add_predictions), (labelled, joiner.add_labels)):
                if number in taken:
                    taken[number] = [JoinRows.together(taken[number])]
                    give(*taken[number])
            joiner.count_orphans(self._watermark_of("predictions", number))

    def blocks(self) -> dict[int, list[bytes]]:
        """Return what the joins were given, as blocks of the changelog."""
        profile_ids = [profile.profile_id for profile in self._table.profiles]
        predicted, labelled = self._taken["predictions"], self._taken["labels"]
        return {
            partition: encode_blocks(profile_ids, predicted.get(partition, []), labelled.get(partition, []))
            for partition in sorted(predicted.keys() | labelled.keys())
        }

    def committed(self, changelog: Mapping[int, int]) -> None:
        """Make the last flush final; what it wrote reaches up to these offsets of the changelog."""
        for number, joiner in self.joiners.items():
            joiner.commit(changelog.get(number), *self._watermarks(number))
        self._clear()

    def aborted(self) -> None:
        """Forget everything since the last committed flush."""
        for joiner in self.joiners.values():
            joiner.rollback()
        self._clear()

    def _clear(self) -> None:
        for taken in self._taken.values():
            taken.clear()

    def _watermarks(self, partition: int) -> tuple[int | None, int | None]:
        return self._watermark_of("predictions", partition), self._watermark_of("labels", partition)


def known_predictions(block: PendingBlock, book: Profiles, table: ProfileTable) -> JoinRows:
    """Return a block's predictions with profiles as the table numbers them, without those made under unknown ones."""
    rows = block.prediction_rows()
    if not rows.records.size:
        return rows
    profiles = [book.get(profile_id) for profile_id in block.profile_ids]
    local = [-1 if profile is None else table.intern(profile) for profile in profiles]
    rows.records["profile"] = np.array(local, dtype=np.int32)[rows.records["profile"]]
    return rows.chosen(rows.records["profile"] >= 0)
