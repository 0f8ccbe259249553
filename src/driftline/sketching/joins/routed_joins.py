"""Joins over the pending topic: rows are sent to the partition of their id, and joined by whoever reads that one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.panes.counting.origins import ROUTED, places
from driftline.sketching.joins.counting.join_counter import JoinCounter
from driftline.sketching.joins.join_entry import JoinRows
from driftline.sketching.joins.join_rows import JoinRowBuilder
from driftline.sketching.joins.joiner import Joiner
from driftline.sketching.joins.joins import Joins
from driftline.sketching.joins.pending_block import decode_routed, encode_blocks, encode_marks
from driftline.sketching.joins.profile_table import ProfileTable, is_unprofiled
from driftline.sketching.joins.reorder_buffer import ReorderBuffer
from driftline.sketching.joins.replayed_rows import Replay, predictions_of
from driftline.sketching.joins.routing import destinations

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from driftline.config.settings import Settings
    from driftline.events.label import LabelColumns
    from driftline.events.record_batch import RecordBatch
    from driftline.events.source import Source, Watermark
    from driftline.panes.flush_record import JoinDelta
    from driftline.profiles.profiles import Profiles
    from driftline.sketching.intake import Intake
    from driftline.sketching.joins.pending_block import PendingBlock
    from driftline.sketching.joins.reorder_buffer import Side
    from driftline.sketching.joins.waiting.pending import PendingStores
    from driftline.sketching.rows import ModelEvents

SLICES: Final = 10
"""Parts of a pane in which rows are given to the join, where it can be divided so."""

MAX_BUFFERED: Final = 1_000_000
"""Rows that wait for their turn, about 100 MB, from which on inputs that are ahead wait as well."""


class RoutedJoins(Joins):
    """Joins of partitions of the pending topic, through which predictions and labels are repartitioned by their ids.

    The input partitions' rows leave in the blocks of a flush; those that come in the blocks of the assigned pending
    partitions are joined. Both may be the same rows, a flush later.
    """

    def __init__(
        self,
        settings: Settings,
        profiles: Profiles,
        open_stores: Callable[[int, ProfileTable], PendingStores],
        n_partitions: int,
    ) -> None:
        pane_ms = int(settings.time.pane)
        self._slice_ms = pane_ms // SLICES if pane_ms % SLICES == 0 else pane_ms
        self._lateness_ms = int(settings.time.lateness)
        self._profiles = profiles
        self._table = ProfileTable(settings)
        self._builder = JoinRowBuilder(settings, profiles, self._table)
        self._counter = JoinCounter(pane_ms, self._table)
        self._open_stores = open_stores
        self._n_partitions = n_partitions
        self._rows: dict[Side, list[JoinRows]] = {"predictions": [], "labels": []}
        self._sent_marks: dict[Source, Watermark] = {}
        self._new_marks: dict[Source, Watermark] = {}
        self._buffers: dict[int, ReorderBuffer] = {}

    @property
    def joiners(self) -> dict[int, Joiner]:
        """The joins by partition of the pending topic."""
        return {number: buffer.joiner for number, buffer in self._buffers.items()}

    # --- assignment ---------------------------------------------------------------------------------------------------

    def assign(self, source: Source) -> None:
        """Start on a partition of the pending topic; input partitions have no join of their own."""
        if source.kind != "joins":
            return
        stores = self._open_stores(source.partition, self._table)
        joiner = Joiner(ROUTED, self._table, self._counter, stores)
        self._buffers[source.partition] = ReorderBuffer(
            source.partition, self._n_partitions, joiner, self._slice_ms, stores.resume
        )

    def revoke(self) -> None:
        """Give all partitions up."""
        for buffer in self._buffers.values():
            buffer.joiner.close()
        self._buffers.clear()

    def replays(self, offsets: Mapping[Source, int]) -> list[Replay]:
        """Return the blocks up to the committed offsets that the stores do not hold, or whose rows waited."""
        return [
            Replay(source.partition, state.first_offset, state.next_offset, offset, (source,))
            for source, offset in offsets.items()
            if source.kind == "joins"
            for state in [self._buffers[source.partition].state]
        ]

    def restore(self, partition: int, block: bytes, offset: int, at: str) -> int:
        """Take in one block of which everything was counted before; return its number of rows."""
        routed = decode_routed(block, at, self._n_partitions)
        with self._buffers[partition].joiner.uncounted():
            return 0 if routed is None else self._buffer(partition, routed, offset)

    def restored(self, partition: int, next_offset: int, *, whole: bool) -> None:  # noqa: ARG002  # the blocks say it
        """Keep what was restored; how far it reaches, and by which watermarks it expires, the blocks say."""
        buffer = self._buffers[partition]
        with buffer.joiner.uncounted():
            buffer.settle()
        buffer.commit(counted=False)

    # --- rows ---------------------------------------------------------------------------------------------------------

    def add_predictions(self, partition: int, batch: Sequence[ModelEvents]) -> None:
        """Let predictions of an input partition leave with the next flush."""
        self._add("predictions", partition, self._builder.predictions(batch))

    def add_labels(self, partition: int, batch: Intake[LabelColumns], effective_ms: NDArray[np.int64]) -> None:
        """Let labels of an input partition leave with the next flush."""
        self._add("labels", partition, self._builder.labels(batch, effective_ms))

    def _add(self, side: Side, partition: int, rows: JoinRows) -> None:
        if rows.records.size:
            rows.records["offset"] = places(partition, rows.records["offset"])
            self._rows[side].append(rows)

    def profiles_wanted(self, batch: RecordBatch) -> set[str]:
        """Return the ids of profiles that blocks name and that are not known."""
        if batch.source.kind != "joins":
            return set()
        return {
            name
            for value, offset in zip(batch.values, batch.offsets, strict=True)
            for name in _profile_ids(self._decode(batch, value, offset))
            if self._profiles.get(name) is None and not is_unprofiled(name)
        }

    def add_blocks(self, batch: RecordBatch) -> int:
        """Take blocks of an assigned partition in; return their number of rows."""
        partition, n_rows = batch.source.partition, 0
        for value, offset in zip(batch.values, batch.offsets, strict=True):
            block = self._decode(batch, value, offset)
            n_rows += 0 if block is None else self._buffer(partition, block, offset)
        self._buffers[partition].settle()
        return n_rows

    def _decode(self, batch: RecordBatch, value: bytes | None, offset: int) -> PendingBlock | None:
        return decode_routed(value or b"", f"{batch.place}@{offset}", self._n_partitions)

    def _buffer(self, partition: int, block: PendingBlock, offset: int) -> int:
        rows = predictions_of(block, self._profiles, self._table)
        self._buffers[partition].take(offset, rows, block.label_rows(), block.marks)
        return block.n_rows

    # --- flush --------------------------------------------------------------------------------------------------------

    def join(self) -> list[JoinDelta]:
        """Return what blocks added as they came, and count labels whose prediction can no longer come."""
        for buffer in self._buffers.values():
            buffer.count_orphans()
        return self._counter.take()

    def blocks(self, marks: Sequence[Watermark]) -> dict[int, list[bytes]]:
        """Return what goes to each partition of the pending topic: its rows, and what is new of the inputs' marks."""
        profile_ids = self._table.names
        predictions, labels = self._divided(self._rows["predictions"]), self._divided(self._rows["labels"])
        blocks = {
            number: encode_blocks(profile_ids, predictions.get(number, []), labels.get(number, []), self._n_partitions)
            for number in sorted(predictions.keys() | labels.keys())
        }
        self._new_marks = {mark.source: mark for mark in marks if self._sent_marks.get(mark.source) != mark}
        if self._new_marks:
            last = encode_marks(self._n_partitions, [mark for _, mark in sorted(self._new_marks.items())])
            for partition in range(self._n_partitions):
                blocks.setdefault(partition, []).append(last)
        return blocks

    def _divided(self, batches: list[JoinRows]) -> dict[int, list[JoinRows]]:
        if not batches:
            return {}
        every = JoinRows.together(batches)
        to = destinations(every.digests, self._n_partitions)
        return {number: [every.chosen(to == number)] for number in np.unique(to).tolist()}

    def watermarks(self) -> list[Watermark]:
        """Return how far the joins of each partition have come."""
        return [buffer.watermark() for _, buffer in sorted(self._buffers.items())]

    def committed(self, _changelog: Mapping[int, int]) -> None:
        """Make the last flush final."""
        self._sent_marks.update(self._new_marks)
        for buffer in self._buffers.values():
            buffer.commit()
        self._clear()

    def aborted(self) -> None:
        """Forget everything since the last committed flush, and send all marks again."""
        self._sent_marks.clear()
        for buffer in self._buffers.values():
            buffer.rollback()
        self._counter.clear()
        self._clear()

    def _clear(self) -> None:
        for batches in self._rows.values():
            batches.clear()
        self._new_marks = {}

    def hold_back(self, watermarks_ms: Mapping[Source, int | None]) -> dict[Source, Source | None]:
        """Return inputs further ahead of the last than the lateness, where too many rows wait for their turn."""
        if sum(buffer.n_rows for buffer in self._buffers.values()) < MAX_BUFFERED:
            return {}
        behind_ms = min((time_ms for buffer in self._buffers.values() for time_ms in buffer.inputs()), default=None)
        if behind_ms is None:
            return {}
        limit_ms = behind_ms + self._lateness_ms
        return {
            source: None
            for source, time_ms in watermarks_ms.items()
            if source.kind != "joins" and time_ms is not None and time_ms > limit_ms
        }


def _profile_ids(block: PendingBlock | None) -> list[str]:
    return [] if block is None else block.profile_ids
