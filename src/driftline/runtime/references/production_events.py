"""Predictions of a stretch of event time, from files or from the predictions topic, to build a profile from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import xxhash
from confluent_kafka import TopicPartition
from msgspec.structs import replace

from driftline.errors import FormatError, ProfileError
from driftline.events.features import features_json
from driftline.events.operation_fields import error_of, has_failed
from driftline.events.outcomes import untold_score
from driftline.events.prediction import Prediction, PredictionDecoder
from driftline.events.record_batch import no_records
from driftline.events.source import Source
from driftline.events.source_numbers import SourceNumbers, TopicPart
from driftline.events.unusable import without_unusable
from driftline.profiles.building.production import TimedRow
from driftline.runtime.files.event_files import add_line, lines, metadata_of
from driftline.runtime.kafka.input_partitions import input_topics
from driftline.runtime.kafka.kafka_clients import ADMIN_TIMEOUT_S
from driftline.runtime.kafka.reading import PartitionReading, assigned_consumer
from driftline.runtime.kafka.record_batches import by_source
from driftline.sketches.packed import SampleRow
from driftline.sketching.intake import take_in_predictions
from driftline.sketching.pairing import Pairing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from confluent_kafka import Consumer

    from driftline.config.secrets import Credentials
    from driftline.config.settings import Settings
    from driftline.events.model_key import ModelKey
    from driftline.events.record_batch import RecordBatch

BATCH: Final = 10_000
"""Records decoded together."""
_POLL_S: Final = 1.0
_PATIENCE_S: Final = 30.0
"""Time without any record, short of the end, after which the broker counts as gone."""


class EventSelection(NamedTuple):
    """Which events to read: those of one model, from ``start_ms`` to before ``end_ms`` in event time."""

    key: ModelKey
    start_ms: int
    end_ms: int
    positive: str | None = None


class EventReader:
    """Decodes records, keeps the selected events, and counts the others.

    Of the last reading, ``n_refused`` counts the records that would be dead letters, and ``n_others`` the events of
    other models or times, and failed ones.
    """

    def __init__(self, settings: Settings, selection: EventSelection) -> None:
        self._decode = PredictionDecoder(settings.predictions.fields, where=settings.predictions.where)
        self._pairing = None if settings.predictions.pair is None else Pairing(settings.predictions.pair)
        self._paired: set[Source] = set()
        self._topics = settings.predictions.topics
        self._max_future_ms = int(settings.time.max_future)
        self._selection = selection
        self.n_refused = self.n_others = 0

    @property
    def asks_for(self) -> dict[str, frozenset[str]]:
        """Which of ``keys`` and ``headers`` the batches of each topic must have."""
        asked = self._decode.asks_for | (self._pairing.asks_for if self._pairing else frozenset())
        return dict.fromkeys(self._topics, asked)

    def begin(self) -> None:
        """Begin to read again, from the first record."""
        self.n_refused = self.n_others = 0
        self._paired.clear()

    def rows(self, batch: RecordBatch) -> list[TimedRow]:
        """Return the selected events among records."""
        if self._pairing is not None:
            if batch.source not in self._paired:
                self._paired.add(batch.source)
                self._pairing.assign(batch.source)
            paired = self._pairing.add(batch)
            self.n_refused += len(paired.refused)
            if paired.pairs is None:
                return []
            batch = paired.pairs
        intake = take_in_predictions(batch, self._decode, self._max_future_ms)
        self.n_refused += len(intake.refused)
        rows = []
        for row, time_ms in zip(zip(*intake.events, strict=True), intake.times_ms.tolist(), strict=True):
            event, selection = Prediction(*row), self._selection
            in_time = selection.start_ms <= time_ms < selection.end_ms
            if (event.model, event.version) != (selection.key.model, selection.key.version) or not in_time:
                self.n_others += 1
                continue
            if event.prediction is None and event.score is None and has_failed(error_of(event.operations)):
                self.n_others += 1  # the model failed: a reference of it would miss predictions
                continue
            digest = xxhash.xxh3_64_intdigest(event.prediction_id.encode())
            (prediction,) = without_unusable((event.prediction,))
            score = untold_score(event.score, selection.positive)
            rows.append(TimedRow(time_ms, SampleRow(digest, features_json(event.features), prediction, score)))
        return rows

    def read_file(self, path: Path) -> Iterator[list[TimedRow]]:
        """Yield the selected events of a file of one JSON object per line, batch by batch.

        Raises
        ------
        ProfileError
            When the file cannot be read.
        """
        self.begin()
        batch = self._no_records()
        try:
            for number, line in enumerate(lines(path), start=1):
                metadata = metadata_of(line, f"{path}:{number}")
                add_line(batch, line, number, metadata)
                if len(batch.values) == BATCH:
                    yield self.rows(batch)
                    batch = self._no_records()
        except OSError as error:
            message = f"Expected a readable file, got {error.strerror or error} - at `{path}`"
            raise ProfileError(message) from error
        except FormatError as error:
            raise ProfileError(str(error)) from error
        if batch.values:
            yield self.rows(batch)

    def _no_records(self) -> RecordBatch:
        topic = self._topics[0]
        return no_records(Source("predictions", 0), topic, self.asks_for[topic])


class TopicEvents:
    """The topics of predictions, read from where the selected event times can begin; may be read repeatedly.

    An event is refused when it is dated more than ``time.max_future`` past its record, so no record older than the
    stretch's beginning less that can hold one of it: reading begins there, in every partition, and goes on to what was
    the end when the object was made.

    Raises
    ------
    BrokerError
        When no broker answers, or a topic is missing.
    """

    def __init__(self, settings: Settings, credentials: Credentials, selection: EventSelection) -> None:
        self._settings, self._credentials = settings, credentials
        inputs = input_topics(replace(settings, labels=None), credentials)
        self.reader = EventReader(inputs.settings, selection)
        parts = [TopicPart("predictions", topic, 0, n) for topic, n in inputs.counts.items()]
        self._numbers = SourceNumbers(inputs.read, inputs.counts, parts)
        consumer = self._consumer()
        try:
            self._spans = {topic: self._spans_of(consumer, topic, n, selection) for topic, n in inputs.counts.items()}
        finally:
            consumer.close()

    def _consumer(self) -> Consumer:
        return assigned_consumer(self._settings.kafka, self._credentials, "reference-build")

    def _spans_of(
        self, consumer: Consumer, topic: str, n_partitions: int, selection: EventSelection
    ) -> dict[int, tuple[int, int]]:
        """Return the first offset to read of each partition, and the one to stop before."""
        earliest_ms = max(0, selection.start_ms - int(self._settings.time.max_future))
        times = [TopicPartition(topic, partition, earliest_ms) for partition in range(n_partitions)]
        spans = {}
        for place in consumer.offsets_for_times(times, timeout=ADMIN_TIMEOUT_S):
            low, high = consumer.get_watermark_offsets(place, timeout=ADMIN_TIMEOUT_S)
            first = max(low, place.offset) if place.offset >= 0 else high
            if first < high:
                spans[place.partition] = (first, high)
        return spans

    def read(self) -> Iterator[list[TimedRow]]:
        """Yield the selected events batch by batch, the partitions of a topic mixed.

        Raises
        ------
        BrokerError
            When the broker goes silent before the end.
        """
        self.reader.begin()
        for topic, spans in self._spans.items():
            starts, stops = ({number: span[i] for number, span in spans.items()} for i in (0, 1))
            consumer = self._consumer()
            try:
                reading = PartitionReading(consumer, self._settings.kafka, topic, starts, stops)
                for messages in reading.to_end(_PATIENCE_S, BATCH, _POLL_S):
                    for batch in by_source(messages, self._numbers.source, asked=self.reader.asks_for)[0]:
                        yield self.reader.rows(batch)
            finally:
                consumer.close()
