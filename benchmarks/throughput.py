"""One measurement in a process of its own: ``python -m benchmarks.throughput KIND ...``, one line of JSON.

``decode`` consumes as the sketch worker does and decodes every record, envelope and features, into typed structs; it
does nothing with them. ``sketch`` is the worker itself. Both are timed from the assignment of the partitions on:
``decode`` to the last record, ``sketch`` to the commit of the transaction that holds the last record's offset.
``repartition`` is the worker with `join: {repartition: true}`, timed to the commit of the pending topic's last block.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from confluent_kafka import Consumer, TopicPartition

from benchmarks.messages import CATEGORICAL, N_PARTITIONS, NUMERIC
from driftline.config.input_settings import LabelInput, PredictionInput
from driftline.config.kafka_settings import KafkaSettings
from driftline.config.secrets import Credentials
from driftline.config.settings import JoinSettings, Settings
from driftline.profiles.profiles import Profiles
from driftline.runtime.operations.telemetry import Telemetry
from driftline.runtime.references.reference_topic import ReferenceReader
from driftline.runtime.sketch.sketch_consumer import sketch_consumer_configuration
from driftline.runtime.sketch.sketch_worker import SketchWorker

if TYPE_CHECKING:
    from collections.abc import Callable

    from driftline.events.source import Kind
    from driftline.events.source_numbers import Place

DEADLINE_S: Final = 120.0
POLL_S: Final = 0.001
QUIET_S: Final = 3.0
"""Without a commit for as long as this, with nothing left to read, no block of a flush is on its way."""


@dataclass(frozen=True)
class Case:
    """What one measurement reads, and under which prefix it writes."""

    bootstrap: str
    prefix: str
    predictions: str
    labels: str
    n_records: int
    repartition: bool = False

    @property
    def settings(self) -> Settings:
        """The worker's configuration: driftline's defaults."""
        return Settings(
            kafka=KafkaSettings(brokers=self.bootstrap, prefix=self.prefix),
            predictions=PredictionInput(topic=self.predictions),
            labels=LabelInput(topic=self.labels) if self.labels else None,
            join=JoinSettings(repartition=self.repartition),
        )


class Envelope(msgspec.Struct, gc=False):
    """A prediction event, typed, its features left as they are."""

    prediction_id: str | int
    model: str
    model_version: str | int | None = None
    ts: int | float | None = None
    prediction: str | int | float | bool | None = None
    score: float | dict[str, float] | None = None
    features: msgspec.Raw = msgspec.Raw(b"")


def decoder() -> Callable[[bytes], Any]:
    """Return a function that decodes a record whole, in the two steps that a profile per model asks for."""
    fields: list[Any] = [(name, float | None, None) for name in NUMERIC]
    fields += [(name, str | int | float | bool | None, None) for name in CATEGORICAL]
    features = msgspec.json.Decoder(msgspec.defstruct("Features", fields, forbid_unknown_fields=True, gc=False)).decode
    envelope = msgspec.json.Decoder(Envelope).decode
    return lambda value: features(envelope(value).features)


class Cost(NamedTuple):
    """What a measurement took, of all threads of its process."""

    seconds: float
    cpu_seconds: float


def decode(case: Case) -> Cost:
    """Return what it takes to consume and decode all records."""
    settings = case.settings
    consumer = Consumer(sketch_consumer_configuration(settings, Credentials()))
    assigned: list[Cost] = []

    def on_assign(consumer: Consumer, partitions: list[TopicPartition]) -> None:
        consumer.assign([TopicPartition(p.topic, p.partition, 0) for p in partitions])
        assigned.append(now())

    consumer.subscribe([case.predictions], on_assign=on_assign)
    decode_record = decoder()
    n_records, deadline = 0, time.monotonic() + DEADLINE_S
    while n_records < case.n_records:
        assert time.monotonic() < deadline, f"{n_records} of {case.n_records} records in {DEADLINE_S:.0f} s"
        for message in consumer.consume(settings.sketch.batch, 0.1):
            value = message.value()
            if message.error() is None and value is not None:
                decode_record(value)
                n_records += 1
    cost = since(assigned[0])
    consumer.close()
    return cost


def now() -> Cost:
    """Return the time, and the processor time of this process."""
    return Cost(time.perf_counter(), time.process_time())


def since(start: Cost, end: Cost | None = None) -> Cost:
    """Return the difference of two times, up to now by default."""
    seconds, cpu_seconds = end or now()
    return Cost(seconds - start.seconds, cpu_seconds - start.cpu_seconds)


class Stopwatch(Telemetry):
    """Notes when the transaction was committed after which nothing was left to read.

    Not a count of records: after an aborted transaction some are read twice.
    """

    def __init__(self, n_sources: int, quiet_s: float = 0.0) -> None:
        super().__init__()
        self._quiet_s = quiet_s
        self._n_sources = n_sources
        self._left: dict[tuple[Kind, Place], int] = {}
        self._last_commit = Cost(0.0, 0.0)
        self.ended = threading.Event()
        self.end = Cost(0.0, 0.0)

    def transaction(self, seconds: float) -> None:
        """Note a commit."""
        super().transaction(seconds)
        self._last_commit = now()

    def lag(self, kind: Kind, place: Place, n: int) -> None:
        """Note what was left to read after the last commit."""
        super().lag(kind, place, n)
        self._left[kind, place] = n
        all_read = len(self._left) == self._n_sources and not any(self._left.values())
        quiet = since(self._last_commit).seconds >= self._quiet_s
        if all_read and quiet and not self.ended.is_set():
            self.end = self._last_commit
            self.ended.set()


def sketch(case: Case) -> Cost:
    """Return what it takes from the worker's assignment to its last commit."""
    n_topics = 1 + bool(case.labels) + case.repartition
    profiles, stopwatch = Profiles(), Stopwatch(N_PARTITIONS * n_topics, QUIET_S if case.repartition else 0.0)
    references = ReferenceReader(case.settings.kafka, Credentials(), profiles)
    references.start()
    assert len(profiles) == 1, "the profile is not published"
    worker = SketchWorker(case.settings, Credentials(), profiles, stopwatch, "bench")
    thread = threading.Thread(target=worker.run)
    thread.start()
    while not worker.is_ready():
        assert thread.is_alive(), "the worker has failed"
        time.sleep(POLL_S)
    start = now()
    assert stopwatch.ended.wait(DEADLINE_S), f"not done after {DEADLINE_S:.0f} s"
    worker.stop()
    thread.join()
    references.stop()
    assert committed(case) == case.n_records, "offsets that are not committed"
    return since(start, stopwatch.end)


def committed(case: Case) -> int:
    """Return the sum of the group's committed offsets: the records that are done with."""
    consumer = Consumer(sketch_consumer_configuration(case.settings, Credentials()))
    topics = [topic for topic in (case.predictions, case.labels) if topic]
    known = {topic: consumer.list_topics(topic, timeout=10).topics[topic].partitions for topic in topics}
    wanted = [TopicPartition(topic, number) for topic, partitions in known.items() for number in partitions]
    total = sum(max(0, partition.offset) for partition in consumer.committed(wanted, timeout=10))
    consumer.close()
    return total


def main() -> None:
    kind, bootstrap, prefix, predictions, labels, n_records = sys.argv[1:]
    case = Case(bootstrap, prefix, predictions, labels, int(n_records), repartition=kind == "repartition")
    cost = {"decode": decode, "sketch": sketch, "repartition": sketch}[kind](case)
    print(json.dumps({"n_records": case.n_records, **cost._asdict()}), flush=True)


if __name__ == "__main__":
    main()
