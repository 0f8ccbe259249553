"""The traffic of one topic of each kind, spread over as many topics as it has partitions.

Partition p of the one topic is the only partition of the p-th topic: the numbers of the sources are then the same, so
that driftline must say the same, but for the names that events give partitions.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import yaml
from confluent_kafka import Producer

from driftline.config.load import load_settings
from driftline.config.secrets import resolve_credentials
from driftline.runtime.kafka.kafka_clients import connect_admin
from driftline.runtime.kafka.topics import create, sources, topic_specs
from driftline.runtime.references.reference_topic import publish
from tests.support.expected import Output, configuration, normalised
from tests.support.reading import committed_offsets, read_topic
from tests.support.real_broker import create_topics, patient, wait_until
from tests.support.traffic import profiles

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from driftline.config.settings import Settings
    from tests.support.traffic import Sent
    from tests.support.workers import Workers

Places = dict[str, dict[str, str]]
"""How events of the spread traffic name partitions, by kind, to the partition of the one topic."""
DEADLINE_S = 150


class SpreadStream:
    """Traffic over several topics, and a driftline that reads them.

    Parameters
    ----------
    bootstrap, prefix : str
    folder : Path
        For the configuration.
    records : mapping of str to sequence of sequences of Sent
        By kind, the records of each partition of the one topic.
    topics : mapping of str to (str or list of str), optional
        What the configuration says of the topics of a kind; by default their names.
    **join
        The section of this name.
    """

    def __init__(
        self,
        bootstrap: str,
        prefix: str,
        folder: Path,
        records: Mapping[str, Sequence[Sequence[Sent]]],
        topics: Mapping[str, str | list[str]] | None = None,
        **join: object,
    ) -> None:
        self.bootstrap, self.prefix, self.records = bootstrap, prefix, records
        self.names = {kind: [f"{prefix}-{kind}-{n}" for n in range(len(parts))] for kind, parts in records.items()}
        self.config = folder / f"{prefix}.yaml"
        sections: dict[str, dict[str, Any]] = {
            "sketch": {"batch": 500, "flush_interval": "200ms"},
            "join": join,
            **{kind: {"topic": (topics or {}).get(kind, names)} for kind, names in self.names.items()},
        }
        self.config.write_text(yaml.safe_dump(configuration(bootstrap, prefix, prefix, **sections)))
        self.settings: Settings = load_settings(self.config, {})

    def create(self, missing: Iterable[str] = ()) -> None:
        """Create the input topics but for some, and driftline's own, and publish the profiles."""
        self.create_inputs([name for names in self.names.values() for name in names if name not in {*missing}])
        credentials = resolve_credentials(self.settings.kafka.security, {})
        admin = connect_admin(self.settings.kafka, credentials)
        create(admin, topic_specs(self.settings, max(sources(admin, self.settings).greatest, 3)))
        for profile in profiles():
            publish(self.settings.kafka, credentials, profile)

    def create_inputs(self, names: Sequence[str]) -> None:
        create_topics(self.bootstrap, dict.fromkeys(names, 1), {"retention.ms": "-1"})

    def write(self, from_ms: int = 0, until_ms: int = 1 << 62, only: Iterable[int] | None = None) -> None:
        """Write the records of a stretch of time; ``only`` those of some of the topics of each kind."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "enable.idempotence": True, "linger.ms": 20})
        for kind, parts in self.records.items():
            for number, part in enumerate(parts):
                for record in part if only is None or number in {*only} else ():
                    if from_ms <= record.timestamp_ms < until_ms:
                        where = self.names[kind][number], record.value, record.key, 0
                        producer.produce(*where, timestamp=record.timestamp_ms)
                        producer.poll(0)
        assert producer.flush(patient(60)) == 0

    # --- what it wrote ------------------------------------------------------------------------------------------------

    @property
    def places(self) -> Places:
        """How events name the partitions, to the partition of the one topic."""
        return {kind: {f"{name}-0": str(n) for n, name in enumerate(names)} for kind, names in self.names.items()}

    def outputs(self) -> list[Output]:
        """Return all events and alerts, with partitions named as those of the one topic."""
        return [
            Output(channel, record.key or b"", normalised(record.headers, self.prefix), self._renamed(record.value))
            for channel in ("events", "alerts")
            for record in read_topic(self.bootstrap, f"{self.prefix}.{channel}")
        ]

    def _renamed(self, value: bytes | None) -> bytes | None:
        if value is None:
            return None
        event = json.loads(value)
        places = self.places
        for kind, offsets in event.get("offsets", {}).items():
            event["offsets"][kind] = {places[kind][name]: pair for name, pair in offsets.items()}
        return msgspec.json.encode(event)

    def settle(self, workers: Workers, wanted: frozenset[Output]) -> None:
        """Wait until all outputs are there; then end the workers and hold them to it."""
        wait_until(lambda: wanted <= frozenset(self.outputs()), DEADLINE_S, lambda: self.difference(wanted, workers))
        for worker in workers.started:
            if worker.is_running():
                worker.stop()
        assert frozenset(self.outputs()) == wanted, self.difference(wanted, workers)

    def difference(self, wanted: frozenset[Output], workers: Workers) -> str:
        found = frozenset(self.outputs())
        shown = [sorted(found - wanted, key=repr)[:2], sorted(wanted - found, key=repr)[:2]]
        return f"{len(wanted - found)} missing, {len(found - wanted)} too much\n{shown}\n{workers.logs()}"

    def n_committed(self) -> int:
        """Return how many input records the sketch workers have committed."""
        places = [(name, 0) for names in self.names.values() for name in names]
        return sum(max(0, each.offset) for each in committed_offsets(self.bootstrap, f"{self.prefix}-sketch", places))


def reencoded(outputs: Iterable[Output]) -> frozenset[Output]:
    """Return outputs whose values are written as those of a :class:`SpreadStream` are."""
    return frozenset(
        output._replace(value=None if output.value is None else msgspec.json.encode(json.loads(output.value)))
        for output in outputs
    )
