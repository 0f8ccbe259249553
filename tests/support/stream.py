"""A finite stream on a real broker, the workers that watch it, and what they leave behind."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import yaml
from confluent_kafka import KafkaError, KafkaException, Producer

from driftline.config.load import load_settings
from driftline.config.secrets import resolve_credentials
from driftline.monitoring.state.checkpoint import META_KEY, load_meta
from driftline.panes.flush_record import decode
from driftline.runtime.detect.state_table import CheckpointSlots
from driftline.runtime.kafka.kafka_clients import connect_admin
from driftline.runtime.kafka.topics import create, topic_specs
from driftline.runtime.references.reference_topic import publish
from driftline.sketches.layout import LATE
from driftline.sketches.pane_sketch import PaneSketch
from tests.support.expected import (
    INPUTS,
    PANES_PARTITIONS,
    Output,
    commands,
    configuration,
    normalised,
    records_by_kind,
)
from tests.support.reading import Record, committed_offsets, end_offsets, read_topic
from tests.support.real_broker import create_topics, patient, wait_until
from tests.support.traffic import PARTITIONS, Sent, profiles, traffic
from tests.support.workers import Workers, workers_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path


FOREVER = 1 << 62


class Input:
    """The input topics, and their records on the broker.

    Parameters
    ----------
    bootstrap, name : str
        Address of the broker; first part of the topics' names.
    """

    def __init__(self, bootstrap: str, name: str) -> None:
        self.bootstrap = bootstrap
        self.name = name
        self.ends = {f"{name}-{kind}": [0] * PARTITIONS for kind in INPUTS}
        create_topics(bootstrap, dict.fromkeys(self.ends, PARTITIONS), {"retention.ms": "-1"})

    def write(
        self,
        partitions: Iterable[int] = range(PARTITIONS),
        *,
        from_ms: int = 0,
        until_ms: int = FOREVER,
        codec: str = "none",
    ) -> None:
        """Write the records of some partitions and a stretch of time, in their order and with their timestamps."""
        chosen = set(partitions)
        properties = {"enable.idempotence": True, "linger.ms": 20, "compression.type": codec}
        producer = Producer({"bootstrap.servers": self.bootstrap, **properties})
        for kind, records in records_by_kind().items():
            for record in records:
                if record.partition in chosen and from_ms <= record.timestamp_ms < until_ms:
                    self._send(producer, f"{self.name}-{kind}", record)
        assert producer.flush(patient(60)) == 0

    def _send(self, producer: Producer, topic: str, record: Sent) -> None:
        producer.produce(topic, record.value, record.key, record.partition, timestamp=record.timestamp_ms)
        self.ends[topic][record.partition] += 1
        producer.poll(0)


class Stream:
    """One run of driftline over the input, under a prefix of its own.

    Parameters
    ----------
    given : Input
    prefix : str
    folder : Path
        For configuration and logs.
    sketch, kafka : dict, optional
        What the sections of these names say besides, or instead.
    commands_too : bool
        Whether the commands for the traffic are on the control topic.
    **sections : dict
        Whole sections instead of those of the traffic.
    """

    def __init__(
        self,
        given: Input,
        prefix: str,
        folder: Path,
        sketch: Mapping[str, object] | None = None,
        kafka: Mapping[str, object] | None = None,
        *,
        commands_too: bool = False,
        **sections: Mapping[str, object],
    ) -> None:
        self.input = given
        self.prefix = prefix
        self.folder = folder / prefix
        self.folder.mkdir(parents=True)
        self.config = self.folder / "driftline.yaml"
        every = {"sketch": sketch or {}, "kafka": kafka or {}, **sections}
        self.config.write_text(yaml.safe_dump(configuration(given.bootstrap, given.name, prefix, **every)))
        self.settings = load_settings(self.config, {})
        credentials = resolve_credentials(self.settings.kafka.security, {})
        if commands_too:
            # Their times are those of the traffic: the broker would soon delete them as older than a month.
            create_topics(given.bootstrap, {self.settings.kafka.topic("control"): 1}, {"retention.ms": "-1"})
        create(connect_admin(self.settings.kafka, credentials), topic_specs(self.settings, PARTITIONS))
        for profile in profiles():
            publish(self.settings.kafka, credentials, profile)
        if commands_too:
            self._write_commands()

    def _write_commands(self) -> None:
        producer = Producer({"bootstrap.servers": self.input.bootstrap, "enable.idempotence": True})
        for stamp_ms, command in commands():
            producer.produce(self.settings.kafka.topic("control"), json.dumps(command), timestamp=stamp_ms)
        assert producer.flush(patient(60)) == 0

    @contextmanager
    def workers(self) -> Iterator[Workers]:
        """Give workers of this configuration, none of which outlives the block."""
        with workers_of(self.config, self.folder) as workers:
            yield workers

    # --- how far it is ------------------------------------------------------------------------------------------------

    def committed(self, partitions: Iterable[int] = range(PARTITIONS)) -> int:
        """Return how many input records of some partitions the sketch workers have committed."""
        places = [(topic, partition) for topic in self.input.ends for partition in partitions]
        try:
            answers = committed_offsets(self.input.bootstrap, f"{self.prefix}-sketch", places)
        except KafkaException as error:
            if error.args[0].retriable() or error.args[0].code() == KafkaError.NOT_COORDINATOR:
                return 0  # a new broker is still making room for its first group
            raise
        return sum(max(0, answer.offset) for answer in answers)

    def n_input(self, partitions: Iterable[int] = range(PARTITIONS)) -> int:
        """Return how many input records there are in some partitions."""
        return sum(ends[partition] for ends in self.input.ends.values() for partition in partitions)

    def await_committed(
        self, workers: Workers, n: int, partitions: Sequence[int] = range(PARTITIONS), deadline_s: float = 60
    ) -> None:
        """Wait until the sketch workers have committed ``n`` input records of some partitions."""
        wait_until(
            lambda: self.committed(partitions) >= n,
            deadline_s,
            lambda: f"{n} committed input records, got {self.committed(partitions)}\n{workers.logs()}",
        )

    def await_outputs(self, workers: Workers, n: int, deadline_s: float = 60) -> None:
        """Wait until the events and alerts topics hold ``n`` records, repetitions included."""
        wait_until(
            lambda: self.n_outputs() >= n, deadline_s, lambda: f"{n} outputs, got {self.n_outputs()}\n{workers.logs()}"
        )

    def n_outputs(self) -> int:
        """Return how many records the events and alerts topics hold."""
        return sum(sum(self.ends(channel)) for channel in ("events", "alerts"))

    def ends(self, name: str, isolation: str = "read_committed") -> list[int]:
        """Return the end offset of each partition of one of driftline's topics, as readers of an isolation see it."""
        return end_offsets(self.input.bootstrap, f"{self.prefix}.{name}", isolation)

    def has_open_transaction(self) -> bool:
        """Return whether the panes topic holds records of a transaction that has neither committed nor aborted."""
        return self.ends("panes", "read_uncommitted") != self.ends("panes")

    def settle(self, workers: Workers, wanted: frozenset[Output], deadline_s: float = 90) -> None:
        """Wait until all input is committed and all outputs are there; then end the workers and hold them to it.

        After the workers' last checkpoints nothing of the panes topic is left unread: nothing more can come.
        """
        self.await_committed(workers, self.n_input(), deadline_s=deadline_s)
        for worker in workers.running("sketch"):
            worker.stop()
        needed = len(wanted)
        wait_until(
            lambda: self.n_outputs() >= needed and wanted <= frozenset(self.outputs()),
            deadline_s,
            lambda: f"all outputs; {self.difference(wanted)}\n{workers.logs()}",
        )
        for worker in (*workers.running("detect"), *workers.running("all")):
            worker.stop()
        assert self.unread_panes() == {}, workers.logs()

    def unread_panes(self) -> dict[int, tuple[int, int]]:
        """Return the panes partitions not read to their end: last offset applied, by the state, and last there is."""
        last = dict.fromkeys(range(PANES_PARTITIONS), -1) | {r.partition: r.offset for r in self.read("panes")}
        applied = {partition: self._as_of(partition) for partition in last}
        return {p: (applied[p], offset) for p, offset in last.items() if applied[p] != offset}

    def _as_of(self, partition: int) -> int:
        stored: dict[bytes, bytes] = {}
        for record in self.read("detect-state"):
            assert record.key is not None
            if record.key.startswith(b"%d/" % partition):
                stored.pop(record.key, None)
                if record.value is not None:
                    stored[record.key] = record.value
        entries = CheckpointSlots.restore(partition, stored)[1]
        return load_meta(entries[META_KEY], "state").as_of if entries else -1

    # --- what it wrote ------------------------------------------------------------------------------------------------

    def outputs(self) -> list[Output]:
        """Return all events and alerts in their order, with a prefix in ``ce_source`` that all runs share."""
        return [
            Output(channel, record.key or b"", normalised(record.headers, self.prefix), record.value)
            for channel in ("events", "alerts")
            for record in self.read(channel)
        ]

    def expect(self, wanted: frozenset[Output]) -> int:
        """Hold the outputs to a set; return how many of them are repetitions."""
        outputs = self.outputs()
        assert frozenset(outputs) == wanted, self.difference(wanted)
        identities = {_identity(output) for output in wanted}
        assert len(identities) == len(wanted), "a repetition has the same id and the same bytes"
        return len(outputs) - len(wanted)

    def difference(self, wanted: frozenset[Output]) -> str:
        """Return what is missing and what is too much, shortly."""
        found = frozenset(self.outputs())
        lines = [f"{len(found)} outputs for {len(wanted)}"]
        for title, outputs in (("missing", wanted - found), ("too much", found - wanted)):
            kinds = Counter(dict(output.headers)["ce_type"].decode() for output in outputs)
            lines.append(f"{title}: {len(outputs)} {dict(kinds)}")
            lines += [f"  {output.channel} {output.headers}" for output in sorted(outputs, key=_order)[:3]]
        same_id = {_identity(output): output.value or b"" for output in wanted - found}
        for output in sorted(found - wanted, key=_order)[:1000]:
            value = output.value or b""
            expected_value = same_id.get(_identity(output), value)
            at = next((i for i, (a, b) in enumerate(zip(expected_value, value, strict=False)) if a != b), None)
            if at is not None and len(lines) < 20:
                shown = slice(max(0, at - 60), at + 60)
                lines.append(f"  {_identity(output)}: expected {expected_value[shown]!r}, got {value[shown]!r}")
        return "\n".join(lines)

    def expect_all_counted(self) -> None:
        """Hold the committed panes and dead letters to the input: each record once."""
        n_counted = 0
        known = {profile.profile_id: profile for profile in profiles()}
        for record in self.read("panes"):
            for delta in decode(record.value or b"", "panes").panes:
                n_counted += delta.n_events + delta.n_late
                if delta.sketch is not None:
                    sketch = PaneSketch.unpack(delta.sketch, known[delta.profile_id].layout)
                    n_counted += int(sketch.counts[LATE])
        refused = Counter(self._refused())
        assert refused == Counter(refusals(self.input.name)), "each bad record is one dead letter"
        n_refused = sum(n for (topic, *_), n in refused.items() if topic.endswith("predictions"))
        assert n_counted + n_refused == len(traffic().predictions)

    def _refused(self) -> Iterator[tuple[str, int, int, str]]:
        for record in self.read("dead-letters"):
            said = {name: value.decode() for name, value in record.headers}
            place = int(said["driftline_partition"]), int(said["driftline_offset"])
            yield (said["driftline_topic"], *place, said["driftline_reason"])

    def read(self, name: str, isolation: str = "read_committed") -> list[Record]:
        """Return all records of one of driftline's topics, as readers of an isolation see them."""
        return read_topic(self.input.bootstrap, f"{self.prefix}.{name}", isolation=isolation)


def _identity(output: Output) -> tuple[str, bytes]:
    return output.channel, dict(output.headers)["ce_id"]


def _order(output: Output) -> tuple[str, bytes, bytes, bytes]:
    headers = dict(output.headers)
    return output.channel, headers["ce_time"], headers["ce_subject"], headers["ce_id"]


def refusals(name: str) -> Iterator[tuple[str, int, int, str]]:
    """Yield topic, partition, offset and reason of every record that must become a dead letter."""
    for kind, records in records_by_kind().items():
        for partition, part in enumerate(traffic().by_partition(records)):
            for offset, record in enumerate(part):
                if record.reason is not None:
                    yield f"{name}-{kind}", partition, offset, record.reason
