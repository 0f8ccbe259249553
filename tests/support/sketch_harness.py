"""What the tests of the sketch worker share: topics and records, a worker in a thread, and what it left behind."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np
from confluent_kafka import Producer

from driftline.config.durations import Duration
from driftline.config.input_settings import LabelInput, PredictionInput
from driftline.config.kafka_settings import KafkaSettings
from driftline.config.secrets import resolve_credentials
from driftline.config.settings import JoinSettings, Settings, SketchSettings
from driftline.events.source import LABEL_STREAM
from driftline.panes.flush_record import FlushRecord, decode
from driftline.profiles.profiles import Profiles
from driftline.runtime.kafka.kafka_clients import connect_admin
from driftline.runtime.kafka.topics import create, topic_specs
from driftline.runtime.operations.telemetry import Telemetry
from driftline.runtime.sketch.sketch_worker import SketchWorker
from driftline.sketches.columns import QUALITY
from driftline.sketches.layout import HEAD
from driftline.sketches.pane_sketch import PaneSketch
from driftline.sketches.sparse import unpack_into
from tests.support.reading import committed_offsets, end_offsets, read_topic
from tests.support.real_broker import SESSION_TIMEOUT_S, create_topics, patient, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from driftline.profiles.profile import Profile

START_MS = 1_772_366_400_000


class Record(NamedTuple):
    """A record as it stands in a topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: dict[str, str]


class RunningWorker:
    """A sketch worker in a thread of its own."""

    def __init__(self, settings: Settings, profiles: Profiles, name: str, *, accept_recount: bool = False) -> None:
        credentials = resolve_credentials(settings.kafka.security, {})
        self.telemetry = Telemetry()
        self.worker = SketchWorker(settings, credentials, profiles, self.telemetry, name, accept_recount=accept_recount)
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, name=name)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.worker.run()
        except BaseException as error:  # noqa: BLE001  # handed to the test
            self.error = error

    def stop(self) -> None:
        self.worker.stop()
        self.thread.join(patient(60))
        assert not self.thread.is_alive()
        assert self.error is None, self.error

    def wait_ready(self) -> RunningWorker:
        wait_until(lambda: self.worker.is_ready() or self.error, 30, "a worker to be assigned partitions")
        assert self.error is None, self.error
        return self


class SketchRun:
    """Input topics and the topics of one driftline, whose sketch workers a test starts and stops.

    Parameters
    ----------
    bootstrap, prefix : str
    profiles : iterable of Profile
    partitions : int
    **sections
        Sections of the settings.
    """

    def __init__(
        self, bootstrap: str, prefix: str, profiles: Iterable[Profile] = (), partitions: int = 2, **sections: object
    ) -> None:
        base = Settings(
            kafka=KafkaSettings(
                brokers=bootstrap,
                prefix=prefix,
                panes_partitions=2,
                session_timeout=Duration(int(1000 * SESSION_TIMEOUT_S)),
            ),
            predictions=PredictionInput(topic=f"{prefix}-predictions"),
            labels=LabelInput(topic=f"{prefix}-labels"),
            sketch=SketchSettings(flush_interval=Duration(100)),
            join=JoinSettings(repartition=False),  # records are put on the partitions that a test wants
        )
        self.settings = msgspec.structs.replace(base, **sections)
        self.prefix = prefix
        self.partitions = partitions
        self.bootstrap = bootstrap
        self.inputs = {"predictions": f"{prefix}-predictions", "labels": f"{prefix}-labels"}
        self.profiles = Profiles()
        for profile in profiles:
            self.profiles.add(profile)
        create_topics(bootstrap, dict.fromkeys(self.inputs.values(), partitions), {"retention.ms": "-1"})
        self.admin = connect_admin(self.settings.kafka, resolve_credentials(self.settings.kafka.security, {}))
        create(self.admin, topic_specs(self.settings, partitions))
        self._producer = Producer({"bootstrap.servers": bootstrap, "message.max.bytes": 4 << 20, "linger.ms": 5})

    def send(
        self, kind: str, partition: int, value: bytes | None, time_ms: int = START_MS, key: bytes | None = None
    ) -> None:
        """Write a record with a Kafka timestamp; :meth:`flush` waits for it."""
        self._producer.produce(self.inputs[kind], value, key, partition=partition, timestamp=time_ms)
        self._producer.poll(0)

    def flush(self) -> None:
        assert self._producer.flush(patient(60)) == 0

    @contextmanager
    def worker(self, name: str = "w1", *, accept_recount: bool = False) -> Iterator[RunningWorker]:
        """Give a worker that has partitions; end it in good order."""
        running = RunningWorker(self.settings, self.profiles, name, accept_recount=accept_recount)
        try:
            yield running.wait_ready()
            running.stop()
        finally:
            running.worker.stop()
            running.thread.join(patient(60))

    def ends(self, topic: str) -> list[int]:
        return end_offsets(self.bootstrap, topic)

    def committed(self) -> dict[tuple[str, int], tuple[int, str | None]]:
        """Return the committed offset and its metadata by kind and partition."""
        places = [(topic, number) for topic in self.inputs.values() for number in range(self.partitions)]
        answers = committed_offsets(self.bootstrap, f"{self.prefix}-sketch", places)
        kinds = {topic: kind for kind, topic in self.inputs.items()}
        return {(kinds[a.topic], a.partition): (a.offset, a.metadata) for a in answers}

    def await_committed(self, running: RunningWorker) -> None:
        """Wait until everything that was sent has been committed."""
        self.flush()
        wanted = {(kind, n): end for kind, t in self.inputs.items() for n, end in enumerate(self.ends(t)) if end}

        def done() -> bool:
            assert running.error is None, running.error
            committed = self.committed()
            return all(committed[at][0] >= end for at, end in wanted.items())

        wait_until(done, 60, lambda: f"{wanted} to be committed, got {self.committed()}")

    def read(self, name: str) -> list[Record]:
        """Return the committed records of one of driftline's topics."""
        return [
            Record(each.partition, each.offset, each.key, each.value or b"", {k: v.decode() for k, v in each.headers})
            for each in read_topic(self.bootstrap, f"{self.prefix}.{name}")
        ]

    def flushes(self) -> list[FlushRecord]:
        """Return the committed flush records, those of each panes partition in their order."""
        return [decode(record.value, "panes") for record in self.read("panes")]


def cells(flushes: Iterable[FlushRecord], profile: Profile) -> Counter[str]:
    """Return what was counted under a profile: the head cells, and bins and qualities by column.

    ``x.binned`` is the number of values in a histogram, ``c.unlisted`` that of categories which the profile lacks.
    """
    total = PaneSketch(profile.layout)
    for flush in flushes:
        for delta in flush.panes:
            if delta.sketch is not None:
                assert delta.profile_id == profile.profile_id
                total.merge_packed(delta.sketch)
    counted: Counter[str] = Counter({name: int(total.counts[i]) for i, name in enumerate(HEAD)})
    for column, place in zip(profile.columns, profile.layout.places, strict=True):
        counted[f"{column.name}.binned"] = int(total.counts[place.bins].sum())
        if place.moments < 0:
            unlisted = int(total.counts[place.bins][-1])
            counted[f"{column.name}.unlisted"] = unlisted
            counted[f"{column.name}.binned"] -= unlisted
        for name, n in zip(QUALITY, total.counts[place.quality].tolist(), strict=True):
            counted[f"{column.name}.{name}"] = n
    return +counted


def joined(flushes: Iterable[FlushRecord], profile: Profile) -> list[int]:
    """Return the sum of all performance vectors under a profile."""
    total = np.zeros(profile.task.performance_layout.n_cells, dtype=np.int64)
    for flush in flushes:
        for delta in (each for each in flush.joins if each.key != LABEL_STREAM and not each.loose):
            assert delta.profile_id == profile.profile_id
            for window in delta.windows:
                unpack_into(window.cells, total)
    result: list[int] = total.tolist()
    return result
