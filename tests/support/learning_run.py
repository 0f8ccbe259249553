"""The whole pipeline without a broker, on models without a reference, in whatever order things happen to be done.

Sketch workers read a backlog in batches of any size, flush, fail and begin anew; the detect stage applies what they
wrote whenever it likes; and each worker reads the references that come of it later, or much later.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from driftline.config.durations import Duration
from driftline.config.input_settings import LabelInput
from driftline.config.kafka_settings import KafkaSettings
from driftline.config.model import (
    BootstrapSettings,
    CheckSettings,
    ColumnSettings,
    DispersionSettings,
    LabelSettings,
    ModelSettings,
    WindowSettings,
)
from driftline.config.settings import JoinSettings, Settings, TimeSettings
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Kind, Source
from driftline.monitoring.partition_monitor import META_KEY, PartitionMonitor
from driftline.profiles.codec import ProfileAssembler, decode_block
from driftline.profiles.profiles import Profiles
from driftline.sketching.sketcher import Sketcher
from tests.support.pending import MemoryStores

if TYPE_CHECKING:
    from driftline.events.output_record import OutputRecord
    from driftline.profiles.profile import Profile

START_MS = 1_772_366_400_000
N_PARTITIONS = 3
SAMPLE, EVENTS = 40, 100
EVERY_MS = 600


def settings_of(*, repartition: bool = False) -> Settings:
    """Return settings under which a few minutes are enough to learn a reference and to check windows."""
    minute = Duration(60_000)
    model = ModelSettings(
        windows=WindowSettings(verdict=(minute,), display=minute, hop=minute, performance=minute, min_samples=13),
        checks=CheckSettings(bins=5, dispersion=DispersionSettings(mode="independent")),
        labels=LabelSettings(
            horizon=Duration(240_000), wait=Duration(60_000), revisions=(Duration(60_000), Duration(180_000))
        ),
        bootstrap=BootstrapSettings(sample=SAMPLE, events=EVENTS),
        columns={"born": ColumnSettings(kind="age")},
        segments={"country": ("DE",)},
    )
    loan = model.replace(classes={"nein": "no", "approved by hand": "yes"})
    return Settings(
        kafka=KafkaSettings(panes_partitions=1),
        labels=LabelInput(),
        time=TimeSettings(pane=Duration(10_000), lateness=Duration(15_000)),
        join=JoinSettings(repartition=repartition),
        defaults=model,
        models={"loan": loan},
    )


@cache
def backlog(n: int = 1_000) -> dict[Source, list[bytes]]:
    """Return the records of each source partition: predictions of three kinds of models, and their labels."""
    rng = random.Random(11)
    timed: dict[Source, list[tuple[int, dict[str, Any]]]] = {
        Source(kind, partition): [] for kind in ("predictions", "labels") for partition in range(N_PARTITIONS)
    }
    for i in range(n):
        model, partition = rng.choice(("loan", "loan", "flag", "price")), rng.randrange(N_PARTITIONS)
        time_ms, truth = START_MS + EVERY_MS * i, rng.random() < 0.5
        said = truth if rng.random() < 0.8 else not truth
        event = {
            "prediction_id": f"p{i - 40 if i % 97 == 96 else i}",  # some ids are used twice
            "model": model,
            "ts": time_ms,
            "features": {
                "x": rng.gauss(0, 1),
                "c": rng.choice("abc"),
                "user": {"age": str(rng.randrange(18, 90)), "tags": ["a"]},
                **(_derived(i, time_ms) if model == "price" else {}),
                **({"new": 1} if i > 866 else {}),
            },
            "segments": {"country": rng.choice(("DE", "FR"))},
            **_outcome(model, said, rng),
        }
        arrival_ms = time_ms + rng.randrange(3_000) + (60_000 if rng.random() < 0.01 else 0)
        timed[Source("predictions", partition)].append((arrival_ms, event))
        label_ms = time_ms + rng.choice((-2_000, 3_000, 20_000, 90_000))
        for label, at_ms in _labels(model, truth, label_ms, rng):
            given = {"prediction_id": event["prediction_id"], "label": label, "ts": at_ms}
            timed[Source("labels", partition)].append((at_ms + rng.randrange(3_000), given))
    for source, records in timed.items():
        for _, event in records[7::41] if source.kind == "predictions" else ():
            event.update(_ODD[0] if event["model"] == "price" else rng.choice(_ODD))  # a score is no regression's
        records.sort(key=lambda each: each[0])
        last_ms = START_MS + EVERY_MS * n + 600_000
        end: dict[str, Any] = {"prediction_id": f"end of {source}", "model": "loan", "label": "no", "ts": last_ms}
        records.append((last_ms, {**end, "prediction": "no"}))
    return {source: [json.dumps(event).encode() for _, event in records] for source, records in timed.items()}


def _derived(i: int, time_ms: int) -> dict[str, Any]:
    """Return an embedding and a date, of which some are malformed or missing."""
    rng = random.Random(i)
    vector: list[Any] = [round(rng.gauss(place, 1), 4) for place in range(9)]
    born = datetime.fromtimestamp(time_ms / 1000 - rng.uniform(0, 3e7), UTC)
    if i % 31 == 30:
        return {"emb": vector[:-1], "born": "soon"}
    return {"emb": None if i % 37 == 36 else vector, "born": born.isoformat(timespec="seconds")}


_SPELLED: Final[dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]]] = {
    "loan": (("no", "no", "nein"), ("yes", "yes", "approved by hand")),
    "flag": ((False, 0, "false", "0.0"), (True, 1, "True", "1")),
    "price": ((0.0,), (100.0,)),
}


_ODD: Final[tuple[dict[str, Any], ...]] = ({"prediction": []}, {"score": 1.7}, {"score": [1]})


def _outcome(model: str, said: bool, rng: random.Random) -> dict[str, Any]:  # noqa: FBT001  # what the model says
    probability = round(rng.uniform(0.55, 0.95), 3)
    if model == "loan":
        score = probability if said else round(1 - probability, 3)
        return {"prediction": rng.choice(_SPELLED["loan"][said]), "score": score}
    if model == "flag":
        scores = {"0": 0.25, "1": 0.75} if said else {"false": 0.9, "true": 0.1}
        return {"prediction": rng.choice(_SPELLED["flag"][said]), "score": scores}
    return {"prediction": 100 * said + rng.gauss(0, 10)}


def _labels(model: str, truth: bool, at_ms: int, rng: random.Random) -> list[tuple[Any, int]]:  # noqa: FBT001
    label: Any = rng.choice(_SPELLED[model][truth])
    more = rng.random()
    if model == "loan" and more > 0.9:
        return [(rng.choice(("withdrawn", "withdrawn by hand", 7, "7.0")), at_ms)]
    if more > 0.85:
        return [(label, at_ms), (rng.choice(_SPELLED[model][truth]), at_ms + 15_000)]
    if more < 0.1:
        return []
    if more < 0.15:
        return [(label, at_ms), (None, at_ms + 30_000)]
    if more < 0.2:
        return [(label, at_ms), ({"loan": "no", "flag": False, "price": 50.0}[model], at_ms + 15_000)]
    return [(label, at_ms)]


class _Worker:
    """One sketch worker, what it owns, and which references it has read."""

    def __init__(self, world: World, sources: list[Source]) -> None:
        self.world = world
        self.sources = sources
        self.n_references = 0
        self.start()

    def start(self) -> None:
        """Begin at what is committed, as a new process does: with all references, and empty stores."""
        world = self.world
        self.profiles = Profiles()
        self.n_references = 0
        self.learn(len(world.references))
        counts: dict[Kind, int] = {"predictions": N_PARTITIONS, "labels": N_PARTITIONS, "joins": N_PARTITIONS}
        self.sketcher = Sketcher(world.settings, self.profiles, counts, lambda _partition, _table: MemoryStores())
        for source in self.sources:
            self.sketcher.assign(source, world.committed[source][1])
        for replay in self.sketcher.joins.replays({source: world.committed[source][0] for source in self.sources}):
            blocks = world.pending[replay.partition][: replay.end_offset]
            for offset in range(replay.first_offset, len(blocks)):
                self.sketcher.joins.restore(replay.partition, blocks[offset], offset, "pending")
            self.sketcher.joins.restored(replay.partition, len(blocks), whole=True)
        self.rewind()

    def learn(self, n: int) -> None:
        """Read some of the references that there are."""
        for profile in self.world.references[self.n_references : self.n_references + n]:
            self.profiles.add(profile)
            self.n_references += 1

    def rewind(self) -> None:
        self.position = {source: self.world.committed[source][0] for source in self.sources}

    def readable(self) -> list[Source]:
        """Return the partitions that have something to read, and are not held until a reference is known."""
        held = {source for source, waits_for in self.sketcher.hold_back().items() if waits_for is None}
        return [
            source
            for source in self.sources
            if source not in held and self.position[source] < len(self.world.records(source))
        ]

    def read(self, source: Source, n: int) -> None:
        start = self.position[source]
        values: list[bytes | None] = [*self.world.records(source)[start : start + n]]
        batch = RecordBatch(source, "topic", values, [*range(start, start + len(values))], [-1] * len(values))
        while self.sketcher.joins.profiles_wanted(batch):
            self.learn(1)
        self.sketcher.add(batch)
        self.position[source] = start + len(values)

    def flush(self, *, fails: bool = False) -> None:
        flush = self.sketcher.flush()
        if flush is None:
            return
        if fails:
            self.sketcher.aborted()
            self.rewind()
            return
        world = self.world
        for records in flush.panes.values():
            world.panes += records
        for number, blocks in flush.pending.items():
            world.pending[number] += blocks
        world.committed |= {source: (at.next_offset, at.running_max_ms) for source, at in flush.positions.items()}
        self.sketcher.committed({number: len(world.pending[number]) for number in flush.pending})

    def restart(self) -> None:
        self.sketcher.revoke()
        self.start()


@dataclass(frozen=True)
class Pace:
    """How a run goes about it.

    Attributes
    ----------
    largest : int
        Batch.
    eager : float
        Probability of a step in which the detect stage applies, and in which a worker reads a reference.
    """

    n_workers: int = 1
    largest: int = 10_000
    eager: float = 1.0
    trouble: float = 0.0
    """Probability of a failed flush, and of a restart, at each step of a usual size; at a smaller one it is less."""


USUAL_BATCH: Final = 60


class World:
    """What the topics hold, who reads them, and what became known."""

    def __init__(self, seed: int, pace: Pace, *, repartition: bool = False) -> None:
        self.settings = settings_of(repartition=repartition)
        self._rng, self._pace = random.Random(seed), pace
        self.panes: list[bytes] = []
        self.pending: dict[int, list[bytes]] = {number: [] for number in range(N_PARTITIONS)}
        self.references: list[Profile] = []
        self.outputs: set[OutputRecord] = set()
        kinds: tuple[Kind, ...] = ("predictions", "labels", *(("joins",) if repartition else ()))
        self.committed: dict[Source, tuple[int, int | None]] = {
            Source(kind, number): (0, None) for kind in kinds for number in range(N_PARTITIONS)
        }
        self._assembler = ProfileAssembler()
        self._known = Profiles()
        self.monitor = PartitionMonitor(0, self.settings, self._known)
        self._store: dict[bytes, bytes] = {}
        self._n_applied = self._from = 0
        self._workers = [
            _Worker(self, [source for source in self.committed if source.partition % pace.n_workers == number])
            for number in range(pace.n_workers)
        ]

    def records(self, source: Source) -> list[bytes]:
        return self.pending[source.partition] if source.kind == "joins" else backlog()[source]

    def run(self) -> frozenset[OutputRecord]:
        """Do everything there is to do, in an order drawn at random, and return what was said."""
        rng, pace = self._rng, self._pace
        trouble = pace.trouble * min(1.0, pace.largest / USUAL_BATCH)
        while not self._is_over():
            worker = rng.choice(self._workers)
            sources = worker.readable()
            if sources:
                worker.read(rng.choice(sources), rng.randint(1, pace.largest))
            if rng.random() < 0.5:
                worker.flush(fails=rng.random() < trouble)
            if rng.random() < trouble:
                worker.restart()
            if rng.random() < pace.eager:
                self.apply(rng.randint(1, 20))
            if rng.random() < pace.eager:
                worker.learn(1)
            if rng.random() < trouble:
                self.restart_monitor()
            if not any(each.readable() for each in self._workers):
                self._catch_up()
        return frozenset(output for output in self.outputs if output.channel != "references")

    def _is_over(self) -> bool:
        read = all(at[0] == len(self.records(source)) for source, at in self.committed.items())
        return read and self._n_applied == len(self.panes) and not any(w.sketcher.flush() for w in self._workers)

    def _catch_up(self) -> None:
        """Let everybody do what is there: afterwards something can be read again, or everything has been."""
        for worker in self._workers:
            worker.flush()
        self.apply(len(self.panes))
        for worker in self._workers:
            worker.learn(len(self.references))
        unread = [
            source
            for worker in self._workers
            for source in worker.sources
            if worker.position[source] < len(self.records(source))
        ]
        assert not unread or any(worker.readable() for worker in self._workers), f"{unread} wait for ever"

    def apply(self, n: int) -> None:
        """Let the detect stage apply some of what was written, and publish the references that come of it."""
        for offset in range(self._n_applied, min(self._n_applied + n, len(self.panes))):
            for output in self.monitor.apply(self.panes[offset], offset):
                if output not in self.outputs and output.channel == "references" and output.value is not None:
                    profile = self._assembler.add(decode_block(output.value, "references"))
                    self.references += [] if profile is None else [profile]
                self.outputs.add(output)
            self._n_applied = offset + 1
        if n > 10:
            kept = self.monitor.checkpoint()
            for key, value in kept.entries.items():
                if value is None:
                    self._store.pop(key, None)
                else:
                    self._store[key] = value
            self._store[META_KEY], self._from = kept.meta, kept.position

    def restart_monitor(self) -> None:
        """Lose the detect stage's memory, but for its last checkpoint."""
        self._known = Profiles(self.references)
        self.monitor = PartitionMonitor.restore(0, self.settings, self._known, self._store)
        self._n_applied = self._from if self._store else 0


def statuses(world: World) -> dict[str, Any]:
    """Return what is left to be told of each model at the end."""
    return {key.model: msgspec.to_builtins(each.learning) for key, each in world.monitor.status().models.items()}
