"""One run of driftline over the traffic: configuration, topics, profiles, and worker processes of its own."""

from __future__ import annotations

import re
import time
from collections import Counter
from contextlib import contextmanager
from signal import SIGKILL
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import yaml
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from benchmarks.late_labels.edges import HORIZON_MS, WAIT_MS
from benchmarks.late_labels.features import N_ROWS, SMALL, Features
from benchmarks.late_labels.traffic import LATENESS_MS, START_MS, model_rows
from driftline.config.load import load_settings
from driftline.config.model import ModelSettings
from driftline.config.secrets import resolve_credentials
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.runtime.kafka.kafka_clients import connect_admin
from driftline.runtime.kafka.topics import create, topic_specs
from driftline.runtime.references.reference_topic import publish
from tests.support.real_broker import create_topics
from tests.support.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from confluent_kafka import Message

    from driftline.profiles.profile import Profile
    from tests.support.workers import WorkerProcess

DAY: Final = 86_400_000
WINDOW_MS: Final = 5 * DAY
REVISIONS: Final = 4
"""A day, a week and a month after the window's end, and at the horizon."""
PANES_PARTITIONS: Final = 2
READING_S: Final = 600.0
_FROM_THE_BEGINNING: Final[dict[int, int]] = {}
SETTINGS: Final[dict[str, Any]] = {
    "time": {"pane": "1h", "lateness": f"{LATENESS_MS}ms", "max_future": "10m", "idle_timeout": "1d"},
    "defaults": {
        "windows": {"verdict": ["1d"], "display": "1d", "hop": "6h", "performance": "5d"},
        "labels": {
            "horizon": f"{HORIZON_MS}ms",
            "wait": f"{WAIT_MS}ms",
            "revisions": ["1d", "7d", "30d"],
            "test_coverage": 0.8,
        },
        "checks": {"detectors": [], "multivariate": [], "dispersion": {"mode": "independent"}},
        "bootstrap": {"enabled": False},
    },
    "models": {"churn": {"task": "binary", "positive_class": "1"}, "price": {"task": "regression"}},
}
"""What the configuration says besides Kafka and topics; no idle mark can fall, so the outputs are determined."""


_MOVING: Final = {
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
}
"""A broker that has just started does not know the group yet."""
_OUTCOME: Final = re.compile(r'^driftline_joins_total\{outcome="(\w+)"\} (\S+)$', re.MULTILINE)


class Input(NamedTuple):
    """Where the traffic stands.

    Attributes
    ----------
    bootstrap, name : str
        Address of the broker; first part of the topics' names.
    n_partitions, n_records : int
    """

    bootstrap: str
    name: str
    n_partitions: int
    n_records: int = 0

    @property
    def topics(self) -> tuple[str, str]:
        """The predictions topic and the labels topic."""
        return f"{self.name}-predictions", f"{self.name}-labels"

    def create(self) -> None:
        """Create the topics, whose records have old timestamps and are kept all the same."""
        create_topics(self.bootstrap, dict.fromkeys(self.topics, self.n_partitions), {"retention.ms": "-1"})


def profiles(features: Features = SMALL) -> Iterator[Profile]:
    """Yield the profile of each model's training rows, effective long before the traffic."""
    score, happens, predicted, actual = model_rows(np.random.default_rng(7), N_ROWS)
    columns: dict[str, Any] = dict(features.columns)
    classes, truth = (score >= 0.5).astype(int).tolist(), happens.astype(int).tolist()
    churn = ReferenceTable(N_ROWS, columns, classes, score.tolist(), truth)
    price = ReferenceTable(N_ROWS, columns, predicted.tolist(), None, actual.tolist())
    settings = {"churn": ModelSettings(task="binary", positive_class="1"), "price": ModelSettings(task="regression")}
    for key, table in ((ModelKey("churn", "3"), churn), (ModelKey("price", "1"), price)):
        yield build_profile(key, table, settings[key.model], START_MS - 365 * DAY, "training")


class Scenario:
    """A prefix of its own, and workers that read the input.

    Parameters
    ----------
    given : Input
    prefix : str
    folder : Path
        For configurations, logs and the workers' state.
    sketch : dict, optional
        The section of that name.
    labels : bool
        Whether labels are joined.
    sections : dict, optional
        Of the models' defaults, and ``time``: what differs from ``SETTINGS``.
    features : Features
        That the input's predictions have.
    """

    def __init__(
        self,
        given: Input,
        prefix: str,
        folder: Path,
        sketch: Mapping[str, object] | None = None,
        *,
        labels: bool = True,
        sections: Mapping[str, Mapping[str, object]] | None = None,
        features: Features = SMALL,
    ) -> None:
        self.input = given
        self.prefix = prefix
        self.folder = folder / prefix
        self.folder.mkdir(parents=True)
        self._sketch = {"max_skew": "6h"} | dict(sketch or {})
        self._labels = labels
        self._sections = sections or {}
        config = self._configure()
        self.settings = load_settings(config, {})
        self._workers = Workers(config, self.folder)
        credentials = resolve_credentials(self.settings.kafka.security, {})
        create(connect_admin(self.settings.kafka, credentials), topic_specs(self.settings, given.n_partitions))
        for profile in profiles(features):
            publish(self.settings.kafka, credentials, profile)

    def state_of(self, name: str) -> Path:
        """Return where a sketch worker keeps what waits for labels."""
        return self.folder / "state" / name

    def _configure(self) -> Path:
        """Write the configuration of all workers."""
        predictions, labels = self.input.topics
        own: dict[str, Any] = {
            "kafka": {
                "brokers": self.input.bootstrap,
                "prefix": self.prefix,
                "panes_partitions": PANES_PARTITIONS,
                "session_timeout": "6s",
            },
            "predictions": {"topic": predictions},
            "sketch": self._sketch,
            "join": {"directory": str(self.folder / "state")},
            "detect": {"checkpoint_interval": "1s", "session_timeout": "6s"},
            "telemetry": {"log_format": "json"},
        }
        own |= {"labels": {"topic": labels}} if self._labels else {}
        path = self.folder / "driftline.yaml"
        time_section = {**SETTINGS["time"], **self._sections.get("time", {})}
        defaults = {part: {**values, **self._sections.get(part, {})} for part, values in SETTINGS["defaults"].items()}
        path.write_text(yaml.safe_dump({**SETTINGS, "time": time_section, "defaults": defaults, **own}))
        return path

    @contextmanager
    def running(self) -> Iterator[Scenario]:
        """Let workers be started, none of which outlives the block."""
        try:
            yield self
        finally:
            for worker in self.started:
                worker.kill()

    @property
    def started(self) -> list[WorkerProcess]:
        """All workers that were started."""
        return self._workers.started

    def start(self, name: str) -> WorkerProcess:
        """Start a worker, or start one of that name again: ``sketch-...`` or ``detect-...``."""
        return self._workers.start("sketch" if name.startswith("sketch") else "detect", name)

    def worker(self, name: str) -> WorkerProcess:
        """Return the worker that was started last under a name."""
        return next(worker for worker in reversed(self.started) if worker.name == name)

    def became(self) -> dict[str, int]:
        """Return what running sketch workers count of labels and predictions, by what became of them."""
        found: Counter[str] = Counter()
        for worker in self.started:
            if worker.is_running():
                for outcome, n in _OUTCOME.findall(worker.metrics()):
                    found[outcome] += int(float(n))
        return dict(found)

    def expect_running(self) -> None:
        """Fail with its log where a worker has failed."""
        for worker in self.started:
            assert worker.process.poll() in {None, 0, -SIGKILL}, f"{worker.name} ended:\n{worker.log()[-6000:]}"

    def stop_all(self) -> None:
        """End all workers that run in good order."""
        for worker in self.started:
            if worker.is_running():
                worker.stop()

    def logs(self) -> str:
        """Return the end of each worker's log."""
        return self._workers.logs()

    # --- how far it is ------------------------------------------------------------------------------------------------

    def committed(self) -> int:
        """Return how many input records the sketch workers have committed."""
        return sum(self.committed_offsets().values())

    def committed_offsets(self) -> dict[tuple[str, int], int]:
        """Return the committed offset of each input partition."""
        asked = [TopicPartition(t, p) for t in self._read for p in range(self.input.n_partitions)]
        with self.consumer(f"{self.prefix}-sketch") as consumer:
            try:
                answers = consumer.committed(asked, timeout=30)
            except KafkaException as error:
                if error.args[0].retriable() or error.args[0].code() in _MOVING:
                    return {}
                raise
        return {(answer.topic, answer.partition): max(0, answer.offset) for answer in answers}

    @property
    def _read(self) -> tuple[str, ...]:
        return self.input.topics if self._labels else self.input.topics[:1]

    def await_committed(self, n: int, stall_s: float) -> float:
        """Wait until ``n`` input records are committed; return when, by the monotonic clock."""
        reached, end = -1, 0.0
        while (committed := self.committed()) < n:
            self.expect_running()
            if committed > reached:
                reached, end = committed, time.monotonic() + stall_s
            assert time.monotonic() < end, f"{committed} of {n} committed, no more in {stall_s:g} s\n{self.logs()}"
            time.sleep(0.05)
        return time.monotonic()

    def messages(self, name: str, start: Mapping[int, int] = _FROM_THE_BEGINNING) -> Iterator[Message]:
        """Yield the committed records of one of driftline's topics that stand there now, from some offsets on."""
        topic = self.settings.kafka.topic(name)
        with self.consumer("reader") as consumer:
            numbers = consumer.list_topics(topic, timeout=20).topics[topic].partitions
            places = {n: TopicPartition(topic, n, start.get(n, 0)) for n in numbers}
            left = {n: consumer.get_watermark_offsets(place, timeout=20)[1] for n, place in places.items()}
            left = {n: end for n, end in left.items() if places[n].offset < end}
            consumer.assign(list(places.values()))
            deadline = time.monotonic() + READING_S
            while left:
                assert time.monotonic() < deadline, f"{topic}: expected records up to {left} within {READING_S:g} s"
                for message in consumer.consume(10_000, 0.2):
                    partition, offset = message.partition() or 0, message.offset() or 0
                    if message.error() is None:
                        yield message
                    if partition in left and offset >= left[partition] - (message.error() is None):
                        del left[partition]

    @contextmanager
    def consumer(self, group: str) -> Iterator[Consumer]:
        """Give a consumer that reads committed records and says where a partition ends."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.input.bootstrap,
                "group.id": group,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "enable.auto.commit": False,
            }
        )
        try:
            yield consumer
        finally:
            consumer.close()
