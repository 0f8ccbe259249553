"""Topics that are not partitioned by the prediction id, on a real broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from confluent_kafka import Producer

from driftline.config.load import load_settings
from driftline.config.secrets import resolve_credentials
from driftline.runtime.kafka.kafka_clients import connect_admin
from driftline.runtime.kafka.topics import create, topic_specs
from driftline.runtime.references.reference_topic import publish
from tests.support.expected import Output, configuration, events_of, normalised
from tests.support.reading import committed_offsets, read_topic
from tests.support.real_broker import create_topics, patient, wait_until
from tests.support.routed import N_PARTITIONS, expected, scattered, whatever_the_settings
from tests.support.traffic import DRIFT_MS, profiles
from tests.support.workers import workers_of

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.config.settings import Settings
    from tests.support.workers import Workers

DEADLINE_S = 150


@pytest.fixture(scope="module")
def wanted() -> frozenset[Output]:
    return expected()


class Scattered:
    """The scattered traffic on a broker, and a driftline that repartitions it."""

    def __init__(self, bootstrap: str, prefix: str, folder: Path, *, alike: bool = False, **join: object) -> None:
        self.bootstrap, self.prefix, self.records = bootstrap, prefix, scattered(alike=alike)
        topics = {f"{prefix}-{kind}": len(parts) for kind, parts in self.records.items()}
        create_topics(bootstrap, topics, {"retention.ms": "-1"})
        self.config = folder / "driftline.yaml"
        sections: dict[str, dict[str, object]] = {
            "join": {"repartition": True, **join},
            "sketch": {"batch": 500, "flush_interval": "200ms"},
        }
        self.config.write_text(yaml.safe_dump(configuration(bootstrap, prefix, prefix, **sections)))
        self.settings: Settings = load_settings(self.config, {})
        credentials = resolve_credentials(self.settings.kafka.security, {})
        create(connect_admin(self.settings.kafka, credentials), topic_specs(self.settings, max(topics.values())))
        for profile in profiles():
            publish(self.settings.kafka, credentials, profile)

    def write(self, from_ms: int = 0, until_ms: int = 1 << 62) -> None:
        producer = Producer({"bootstrap.servers": self.bootstrap, "enable.idempotence": True, "linger.ms": 20})
        for kind, parts in self.records.items():
            for part in parts:
                for record in part:
                    if from_ms <= record.timestamp_ms < until_ms:
                        place = (record.value, record.key, record.partition)
                        producer.produce(f"{self.prefix}-{kind}", *place, timestamp=record.timestamp_ms)
                        producer.poll(0)
        assert producer.flush(patient(60)) == 0

    def outputs(self) -> list[Output]:
        return [
            Output(channel, record.key or b"", normalised(record.headers, self.prefix), record.value)
            for channel in ("events", "alerts")
            for record in read_topic(self.bootstrap, f"{self.prefix}.{channel}")
        ]

    def settle(self, workers: Workers, wanted: frozenset[Output]) -> None:
        wait_until(lambda: wanted <= frozenset(self.outputs()), DEADLINE_S, lambda: self.difference(wanted, workers))
        for worker in workers.started:
            if worker.is_running():
                worker.stop()
        assert frozenset(self.outputs()) == wanted, self.difference(wanted, workers)

    def difference(self, wanted: frozenset[Output], workers: Workers) -> str:
        found = frozenset(self.outputs())
        return f"{len(wanted - found)} missing, {len(found - wanted)} too much\n{workers.logs()}"

    def n_joined(self) -> int:
        """Return how many blocks of the pending topic the sketch workers have committed."""
        places = [(f"{self.prefix}.pending", number) for number in range(max(N_PARTITIONS.values()))]
        return sum(max(0, each.offset) for each in committed_offsets(self.bootstrap, f"{self.prefix}-sketch", places))


def test_one_worker(real_broker: str, topic_prefix: str, tmp_path: Path, wanted: frozenset[Output]) -> None:
    stream = Scattered(real_broker, topic_prefix, tmp_path)
    stream.write()
    with workers_of(stream.config, tmp_path / "logs") as workers:
        workers.start("all", "only")
        stream.settle(workers, wanted)
    outputs = stream.outputs()
    assert len(outputs) == len(wanted), "nobody failed, so nothing is repeated"
    of_labels = [event["offsets"]["labels"].keys() for event in events_of("performance", outputs)]
    assert set().union(*of_labels) == set("01234"), "offsets are those of the labels topic"


def test_two_workers_one_of_which_is_killed(
    real_broker: str, topic_prefix: str, tmp_path: Path, wanted: frozenset[Output]
) -> None:
    stream = Scattered(real_broker, topic_prefix, tmp_path, directory=str(tmp_path / "pending"))
    stream.write(until_ms=DRIFT_MS)
    with workers_of(stream.config, tmp_path / "logs") as workers:
        workers.start("detect", "detect")
        killed = workers.start("sketch", "one")
        workers.start("sketch", "two")
        wait_until(lambda: stream.n_joined() > 0, DEADLINE_S, workers.logs)
        killed.kill()
        stream.write(from_ms=DRIFT_MS)
        workers.start("sketch", "one")
        stream.settle(workers, wanted)


def test_without_a_setting_the_numbers_of_partitions_decide(
    real_broker: str, topic_prefix: str, tmp_path: Path, wanted: frozenset[Output]
) -> None:
    stream = Scattered(real_broker, topic_prefix, tmp_path, repartition="auto")
    stream.write()
    with workers_of(stream.config, tmp_path / "logs") as workers:
        worker = workers.start("all", "only")
        settled(stream, workers, wanted)
        assert "the topics differ in their numbers of partitions" in worker.log()


def test_without_a_setting_the_first_keys_decide_for_all_workers_and_later_starts(
    real_broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    stream = Scattered(real_broker, topic_prefix, tmp_path, alike=True, repartition="auto")
    stream.write(until_ms=DRIFT_MS)
    with workers_of(stream.config, tmp_path / "logs") as workers:
        workers.start("detect", "detect")
        first = workers.start("sketch", "one")
        second = workers.start("sketch", "two")
        wait_until(lambda: stream.n_joined() > 0, DEADLINE_S, workers.logs)
        first.kill()
        stream.write(from_ms=DRIFT_MS)
        again = workers.start("sketch", "one")
        settled(stream, workers, expected(alike=True))
        assert "follow neither murmur2 nor CRC-32" in first.log() + second.log()
        assert "it was found out before" in again.log()


def settled(stream: Scattered, workers: Workers, wanted: frozenset[Output]) -> None:
    """Wait until the outputs are those wanted, whatever hash their settings have."""
    wanted = whatever_the_settings(wanted)

    def outputs() -> frozenset[Output]:
        return whatever_the_settings(stream.outputs())

    def difference() -> str:
        return f"{len(wanted - outputs())} missing, {len(outputs() - wanted)} too much\n{workers.logs()}"

    wait_until(lambda: wanted <= outputs(), DEADLINE_S, difference)
    for worker in workers.started:
        if worker.is_running():
            worker.stop()
    assert outputs() == wanted, difference()
