"""Predictions, labels and commands of the topics read again, through both stages in process: which alerts come of them.

Nothing is written, no group is joined and nothing is committed. The profiles are those of the references topic, also
those that were learnt from production; a model that has none there learns one, as the workers would.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from driftline.alerts.comparison import alert_state
from driftline.errors import BrokerError, FormatError
from driftline.events.cloudevents import rfc3339
from driftline.profiles.profiles import Profiles
from driftline.runtime.encodings.input_encodings import InputEncodings
from driftline.runtime.encodings.schema_problems import RegistryUnavailableError
from driftline.runtime.in_process import InProcessStages
from driftline.runtime.kafka.co_partitioning import keys_without_ids
from driftline.runtime.kafka.input_partitions import input_topics
from driftline.runtime.kafka.kafka_clients import connect_admin
from driftline.runtime.kafka.number_log import known_numbers
from driftline.runtime.kafka.record_batches import by_source
from driftline.runtime.kafka.topics import partition_counts
from driftline.runtime.operations.garbage import rare_collections
from driftline.runtime.references.reference_topic import published_profiles
from driftline.runtime.replay.input_spans import input_spans
from driftline.runtime.replay.ordered_reading import OrderedReading
from driftline.runtime.replay.quiet_partitions import QuietPartitions
from driftline.runtime.replay.silent_labels import SilentLabels
from driftline.runtime.sketch.join_routing import routing_reason, with_routing

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka import Message

    from driftline.alerts.comparison import AlertState, Span
    from driftline.config.secrets import Credentials
    from driftline.config.settings import Settings
    from driftline.events.output_record import OutputRecord
    from driftline.events.record_batch import RecordBatch
    from driftline.events.source import Kind

FLUSH_RECORDS: Final = 20_000
"""Records read between two flushes; the result does not depend on it."""
_REGISTRY_PATIENCE_S: Final = 60.0
_REGISTRY_POLL_S: Final = 0.2


class ReplayedAlerts(NamedTuple):
    """What a replay found."""

    alerts: dict[str, AlertState]
    """The latest state of each alert, by id, with those that are forgotten."""
    forgotten: frozenset[str]
    """Ids of alerts whose records a worker would have deleted from the alerts topic by now, 30 days after they were
    resolved."""
    n_read: int
    """Records of predictions and labels."""
    refused: Counter[str]
    """Records that cannot be used, by reason code."""
    reached_ms: int | None
    """How far event time came in all partitions of the predictions; None where some have no event."""
    kept_from_ms: int | None
    """Kafka timestamp from which on records of all partitions are kept; None where none has been deleted."""


class Replay:
    """Reads the input topics once, from a time on, and collects the alerts.

    Parameters
    ----------
    settings, credentials : Settings, Credentials
    span : Span
        Event times between which alerts are to be compared.
    warm_up_ms : int or None
        Event time before the span whose records are read too; all that are kept where None. The largest window and
        the lateness come on top, so that windows are whole from the beginning of the span on.

    Raises
    ------
    BrokerError
        When no broker answers, or a topic is missing.
    """

    def __init__(self, settings: Settings, credentials: Credentials, span: Span, warm_up_ms: int | None = None) -> None:
        read = input_topics(settings, credentials)
        control = settings.kafka.topic("control")
        n_control = partition_counts(connect_admin(settings.kafka, credentials), [control])[control]
        if n_control:
            read = read.with_control(control, n_control)
        self._settings, self._credentials, self._span = read.settings, credentials, span
        self._numbers = known_numbers(settings, credentials, read)
        n_partitions = self._numbers.n_partitions
        inputs: dict[Kind, int] = {kind: n for kind, n in n_partitions.items() if kind != "joins"}
        from_ms = None if warm_up_ms is None else first_record_ms(settings, span, warm_up_ms)
        # first: workers finish what they have read
        self.spans = input_spans(settings, credentials, self._numbers, from_ms)
        routed = read.settings
        if settings.join.repartition == "auto" and (
            routing_reason(settings, credentials) is not None  # a pattern may match several topics one day
            or (max(n_partitions.values()) > 1 and keys_without_ids(settings) is not None)
        ):
            routed = with_routing(routed)
        profiles = Profiles(published_profiles(settings.kafka, credentials))
        self._encodings = InputEncodings(settings, credentials)
        self._stages = InProcessStages(read.settings, routed, profiles, inputs, "replay", numbers=self._numbers)
        of_inputs = [span for span in self.spans if span.source.kind != "control"]
        self._quiet = QuietPartitions(of_inputs, int(settings.time.idle_timeout))
        labels = [each.source for each in self.spans if each.source.kind == "labels"]
        self._silence = SilentLabels(labels, int(settings.time.idle_timeout))
        self._uncut = {each.source for each in of_inputs if each.is_cut and each.n}
        self._kept_from_ms: int | None = None
        self._n_read = self._n_since_flush = 0
        self._alerts: dict[str, AlertState] = {}
        self._forgotten: set[str] = set()
        self._refused: Counter[str] = Counter()

    @property
    def n_records(self) -> int:
        """Records to read at most, for a progress bar."""
        return sum(span.n for span in self.spans)

    def run(self, advance: Callable[[int], None] = lambda _n: None) -> ReplayedAlerts:
        """Read everything; ``advance`` receives the numbers of records read.

        Raises
        ------
        BrokerError
            When the broker goes silent, the schema registry does not answer, or records of the span's beginning have
            been deleted.
        """
        sketcher = self._stages.sketcher
        self._stages.start()
        step_ms = max(int(self._settings.time.idle_timeout), int(self._settings.defaults.labels.stall_after) // 4)
        reading = OrderedReading(self._settings.kafka, self._credentials, self.spans, sketcher.watermark_ms, step_ms)
        try:
            with rare_collections():
                for _, messages in reading.chunks():
                    self._add(messages)
                    advance(len(messages))
                    self._mark_quiet(reading)
                    if self._n_since_flush >= FLUSH_RECORDS or sketcher.n_cells >= self._settings.sketch.flush_cells:
                        self._flush()
                self._flush()
                while self._stages.has_blocks:
                    self._flush()
            reached_ms = self._reached_ms()
        finally:
            reading.close()
            self._stages.close()
        forgotten = frozenset(self._forgotten)
        return ReplayedAlerts(self._alerts, forgotten, self._n_read, self._refused, reached_ms, self._kept_from_ms)

    def _add(self, messages: list[Message]) -> None:
        sketcher = self._stages.sketcher
        batches, _ = by_source(
            messages,
            self._numbers.source,
            self._encodings.wants_headers,
            sketcher.asks_for,
        )
        for batch in batches:
            if batch.source.kind == "control":
                self._flush()  # what came before it is known before it
                sketcher.add(batch)
                continue
            if batch.source.kind == "labels" and self._silence.ends(max(batch.timestamps_ms)):
                self._end_silence()
            for part in self._deserialized(batch):
                sketcher.add(part)
            self._quiet.read(batch.source, max(batch.timestamps_ms))
            self._n_read += len(batch.offsets)
            self._n_since_flush += len(batch.offsets)
            if batch.source in self._uncut:
                self._note_oldest(batch)

    def _deserialized(self, batch: RecordBatch) -> list[RecordBatch]:
        end_s = time.monotonic() + _REGISTRY_PATIENCE_S
        while True:
            try:
                return self._encodings.read(batch)
            except RegistryUnavailableError as error:
                if time.monotonic() > end_s:
                    raise BrokerError(
                        f"The schema registry does not answer: {self._encodings.problem() or error}"
                    ) from error
                time.sleep(_REGISTRY_POLL_S)

    def _note_oldest(self, batch: RecordBatch) -> None:
        """Note from when on the records of a partition are kept.

        Raises
        ------
        BrokerError
            When those of the span's beginning are not.
        """
        self._uncut.discard(batch.source)
        oldest_ms = batch.timestamps_ms[0]
        reached_ms = self._stages.sketcher.watermark_ms(batch.source)
        self._kept_from_ms = max(oldest_ms, self._kept_from_ms or 0)
        start_ms = self._span.start_ms
        if start_ms > 0 and oldest_ms > start_ms and (reached_ms is None or reached_ms > start_ms):
            raise BrokerError(
                f"Records of {batch.topic} from before {rfc3339(oldest_ms)} have been deleted in partition "
                f"{self._numbers.place(batch.source).partition} (`retention.ms`), so what came of "
                f"{rfc3339(start_ms)} cannot be replayed. Choose a later --from: windows are whole from the first full "
                f"window after {rfc3339(oldest_ms)} on"
            )

    def _mark_quiet(self, reading: OrderedReading) -> None:
        """Mark partitions idle as workers did; what they had given was told before, one after the other."""
        for source in self._quiet.new(reading.unfinished):
            self._flush()
            self._stages.sketcher.mark_idle(source, idle=True)
        if self._silence.begins(reading.clock_ms or 0, reading.next_ms):
            self._flush()
            for source in self._silence.sources:
                self._stages.sketcher.mark_idle(source, idle=True)

    def _end_silence(self) -> None:
        """Let the silence be seen, up to the predictions that came in it, before a label ends it."""
        self._flush()
        for source in self._silence.sources:
            if not self._quiet.is_quiet(source):
                self._stages.sketcher.mark_idle(source, idle=False)

    def _flush(self) -> None:
        self._n_since_flush = 0
        flush = self._stages.flush()
        if flush is None:
            return
        self._refused.update(letter.reason for letter in flush.dead_letters)
        for _, outputs in self._stages.apply(flush):
            for output in outputs:
                if output.channel == "alerts":
                    self._take(output)

    def _take(self, output: OutputRecord) -> None:
        if output.value is None:
            self._forgotten.add(output.key.decode())
            return
        state = alert_state(output.value)
        if state is None:
            message = f"Expected an alert with the fields that are compared, got {output.value[:200]!r} - at `replay`"
            raise FormatError(message)
        self._alerts[state.alert_id] = state

    def _reached_ms(self) -> int | None:
        times = [
            self._stages.sketcher.watermark_ms(span.source)
            for span in self.spans
            if span.source.kind == "predictions" and not self._quiet.is_quiet(span.source)
        ]
        return None if None in times else min((each for each in times if each is not None), default=None)


def first_record_ms(settings: Settings, span: Span, warm_up_ms: int) -> int:
    """Return the least Kafka timestamp of records to read, where less than all that are kept is to be read.

    An event may be dated ``time.max_future`` past its record at most; a window that ends in the span began up to its
    size before, and an event counts until the watermark has passed it.
    """
    models = (settings.defaults, *settings.models.values())
    sizes = [int(size) for model in models for size in (*model.windows.verdict, model.windows.performance)]
    lead_ms = warm_up_ms + max(sizes) + int(settings.time.lateness) + int(settings.time.max_future)
    return max(0, span.start_ms - lead_ms)
