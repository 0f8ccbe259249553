"""A detect worker in a process of its own, with a small honest monitor: it adds up numbered deltas, pane by pane.

Started by the tests of the Faust side as `python -m tests.support.detect_process SETTINGS [freeze]`, where SETTINGS
is the JSON of a DetectSettings. Prints one message a line: `ready` when it is, `applied N` as it goes, `stopped` at a
clean end. With `freeze` it stops itself with SIGSTOP in the middle of the record `freeze`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

import msgspec

from driftline.runtime.detect.detect_settings import DetectSettings
from driftline.runtime.detect.detect_worker import DetectWorker
from driftline.runtime.detect.state_table import META_KEY

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

KEPT_PANES = 3


class Delta(msgspec.Struct, frozen=True):
    pane: int
    name: str
    amount: int


class Output(msgspec.Struct, frozen=True):
    channel: str
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


class SumsCheckpoint(msgspec.Struct, frozen=True):
    position: int
    entries: dict[bytes, bytes | None]
    meta: bytes


class SumsMonitor:
    """Sums by name over closed panes; a pane closes when a later one begins. Keeps the last few panes' sums."""

    def __init__(self, partition: int, entries: Mapping[bytes, bytes]) -> None:
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

    def profiles_wanted(self, record: bytes) -> dict[str, str]:
        if record != b"profile" or self.profile_known:
            return {}
        self.profile_known = True  # by the next time: LateProfiles lets it arrive
        return {"profile": "model"}

    def apply(self, record: bytes, offset: int) -> list[Output]:
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

    def _close(self) -> list[Output]:
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
        return [Output("events", identity, value, (("ce_id", identity),))]

    def checkpoint(self) -> SumsCheckpoint:
        entries, self.dirty = self.dirty, {}
        position = self.first_offset if self.pane > self.closed else self.next_offset
        return SumsCheckpoint(position, entries, b"%d" % self.closed)


def freeze() -> list[Output]:
    """Stop here where told to, and then claim something that must never be heard of."""
    if "freeze" not in sys.argv[2:]:
        return []
    say("frozen")
    os.kill(os.getpid(), signal.SIGSTOP)
    return [Output("events", b"stale", b"sent by a worker that was replaced", (("ce_id", b"stale"),))]


class LateProfiles:
    """Profiles that arrive a little after they are asked for."""

    async def wait_for(self, ids: Collection[object], deadline: float) -> None:
        say(f"waiting {min(map(str, ids))} {deadline > time.monotonic()}")


class Counting:
    def __init__(self) -> None:
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

    def panes_lost(self, partition: int, first: int, n: int) -> None:
        say(f"lost {partition} {first} {n}")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> None:
    settings = msgspec.json.decode(sys.argv[1], type=DetectSettings)
    worker = DetectWorker(settings, SumsMonitor, LateProfiles(), Counting())
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
