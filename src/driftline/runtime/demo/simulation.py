"""Simulated traffic to files and to brokers, at a chosen speed."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, Final

from confluent_kafka import KafkaError, Producer
from msgspec import Struct

from driftline.errors import BrokerError, ParameterError, ProfileError
from driftline.runtime.kafka.kafka_clients import connect_admin, producer_configuration
from driftline.runtime.kafka.topics import TopicSpec, partition_counts
from driftline.runtime.kafka.topics import create as create_topics
from driftline.simulation.keys import partitions_of
from driftline.simulation.traffic import CHUNK, Records, Slice, reference_columns, reference_events, slices

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from confluent_kafka import Message

    from driftline.config.kafka_settings import KafkaSettings
    from driftline.config.secrets import Credentials
    from driftline.simulation.scenario import Scenario

STEP_MS: Final = 100
"""Of real time: how finely a paced simulation is dosed."""
_TIMEOUT_S: Final = 30.0
_QUEUE: Final = 200_000
"""Records that wait for their acknowledgement before more are made; a chunk comes on top."""


class SentCounts(Struct):
    """How many predictions and labels a simulation wrote."""

    n_predictions: int = 0
    n_labels: int = 0


class Destination(Struct, frozen=True):
    """Where simulated events go on Kafka."""

    predictions: str
    labels: str
    """Topics."""
    partitions: int = 3
    """Of topics that are to be made."""
    create: bool = False
    """Whether to make topics that do not exist."""
    event_time: bool = False
    """Whether records carry their event time as Kafka timestamp, in place of the moment of production."""


def write_files(
    scenario: Scenario,
    predictions: Path | None,
    labels: Path | None,
    *,
    partitions: int | None = None,
    all_labels: bool = False,
    advance: Callable[[int], None] = lambda _: None,
) -> SentCounts:
    """Write a scenario to files of one JSON event a line; ``advance`` is called with the number of predictions written.

    With ``partitions`` each line says where its record would stand on a topic with so many, and its timestamp; with
    ``all_labels`` labels due after the end are written as well.
    """
    sent = SentCounts()
    with ExitStack() as stack:
        files = [None if path is None else stack.enter_context(_created(path)) for path in (predictions, labels)]
        positions = [None if partitions is None else _RecordPositions(partitions) for _ in files]
        for part in slices(scenario, all_labels=all_labels):
            for file, place, records in zip(files, positions, (part.predictions, part.labels), strict=True):
                if file is not None and records.values:
                    file.write(b"\n".join(records.values if place is None else place(records)) + b"\n")
            _count(sent, part, advance)
    return sent


def write_reference(path: Path, scenario: Scenario, n: int) -> None:
    """Write n rows from before the scenario: prediction events with labels (.ndjson), or a flat table (.parquet).

    Raises
    ------
    ParameterError
        When the file's name ends in neither.
    """
    if path.suffix == ".parquet":
        import pyarrow as pa  # noqa: PLC0415  # half a second that nothing else here needs
        from pyarrow import parquet  # noqa: PLC0415

        with _created(path) as file:
            parquet.write_table(pa.table(reference_columns(scenario, n)), file)
    elif path.suffix in {".ndjson", ".jsonl"}:
        with _created(path) as file:
            file.writelines(event + b"\n" for event in reference_events(scenario, n))
    else:
        raise ParameterError("a file that ends in .parquet, .ndjson or .jsonl", str(path), "--reference-out")


class Sender:
    """Sends a scenario to Kafka.

    Both topics have the same number of partitions, and an id has the same partition in both.

    Raises
    ------
    BrokerError
        When no broker answers, a topic is missing, or their numbers of partitions differ.
    """

    def __init__(self, kafka: KafkaSettings, credentials: Credentials, destination: Destination) -> None:
        self._kafka = kafka
        self._destination = destination
        self._failures: list[KafkaError] = []
        self.partitions = self._prepare(credentials)
        more = {
            "queue.buffering.max.messages": 2 * _QUEUE,
            "linger.ms": 20,
            "batch.size": 500_000,
            "delivery.report.only.error": True,
        }
        self._producer = Producer(producer_configuration(kafka, credentials, None, more))

    def _prepare(self, credentials: Credentials) -> int:
        admin = connect_admin(self._kafka, credentials)
        destination = self._destination
        names = (destination.predictions, destination.labels)
        if destination.create:
            specs = [TopicSpec(name, destination.partitions, self._kafka.replication, {}) for name in names]
            create_topics(admin, specs)
        counts = partition_counts(admin, names)
        n_predictions, n_labels = (counts[name] for name in names)
        if n_predictions is None or n_labels is None:
            present = [name for name, count in counts.items() if count is not None]
            got = f"only `{present[0]}`" if present else "neither"
            message = f"Expected the topics `{names[0]}` and `{names[1]}` to exist, got {got}"
            raise BrokerError(f"{message} - at `{self._kafka.brokers}`. Give --create-topics to create them")
        if n_predictions != n_labels:
            message = f"Expected as many partitions of {names[1]} as of {names[0]}, got {n_labels} and {n_predictions}"
            raise BrokerError(
                f"{message} - at `{self._kafka.brokers}`. Labels are joined to predictions partition by partition"
            )
        return n_predictions

    def send(
        self,
        scenario: Scenario,
        *,
        speed: float = 1.0,
        all_labels: bool = False,
        advance: Callable[[int], None] = lambda _: None,
    ) -> SentCounts:
        """Send predictions and labels in the order of event time; return when all are acknowledged.

        ``speed`` is seconds of event time a second, 0 for as fast as the broker takes them; with ``all_labels`` labels
        due after the end are sent as well. ``advance`` is called with the number of predictions sent.

        Raises
        ------
        BrokerError
            When a record was not taken.
        """
        sent = SentCounts()
        started = time.monotonic()
        for part in slices(scenario, all_labels=all_labels):
            for piece in _pieces(part, speed):
                if speed > 0:
                    self._wait_until(started + (piece.start_ms - scenario.start_ms) / 1000 / speed)
                self._produce(self._destination.predictions, piece.predictions)
                self._produce(self._destination.labels, piece.labels)
                _count(sent, piece, advance)
        left = self._producer.flush(_TIMEOUT_S)
        self._raise_failure(left)
        return sent

    def _wait_until(self, moment: float) -> None:
        while (left := moment - time.monotonic()) > 0:
            self._producer.poll(left)
        self._raise_failure()

    def _produce(self, topic: str, records: Records) -> None:
        produce, delivered = self._producer.produce, self._delivered
        for start in range(0, len(records.values), CHUNK):
            part = _cut(records, start, start + CHUNK)
            partitions = partitions_of(part.ids, self.partitions).tolist()
            times = part.times_ms.tolist() if self._destination.event_time else [0] * len(part.values)
            while len(self._producer) >= _QUEUE:
                self._producer.poll(0.05)
            for key, value, partition, moment in zip(part.ids, part.values, partitions, times, strict=True):
                produce(topic, value, key, partition, delivered, timestamp=moment)
            self._producer.poll(0)
            self._raise_failure()

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failures.append(error)

    def _raise_failure(self, left: int = 0) -> None:
        if left or self._failures:
            reason = self._failures[0].str() if self._failures else f"no answer within {_TIMEOUT_S:.0f} s"
            message = f"Expected every record to be taken, got {reason} - at `{self._kafka.brokers}`"
            raise BrokerError(message)


def _count(sent: SentCounts, part: Slice, advance: Callable[[int], None]) -> None:
    sent.n_predictions += len(part.predictions.values)
    sent.n_labels += len(part.labels.values)
    advance(len(part.predictions.values))


def _pieces(part: Slice, speed: float) -> Iterator[Slice]:
    """Yield a slice in pieces of at most :data:`STEP_MS` of real time; times without events are skipped."""
    step_ms = max(1, round(STEP_MS * speed))
    if speed <= 0 or part.end_ms - part.start_ms <= step_ms:
        yield part
        return
    predictions, labels = part.predictions, part.labels
    i = j = 0
    while i < len(predictions.values) or j < len(labels.values):
        ahead = ((predictions, i), (labels, j))
        start_ms = min(int(records.times_ms[at]) for records, at in ahead if at < len(records.values))
        end_ms = start_ms + step_ms
        upto_i, upto_j = (int(records.times_ms.searchsorted(end_ms)) for records in (predictions, labels))
        yield Slice(start_ms, end_ms, _cut(predictions, i, upto_i), _cut(labels, j, upto_j))
        i, j = upto_i, upto_j


def _cut(records: Records, start: int, stop: int) -> Records:
    return Records(records.times_ms[start:stop], records.ids[start:stop], records.values[start:stop])


class _RecordPositions:
    """Adds the position of its record to each line, with the event time as timestamp."""

    def __init__(self, partitions: int) -> None:
        self._next = [0] * partitions

    def __call__(self, records: Records) -> list[bytes]:
        lines = []
        partitions = partitions_of(records.ids, len(self._next)).tolist()
        for value, partition, moment in zip(records.values, partitions, records.times_ms.tolist(), strict=True):
            where = b',"kafka":{"partition":%d,"offset":%d,"timestamp":%d}}'
            lines.append(value[:-1] + where % (partition, self._next[partition], moment))
            self._next[partition] += 1
        return lines


def _created(path: Path) -> IO[bytes]:
    try:
        return path.open("wb")
    except OSError as error:
        message = f"Expected to write, got {error.strerror} - at `{path}`"
        raise ProfileError(message) from error
