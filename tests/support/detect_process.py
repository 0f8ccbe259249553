"""A detect worker in a process of its own, with a small honest monitor: it adds up numbered deltas, pane by pane.

Started by the tests of the Faust side as `python -m tests.support.detect_process BROKERS PREFIX FOLDER [freeze]`.
Prints one message a line: `ready` when it is, `applied N` as it goes, `stopped` at a clean end; its log goes to
stderr. With `freeze` it stops itself with SIGSTOP in the middle of the record `freeze`; with `stall` it waits for ever
for the profile that the record `profile` wants, and stands still for a second at most.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from driftline.config.durations import Duration
from driftline.config.kafka_settings import KafkaSettings
from driftline.config.secrets import Credentials
from driftline.config.settings import DetectRuntimeSettings, Settings
from driftline.events.model_key import ModelKey
from driftline.events.output_record import OutputRecord
from driftline.monitoring.monitor_status import MonitorStatus
from driftline.monitoring.partition_monitor import Checkpoint, PartitionMonitor
from driftline.profiles.profiles import Profiles
from driftline.runtime.detect.detect_worker import DetectWorker
from driftline.runtime.detect.state_table import META_KEY
from driftline.runtime.operations.logs import configure_logs
from driftline.runtime.operations.telemetry import Telemetry
from driftline.runtime.references.reference_topic import ReferenceReader

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

KEPT_PANES = 3
PARTITIONS = 3


def detect_settings(brokers: str, prefix: str, n_partitions: int = PARTITIONS) -> Settings:
    kafka = KafkaSettings(brokers=brokers, prefix=prefix, panes_partitions=n_partitions)
    return Settings(kafka=kafka, detect=DetectRuntimeSettings(checkpoint_interval=Duration(200)))


class Delta(msgspec.Struct, frozen=True):
    pane: int
    name: str
    amount: int


class SumsMonitor(PartitionMonitor):
    """Sums by name over closed panes; a pane closes when a later one begins. Keeps the last few panes' sums."""

    def __init__(self, partition: int, entries: Mapping[bytes, bytes]) -> None:
        super().__init__(partition, Settings(), Profiles())
        self.partition = partition
        self.closed = int(entries.get(META_KEY, b"-1"))
        self.totals = {key: int(value) for key, value in entries.items() if key.startswith(b"total/")}
        self.panes = {key for key in entries if key.startswith(b"pane/")}
        self.open: dict[str, int] = {}
        self.pane = -1
        self.profile_known = False
        self.first_offset = -1
        self.next_offset = 0
        self.dirty: dict[bytes, bytes | None] = {}

    def profiles_wanted(self, record: bytes) -> dict[str, ModelKey]:
        if record != b"profile" or self.profile_known:
            return {}
        self.profile_known = True  # by the next time: LateProfiles lets it arrive
        return {"profile": ModelKey("model", "1")}

    def evaluate(self, record: bytes, offset: int) -> Iterator[list[OutputRecord]]:
        yield self._taken(record, offset)

    def _taken(self, record: bytes, offset: int) -> list[OutputRecord]:
        self.next_offset = offset + 1
        if record == b"profile":
            return []
        if record == b"freeze":
            return freeze()
        if record == b"fail":
            raise ValueError("the monitor was told to fail")
        delta = msgspec.json.decode(record, type=Delta)
        if delta.pane <= self.closed:
            return []
        outputs = self._close() if self.pane not in {-1, delta.pane} else []
        if self.pane != delta.pane:
            self.pane, self.first_offset, self.open = delta.pane, offset, {}
        self.open[delta.name] = self.open.get(delta.name, 0) + delta.amount
        return outputs

    def _close(self) -> list[OutputRecord]:
        for name, amount in self.open.items():
            key = b"total/" + name.encode()
            self.totals[key] = self.totals.get(key, 0) + amount
            self.dirty[key] = b"%d" % self.totals[key]
        self.closed = self.pane
        pane = b"pane/%d" % self.pane
        self.panes.add(pane)
        self.dirty[pane] = b"%d" % sum(self.open.values())
        for old in sorted(self.panes, key=lambda key: int(key[5:]))[:-KEPT_PANES]:
            self.panes.remove(old)
            self.dirty[old] = None
        identity = b"%d:%d" % (self.partition, self.pane)
        value = json.dumps(self.open, sort_keys=True).encode()
        return [OutputRecord("events", identity, value, (("ce_id", identity),))]

    def checkpoint(self) -> Checkpoint:
        entries, self.dirty = self.dirty, {}
        position = self.first_offset if self.pane > self.closed else self.next_offset
        return Checkpoint(position, entries, b"%d" % self.closed)

    def status(self) -> MonitorStatus:
        return MonitorStatus(
            partition=self.partition,
            as_of=self.next_offset - 1,
            predictions_ms=None,
            labels_ms=None,
            joins_ms=None,
            n_open_panes=0,
            n_after_idle=0,
            models={},
        )


def freeze() -> list[OutputRecord]:
    """Stop here where told to, and then claim something that must never be heard of."""
    if "freeze" not in sys.argv[4:]:
        return []
    say("frozen")
    os.kill(os.getpid(), signal.SIGSTOP)
    return [OutputRecord("events", b"stale", b"sent by a worker that was replaced", (("ce_id", b"stale"),))]


class LateProfiles(ReferenceReader):
    """Profiles that arrive a little after they are asked for."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.kafka, Credentials(), Profiles())

    async def wait_for(self, ids: Collection[object], deadline: float) -> None:
        say(f"waiting {min(map(str, ids))} {deadline > time.monotonic()}")
        if "stall" in sys.argv[4:]:
            await asyncio.Event().wait()


class SumsWorker(DetectWorker):
    """The worker with the monitor above."""

    def __init__(self, settings: Settings, telemetry: Telemetry, data_dir: Path, *, check_crcs: bool = True) -> None:
        references = LateProfiles(settings)
        super().__init__(
            settings, Credentials(), Profiles(), references, telemetry, data_dir=data_dir, check_crcs=check_crcs
        )

    def restore(self, partition: int, entries: Mapping[bytes, bytes]) -> PartitionMonitor:
        return SumsMonitor(partition, entries)


class Counting(Telemetry):
    def __init__(self) -> None:
        super().__init__()
        self.n = 0
        self.outputs = 0

    def records_applied(self, n: int) -> None:
        self.n += n
        if self.n % 100 == 0:
            say(f"applied {self.n}")

    def outputs_sent(self, channel: str, n: int) -> None:
        assert channel == "events"
        self.outputs += n

    def checkpoint_written(self, seconds: float) -> None:
        assert seconds >= 0

    def position(self, partition: int, offset: int) -> None:
        say(f"position {partition} {offset}")

    def panes_lost(self, partition: int, n: int) -> None:
        say(f"lost {partition} {n}")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> None:
    brokers, prefix, folder = sys.argv[1:4]
    settings = detect_settings(brokers, prefix)
    if "stall" in sys.argv[4:]:
        settings = replace(settings, detect=replace(settings.detect, stall_timeout=Duration(1_000)))
    configure_logs(settings.telemetry)
    worker = SumsWorker(settings, Counting(), Path(folder))
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())

    def report() -> None:
        was = False
        while not over.wait(0.02):
            is_ready = worker.is_ready()
            if is_ready != was:
                say("ready" if is_ready else "away")
            was = is_ready

    threading.Thread(target=report, daemon=True).start()
    try:
        worker.run()
    finally:
        over.set()
    say("stopped")


if __name__ == "__main__":
    main()
