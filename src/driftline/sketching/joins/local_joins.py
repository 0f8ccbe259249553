"""Joins partition by partition: the labels of an input partition meet the predictions of the one with its number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.events.source import Source
from driftline.sketching.joins.counting.join_counter import JoinCounter
from driftline.sketching.joins.join_entry import JoinRows
from driftline.sketching.joins.join_rows import JoinRowBuilder
from driftline.sketching.joins.joiner import Joiner
from driftline.sketching.joins.joins import Joins
from driftline.sketching.joins.pending_block import decode_block, encode_blocks
from driftline.sketching.joins.profile_table import ProfileTable
from driftline.sketching.joins.replayed_rows import Replay, ReplayedRows, predictions_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from driftline.config.settings import Settings
    from driftline.events.label import LabelColumns
    from driftline.events.source import Watermark
    from driftline.panes.flush_record import JoinDelta
    from driftline.profiles.profiles import Profiles
    from driftline.sketching.intake import Intake
    from driftline.sketching.joins.reorder_buffer import Side
    from driftline.sketching.joins.waiting.pending import PendingStores
    from driftline.sketching.rows import ModelEvents


class LocalJoins(Joins):
    """Joins of the input partitions themselves, where both topics are partitioned by the prediction id.

    The pending topic holds what the joins were given, and is read only to restore them.
    """

    by_partition = True

    def __init__(
        self,
        settings: Settings,
        profiles: Profiles,
        open_stores: Callable[[int, ProfileTable], PendingStores],
        watermark_ms: Callable[[Source], int | None],
    ) -> None:
        self._max_skew_ms = int(settings.sketch.max_skew)
        self._profiles = profiles
        self._table = ProfileTable(settings)
        self._builder = JoinRowBuilder(settings, profiles, self._table)
        self._counter = JoinCounter(int(settings.time.pane), self._table)
        self._open_stores = open_stores
        self._watermark_ms = watermark_ms
        self._rows: dict[Side, dict[int, list[JoinRows]]] = {"predictions": {}, "labels": {}}
        self._replayed: dict[int, ReplayedRows] = {}
        self._joiners: dict[int, Joiner] = {}

    @property
    def joiners(self) -> dict[int, Joiner]:
        """The join of each input partition."""
        return self._joiners

    # --- assignment ---------------------------------------------------------------------------------------------------

    def assign(self, source: Source) -> None:
        """Start on an input partition, which both topics have."""
        partition = source.partition
        if partition not in self._joiners:
            stores = self._open_stores(partition, self._table)
            self._joiners[partition] = Joiner(partition, self._table, self._counter, stores)

    def revoke(self) -> None:
        """Give all partitions up."""
        for joiner in self._joiners.values():
            joiner.close()
        self._joiners.clear()
        self._replayed.clear()

    def replays(self, offsets: Mapping[Source, int]) -> list[Replay]:
        """Return all blocks that the stores do not hold."""
        return [
            Replay(number, start, start, None, (Source("predictions", number), Source("labels", number)))
            for number in sorted({source.partition for source in offsets})
            for start in [self._joiners[number].next_offset]
        ]

    def restore(self, partition: int, block: bytes, _offset: int, at: str) -> int:
        """Take in one block, oldest first; return its number of rows."""
        decoded = decode_block(block, at)
        if partition not in self._replayed:
            self._replayed[partition] = ReplayedRows(self._joiners[partition])
        self._replayed[partition].add("predictions", predictions_of(decoded, self._profiles, self._table))
        self._replayed[partition].add("labels", decoded.label_rows())
        return decoded.n_rows

    def restored(self, partition: int, next_offset: int, *, whole: bool) -> None:
        """Keep what was restored, up to an offset of the changelog.

        What is over by the watermarks, which are those behind the last block, goes when the ``whole`` is there: a label
        that has waited long enough by then may have met its prediction in a block that is still to come.
        """
        if partition in self._replayed:
            self._replayed.pop(partition).give()
        watermarks = self._watermarks(partition) if whole else (None, None)
        self._joiners[partition].restored(next_offset, *watermarks)

    # --- rows ---------------------------------------------------------------------------------------------------------

    def add_predictions(self, partition: int, batch: Sequence[ModelEvents]) -> None:
        """Let predictions of an input partition be joined with the next flush."""
        self._add("predictions", partition, self._builder.predictions(batch))

    def add_labels(self, partition: int, batch: Intake[LabelColumns], effective_ms: NDArray[np.int64]) -> None:
        """Let labels of an input partition be joined with the next flush."""
        self._add("labels", partition, self._builder.labels(batch, effective_ms))

    def _add(self, side: Side, partition: int, rows: JoinRows) -> None:
        if rows.records.size:
            self._rows[side].setdefault(partition, []).append(rows)

    # --- flush --------------------------------------------------------------------------------------------------------

    def join(self) -> list[JoinDelta]:
        """Join what came since the last flush, as restoring will do it; count labels that can no longer be joined.

        Many rows at once, sorted by their digests, are looked up with less work each.
        """
        predictions, labels = self._rows["predictions"], self._rows["labels"]
        for number, joiner in self._joiners.items():
            for rows, add in ((predictions, joiner.add_predictions), (labels, joiner.add_labels)):
                if number in rows:
                    rows[number] = [JoinRows.together(rows[number])]
                    add(*rows[number])
            joiner.count_orphans(self._watermark_ms(Source("predictions", number)))
        return self._counter.take()

    def blocks(self, _marks: Sequence[Watermark]) -> dict[int, list[bytes]]:
        """Return what the joins were given, as blocks of the changelog."""
        profile_ids = self._table.names
        predictions, labels = self._rows["predictions"], self._rows["labels"]
        return {
            partition: encode_blocks(profile_ids, predictions.get(partition, []), labels.get(partition, []))
            for partition in sorted(predictions.keys() | labels.keys())
        }

    def committed(self, changelog: Mapping[int, int]) -> None:
        """Make the last flush final; what it wrote reaches up to these offsets of the changelog."""
        for number, joiner in self._joiners.items():
            joiner.commit(changelog.get(number), *self._watermarks(number))
        self._clear()

    def aborted(self) -> None:
        """Forget everything since the last committed flush."""
        for joiner in self._joiners.values():
            joiner.rollback()
        self._clear()

    def _clear(self) -> None:
        for rows in self._rows.values():
            rows.clear()

    def _watermarks(self, partition: int) -> tuple[int | None, int | None]:
        return self._watermark_ms(Source("predictions", partition)), self._watermark_ms(Source("labels", partition))

    def hold_back(self, watermarks_ms: Mapping[Source, int | None]) -> dict[Source, Source | None]:
        """Return partitions that are further ahead of their partner in event time than the greatest skew."""
        ahead: dict[Source, Source | None] = {}
        for source, time_ms in watermarks_ms.items():
            partner = Source("labels" if source.kind == "predictions" else "predictions", source.partition)
            partner_ms = watermarks_ms.get(partner)
            if time_ms is not None and (partner_ms is None or time_ms - partner_ms > self._max_skew_ms):
                ahead[source] = partner
        return ahead
