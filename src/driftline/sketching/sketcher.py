"""The sketch stage: batches of records in, one flush of pane deltas, join changelog and dead letters out.

Everything taken in since the last flush is provisional. :meth:`Sketcher.flush` gives what one transaction must hold;
after its commit :meth:`Sketcher.committed` makes it final, after an abort :meth:`Sketcher.aborted` forgets it, and the
records are read again.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.events.label import LabelDecoder
from driftline.events.model_key import ModelKey, panes_partition
from driftline.events.prediction import PredictionDecoder, mapped_root_names
from driftline.events.source import Source, Watermark
from driftline.panes.flush_record import PaneDelta, chunks
from driftline.sketching.flush import Flush, Position
from driftline.sketching.intake import take_in_labels, take_in_predictions
from driftline.sketching.join_rows import in_order, label_rows, prediction_rows
from driftline.sketching.joins.counting.join_counter import JoinCounter
from driftline.sketching.joins.local_joins import LocalJoins
from driftline.sketching.joins.profile_table import ProfileTable
from driftline.sketching.joins.routed_joins import RoutedJoins
from driftline.sketching.joins.waiting.digests import sampled
from driftline.sketching.pane_counter import PaneCounter
from driftline.sketching.rows import PredictionRows
from driftline.sketching.source_clock import Arrivals, SourceClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from driftline.config.settings import Settings
    from driftline.events.dead_letter import DeadLetter
    from driftline.events.prediction import PredictionColumns
    from driftline.events.record_batch import RecordBatch
    from driftline.events.source import Kind
    from driftline.panes.flush_record import JoinDelta
    from driftline.profiles.profiles import Profiles
    from driftline.sketching.joins.join_batch import JoinRows
    from driftline.sketching.joins.joiner import Joiner
    from driftline.sketching.joins.reorder_buffer import Side
    from driftline.sketching.joins.waiting.pending import PendingStores


KEPT_FLUSHES: Final = 60
"""Flushes without an event after which what is kept ready for a model key is dropped: keys may come without end."""


class _Partition:
    """What is known of one assigned source partition."""

    __slots__ = ("clock", "committed_max_ms", "idle", "next_offset")

    def __init__(self, clock: SourceClock) -> None:
        self.clock = clock
        self.committed_max_ms = clock.running_max_ms
        self.next_offset: int | None = None
        self.idle = False


class Sketcher:
    """Sketches predictions and joins labels of the assigned source partitions.

    Parameters
    ----------
    settings : Settings
    book : Profiles
        Looked up at each pane; profiles may be added at any time.
    n_partitions : int or dict of Kind to int
        Of the topics that are read; a number stands for both.
    open_stores : callable
        Returns the pending stores of a partition, given its number and the profile table; called as it is assigned.
    not_features : frozenset of str
        Fields beside the mapped ones that are no features, where the record itself is the features object.
    """

    def __init__(
        self,
        settings: Settings,
        book: Profiles,
        n_partitions: int | Mapping[Kind, int],
        open_stores: Callable[[int, ProfileTable], PendingStores],
        *,
        not_features: frozenset[str] = frozenset(),
    ) -> None:
        self._settings = settings
        self._book = book
        both = {"predictions": n_partitions, "labels": n_partitions} if isinstance(n_partitions, int) else n_partitions
        self._n_partitions = both
        self._open_stores = open_stores
        with_segments = any(model.segments for model in (settings.defaults, *settings.models.values()))
        self._decode_prediction = PredictionDecoder(settings.predictions.fields, with_segments=with_segments)
        self._decode_label = None if settings.labels is None else LabelDecoder(settings.labels.fields)
        whole = settings.predictions.fields.features == ""
        self._known = mapped_root_names(settings.predictions.fields) | not_features if whole else frozenset[str]()
        self._partitions: dict[Source, _Partition] = {}
        self._counters: dict[ModelKey, PaneCounter] = {}
        self._table = ProfileTable(settings)
        self._joins = JoinCounter(int(settings.time.pane), self._table)
        self._local = LocalJoins(book, self._table, self._joins, open_stores, self._input_watermark_ms)
        self._routed: RoutedJoins | None = None
        if settings.labels is not None and settings.join.repartition:
            n_joins = both.get("joins") or max(both.values())
            pane_ms = int(settings.time.pane)
            self._routed = RoutedJoins(n_joins, pane_ms, book, self._table, self._joins, open_stores)
        self._dead_letters: list[DeadLetter] = []
        self._n_events = self._n_late = self._n_labels = 0
        self._announce = False

    # --- assignment ---------------------------------------------------------------------------------------------------

    def assign(self, source: Source, running_max_ms: int | None) -> None:
        """Start on a source partition whose committed event time is known."""
        self._announce = True
        if source.kind == "joins":
            self.routed.assign(source.partition)
            return
        time = self._settings.time
        self._partitions[source] = _Partition(SourceClock(int(time.pane), int(time.lateness), running_max_ms))
        if self._decode_label is not None and self._routed is None:
            self._local.assign(source.partition)

    def revoke(self) -> None:
        """Give all source partitions up, with everything that is not committed."""
        self.aborted()
        self._partitions.clear()
        self._local.revoke()
        if self._routed is not None:
            self._routed.revoke()

    def restore_pending(self, partition: int, block: bytes, offset: int, at: str) -> int:
        """Give the join of a partition one block of its changelog, oldest first; return its number of rows."""
        if self._routed is not None:
            return self._routed.restore(partition, block, offset, at)
        return self._local.restore(partition, block, at)

    def restored_pending(self, partition: int, next_offset: int, *, whole: bool) -> None:
        """Keep what was restored, up to an offset of the changelog; ``whole`` where nothing is missing any more."""
        if self._routed is not None:
            self._routed.restored(partition)
        else:
            self._local.restored(partition, next_offset, whole=whole)

    def mark_idle(self, source: Source, *, idle: bool) -> None:
        """Say whether a partition has been at its end for the idle timeout; the next flush tells it."""
        partition = self._partitions[source]
        if partition.idle != idle:
            partition.idle = idle
            self._announce = True

    # --- records ------------------------------------------------------------------------------------------------------

    @property
    def n_waiting(self) -> int:
        """Events taken in since the last flush."""
        return self._n_events + self._n_late + self._n_labels + (0 if self._routed is None else self._routed.n_waiting)

    @property
    def n_cells(self) -> int:
        """Cells of the sketches that wait for the flush."""
        return sum(counter.n_cells for counter in self._counters.values())

    def add(self, batch: RecordBatch) -> None:
        """Take records in; never raises for what they hold."""
        if batch.source.kind == "joins":
            self.routed.take(batch)
            return
        partition = self._partitions[batch.source]
        partition.next_offset = batch.offsets[-1] + 1
        if batch.source.kind == "predictions":
            self._add_predictions(batch, partition.clock)
        else:
            self._add_labels(batch, partition.clock)

    def skip(self, source: Source, next_offset: int, letter: DeadLetter) -> None:
        """Go on at an offset; the letter says what has become of the records before it."""
        self._dead_letters.append(letter)
        if source.kind == "joins":
            self.routed.skip(source.partition, next_offset)
        else:
            self._partitions[source].next_offset = next_offset

    def _add_predictions(self, batch: RecordBatch, clock: SourceClock) -> None:
        intake = take_in_predictions(batch, self._decode_prediction, int(self._settings.time.max_future))
        self._dead_letters += intake.refused
        if not intake.times_ms.size:
            return
        arrivals = clock.advance(intake.times_ms)
        n_late = int(arrivals.late.sum())
        self._n_late += n_late
        self._n_events += intake.times_ms.size - n_late
        expected: list[JoinRows] = []
        for key, rows in _by_model(intake.events):
            mine = intake.events if rows.size == intake.times_ms.size else intake.events.chosen(rows.tolist())
            times, offsets = intake.times_ms[rows], intake.offsets[rows]
            part = Arrivals(arrivals.late[rows], arrivals.pane_ms[rows], arrivals.effective_ms[rows])
            self._sketch(key, batch.source.partition, mine, offsets, part)
            if self._decode_label is not None:
                expected += self._expected(key, mine, times, offsets, part.effective_ms)
        if expected:
            self._join("predictions", batch.source.partition, in_order(expected))

    def _sketch(
        self, key: ModelKey, partition: int, events: PredictionColumns, offsets: NDArray[np.int64], arrivals: Arrivals
    ) -> None:
        counter = self._counters.get(key)
        if counter is None:
            settings = self._settings.model(key.model)
            counter = self._counters[key] = PaneCounter(key, settings, self._book, self._known)
        counter.add(
            PredictionRows(
                partition,
                events.prediction_ids,
                offsets,
                arrivals.pane_ms,
                arrivals.late,
                events.features,
                events.predictions,
                events.scores,
            )
        )

    def _expected(
        self,
        key: ModelKey,
        events: PredictionColumns,
        times: NDArray[np.int64],
        offsets: NDArray[np.int64],
        effective: NDArray[np.int64],
    ) -> Iterator[JoinRows]:
        """Yield what is remembered of predictions for their labels; where no profile is known there is no join."""
        pane_ms = times - times % int(self._settings.time.pane)
        panes, slots = np.unique(pane_ms, return_inverse=True)
        profiles = [self._book.at(key, pane) for pane in panes.tolist()]
        indices = np.array([-1 if profile is None else self._table.intern(profile) for profile in profiles])[slots]
        for index in np.unique(indices[indices >= 0]).tolist():
            rows = np.flatnonzero(indices == index)
            mine = events if rows.size == times.size else events.chosen(rows.tolist())
            task, bits = self._table.profiles[index].task, self._table.segment_bits[index](mine.segments)
            yield prediction_rows(task, index, mine, times[rows], offsets[rows], effective[rows], bits)

    def _add_labels(self, batch: RecordBatch, clock: SourceClock) -> None:
        assert self._decode_label is not None  # noqa: S101  # labels are only read where they are configured
        intake = take_in_labels(batch, self._decode_label, int(self._settings.time.max_future))
        self._dead_letters += intake.refused
        if not intake.times_ms.size:
            return
        self._n_labels += intake.times_ms.size
        effective = clock.advance(intake.times_ms).effective_ms
        rows = label_rows(intake.events, intake.times_ms, intake.offsets, effective)
        self._join("labels", batch.source.partition, rows)

    def _join(self, side: Side, partition: int, rows: JoinRows) -> None:
        """Give rows to the join, or send them where they are joined."""
        ratio = self._settings.join.sample_ratio
        taken = rows if ratio >= 1 else rows.chosen(sampled(rows.digests, ratio))
        joins = self._local if self._routed is None else self._routed
        joins.add(side, partition, taken)

    # --- flush --------------------------------------------------------------------------------------------------------

    def flush(self) -> Flush | None:
        """Return what the next transaction holds, or None where there is nothing to say."""
        positions = {
            source: Position(partition.next_offset, partition.clock.running_max_ms)
            for source, partition in self._partitions.items()
            if partition.next_offset is not None
        }
        marks = self._marks()
        joins: list[Watermark] = []
        if self._routed is not None:
            for number, next_offset in self._routed.positions().items():
                positions[Source("joins", number)] = Position(next_offset, None)
            self._routed.count_orphans()
            joins = self._routed.watermarks()
        if not positions and not self._announce and not self._dead_letters:
            return None
        self._local.join()
        pending = (
            self._local.blocks() if self._routed is None else self._routed.blocks({mark.source: mark for mark in marks})
        )
        panes = self._pane_records([*marks, *joins])
        return Flush(panes, pending, self._dead_letters, positions, self._n_events, self._n_late)

    def _marks(self) -> list[Watermark]:
        return [
            Watermark(source, self._n_partitions[source.kind], partition.clock.watermark_ms, partition.idle)
            for source, partition in sorted(self._partitions.items())
        ]

    def _pane_records(self, watermarks: list[Watermark]) -> dict[int, list[bytes]]:
        n_panes = self._settings.kafka.panes_partitions
        panes: dict[int, list[PaneDelta]] = {partition: [] for partition in range(n_panes)}
        joins: dict[int, list[JoinDelta]] = {partition: [] for partition in range(n_panes)}
        for key, counter in sorted(self._counters.items()):
            deltas = counter.take()
            counter.n_idle_flushes = 0 if deltas else counter.n_idle_flushes + 1
            panes[panes_partition(key, n_panes)].extend(deltas)
        for delta in self._joins.take():
            joins[panes_partition(delta.key, n_panes)].append(delta)
        return {partition: chunks(panes[partition], joins[partition], watermarks) for partition in range(n_panes)}

    def committed(self, changelog: Mapping[int, int] = MappingProxyType({})) -> None:
        """Make the last flush final.

        Parameters
        ----------
        changelog : dict of int to int
            Source partition to the offset behind its blocks in the pending changelog.
        """
        for partition in self._partitions.values():
            partition.committed_max_ms = partition.clock.running_max_ms
            partition.next_offset = None
        self._local.committed(changelog)
        if self._routed is not None:
            self._routed.committed()
        quiet = [key for key, counter in self._counters.items() if counter.n_idle_flushes > KEPT_FLUSHES]
        for key in quiet:
            del self._counters[key]
        self._clear()
        self._announce = False

    def aborted(self) -> None:
        """Forget everything since the last committed flush; its records will be read again, so no partition is idle."""
        for partition in self._partitions.values():
            partition.idle = False
            partition.clock.running_max_ms = partition.committed_max_ms
            partition.next_offset = None
        self._local.aborted()
        if self._routed is not None:
            self._routed.aborted()
        for counter in self._counters.values():
            counter.clear()
        self._joins.clear()
        self._clear()
        self._announce = True

    def _clear(self) -> None:
        self._dead_letters = []
        self._n_events = self._n_late = self._n_labels = 0

    def _input_watermark_ms(self, side: Side, partition: int) -> int | None:
        return self.watermark_ms(Source(side, partition))

    # --- what an operator sees ----------------------------------------------------------------------------------------

    def watermark_ms(self, source: Source) -> int | None:
        """Return a source partition's watermark, None before its first event."""
        partition = self._partitions.get(source)
        if source.kind == "joins":
            feed = self.routed.feeds.get(source.partition)
            return None if feed is None else feed.watermark().time_ms
        return None if partition is None else partition.clock.watermark_ms

    @property
    def joiners(self) -> dict[int, Joiner]:
        """The joins by source partition; by partition of the pending topic where inputs are repartitioned."""
        if self._routed is not None:
            return {number: feed.joiner for number, feed in self._routed.feeds.items()}
        return self._local.joiners

    @property
    def routed(self) -> RoutedJoins:
        """The joins over the pending topic; there are some only where `join.repartition` is set."""
        assert self._routed is not None  # noqa: S101  # nobody asks otherwise
        return self._routed


def _by_model(events: PredictionColumns) -> list[tuple[ModelKey, NDArray[np.int64]]]:
    """Return the rows of each model key."""
    n, first = len(events.models), ModelKey(events.models[0], events.versions[0])
    if events.models.count(first.model) == n and events.versions.count(first.version) == n:
        return [(first, np.arange(n))]
    keys = zip(events.models, events.versions, strict=True)
    groups: dict[tuple[str, str], list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    return [(ModelKey(*key), np.array(rows, dtype=np.int64)) for key, rows in groups.items()]
