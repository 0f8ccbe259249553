"""The sketch stage: batches of records in, one flush of pane deltas, join changelog and dead letters out.

Everything taken in since the last flush is provisional. :meth:`Sketcher.flush` gives what one transaction must hold;
after its commit :meth:`Sketcher.committed` makes it final, after an abort :meth:`Sketcher.aborted` forgets it, and the
records are read again.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.config.settings import LabelInput
from driftline.events.label import LabelDecoder
from driftline.events.model_key import ModelKey, panes_partition
from driftline.events.prediction import PredictionDecoder, mapped_root_names
from driftline.events.source import Source, Watermark
from driftline.panes.flush_record import PaneDelta, chunks
from driftline.sketching.intake import take_in_labels, take_in_predictions
from driftline.sketching.joins.joins import Joins
from driftline.sketching.joins.local_joins import LocalJoins
from driftline.sketching.joins.routed_joins import RoutedJoins
from driftline.sketching.pairing import Pairing
from driftline.sketching.pane_counter import PaneCounter
from driftline.sketching.rows import PredictionRows, by_model
from driftline.sketching.source_clock import SourceClock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from driftline.config.settings import Settings
    from driftline.events.dead_letter import DeadLetter
    from driftline.events.record_batch import RecordBatch
    from driftline.events.source import Kind
    from driftline.panes.flush_record import JoinDelta
    from driftline.profiles.profiles import Profiles
    from driftline.sketching.halves import SeenHalves
    from driftline.sketching.joins.profile_table import ProfileTable
    from driftline.sketching.joins.waiting.pending import PendingStores
    from driftline.sketching.rows import ModelEvents


class Position(NamedTuple):
    """Where a source partition is read on, and the event time it had reached."""

    next_offset: int
    running_max_ms: int | None
    seen: SeenHalves | None = None
    """Which records from there on have been used, and which wait, where two records are one event."""


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
    n_skipped: int = 0
    """Records that the configured `where` leaves out."""


KEPT_FLUSHES: Final = 60
"""Flushes without an event after which what is kept ready for a model key is dropped: keys may come without end."""


class _Partition:
    """What is known of one assigned input partition."""

    __slots__ = ("clock", "committed_max_ms", "idle")

    def __init__(self, clock: SourceClock) -> None:
        self.clock = clock
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
        self._n_partitions: Mapping[Kind, int] = n_partitions
        with_segments = any(model.segments for model in (settings.defaults, *settings.models.values()))
        predictions, labels = settings.predictions, settings.labels or LabelInput()
        self._decode_prediction = PredictionDecoder(
            predictions.fields, with_segments=with_segments, where=predictions.where
        )
        self._decode_label = LabelDecoder(labels.fields, where=labels.where)
        self._pairing = None if predictions.pair is None else Pairing(predictions.pair)
        asked = self._decode_prediction.asks_for | (self._pairing.asks_for if self._pairing else frozenset())
        self.asks_for = {predictions.topic: asked, labels.topic: self._decode_label.asks_for}
        whole = settings.predictions.fields.features == ""
        self._not_features = (
            mapped_root_names(settings.predictions.fields) | not_features if whole else frozenset[str]()
        )
        self._partitions: dict[Source, _Partition] = {}
        self._next_offsets: dict[Source, int] = {}
        self._counters: dict[ModelKey, PaneCounter] = {}
        self.joins = _choose_joins(settings, profiles, n_partitions, open_stores, self.watermark_ms)
        self._dead_letters: list[DeadLetter] = []
        self._n_events = self._n_late = self._n_labels = self._n_joins = self._n_skipped = 0
        self._announce = False

    # --- assignment ---------------------------------------------------------------------------------------------------

    def assign(self, source: Source, running_max_ms: int | None, seen: SeenHalves | None = None) -> None:
        """Start on a source partition whose committed event time, and which waiting halves of events, are known."""
        self._announce = True
        if self._pairing is not None and source.kind == "predictions":
            self._pairing.assign(source, seen)
        if source.kind != "joins":
            time = self._settings.time
            self._partitions[source] = _Partition(SourceClock(int(time.pane), int(time.lateness), running_max_ms))
        self.joins.assign(source)

    def revoke(self) -> None:
        """Give all source partitions up, with everything that is not committed."""
        self.aborted()
        self._partitions.clear()
        if self._pairing is not None:
            self._pairing.clear()
        self.joins.revoke()

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
        return self._n_events + self._n_late + self._n_labels + self._n_joins

    @property
    def n_cells(self) -> int:
        """Cells of the sketches that wait for the flush."""
        return sum(counter.n_cells for counter in self._counters.values())

    def add(self, batch: RecordBatch) -> None:
        """Take records in; never raises for what they hold."""
        self._next_offsets[batch.source] = batch.offsets[-1] + 1
        if batch.source.kind == "predictions":
            self._add_predictions(batch)
        elif batch.source.kind == "labels":
            self._add_labels(batch)
        else:
            self._n_joins += self.joins.add_blocks(batch)

    def skip(self, source: Source, next_offset: int, letter: DeadLetter) -> None:
        """Go on at an offset; the letter says what has become of the records before it."""
        self._dead_letters.append(letter)
        if self._pairing is not None and source.kind == "predictions":
            self._dead_letters += self._pairing.skip(source, letter.topic, next_offset)
        self._next_offsets[source] = next_offset

    def _add_predictions(self, batch: RecordBatch) -> None:
        if self._pairing is not None:
            paired = self._pairing.add(batch)
            self._dead_letters += paired.refused
            self._n_skipped += paired.n_skipped
            if paired.pairs is None:
                return
            batch = paired.pairs
        intake = take_in_predictions(batch, self._decode_prediction, int(self._settings.time.max_future))
        self._dead_letters += intake.refused
        self._n_skipped += intake.n_skipped
        if not intake.times_ms.size:
            return
        arrivals = self._partitions[batch.source].clock.advance(intake.times_ms)
        n_late = int(arrivals.late.sum())
        self._n_late += n_late
        self._n_events += intake.times_ms.size - n_late
        models = by_model(intake, arrivals)
        for each in models:
            self._sketch(batch.source.partition, each)
        self.joins.add_predictions(batch.source.partition, models)

    def _sketch(self, partition: int, model: ModelEvents) -> None:
        counter = self._counters.get(model.key)
        if counter is None:
            settings = self._settings.model(model.key.model)
            counter = PaneCounter(model.key, settings, self._profiles, self._not_features)
            self._counters[model.key] = counter
        events, arrivals = model.events, model.arrivals
        counter.add(
            PredictionRows(
                partition,
                events.prediction_ids,
                model.offsets,
                arrivals.pane_ms,
                arrivals.late,
                events.features,
                events.predictions,
                events.scores,
            )
        )

    def _add_labels(self, batch: RecordBatch) -> None:
        intake = take_in_labels(batch, self._decode_label, int(self._settings.time.max_future))
        self._dead_letters += intake.refused
        self._n_skipped += intake.n_skipped
        if not intake.times_ms.size:
            return
        self._n_labels += intake.times_ms.size
        effective_ms = self._partitions[batch.source].clock.advance(intake.times_ms).effective_ms
        self.joins.add_labels(batch.source.partition, intake, effective_ms)

    # --- flush --------------------------------------------------------------------------------------------------------

    def flush(self) -> Flush | None:
        """Return what the next transaction holds, or None where there is nothing to say."""
        if not self._next_offsets and not self._announce and not self._dead_letters:
            return None
        positions = {source: self._position(source, next_offset) for source, next_offset in self._next_offsets.items()}
        marks = self._marks()
        deltas = self.joins.join()
        pending = self.joins.blocks(marks)
        panes = self._pane_records(deltas, [*marks, *self.joins.watermarks()])
        return Flush(panes, pending, self._dead_letters, positions, self._n_events, self._n_late, self._n_skipped)

    def _position(self, source: Source, next_offset: int) -> Position:
        seen = None if self._pairing is None else self._pairing.seen(source)
        return Position(next_offset if seen is None else seen.start, self._running_max_ms(source), seen)

    def _running_max_ms(self, source: Source) -> int | None:
        partition = self._partitions.get(source)
        return None if partition is None else partition.clock.running_max_ms

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
        return {
            partition: chunks(panes[partition], joins[partition], watermarks, routed=self._settings.join.routed)
            for partition in range(n_panes)
        }

    def committed(self, changelog: Mapping[int, int] = MappingProxyType({})) -> None:
        """Make the last flush final; ``changelog`` has the offsets behind its blocks in the pending topic."""
        for partition in self._partitions.values():
            partition.committed_max_ms = partition.clock.running_max_ms
        if self._pairing is not None:
            self._pairing.committed()
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
        if self._pairing is not None:
            self._pairing.aborted()
        self.joins.aborted()
        for counter in self._counters.values():
            counter.clear()
        self._clear()
        self._announce = True

    def _clear(self) -> None:
        self._next_offsets = {}
        self._dead_letters = []
        self._n_events = self._n_late = self._n_labels = self._n_joins = self._n_skipped = 0

    # --- what an operator sees ----------------------------------------------------------------------------------------

    def watermark_ms(self, source: Source) -> int | None:
        """Return an input partition's watermark, None before its first event."""
        partition = self._partitions.get(source)
        return None if partition is None else partition.clock.watermark_ms

    def halves_waiting(self) -> dict[int, int]:
        """Return how many requests and responses wait for their other half, by partition, where they are paired."""
        return {} if self._pairing is None else self._pairing.n_waiting()

    def watermarks_ms(self) -> dict[Source, int | None]:
        """Return the watermarks of all assigned partitions, with those of the pending topic where it is read."""
        return {mark.source: mark.time_ms for mark in [*self._marks(), *self.joins.watermarks()]}


def _choose_joins(
    settings: Settings,
    profiles: Profiles,
    n_partitions: Mapping[Kind, int],
    open_stores: Callable[[int, ProfileTable], PendingStores],
    watermark_ms: Callable[[Source], int | None],
) -> Joins:
    """Return the joins that the settings ask for."""
    if settings.labels is None:
        return Joins()
    if not settings.join.routed:
        return LocalJoins(settings, profiles, open_stores, watermark_ms)
    return RoutedJoins(settings, profiles, open_stores, n_partitions.get("joins") or max(n_partitions.values()))
