"""Several workers, flushes, aborts and reassignments in any order: what joins add is the same."""

from __future__ import annotations

import random
from collections import Counter
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
import yaml

from driftline.config.load import load_settings
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Kind, Source
from driftline.panes.flush_record import decode
from driftline.profiles.profiles import Profiles
from driftline.sketches.sparse import cells
from driftline.sketching.sketcher import Sketcher
from tests.support.pending import MemoryStores
from tests.support.routed import scattered
from tests.support.traffic import SETTINGS, profiles

if TYPE_CHECKING:
    from driftline.config.settings import Settings

N = {"predictions": 3, "labels": 5, "joins": 4}
N_RECORDS = 300
INPUTS = [Source(kind, number) for kind in ("predictions", "labels") for number in range(N[kind])]
JOINS = [Source("joins", number) for number in range(N["joins"])]
"""Of each input partition; its last one, which closes everything, besides."""


@cache
def settings() -> Settings:
    with TemporaryDirectory() as name:
        path = Path(name) / "driftline.yaml"
        path.write_text(yaml.safe_dump(SETTINGS | {"labels": {}, "join": {"repartition": True}}))
        return load_settings(path, {})


@cache
def records(source: Source) -> RecordBatch:
    part = scattered()[source.kind][source.partition]
    part = [*part[:N_RECORDS], part[-1]]
    values, stamps = [record.value for record in part], [record.timestamp_ms for record in part]
    return RecordBatch(source, source.kind, values, [*range(len(part))], stamps)


class Cluster:
    """What is committed, and workers that any of it may be lost by."""

    def __init__(self, n_workers: int, rng: random.Random) -> None:
        self.rng = rng
        self.book = Profiles(profiles())
        self.pending: dict[int, list[bytes]] = {source.partition: [] for source in JOINS}
        self.committed: dict[Source, tuple[int, int | None]] = dict.fromkeys((*INPUTS, *JOINS), (0, None))
        self.added: Counter[tuple[object, ...]] = Counter()
        counts: dict[Kind, int] = {"predictions": 3, "labels": 5, "joins": 4}
        self.workers = [Sketcher(settings(), self.book, counts, MemoryStores) for _ in range(n_workers)]
        self.owner: dict[Source, Sketcher] = {}
        self.position: dict[Source, int] = {}
        self.reassign()

    def reassign(self) -> None:
        for worker in self.workers:
            worker.revoke()
        for source in self.committed:
            worker = self.owner[source] = self.rng.choice(self.workers)
            offset, running_max_ms = self.committed[source]
            self.position[source] = offset
            worker.assign(source, running_max_ms)
            if source.kind == "joins":
                for number, block in enumerate(self.pending[source.partition][:offset]):
                    worker.joins.restore(source.partition, block, number, "test")
                worker.joins.restored(source.partition, offset, whole=True)

    def left(self, source: Source) -> int:
        end = len(self.pending[source.partition]) if source.kind == "joins" else len(records(source).values)
        return end - self.position[source]

    def read(self, source: Source, n: int) -> None:
        start = self.position[source]
        rows = slice(start, start + min(n, self.left(source)))
        if source.kind == "joins":
            values: list[bytes | None] = [*self.pending[source.partition][rows]]
            batch = RecordBatch(source, "pending", values, [*range(start, start + len(values))], [-1] * len(values))
        else:
            whole = records(source)
            batch = RecordBatch(source, "t", whole.values[rows], whole.offsets[rows], whole.timestamps_ms[rows])
        self.owner[source].add(batch)
        self.position[source] = start + len(batch.values)

    def flush(self, worker: Sketcher, *, abort: bool) -> None:
        flush = worker.flush()
        if flush is None:
            return
        if abort:
            worker.aborted()
            mine = [source for source, owner in self.owner.items() if owner is worker]
            self.position.update({source: self.committed[source][0] for source in mine})
            return
        for record in (decode(data, "panes") for part in flush.panes.values() for data in part):
            for join in record.joins:
                self.added[join.key, join.pane_ms, "labels"] += join.labels[0] + 10_000 * join.labels[1]
                for window in join.windows:
                    indices, values = cells(window.cells)
                    at = (join.key, join.segment, join.pane_ms, window.window_ms)
                    self.added.update({(*at, i): v for i, v in zip(indices.tolist(), values.tolist(), strict=True)})
        for number, blocks in flush.pending.items():
            self.pending[number] += blocks
        for source, position in flush.positions.items():
            self.committed[source] = (position.next_offset, position.running_max_ms)
        worker.committed()

    def run(self) -> Counter[tuple[object, ...]]:
        while True:
            chance = self.rng.random()
            waiting = [source for source in self.committed if self.left(source)]
            if waiting and chance < 0.7:
                self.read(self.rng.choice(waiting), self.rng.randint(1, 150))
            elif chance < 0.98:
                self.flush(self.rng.choice(self.workers), abort=chance < 0.73)
            else:
                self.reassign()
            if not waiting:
                for worker in self.workers:
                    self.flush(worker, abort=False)
                if not any(self.left(source) for source in self.committed):
                    return +self.added


@cache
def alone() -> Counter[tuple[object, ...]]:
    return Cluster(1, random.Random(0)).run()


def test_much_is_joined() -> None:
    assert sum(n for place, n in alone().items() if place[-1] == "labels") > N_RECORDS


@pytest.mark.parametrize("seed", range(6))
def test_joins_are_the_same_however_workers_take_turns(seed: int) -> None:
    assert Cluster(1 + seed % 3, random.Random(seed + 1)).run() == alone()
