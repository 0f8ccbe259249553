"""The sketch stage: batches of records in, one flush of pane deltas, join changelog and dead letters out.

Everything taken in since the last flush is provisional. :meth:`Sketcher.flush` gives what one transaction must hold;
after its commit :meth:`Sketcher.committed` makes it final, after an abort :meth:`Sketcher.aborted` forgets it, and the
records are read again.
"""

from __future__ import annotations

from operator import itemgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from driftline.config.input_settings import LabelInput
from driftline.events.label import LabelDecoder
from driftline.events.model_key import ModelKey, panes_partition
from driftline.events.prediction import PredictionColumns, PredictionDecoder, fields_beside
from driftline.events.source import LABEL_STREAM, Source
from driftline.panes.flush_record import PaneDelta, chunks
from driftline.sketching.assigned_partitions import AssignedPartitions
from driftline.sketching.control_intake import ControlIntake
from driftline.sketching.flush import Flush, Position
from driftline.sketching.intake import no_intake, take_in_labels, take_in_predictions
from driftline.sketching.joins.choice import choose_joins
from driftline.sketching.learning_hold import LearningHold
from driftline.sketching.one_topic import together
from driftline.sketching.origin_reader import OriginReader
from driftline.sketching.pairing import Pairing
from driftline.sketching.pane_counters import PaneCounters
from driftline.sketching.rows import by_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from driftline.config.settings import Settings
    from driftline.events.dead_letter import DeadLetter
    from driftline.events.label import LabelColumns
    from driftline.events.record_batch import RecordBatch
    from driftline.events.source import Kind, Watermark
    from driftline.events.source_numbers import SourceNumbers
    from driftline.panes.flush_record import JoinDelta
    from driftline.profiles.profiles import Profiles
    from driftline.sketching.halves import SeenHalves
    from driftline.sketching.intake import Intake
    from driftline.sketching.joins.profile_table import ProfileTable
    from driftline.sketching.joins.waiting.pending import PendingStores
    from driftline.sketching.source_clock import Arrivals


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
    numbers : SourceNumbers, optional
        Which partitions of which topics the numbers of sources stand for, where there are several topics.

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
        numbers: SourceNumbers | None = None,
    ) -> None:
        self._settings = settings
        if isinstance(n_partitions, int):
            n_partitions = {"predictions": n_partitions, "labels": n_partitions}
        if settings.shares_topic:
            n_partitions = {**n_partitions, "labels": n_partitions["predictions"]}
        with_segments = any(model.segments for model in (settings.defaults, *settings.models.values()))
        predictions, labels = settings.predictions, settings.labels or LabelInput()
        self._decode_prediction = PredictionDecoder(
            predictions.fields, with_segments=with_segments, where=predictions.where
        )
        self._decode_label = LabelDecoder.of(labels)
        self._pairing = None if predictions.pair is None else Pairing(predictions.pair)
        self._origins = OriginReader(predictions.origins, n_partitions["predictions"])
        readers = (self._decode_prediction, self._origins, self._pairing, settings.shares_topic and self._decode_label)
        of_predictions = frozenset[str]().union(*(each.asks_for for each in readers if each))
        of_labels = dict.fromkeys(labels.topics, self._decode_label.asks_for)
        self.asks_for = of_labels | dict.fromkeys(predictions.topics, of_predictions)
        self._partitions = AssignedPartitions(settings, n_partitions, () if numbers is None else numbers.absent)
        self._places = () if numbers is None else numbers.told(shares_topic=settings.shares_topic)
        self._next_offsets: dict[Source, int] = {}
        self._counters = PaneCounters(
            settings, profiles, fields_beside(predictions.fields, not_features), self._origins
        )
        self._control = ControlIntake(settings.kafka.panes_partitions)
        self.learning = LearningHold(settings, profiles)
        self.joins = choose_joins(settings, profiles, n_partitions, open_stores, self.watermark_ms)
        self._dead_letters: list[DeadLetter] = []
        self._n_events = self._n_late = self._n_labels = self._n_joins = self._n_skipped = 0
        self._n_read: dict[str, int] = {}
        self._announce = False

    # --- assignment ---------------------------------------------------------------------------------------------------

    def assign(
        self,
        source: Source,
        running_max_ms: int | None,
        recorded_ms: int | None = None,
        seen: SeenHalves | None = None,
    ) -> None:
        """Start on a source partition whose committed times, of events and of records, are known.

        So are the waiting halves of events, where two records are one.
        """
        self._announce = True
        if self._pairing is not None and source.kind == "predictions":
            self._pairing.assign(source, seen)
        if source.kind not in {"joins", "control"}:
            self._partitions.assign(source, running_max_ms, recorded_ms)
        if source.kind != "control":
            self.joins.assign(source)

    def revoke(self) -> None:
        """Give all source partitions up, with everything that is not committed."""
        self.aborted()
        self._announce = False  # of no partition there is anything to say
        self._partitions.clear()
        if self._pairing is not None:
            self._pairing.clear()
        self.joins.revoke()

    def mark_idle(self, source: Source, *, idle: bool, quiet_ms: int = 0) -> None:
        """Say whether a partition has been at its end for the idle timeout, and how long; the next flush tells it."""
        self._announce |= self._partitions.mark_idle(source, idle=idle, quiet_ms=quiet_ms)

    def advance_to(self, watermark_ms: int) -> None:
        """Let event time go on in all partitions as if something had come, until their watermarks are here at least."""
        self._partitions.advance_to(watermark_ms)
        self._announce = True

    def close_intake(self) -> None:
        """Let the time of records go on in all partitions to the end of the last span that holds one."""
        self._announce |= self._partitions.close_intake()

    # --- records ------------------------------------------------------------------------------------------------------

    @property
    def n_waiting(self) -> int:
        """Events taken in since the last flush."""
        return self._n_events + self._n_late + self._n_labels + self._n_joins

    @property
    def n_cells(self) -> int:
        """Cells of the sketches that wait for the flush."""
        return self._counters.n_cells

    def add(self, batch: RecordBatch) -> None:
        """Take records in; never raises for what they hold."""
        self._next_offsets[batch.source] = batch.offsets[-1] + 1
        if batch.source.kind == "predictions" and self._settings.shares_topic:
            self._add_both(batch)
        elif batch.source.kind == "predictions":
            self._add_predictions(batch)
        elif batch.source.kind == "labels":
            self._add_labels(batch)
        elif batch.source.kind == "control":
            self._dead_letters += self._control.add(batch)
        else:
            self._n_joins += self.joins.add_blocks(batch)

    def skip(self, source: Source, next_offset: int, letter: DeadLetter) -> None:
        """Go on at an offset; the letter says what has become of the records before it."""
        self._dead_letters.append(letter)
        if self._pairing is not None and source.kind == "predictions":
            self._dead_letters += self._pairing.skip(source, letter.topic, letter.partition, next_offset)
        self._next_offsets[source] = next_offset

    def _count_records(self, batch: RecordBatch, intake: Intake[Any], refused_at: Sequence[int] | None = None) -> None:
        self._dead_letters += intake.refused
        self._n_skipped += len(intake.skipped)
        self._n_read[batch.topic] = self._n_read.get(batch.topic, 0) + len(batch.offsets)
        partition = self._partitions[batch.source]
        partition.quiet_ms = 0
        origins = self._origins.of_records(batch) if batch.source.kind == "predictions" else ()
        partition.intake.add(batch, intake.times_ms, intake.offsets, intake.refused, refused_at, origins)

    def _add_predictions(self, batch: RecordBatch) -> None:
        if self._pairing is not None:
            self._add_pairs(batch, self._pairing)
            return
        intake = take_in_predictions(batch, self._decode_prediction, int(self._settings.time.max_future))
        self._count_records(batch, intake)
        if intake.times_ms.size:
            self._take_predictions(batch, intake, self._partitions[batch.source].clock.advance(intake.times_ms))

    def _add_pairs(self, batch: RecordBatch, pairing: Pairing) -> None:
        """Take in requests and responses that are separate records; those that were counted before count no more."""
        paired = pairing.add(batch)
        if paired.fresh is None:
            return
        intake: Intake[PredictionColumns] = no_intake(PredictionColumns)
        if paired.pairs is not None:
            intake = take_in_predictions(paired.pairs, self._decode_prediction, int(self._settings.time.max_future))
        refused = sorted([*paired.refused, *((letter.offset, letter) for letter in intake.refused)], key=itemgetter(0))
        all_of_it = intake._replace(
            refused=[letter for _, letter in refused], skipped=[*paired.skipped, *intake.skipped]
        )
        self._count_records(paired.fresh, all_of_it, [at for at, _ in refused])
        if intake.times_ms.size:
            clock = self._partitions[batch.source].clock
            self._take_predictions(paired.pairs or batch, intake, clock.advance(intake.times_ms))

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
        self._counters.add(batch, intake, arrivals, self._origins.codes(batch))
        if self._settings.labels is None:
            keys = {*zip(intake.events.models, intake.events.versions, strict=True)}
            if not any(self.learning.counts(ModelKey(*key)) for key in keys):
                return
        models, clock = by_model(intake, arrivals), self._partitions[batch.source].clock
        for each in models:
            self.learning.add(batch.source.partition, each.key, each.arrivals, clock.watermark_ms)
        self.joins.add_predictions(batch.source.partition, models)

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
        positions = {source: self._position(source, next_offset) for source, next_offset in self._next_offsets.items()}
        marks = [*self._partitions.marks(), *self._partitions.absent_marks()]
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

    def _position(self, source: Source, next_offset: int) -> Position:
        seen = None if self._pairing is None else self._pairing.seen(source)
        return Position(next_offset if seen is None else seen.start, *self._partitions.times_ms(source), seen)

    def _pane_records(self, deltas: list[JoinDelta], watermarks: list[Watermark]) -> dict[int, list[bytes]]:
        n_panes = self._settings.kafka.panes_partitions
        panes: dict[int, list[PaneDelta]] = {partition: [] for partition in range(n_panes)}
        joins: dict[int, list[JoinDelta]] = {partition: [] for partition in range(n_panes)}
        for key, pane_deltas in self._counters.take():
            panes[panes_partition(key, n_panes)].extend(pane_deltas)
        for delta in deltas:
            joins[panes_partition(delta.key, n_panes)].append(delta)
        intake = {panes_partition(LABEL_STREAM, n_panes): self._partitions.intake_marks()}
        routed, places, control = self._settings.join.routed, self._places, self._control.entries
        return {
            number: chunks(
                panes[number],
                joins[number],
                watermarks,
                intake.get(number, ()),
                places,
                routed=routed,
                control=control.get(number, ()),
            )
            for number in range(n_panes)
        }

    def committed(self, changelog: Mapping[int, int] = MappingProxyType({})) -> None:
        """Make the last flush final; ``changelog`` has the offsets behind its blocks in the pending topic."""
        self._partitions.committed()
        if self._pairing is not None:
            self._pairing.committed()
        self.joins.committed(changelog)
        self._counters.drop_quiet()
        self._clear()
        self._announce = False

    def aborted(self) -> None:
        """Forget everything since the last committed flush; its records will be read again, so no partition is idle."""
        self._partitions.aborted()
        if self._pairing is not None:
            self._pairing.aborted()
        self.joins.aborted()
        self.learning.clear()
        self._counters.clear()
        self._clear()
        self._announce = True

    def _clear(self) -> None:
        self._origins.flushed()
        self._next_offsets = {}
        self._dead_letters = []
        self._control.clear()
        self._n_read = {}
        self._n_events = self._n_late = self._n_labels = self._n_joins = self._n_skipped = 0

    def hold_back(self) -> dict[Source, Source | None]:
        """Return the partitions that are not to be read on for now, each with the one that it waits for, or None.

        They are too far ahead of others, or a profile is being learnt from what they gave.
        """
        watermarks_ms = self.watermarks_ms()
        ahead = self.joins.hold_back(watermarks_ms)
        for hold in self.learning.holds():
            ahead[hold.source] = None
            labels = Source("labels", hold.source.partition)
            if self.joins.by_partition and _is_ahead(watermarks_ms.get(labels), watermarks_ms.get(hold.source)):
                ahead[labels] = None
        return ahead

    # --- what an operator sees ----------------------------------------------------------------------------------------

    def watermark_ms(self, source: Source) -> int | None:
        """Return an input partition's watermark, None before its first event."""
        return self._partitions.watermark_ms(source)

    def halves_waiting(self) -> dict[int, int]:
        """Return how many requests and responses wait for their other half, by partition, where they are paired."""
        return {} if self._pairing is None else self._pairing.n_waiting()

    def watermarks_ms(self) -> dict[Source, int | None]:
        """Return the watermarks of all assigned partitions, with those of the pending topic where it is read."""
        marks = [*self._partitions.marks(), *self.joins.watermarks()]
        shared = self._settings.shares_topic
        return {mark.source: mark.time_ms for mark in marks if not (shared and mark.source.kind == "labels")}


def _is_ahead(time_ms: int | None, other_ms: int | None) -> bool:
    return time_ms is not None and other_ms is not None and time_ms >= other_ms
