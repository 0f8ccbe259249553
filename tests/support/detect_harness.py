"""What the tests of the Faust side share: deltas in and out of transactions, workers as processes, what they left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING

from confluent_kafka import Producer

from driftline.runtime.detect.state_table import META_KEY, CheckpointSlots
from tests.support.detect_process import PARTITIONS
from tests.support.reading import committed_offsets, end_offsets, read_topic
from tests.support.real_broker import ROOT, create_topics, patient, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from confluent_kafka import KafkaError, Message

COMPACTED = {"cleanup.policy": "compact"}
PER_PANE = 40
READY_WITHIN_S = 20


class Worker:
    """A detect worker in a process of its own."""

    def __init__(self, brokers: str, prefix: str, folder: Path, log: Path, *flags: str) -> None:
        self._log = log
        self.lines: list[str] = []
        with log.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.detect_process", brokers, prefix, str(folder), *flags],
                cwd=ROOT,
                env={**os.environ, "STREAM_BUFFER_MAXSIZE": "not a number"},
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stdout:
            self.lines.extend(line.strip() for line in iter(stdout.readline, ""))

    def log(self) -> str:
        return self._log.read_text()

    def applied(self) -> int:
        return max((int(line.split()[1]) for line in self.lines if line.startswith("applied")), default=0)

    def is_ready(self) -> bool:
        return next((line == "ready" for line in reversed(self.lines) if line in {"ready", "away"}), False)

    def wait_ready(self, deadline_s: float = READY_WITHIN_S) -> Worker:
        wait_until(self.is_ready, deadline_s, lambda: f"a worker to be ready; it said {self.lines}\n{self.log()}")
        return self

    def wait_applied(self, n: int, deadline_s: float = 60) -> None:
        wait_until(lambda: self.applied() >= n, deadline_s, lambda: f"{n} applied records\n{self.log()}")

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, deadline_s: float = 40) -> int:
        code = self.process.wait(patient(deadline_s))
        self._reader.join(patient(10))
        return code

    def stop(self) -> None:
        self.signal(signal.SIGTERM)
        assert self.wait() == 0, self.log()

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.wait()


class Panes:
    """A panes topic being written in transactions, every other one aborted, and what it adds up to."""

    def __init__(self, bootstrap: str, prefix: str, state: Mapping[str, str] = COMPACTED) -> None:
        self.bootstrap = bootstrap
        self.prefix = prefix
        create_topics(bootstrap, {f"{prefix}.panes": PARTITIONS, f"{prefix}.events": 2})
        create_topics(bootstrap, {f"{prefix}.detect-state": PARTITIONS}, state)
        self._producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": prefix})
        self._producer.init_transactions(patient(30))
        self._n = [0] * PARTITIONS
        self.sums: dict[str, dict[str, int]] = defaultdict(dict)

    def write(self, n: int, batch: int = 30) -> None:
        for start in range(0, n, batch):
            count = min(batch, n - start)
            self._transaction([self._delta(self._n[p], p, 10**9) for p in range(PARTITIONS)], commit=False)
            self._transaction([self._next(index % PARTITIONS) for index in range(count)])

    def write_raw(self, *values: bytes) -> None:
        """The same records to every partition."""
        self._transaction([(partition, value) for value in values for partition in range(PARTITIONS)])

    def finish(self) -> list[int]:
        """Close the last pane of every partition; return the offsets of the records that do so."""
        ends = [(p, json.dumps({"pane": 10**6, "name": "end", "amount": 0}).encode()) for p in range(PARTITIONS)]
        offsets = self._transaction(ends)
        return [offsets[partition] for partition in range(PARTITIONS)]

    def settle(self, worker: Worker) -> None:
        """Close the last panes, and wait until the group has committed that it needs nothing before that.

        A checkpoint is written with a record, so there has to be a next one, as there is in production each second.
        """
        closing = self.finish()

        def is_committed() -> bool:
            self.finish()
            return self.committed() == closing

        wait_until(is_committed, 60, lambda: f"commits {closing}, got {self.committed()}\n{worker.log()}")

    def committed(self) -> list[int]:
        places = [(f"{self.prefix}.panes", partition) for partition in range(PARTITIONS)]
        return [answer.offset for answer in committed_offsets(self.bootstrap, f"{self.prefix}-detect", places)]

    def ends(self, topic: str = "") -> list[int]:
        return end_offsets(self.bootstrap, topic or f"{self.prefix}.panes")

    def _next(self, partition: int) -> tuple[int, bytes]:
        number = self._n[partition]
        self._n[partition] += 1
        delta = self._delta(number, partition, number + 1)
        pane = self.sums[f"{partition}:{number // PER_PANE}"]
        pane["abc"[number % 3]] = pane.get("abc"[number % 3], 0) + number + 1
        return delta

    @staticmethod
    def _delta(number: int, partition: int, amount: int) -> tuple[int, bytes]:
        delta = {"pane": number // PER_PANE, "name": "abc"[number % 3], "amount": amount}
        return partition, json.dumps(delta).encode()

    def _transaction(self, records: list[tuple[int, bytes]], *, commit: bool = True) -> dict[int, int]:
        """Write records in a transaction; return the last offset by partition."""
        offsets: dict[int, int] = {}

        def delivered(error: KafkaError | None, message: Message) -> None:
            assert error is None, error
            offsets[message.partition() or 0] = message.offset() or 0

        self._producer.begin_transaction()
        for partition, value in records:
            self._producer.produce(f"{self.prefix}.panes", value, partition=partition, on_delivery=delivered)
        self._producer.flush(patient(30))
        if commit:
            self._producer.commit_transaction(patient(30))
        else:
            self._producer.abort_transaction(patient(30))
        return offsets

    def expect(self) -> None:
        """Every output once or more often with the same bytes, and every delta once in the state."""
        said: dict[bytes, set[tuple[bytes | None, bytes | None]]] = defaultdict(set)
        for record in read_topic(self.bootstrap, f"{self.prefix}.events"):
            said[dict(record.headers)["ce_id"]].add((record.key, record.value))
        wanted = {pane.encode(): {(pane.encode(), encode(sums))} for pane, sums in self.sums.items()}
        assert dict(said) == wanted
        for partition in range(PARTITIONS):
            assert self.totals(partition) == self._wanted_totals(partition), f"partition {partition}"

    def state(self, partition: int) -> dict[bytes, bytes]:
        stored: dict[bytes, bytes] = {}
        for record in read_topic(self.bootstrap, f"{self.prefix}.detect-state", partition):
            assert record.key is not None
            stored.pop(record.key, None)
            if record.value is not None:
                stored[record.key] = record.value
        return CheckpointSlots.restore(partition, stored)[1]

    def totals(self, partition: int) -> dict[str, int]:
        entries = self.state(partition)
        panes = [key for key in entries if key.startswith(b"pane/")]
        assert len(panes) <= 3, "deleted entries stay deleted"
        assert META_KEY in entries
        return {key[6:].decode(): int(value) for key, value in entries.items() if key.startswith(b"total/")}

    def _wanted_totals(self, partition: int) -> dict[str, int]:
        totals: dict[str, int] = defaultdict(int)
        for pane, sums in self.sums.items():
            if pane.startswith(f"{partition}:"):
                for name, amount in sums.items():
                    totals[name] += amount
        return dict(totals)


def encode(sums: dict[str, int]) -> bytes:
    return json.dumps(sums, sort_keys=True).encode()


class Workers:
    """Starts workers, and ends each of them by its own id."""

    def __init__(self, panes: Panes, tmp_path: Path) -> None:
        self._panes = panes
        self._tmp_path = tmp_path
        self._started: list[Worker] = []

    def start(self, *flags: str) -> Worker:
        log, folder = self._tmp_path / f"worker-{len(self._started)}.log", self._tmp_path / "faust"
        self._started.append(Worker(self._panes.bootstrap, self._panes.prefix, folder, log, *flags))
        return self._started[-1]

    def end(self) -> None:
        for worker in self._started:
            worker.kill()


@contextmanager
def workers_of(panes: Panes, tmp_path: Path) -> Iterator[Workers]:
    workers = Workers(panes, tmp_path)
    try:
        yield workers
    finally:
        workers.end()
