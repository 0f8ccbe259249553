"""The sketch stage: batches of records in, one flush of pane deltas, join changelog and dead letters out.

Everything taken in since the last flush is provisional. :meth:`Sketcher.flush` gives what one transaction must hold;
after its commit :meth:`Sketcher.committed` makes it final, after an abort :meth:`Sketcher.aborted` forgets it, and the
records are read again.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from driftline.config.settings import LabelInput
from driftline.events.label import LabelDecoder
from driftline.events.model_key import ModelKey, panes_partition
from driftline.events.prediction import PredictionDecoder, mapped_root_names
from driftline.events.source import LABEL_STREAM, Source, Watermark
from driftline.panes.flush_record import PaneDelta, chunks
from driftline.sketching.intake import take_in_labels, take_in_predictions
from driftline.sketching.joins.choice import choose_joins
from driftline.sketching.one_topic import together
from driftline.sketching.pane_counter import PaneCounter
from driftline.sketching.rows import PredictionRows, by_model, schemas_of
from driftline.sketching.source_clock import SourceClock
from driftline.sketching.source_intake import SourceIntake

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from driftline.config.settings import Settings
    from driftline.events.dead_letter import DeadLetter
    from driftline.events.label import LabelColumns
    from driftline.events.prediction import PredictionColumns
    from driftline.events.record_batch import RecordBatch
    from driftline.events.source import Kind
    from driftline.panes.flush_record import JoinDelta
    from driftline.panes.intake_record import IntakeMark
    from driftline.profiles.profiles import Profiles
    from driftline.sketching.intake import Intake
    from driftline.sketching.joins.profile_table import ProfileTable
    from driftline.sketching.joins.waiting.pending import PendingStores
    from driftline.sketching.rows import ModelEvents
    from driftline.sketching.source_clock import Arrivals


class Position(NamedTuple):
    """Where a source partition is read on, and the event time it had reached."""

    next_offset: int
    running_max_ms: int | None
    recorded_ms: int | None = None
    """The greatest time of a record, refused or not, as :class:`~driftline.sketching.source_intake.SourceIntake` has
    it."""


class Flush(NamedTuple):
    """What one transaction holds."""

    panes: dict[int, list[bytes]]
    """Partition of the panes topic to its flush records."""
    pending: dict[int, list[bytes]]
    """Source partition to its blocks of the pending changelog."""
    dead_letters: list[DeadLetter]
    positions: dict[Source, Position]
    n_events: int
    n_late: int
    """Predictions that came too late, as ``n_events`` are those sketched; for telemetry."""
    n_read: dict[Kind, int]
    """Records of the input topics, refused or not; for telemetry."""
    n_skipped: int = 0
    """Records that the configured `where` leaves out."""


KEPT_FLUSHES: Final = 60
"""Flushes without an event after which what is kept ready for a model key is dropped: keys may come without end."""


class _Partition:
    """What is known of one assigned input partition."""

    __slots__ = ("clock", "committed_max_ms", "idle", "intake")

    def __init__(self, clock: SourceClock, intake: SourceIntake) -> None:
        self.clock = clock
        self.intake = intake
        self.committed_max_ms = clock.running_max_ms
        self.idle = False


class Sketcher:
    """Sketches predictions and joins labels of the assigned source partitions.

    Parameters
    ----------
    profiles : Profiles
        Looked up at each pane; profiles may be added at any time.
    n_partitions : int or dict of Kind to int
        Of the topics that are read; a number stands for both.
    open_stores : callable
        Returns the pending stores of a partition, given its number and the profile table; called as it is assigned.
    not_features : frozenset of str
        Fields beside the mapped ones that are no features, where the record itself is the features object.

    Attributes
    ----------
    asks_for : dict of str to frozenset of str
        Which of ``keys`` and ``headers`` the batches of each input topic must have.
    """

    def __init__(
        self,
        settings: Settings,
        profiles: Profiles,
        n_partitions: int | Mapping[Kind, int],
        open_stores: Callable[[int, ProfileTable], PendingStores],
        *,
        not_features: frozenset[str] = frozenset(),
    ) -> None:
        self._settings = settings
        self._profiles = profiles
        if isinstance(n_partitions, int):
            n_partitions = {"predictions": n_partitions, "labels": n_partitions}
        if settings.shares_topic:
            n_partitions = {**n_partitions, "labels": n_partitions["predictions"]}
        self._n_partitions: Mapping[Kind, int] = n_partitions
        with_segments = any(model.segments for model in (settings.defaults, *settings.models.values()))
        predictions, labels = settings.predictions, settings.labels or LabelInput()
        self._decode_prediction = PredictionDecoder(
            predictions.fields, with_segments=with_segments, where=predictions.where
        )
        self._decode_label = LabelDecoder(labels.fields, where=labels.where)
        asked = self._decode_label.asks_for
        self.asks_for = {
            labels.topic: asked,
            predictions.topic: self._decode_prediction.asks_for | (asked if settings.shares_topic else frozenset()),
        }
        whole = settings.predictions.fields.features == ""
        self._not_features = (
            mapped_root_names(settings.predictions.fields) | not_features if whole else frozenset[str]()
        )
        self._partitions: dict[Source, _Partition] = {}
        self._next_offsets: dict[Source, int] = {}
        self._counters: dict[ModelKey, PaneCounter] = {}
        self.joins = choose_joins(settings, profiles, n_partitions, open_stores, self.watermark_ms)
        self._dead_letters: list[DeadLetter] = []
        self._n_events = self._n_late = self._n_labels = self._n_joins = self._n_skipped = 0
        self._n_read: dict[Kind, int] = {}
        self._announce = False

    # --- assignment ---------------------------------------------------------------------------------------------------

    def assign(self, source: Source, running_max_ms: int | None, recorded_ms: int | None = None) -> None:
        """Start on a source partition whose committed times, of events and of records, are known."""
        self._announce = True
        if source.kind != "joins":
            time = self._settings.time
            clock = SourceClock(int(time.pane), int(time.lateness), running_max_ms)
            for each in self._with_shared(source):
                intake = SourceIntake(int(self._settings.intake.window), recorded_ms)
                self._partitions[each] = _Partition(clock, intake)
        self.joins.assign(source)

    def _with_shared(self, source: Source) -> list[Source]:
        """Return a source, and the labels in the same partition, which have the same clock."""
        return [source, Source("labels", source.partition)] if self._settings.shares_topic else [source]

    def revoke(self) -> None:
        """Give all source partitions up, with everything that is not committed."""
        self.aborted()
        self._partitions.clear()
        self.joins.revoke()

    def mark_idle(self, source: Source, *, idle: bool) -> None:
        """Say whether a partition has been at its end for the idle timeout; the next flush tells it."""
        for each in self._with_shared(source):
            partition = self._partitions[each]
            if partition.idle != idle:
                partition.idle = idle
                self._announce = True

    def advance_to(self, watermark_ms: int) -> None:
        """Let event time go on in all partitions as if something had come, until their watermarks are here at least."""
        for partition in self._partitions.values():
            partition.clock.advance_to(watermark_ms)
        self._announce = True

    def close_intake(self) -> None:
        """Let the time of records go on in all partitions to the end of the last span that holds one."""
        reached = [partition.intake.reached_ms for partition in self._partitions.values()]
        newest_ms = max((time for time in reached if time is not None), default=None)
        if newest_ms is not None:
            size_ms = int(self._settings.intake.window)
            for partition in self._partitions.values():
                partition.intake.advance_to(newest_ms - newest_ms % size_ms + size_ms)
            self._announce = True

    # --- records ------------------------------------------------------------------------------------------------------

    @property
    def n_waiting(self) -> int:
        """Events taken in since the last flush."""
        return self._n_events + self._n_late + self._n_labels + self._n_joins

    @property
    def n_cells(self) -> int:
        """Cells of the sketches that wait for the flush."""
        return sum(counter.n_cells for counter in self._counters.values())

    def add(self, batch: RecordBatch) -> None:
        """Take records in; never raises for what they hold."""
        self._next_offsets[batch.source] = batch.offsets[-1] + 1
        if batch.source.kind == "predictions" and self._settings.shares_topic:
            self._add_both(batch)
        elif batch.source.kind == "predictions":
            self._add_predictions(batch)
        elif batch.source.kind == "labels":
            self._add_labels(batch)
        else:
            self._n_joins += self.joins.add_blocks(batch)

    def skip(self, source: Source, next_offset: int, letter: DeadLetter) -> None:
        """Go on at an offset; the letter says what has become of the records before it."""
        self._dead_letters.append(letter)
        self._next_offsets[source] = next_offset

    def _count_records(self, batch: RecordBatch, intake: Intake[Any]) -> None:
        self._dead_letters += intake.refused
        self._n_skipped += len(intake.skipped)
        self._n_read[batch.source.kind] = self._n_read.get(batch.source.kind, 0) + len(batch.offsets)
        self._partitions[batch.source].intake.add(batch, intake.times_ms, intake.offsets, intake.refused)

    def _add_predictions(self, batch: RecordBatch) -> None:
        intake = take_in_predictions(batch, self._decode_prediction, int(self._settings.time.max_future))
        self._count_records(batch, intake)
        if intake.times_ms.size:
            self._take_predictions(batch, intake, self._partitions[batch.source].clock.advance(intake.times_ms))

    def _add_both(self, batch: RecordBatch) -> None:
        """Take in the predictions and the labels of one topic."""
        source, max_future_ms = batch.source, int(self._settings.time.max_future)
        predictions = take_in_predictions(batch, self._decode_prediction, max_future_ms)
        labels = take_in_labels(batch, self._decode_label, max_future_ms)
        both = together(predictions, labels)
        self._count_records(batch, both.intake)
        as_labels = Source("labels", source.partition)
        self._partitions[as_labels].intake.add(batch, both.intake.times_ms, both.intake.offsets, ())
        of_predictions, of_labels = both.divided(self._partitions[source].clock.advance(both.intake.times_ms))
        if predictions.times_ms.size:
            self._take_predictions(batch, predictions, of_predictions)
        self._take_labels(as_labels, labels, of_labels.effective_ms)

    def _take_predictions(self, batch: RecordBatch, intake: Intake[PredictionColumns], arrivals: Arrivals) -> None:
        if self._settings.labels is not None:
            seen = self._partitions[batch.source].intake
            seen.see(intake.events.prediction_ids, arrivals.effective_ms, intake.offsets)
        n_late = int(arrivals.late.sum())
        self._n_late += n_late
        self._n_events += intake.times_ms.size - n_late
        models = by_model(intake, arrivals)
        for each in models:
            self._sketch(batch, each)
        self.joins.add_predictions(batch.source.partition, models)

    def _sketch(self, batch: RecordBatch, model: ModelEvents) -> None:
        counter = self._counters.get(model.key)
        if counter is None:
            settings = self._settings.model(model.key.model)
            counter = PaneCounter(model.key, settings, self._profiles, self._not_features)
            self._counters[model.key] = counter
        events, arrivals = model.events, model.arrivals
        counter.add(
            PredictionRows(
                batch.source.partition,
                events.prediction_ids,
                model.offsets,
                arrivals.pane_ms,
                arrivals.late,
                events.features,
                events.predictions,
                events.scores,
                schemas_of(batch, model.offsets),
            )
        )

    def _add_labels(self, batch: RecordBatch) -> None:
        intake = take_in_labels(batch, self._decode_label, int(self._settings.time.max_future))
        self._count_records(batch, intake)
        self._take_labels(
            batch.source, intake, self._partitions[batch.source].clock.advance(intake.times_ms).effective_ms
        )

    def _take_labels(self, source: Source, intake: Intake[LabelColumns], effective_ms: NDArray[np.int64]) -> None:
        if intake.times_ms.size:
            self._n_labels += intake.times_ms.size
            self._partitions[source].intake.see(intake.events.prediction_ids, effective_ms, intake.offsets)
            self.joins.add_labels(source.partition, intake, effective_ms)

    # --- flush --------------------------------------------------------------------------------------------------------

    def flush(self) -> Flush | None:
        """Return what the next transaction holds, or None where there is nothing to say."""
        if not self._next_offsets and not self._announce and not self._dead_letters:
            return None
        positions = {
            source: Position(next_offset, *self._times_ms(source)) for source, next_offset in self._next_offsets.items()
        }
        marks = self._marks()
        deltas = self.joins.join()
        pending = self.joins.blocks(marks)
        panes = self._pane_records(deltas, [*marks, *self.joins.watermarks()])
        return Flush(
            panes,
            pending,
            self._dead_letters,
            positions,
            self._n_events,
            self._n_late,
            dict(sorted(self._n_read.items())),
            self._n_skipped,
        )

    def _times_ms(self, source: Source) -> tuple[int | None, int | None]:
        partition = self._partitions.get(source)
        return (None, None) if partition is None else (partition.clock.running_max_ms, partition.intake.reached_ms)

    def _marks(self) -> list[Watermark]:
        return [
            Watermark(source, self._n_partitions[source.kind], partition.clock.watermark_ms, partition.idle)
            for source, partition in sorted(self._partitions.items())
        ]

    def _pane_records(self, deltas: list[JoinDelta], watermarks: list[Watermark]) -> dict[int, list[bytes]]:
        n_panes = self._settings.kafka.panes_partitions
        panes: dict[int, list[PaneDelta]] = {partition: [] for partition in range(n_panes)}
        joins: dict[int, list[JoinDelta]] = {partition: [] for partition in range(n_panes)}
        for key, counter in sorted(self._counters.items()):
            pane_deltas = counter.take()
            counter.n_idle_flushes = 0 if pane_deltas else counter.n_idle_flushes + 1
            panes[panes_partition(key, n_panes)].extend(pane_deltas)
        for delta in deltas:
            joins[panes_partition(delta.key, n_panes)].append(delta)
        intake = {panes_partition(LABEL_STREAM, n_panes): self._intake_marks()}
        routed = self._settings.join.routed
        return {
            partition: chunks(panes[partition], joins[partition], watermarks, intake.get(partition, ()), routed=routed)
            for partition in range(n_panes)
        }

    def _intake_marks(self) -> list[IntakeMark]:
        return [
            partition.intake.mark(source, self._n_partitions[source.kind], idle=partition.idle)
            for source, partition in sorted(self._partitions.items())
        ]

    def committed(self, changelog: Mapping[int, int] = MappingProxyType({})) -> None:
        """Make the last flush final; ``changelog`` has the offsets behind its blocks in the pending topic."""
        for partition in self._partitions.values():
            partition.committed_max_ms = partition.clock.running_max_ms
            partition.intake.committed()
        self.joins.committed(changelog)
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
            partition.intake.aborted()
        self.joins.aborted()
        for counter in self._counters.values():
            counter.clear()
        self._clear()
        self._announce = True

    def _clear(self) -> None:
        self._next_offsets = {}
        self._dead_letters = []
        self._n_read = {}
        self._n_events = self._n_late = self._n_labels = self._n_joins = self._n_skipped = 0

    # --- what an operator sees ----------------------------------------------------------------------------------------

    def watermark_ms(self, source: Source) -> int | None:
        """Return an input partition's watermark, None before its first event."""
        partition = self._partitions.get(source)
        return None if partition is None else partition.clock.watermark_ms

    def watermarks_ms(self) -> dict[Source, int | None]:
        """Return the watermarks of all assigned partitions, with those of the pending topic where it is read."""
        marks = [*self._marks(), *self.joins.watermarks()]
        shared = self._settings.shares_topic
        return {mark.source: mark.time_ms for mark in marks if not (shared and mark.source.kind == "labels")}
