"""Traffic for the detect stage, made as the sketch stage would make it, and runs that cut it into flushes at will."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from driftline.config.durations import Duration
from driftline.config.input_settings import LabelInput
from driftline.config.model import (
    BootstrapSettings,
    CheckSettings,
    DispersionSettings,
    LabelSettings,
    ModelSettings,
    WindowSettings,
)
from driftline.config.settings import Settings, TimeSettings
from driftline.events.model_key import ModelKey
from driftline.events.schema_counts import SchemaCounts, merge_schemas
from driftline.events.source import SEGMENT_ALL, Kind, Source, Watermark
from driftline.panes.flush_record import VERSION, FlushRecord, JoinDelta, PaneDelta, WindowDelta, encode
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.column_values import encode_values
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.profiles import Profiles
from driftline.sketches.encoding import EncodedColumns
from driftline.sketches.estimates import count_estimates
from driftline.sketches.packed import SampleRow
from driftline.sketches.pane_sketch import count
from driftline.sketches.scores import ERROR_SCALE, LABELLED, PREDICTED, SQUARE_SCALE
from driftline.sketches.sparse import pack_cells

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from driftline.profiles.profile import Profile

PANE_MS = 10_000
LATENESS_MS = 15_000
START_MS = 1_772_366_400_000
WINDOW_MS = 60_000


def small_settings(**changes: object) -> Settings:
    """Return settings under which a few minutes of traffic show everything."""
    model = ModelSettings(
        windows=WindowSettings(
            verdict=(Duration(WINDOW_MS), Duration(2 * WINDOW_MS)),
            display=Duration(60_000),
            hop=Duration(20_000),
            performance=Duration(WINDOW_MS),
            min_samples=15,
        ),
        checks=CheckSettings(bins=5, dispersion=DispersionSettings(mode="independent")),
        labels=LabelSettings(
            horizon=Duration(120_000), wait=Duration(60_000), revisions=(Duration(30_000), Duration(60_000))
        ),
        bootstrap=BootstrapSettings(sample=40, events=60),
    )
    base = Settings(
        labels=LabelInput(), time=TimeSettings(pane=Duration(PANE_MS), lateness=Duration(LATENESS_MS)), defaults=model
    )
    return msgspec.structs.replace(base, **changes)


@dataclass(frozen=True)
class Item:
    """One prediction, or the label of one.

    Attributes
    ----------
    kind : {"predictions", "labels"}
    key : ModelKey
    time_ms : int
        Of the prediction, or of the label.
    prediction_ms : int
        Of the labelled prediction.
    """

    kind: Kind
    key: ModelKey
    time_ms: int
    x: float
    c: str
    predicted: int
    label: int
    id: int
    prediction_ms: int


def training_profile(
    key: ModelKey, effective_from_ms: int, seed: int = 0, n: int = 400, *, labelled: bool = False
) -> Profile:
    """Return a profile of a numeric and a categorical feature and a binary prediction with a score."""
    rng = random.Random(seed)
    rows = [(rng.gauss(0, 1), rng.choice("abc"), rng.randint(0, 1)) for _ in range(n)]
    table = ReferenceTable(
        n=n,
        features={"x": np.array([x for x, _, _ in rows]), "c": [c for _, c, _ in rows]},
        prediction=[p for _, _, p in rows],
        score=[0.25 + 0.5 * p for _, _, p in rows],
        label=[p if i % 20 else 1 - p for i, (_, _, p) in enumerate(rows)] if labelled else None,
    )
    return build_profile(key, table, ModelSettings(), effective_from_ms, "training")


@dataclass
class Traffic:
    """Items of each source partition in log order, and what is known of profiles.

    Attributes
    ----------
    partitions : list of list of Item
    published : list of Profile
    sketched_with : dict of ModelKey to list of Profile
        What the sketch stage knows: the latest that is effective at an event's pane.
    """

    partitions: list[list[Item]]
    published: list[Profile] = field(default_factory=list)
    sketched_with: dict[ModelKey, Profiles] = field(default_factory=dict)
    _marks: dict[int, list[dict[Kind, int]]] = field(default_factory=dict)

    def knows(self, profile: Profile) -> None:
        """Let the sketch stage use a profile."""
        self.sketched_with.setdefault(profile.key, Profiles()).add(profile)

    def profile_at(self, key: ModelKey, pane_ms: int) -> Profile | None:
        profiles = self.sketched_with.get(key)
        return None if profiles is None else profiles.at(key, pane_ms)

    def cut(self, partition: int, start: int, stop: int) -> tuple[list[PaneDelta], list[JoinDelta], list[Watermark]]:
        """Return what a flush of some items of one partition says."""
        panes: dict[tuple[ModelKey, int], list[tuple[int, Item]]] = {}
        joins: dict[tuple[ModelKey, int, str], list[tuple[int, Item]]] = {}
        before = self._marks_before(partition)
        for offset in range(start, stop):
            item = self.partitions[partition][offset]
            mark = before[offset][item.kind]
            if item.kind == "predictions" and floor(item.time_ms) + PANE_MS > mark:
                panes.setdefault((item.key, floor(item.time_ms)), []).append((offset, item))
            profile = self.profile_at(item.key, floor(item.prediction_ms))
            if profile is not None:
                at = (item.key, floor(max(item.time_ms, mark)), profile.profile_id)
                joins.setdefault(at, []).append((offset, item))
        watermarks = [
            Watermark(Source(kind, partition), len(self.partitions), None if time < 0 else time, idle=False)
            for kind, time in before[stop].items()
        ]
        return (
            [self._pane(partition, key, pane_ms, items) for (key, pane_ms), items in panes.items()],
            [self._join(partition, key, pane_ms, items) for (key, pane_ms, _), items in joins.items()],
            watermarks,
        )

    def _marks_before(self, partition: int) -> list[dict[Kind, int]]:
        """Return both watermarks before each item, and after the last."""
        known = self._marks.get(partition)
        if known is None:
            marks: dict[Kind, int] = {"predictions": -1, "labels": -1}
            known = self._marks[partition] = [marks]
            for item in self.partitions[partition]:
                marks = {**marks, item.kind: max(marks[item.kind], item.time_ms - LATENESS_MS)}
                known.append(marks)
        return known

    def _pane(self, partition: int, key: ModelKey, pane_ms: int, items: list[tuple[int, Item]]) -> PaneDelta:
        profile = self.profile_at(key, pane_ms)
        offsets = {partition: (items[0][0], items[-1][0])}
        if profile is None:
            rows = [
                SampleRow(
                    (item.id * 0x9E3779B97F4A7C15) % 2**64,
                    msgspec.json.encode({"x": item.x, "c": item.c}),
                    item.predicted,
                    0.25 + 0.5 * item.predicted,
                )
                for _, item in items
            ]
            return PaneDelta(key, SEGMENT_ALL, pane_ms, "", len(items), offsets, None, rows)
        values: dict[str, NDArray[np.float64] | Sequence[object]] = {
            "x": np.array([item.x for _, item in items]),
            "c": [item.c for _, item in items],
            "prediction": [item.predicted for _, item in items],
            "score": [0.25 + 0.5 * item.predicted for _, item in items],
        }
        encoded = [encode_values(column, values[column.name]) for column in profile.columns]
        slots = np.zeros(len(items), dtype=np.int64)
        sketch = count(profile.layout, encoded, slots, 1)[0]
        estimates = None
        if profile.estimator is not None:
            columns = EncodedColumns.of(encoded, len(items))._replace(scores=np.array(values["score"]))
            evaluated = profile.estimator.evaluate(columns, [])
            ((_, estimates),) = count_estimates(profile.estimator.layout, evaluated, slots)
        return PaneDelta(
            key,
            SEGMENT_ALL,
            pane_ms,
            profile.profile_id,
            len(items),
            offsets,
            sketch.pack(),
            [],
            estimates=estimates,
            schemas=_schemas(items),
        )

    def _join(self, partition: int, key: ModelKey, pane_ms: int, items: list[tuple[int, Item]]) -> JoinDelta:
        profile = self.profile_at(key, floor(items[0][1].prediction_ms))
        assert profile is not None
        layout = profile.task.performance_layout
        cells: dict[int, dict[int, int]] = {}
        errors = [0, 0, 0]
        offsets: dict[Kind, dict[int, tuple[int, int]]] = {}
        for offset, item in items:
            window = cells.setdefault(item.prediction_ms - item.prediction_ms % WINDOW_MS, {})
            low, high = offsets.setdefault(item.kind, {}).get(partition, (offset, offset))
            offsets[item.kind][partition] = (min(low, offset), max(high, offset))
            if item.kind == "predictions":
                window[PREDICTED] = window.get(PREDICTED, 0) + 1
                continue
            pair = layout.confusion(np.array([item.predicted]), np.array([item.label]))
            score = layout.score(np.array([item.label]), np.array([0.25 + 0.5 * item.predicted]))
            for cell in (LABELLED, int(pair[0]), int(score[0])):
                window[cell] = window.get(cell, 0) + 1
            wrong = int(item.predicted != item.label)
            errors = [errors[0] + 1, errors[1] + wrong * int(ERROR_SCALE), errors[2] + wrong * int(SQUARE_SCALE)]
        windows = [
            WindowDelta(start, pack_cells(*(np.array(part) for part in zip(*sorted(found.items()), strict=True))))
            for start, found in sorted(cells.items())
        ]
        triple = (errors[0], errors[1], errors[2])
        return JoinDelta(key, SEGMENT_ALL, pane_ms, profile.profile_id, offsets, windows, triple)


def _schemas(items: list[tuple[int, Item]]) -> SchemaCounts:
    """Return schemas of predictions by their offsets: more than are kept, and none of every third."""
    counts: SchemaCounts = {}
    for name, n in Counter(str(offset % 13 + 95) for offset, _ in items if offset % 3).items():
        merge_schemas(counts, {name: n})
    return counts


def floor(time_ms: int) -> int:
    """Return the start of the pane."""
    return time_ms - time_ms % PANE_MS


def generate(seed: int, keys: Sequence[ModelKey], n_partitions: int = 3, n_predictions: int = 360) -> Traffic:
    """Return ten minutes of traffic: jittered, a drift and worse predictions half way, most labels a bit later."""
    rng = random.Random(seed)
    span_ms = 600_000
    arrivals: list[tuple[int, int, Item]] = []
    for number in range(n_predictions):
        time_ms = START_MS + number * span_ms // n_predictions
        event_ms = time_ms - rng.choice((0, 0, 0, 5_000, 12_000, 40_000))
        late_half = number > n_predictions // 2
        predicted = rng.randint(0, 1)
        label = predicted if rng.random() < (0.3 if late_half else 0.95) else 1 - predicted
        x = round(rng.gauss(3.0 if late_half else 0.0, 1), 3)
        partition, key = rng.randrange(n_partitions), keys[number % len(keys)]
        item = Item("predictions", key, event_ms, x, rng.choice("abcd"), predicted, label, number, event_ms)
        arrivals.append((time_ms, partition, item))
        if rng.random() < 0.95:
            labelled_ms = event_ms + rng.choice((1_000, 20_000, 70_000))
            arrivals.append((labelled_ms + 1, partition, label_of(item, labelled_ms)))
    arrivals.sort(key=lambda arrival: (arrival[0], arrival[2].id))
    partitions: list[list[Item]] = [[] for _ in range(n_partitions)]
    for _, partition, item in arrivals:
        partitions[partition].append(item)
    end = Item(
        "predictions", ModelKey("closing", ""), START_MS + 2 * span_ms, 0.0, "a", 0, 0, -1, START_MS + 2 * span_ms
    )
    for items in partitions:
        items.append(end)
        items.append(label_of(end, end.time_ms))
    return Traffic(partitions)


def label_of(item: Item, time_ms: int) -> Item:
    """Return the label of a prediction."""
    return Item("labels", item.key, time_ms, item.x, item.c, item.predicted, item.label, item.id, item.prediction_ms)


def schedule(traffic: Traffic, rng: random.Random, *, largest: int = 60, n_workers: int = 2) -> list[bytes]:
    """Return the records of one way in which workers could have flushed the traffic.

    Each worker has its partitions; flushes hold whatever was read since the last; some are cut in chunks, between which
    other workers' records come; a partition may be drained long before another.
    """
    n = len(traffic.partitions)
    owners = [rng.randrange(n_workers) for _ in range(n)]
    queues: list[list[bytes]] = [[] for _ in range(n_workers)]
    eager = [rng.random() for _ in range(n)]
    read = [0] * n
    while any(read[p] < len(traffic.partitions[p]) for p in range(n)):
        worker = rng.randrange(n_workers)
        slices = []
        for partition in rng.sample(range(n), n):
            if not traffic.partitions[partition]:
                continue
            if owners[partition] == worker and rng.random() < eager[partition] + 0.05:
                stop = min(len(traffic.partitions[partition]), read[partition] + rng.randint(1, largest))
                slices.append((partition, read[partition], stop))
                read[partition] = stop
        if slices:
            queues[worker] += records_of(traffic, slices, rng.choice((1, 1, 2, 3)))
    return interleave(queues, rng)


def records_of(traffic: Traffic, slices: Iterable[tuple[int, int, int]], n_chunks: int) -> list[bytes]:
    """Return one flush, in chunks, the watermarks in the last."""
    panes: list[PaneDelta] = []
    joins: list[JoinDelta] = []
    marks: list[Watermark] = []
    for partition, start, stop in slices:
        more_panes, more_joins, more_marks = traffic.cut(partition, start, stop)
        panes += more_panes
        joins += more_joins
        marks += more_marks
    chunks = [FlushRecord(VERSION, panes[i::n_chunks], joins[i::n_chunks], []) for i in range(n_chunks)]
    chunks[-1] = msgspec.structs.replace(chunks[-1], watermarks=marks)
    return [encode(chunk) for chunk in chunks]


def interleave(queues: Sequence[Sequence[bytes]], rng: random.Random) -> list[bytes]:
    """Return the records of all workers, each worker's in its order."""
    order = [worker for worker, queue in enumerate(queues) for _ in queue]
    rng.shuffle(order)
    places = [iter(queue) for queue in queues]
    return [next(places[worker]) for worker in order]
