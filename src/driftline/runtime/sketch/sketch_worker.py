"""The sketch stage's worker: consumes predictions and labels in batches and commits one transaction a flush."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from driftline.errors import BrokerError
from driftline.events.dead_letter import OFFSET_GAP, DeadLetter
from driftline.runtime.encodings.input_encodings import InputEncodings
from driftline.runtime.encodings.schema_problems import RegistryUnavailableError
from driftline.runtime.kafka.callbacks import assigning, revoking
from driftline.runtime.kafka.kafka_clients import ADMIN_TIMEOUT_S
from driftline.runtime.kafka.reading import END_OF_PARTITION
from driftline.runtime.kafka.record_batches import by_source, source_of
from driftline.runtime.operations.garbage import rare_collections
from driftline.runtime.operations.logs import get_logger
from driftline.runtime.pending.pending_changelog import PendingChangelog
from driftline.runtime.pending.pending_folder import PendingFolder
from driftline.runtime.sketch.committed_offsets import CommittedOffsets
from driftline.runtime.sketch.idle_partitions import mark_idle
from driftline.runtime.sketch.key_check import KeyCheck
from driftline.runtime.sketch.labels_in_step import LabelsInStep
from driftline.runtime.sketch.learning_reporter import LearningReporter
from driftline.runtime.sketch.offset_metadata import from_metadata
from driftline.runtime.sketch.refusal_log import RefusalLog
from driftline.runtime.sketch.routing_mark import RoutingMark
from driftline.runtime.sketch.sketch_consumer import sketch_consumer_configuration
from driftline.runtime.sketch.sketch_transaction import FlushAborted, SketchTransactions
from driftline.runtime.sketch.source_progress import SourceProgress
from driftline.runtime.sketch.source_topics import SourceTopics
from driftline.runtime.sketch.worker_figures import WorkerFigures
from driftline.sketching.sketcher import Sketcher

if TYPE_CHECKING:
    from confluent_kafka import Message

    from driftline.config.secrets import Credentials
    from driftline.config.settings import Settings
    from driftline.events.record_batch import RecordBatch
    from driftline.events.source import Source
    from driftline.profiles.profiles import Profiles
    from driftline.runtime.operations.telemetry import Telemetry

_CONSUME_S: Final = 0.1
_REQUEST_S: Final = 30.0
_PROFILE_WAIT_S: Final = 60.0
_GAP: Final = KafkaError._AUTO_OFFSET_RESET  # noqa: SLF001  # librdkafka's own name of a local event
_log = get_logger(__name__)


class SketchWorker:
    """One member of the sketch group; :meth:`run` blocks, :meth:`stop` may be called from any thread.

    A :class:`~driftline.runtime.references.reference_topic.ReferenceReader` that is at the end keeps the profiles up to
    date. ``name`` is stable over restarts and unique among the workers: the transactional id is made of it. With
    ``accept_recount``, partitions that were read before and whose committed offsets the broker has forgotten begin at
    their oldest records, which are then counted again; without it that is an error.
    """

    def __init__(
        self,
        settings: Settings,
        credentials: Credentials,
        profiles: Profiles,
        telemetry: Telemetry,
        name: str,
        *,
        accept_recount: bool = False,
    ) -> None:
        self._topics = SourceTopics(settings, credentials)
        self._settings = settings = self._topics.settings
        self._telemetry = telemetry
        n_partitions = self._topics.numbers.n_partitions
        owner = f"{settings.kafka.brokers}/{settings.kafka.topic('pending')}/{n_partitions.get('joins', '')}"
        self._pending = PendingFolder(settings.join, profiles, owner, name)
        self._sketcher = Sketcher(settings, profiles, n_partitions, self._pending.open, numbers=self._topics.numbers)
        self._consumer = Consumer(sketch_consumer_configuration(settings, credentials))
        every = [place for place in self._topics.every() if place.topic != self._topics.control]
        self._committed = CommittedOffsets(settings, credentials, self._consumer, every, accept_recount=accept_recount)
        transactional_id = f"{settings.kafka.prefix}-sketch-{name}"
        self._transactions = SketchTransactions(settings, credentials, transactional_id, self._topics.place)
        self._changelog = PendingChangelog(settings.kafka, credentials)
        self._encodings = InputEncodings(settings, credentials)
        self._routing = RoutingMark(settings, credentials, self._consumer, self._committed)
        self._key_check = KeyCheck(settings, self._topics.counts)
        self._holds = LearningReporter(telemetry, self._topics.numbers.place)
        self._figures = WorkerFigures(telemetry, self._sketcher, self._pending, self._topics.numbers.place)
        self._refusals = RefusalLog()
        self._progress = SourceProgress(settings.time.idle_timeout / 1000, settings.silence_limits_ms)
        self._in_step = LabelsInStep(self._sketcher, self._progress)
        self._stopping = threading.Event()
        self._assigned = threading.Event()
        self._last_flush = time.monotonic()
        self._failed = self._lost = False

    def run(self) -> None:
        """Work until :meth:`stop`.

        Raises
        ------
        KafkaException
            Fatal: fenced by another worker of the same name, or a commit whose outcome is not known.
        BrokerError
            The committed offsets of partitions that were read before are gone, what awaits labels cannot be read, or
            predictions and labels are not partitioned alike and may not be repartitioned.
        RoutingNeeded
            Where ``join.repartition`` is ``auto``: joins are to be routed from now on; nothing since the last flush is
            kept.
        TopicsChanged
            When there are other topics or partitions to read by now; everything up to there is committed.
        """
        with rare_collections():
            self._run()

    def _run(self) -> None:
        self._transactions.start()
        try:
            self._consumer.subscribe(
                self._topics.names,
                on_assign=assigning(self._on_assign),
                on_revoke=revoking(self._on_revoke),
                on_lost=revoking(self._on_lost),
            )
            while not self._stopping.is_set():
                self._step()
            self._flush()
        except BaseException:
            self._failed = True
            raise
        finally:
            self._consumer.close()
            self._sketcher.revoke()
            self._pending.close()

    def stop(self) -> None:
        """Ask the worker to finish: it flushes and leaves the group."""
        self._stopping.set()

    def is_ready(self) -> bool:
        """Whether partitions are assigned; a worker too many has been given none, and waits for some."""
        return self._assigned.is_set()

    def all_refused(self) -> str | None:
        """Return that every record of a topic is refused, and why; None while some can be used."""
        return self._refusals.all_refused()

    def schema_problem(self) -> str | None:
        """Return why schemas of records cannot be had; None while they can, or are not needed."""
        return self._encodings.problem()

    # --- one step -----------------------------------------------------------------------------------------------------

    def _step(self) -> None:
        if self._progress.stalled and self._encodings.may_ask:
            self._go_on()
        messages = self._consumer.consume(self._settings.sketch.batch, _CONSUME_S)
        if self._lost:  # with nothing to commit, this alone tells that no broker answers any more
            self._consumer.list_topics(self._topics.names[0], timeout=ADMIN_TIMEOUT_S)
            self._lost = False
        if not self._take_in(messages):
            return
        changed = self._in_step.fills_or_empties() | self._holds.changed(self._sketcher.learning.holds())
        sketch = self._settings.sketch
        due = time.monotonic() - self._last_flush >= sketch.flush_interval / 1000
        full = self._sketcher.n_waiting >= sketch.flush_events or self._sketcher.n_cells >= sketch.flush_cells
        if due or full:
            mark_idle(self._consumer, self._topics, self._progress, self._sketcher)
            self._flush()
            self._hold_back()
            self._figures.measure(self._sketcher.watermarks_ms(), self._lag)
            self._topics.look(self._consumer, self._last_flush)
        elif changed:  # at once: enough was given to learn a reference from, or there is one, or too much is held
            self._hold_back()

    def _take_in(self, messages: list[Message]) -> bool:
        """Read what was fetched, and held labels that are due; return False if the worker is to stop meanwhile."""
        asked = self._sketcher.asks_for
        batches, events = by_source(messages, self._topics.source_at, self._encodings.wants_headers, asked)
        deserialized = [(batch, parts) for batch in batches if (parts := self._deserialized(batch)) is not None]
        self._check_keys(messages, [part for _, parts in deserialized for part in parts])
        for batch, parts in deserialized:
            if not self._knows_profiles(batch):
                return False
            if not self._in_step.hold(batch.source, parts):
                self._read(batch, parts)
        for message, error in events:  # after the records: what is said of a partition stands behind them
            self._on_error(message, error)
        for part in self._in_step.due():
            self._read(part, [part])
        return True

    def _check_keys(self, messages: list[Message], parts: list[RecordBatch]) -> None:
        mismatch = None if self._key_check.done else self._key_check.look(messages, parts)
        if mismatch is not None:
            self._routing.route(mismatch)

    def _read(self, batch: RecordBatch, parts: list[RecordBatch]) -> None:
        """Take records in, as the parts that they were deserialized to."""
        for part in parts:
            self._sketcher.add(part)
        self._progress.read(batch.source, batch.offsets[-1] + 1, time.monotonic())
        self._figures.read(batch.source, len(batch.offsets))

    def _deserialized(self, batch: RecordBatch) -> list[RecordBatch] | None:
        """Return records as JSON or documents; None where they must wait for a schema, and will be read again."""
        try:
            if batch.source not in self._progress.stalled:
                return self._encodings.read(batch)
        except RegistryUnavailableError:
            if self._progress.stall(batch.source):
                self._consumer.pause([self._topics.place(batch.source)])
        return None

    def _go_on(self) -> None:
        """Read partitions again, from their first unused records, that had to wait for a schema."""
        for source in self._progress.stalled:
            self._in_step.forget(source)
            self._consumer.seek(self._topics.place(source, self._progress.next_offset(source)))
            if self._progress.go_on(source):
                self._consumer.resume([self._topics.place(source)])

    def _knows_profiles(self, batch: RecordBatch) -> bool:
        """Wait for profiles that another worker has used already; return False if the worker is asked to stop."""
        end_s = time.monotonic() + _PROFILE_WAIT_S
        while missing := self._sketcher.joins.profiles_wanted(batch):
            if time.monotonic() > end_s:
                name = min(missing)
                raise BrokerError(
                    f"Expected to read the profile `{name}` within {_PROFILE_WAIT_S:g} s, got none - at "
                    f"`{self._settings.kafka.topic('references')}`. The predictions at "
                    f"`{batch.place}@{batch.offsets[0]}` belong to it: publish it again"
                )
            if self._stopping.wait(_CONSUME_S):
                return False
        return True

    def _on_error(self, message: Message, error: KafkaError) -> None:
        source = source_of(message, self._topics.source_at)
        if source is not None and error.code() == END_OF_PARTITION:
            awaited = self._progress.awaits_commands(time.monotonic())
            end = message.offset() or 0
            if not self._in_step.at_end(source, end):
                self._progress.at_end(source, end)
            if awaited:
                self._pause(*self._progress.hold_back({}, time.monotonic()))
        elif source is not None and error.code() == _GAP:
            self._jump_gap(source)
        elif error.fatal():
            raise KafkaException(error)
        else:
            _log.warning("error while consuming", error=str(error))

    def _jump_gap(self, source: Source) -> None:
        """Report records that retention deleted before they were read, and continue at the oldest record."""
        for part in self._in_step.rest(source):
            self._read(part, [part])
        partition = self._topics.place(source)
        expected = self._progress.next_offset(source)
        low, _high = self._consumer.get_watermark_offsets(partition, timeout=_REQUEST_S)
        text = (
            f"The records from offset {expected} to {low - 1} of `{self._topics.name(source)}` were deleted "
            "before they were read: keep them for longer (`retention.ms`), or let workers keep up"
        )
        name = self._topics.name(source)
        _log.error("records were deleted before they were read", source=name, expected=expected, oldest=low)
        letter = DeadLetter(OFFSET_GAP, text, partition.topic, partition.partition, expected, b"")
        self._in_step.clear()
        self._sketcher.skip(source, low, letter)
        self._progress.read(source, low, time.monotonic())
        # librdkafka has stopped this partition, and seeks in none that is stopped: all begin again where they are.
        sources = self._progress.sources
        self._consumer.assign([self._topics.place(each, self._progress.next_offset(each)) for each in sources])
        self._consumer.pause([*map(self._topics.place, self._progress.paused)])

    # --- flush --------------------------------------------------------------------------------------------------------

    def _flush(self) -> None:
        self._last_flush = started = time.monotonic()
        flush = self._sketcher.flush()
        if flush is None:
            return
        packed = time.monotonic()
        try:
            changelog = self._transactions.commit(flush, self._consumer)
        except FlushAborted:
            self._sketcher.aborted()
            self._rewind()
            return
        self._sketcher.committed(changelog)
        self._figures.flushed(flush, packed - started, time.monotonic() - packed)
        self._refusals.note(flush.n_read, flush.dead_letters, time.monotonic())

    def _lag(self, source: Source) -> int | None:
        """Return how many records a partition is behind its end, None before its first fetch."""
        _low, high = self._consumer.get_watermark_offsets(self._topics.place(source), cached=True)
        return max(0, high - self._progress.reached(source)) if high >= 0 else None

    def _rewind(self) -> None:
        """Go back to the committed offsets after an abort."""
        self._in_step.clear()
        for partition in self._committed.or_oldest(self._committed.of(self._consumer.assignment())):
            source, start = self._topics.source(partition), self._start_of(partition)
            self._consumer.seek(self._topics.place(source, start))
            self._progress.start(source, start, time.monotonic())
        self._consumer.resume(self._consumer.assignment())

    def _hold_back(self) -> None:
        """Pause what is ahead in event time, and what a reference is being learnt from, to bound what is remembered."""
        now_s = time.monotonic()
        self._holds.tell(self._sketcher.learning, now_s)
        for source in self._progress.gives_up_commands(now_s):
            _log.warning("commands cannot be read to their end: going on without", source=self._topics.name(source))
        ahead = self._sketcher.hold_back() | dict.fromkeys(self._in_step.full)
        self._pause(*self._progress.hold_back(ahead, now_s))

    def _pause(self, pause: list[Source], resume: list[Source]) -> None:
        for change, sources in ((self._consumer.pause, pause), (self._consumer.resume, resume)):
            if sources:
                change([*map(self._topics.place, sources)])

    # --- assignment ---------------------------------------------------------------------------------------------------

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Start from the committed offsets and their metadata; a partition never read starts at its oldest.

        A worker that is to stop takes none: they are about to go to another one.
        """
        if self._stopping.is_set():
            consumer.unassign()
            return
        self._routing.require_unmarked()
        committed = self._committed.of(partitions)
        read_before = {self._topics.source(partition) for partition in committed if partition.offset >= 0}
        self._committed.require_no_earlier_panes([each for each in committed if each.topic != self._topics.control])
        offsets: dict[Source, int] = {}
        for partition in self._committed.or_oldest(committed):
            source = self._topics.source(partition)
            self._sketcher.assign(source, *from_metadata(partition.metadata))
            offsets[source] = self._start_of(partition)
            self._progress.start(source, offsets[source], time.monotonic())
            if source.kind == "control" and self._end_of(partition) <= offsets[source]:
                self._progress.at_end(source, offsets[source])  # there is no command to wait for
        for replay in self._sketcher.joins.replays(offsets):
            restored = self._changelog.replay(replay, self._sketcher.joins)
            if restored and read_before.isdisjoint(replay.sources):
                number = replay.partition
                self._committed.recount(f"partition {number}", f"{self._settings.kafka.topic('pending')}-{number}")
        started = [self._topics.place(source, offset) for source, offset in offsets.items()]
        consumer.assign(started)
        consumer.resume(started)  # librdkafka keeps a partition paused over an assignment
        self._pause(*self._progress.hold_back({}, time.monotonic()))
        self._assigned.set()
        _log.info("assigned", partitions=sorted(f"{p.topic}-{p.partition}" for p in started))

    def _end_of(self, partition: TopicPartition) -> int:
        return int(self._consumer.get_watermark_offsets(partition, timeout=_REQUEST_S)[1])

    def _start_of(self, committed: TopicPartition) -> int:
        """Return where to read on: from the oldest half that waits, or past all records that have been used."""
        seen = from_metadata(committed.metadata).seen
        offset: int = committed.offset
        return offset if seen is None or self._settings.predictions.pair is not None else seen.next_offset

    def _on_revoke(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Flush while the partitions are still ours; a worker that has failed leaves that to its successor."""
        if not self._failed:
            self._flush()
        self._forget(partitions)

    def _on_lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Discard: another worker reads these records from the committed offsets, and may have done so already."""
        _log.warning("partitions lost", partitions=sorted(f"{p.topic}-{p.partition}" for p in partitions))
        self._forget(partitions)
        self._lost = True

    def _forget(self, partitions: list[TopicPartition]) -> None:
        self._assigned.clear()
        self._sketcher.revoke()
        self._refusals.forget()
        self._pending.forget()
        self._in_step.clear()
        self._progress.clear()
        self._holds.forget()
        for source in self._topics.known(partitions):
            self._figures.forget(source)
