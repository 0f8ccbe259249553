"""Drives one kind of joins as a worker does, with stores on disk, and keeps what the broker would keep for it."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from msgspec.structs import replace

from driftline.config.durations import Duration
from driftline.config.input_settings import LabelInput
from driftline.config.model import LabelSettings, ModelSettings, WindowSettings
from driftline.config.settings import JoinSettings, Settings, SketchSettings, TimeSettings
from driftline.events.model_key import ModelKey
from driftline.events.record_batch import RecordBatch
from driftline.events.source import LABEL_STREAM, Kind, Source
from driftline.panes.flush_record import decode
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.profiles import Profiles
from driftline.runtime.pending.pending_folder import PendingFolder
from driftline.sketches.scores import DUPLICATES, HEAD, LABELLED, PREDICTED
from driftline.sketches.sparse import cells
from driftline.sketching.sketcher import Sketcher

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.sketching.flush import Flush

START_MS = 1_772_366_400_000
PANE_MS, LATENESS_MS, SKEW_MS = 10_000, 5_000, 60_000
CLOSING_MS = START_MS + 1_000 * PANE_MS
P, L = Source("predictions", 0), Source("labels", 0)
N_PENDING = 3
MODEL = ModelSettings(
    windows=WindowSettings(performance=Duration(20_000)),
    labels=LabelSettings(horizon=Duration(600_000), wait=Duration(100_000), revisions=(Duration(600_000),)),
)
PROFILE = build_profile(
    ModelKey("risk", ""), ReferenceTable(2, {}, prediction=["0", "1"]), MODEL, START_MS - 10**9, "training"
)
BASE = Settings(
    labels=LabelInput(),
    time=TimeSettings(pane=Duration(PANE_MS), lateness=Duration(LATENESS_MS)),
    sketch=SketchSettings(max_skew=Duration(SKEW_MS)),
    defaults=MODEL,
)
SETTINGS = {
    "local": BASE,
    "routed": replace(BASE, join=JoinSettings(repartition=True)),
    "none": replace(BASE, labels=None),
}


class Outcome(NamedTuple):
    """What all committed flushes add up to; ``right`` are labels that say what was predicted."""

    predicted: int = 0
    duplicates: int = 0
    labelled: int = 0
    right: int = 0
    orphans: int = 0


class JoinRun:
    """Two input partitions, the pending topic, and the worker that reads them at present."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.settings, self.folder = SETTINGS[kind], folder
        self.records: dict[Source, list[bytes | None]] = {P: [], L: []}
        self.pending: dict[int, list[bytes]] = {number: [] for number in range(N_PENDING)}
        self.committed: dict[Source, tuple[int, int | None]] = {P: (0, None)}
        if self.settings.labels is not None:
            self.committed[L] = (0, None)
        if self.settings.join.repartition:
            self.committed |= {Source("joins", number): (0, None) for number in self.pending}
        self.added: Counter[tuple[ModelKey, int, int, int]] = Counter()
        self.orphans = 0
        self.n_restored = 0
        self.start("first")

    # --- workers ------------------------------------------------------------------------------------------------------

    def start(self, name: str) -> None:
        """Let a worker take over whose stores are those of the last worker of the same name."""
        counts: dict[Kind, int] = {"predictions": 1, "labels": 1, "joins": N_PENDING}
        join = replace(self.settings.join, directory=str(self.folder))
        stores = PendingFolder(join, Profiles([PROFILE]), "test", name)
        self.sketcher = Sketcher(self.settings, Profiles([PROFILE]), counts, stores.open)
        for source, (_, running_max_ms) in self.committed.items():
            self.sketcher.assign(source, running_max_ms)
        self.n_restored = 0
        for replay in self.sketcher.joins.replays({source: offset for source, (offset, _) in self.committed.items()}):
            blocks = self.pending[replay.partition][: replay.end_offset]
            for offset in range(replay.first_offset, len(blocks)):
                at = f"pending-{replay.partition}@{offset}"
                self.n_restored += self.sketcher.joins.restore(replay.partition, blocks[offset], offset, at)
            self.sketcher.joins.restored(replay.partition, len(blocks), whole=True)
        self.reread()

    def restart(self, name: str) -> None:
        self.sketcher.revoke()
        self.start(name)

    def reread(self) -> None:
        """Read all records that are not committed."""
        self.position = {source: offset for source, (offset, _) in self.committed.items()}
        self.read()

    def read(self) -> None:
        """Read what has been written since."""
        for source, start in self.position.items():
            written = self.pending[source.partition] if source.kind == "joins" else self.records[source]
            values = [*written[start:]]
            if values:
                offsets = list(range(start, len(written)))
                self.sketcher.add(RecordBatch(source, "topic", values, offsets, [-1] * len(values)))
                self.position[source] = len(written)

    # --- records ------------------------------------------------------------------------------------------------------

    def predict(self, key: str, after_ms: int, says: str = "1") -> None:
        event = {"prediction_id": key, "model": "risk", "ts": START_MS + after_ms, "prediction": says}
        self._write(P, event)

    def label(self, key: str, after_ms: int, says: str | None = "1") -> None:
        self._write(L, {"prediction_id": key, "label": says, "ts": START_MS + after_ms})

    def _write(self, source: Source, event: dict[str, object]) -> None:
        self.records[source].append(json.dumps(event).encode())
        self.read()

    # --- flushes ------------------------------------------------------------------------------------------------------

    def flush(self) -> Flush | None:
        """Commit what was read, and read what that wrote to the pending topic."""
        flush = self.sketcher.flush()
        if flush is None:
            return None
        for number, records in flush.panes.items():
            for record in records:
                self._count(record, number)
        for number, blocks in flush.pending.items():
            self.pending[number] += blocks
        self.committed |= {source: (at.next_offset, at.running_max_ms) for source, at in flush.positions.items()}
        self.sketcher.committed({number: len(self.pending[number]) for number in flush.pending})
        self.read()
        return flush

    def abort(self, *, in_flight: bool = True) -> None:
        """Let a flush fail, where it is in flight after it was made, and read again what it held."""
        if in_flight:
            self.sketcher.flush()
        self.sketcher.aborted()
        self.reread()

    def finish(self) -> Outcome:
        """Let event time pass everything, and return what was counted before then."""
        self.predict("nobody's", CLOSING_MS - START_MS)
        if L in self.committed:
            self.label("of nobody", CLOSING_MS - START_MS)
        while self.flush() is not None:
            pass
        self.sketcher.revoke()
        return self.outcome()

    def outcome(self) -> Outcome:
        vector = np.zeros(PROFILE.task.performance_layout.n_cells, dtype=np.int64)
        for (*_, cell), n in self.added.items():
            vector[cell] += n
        n_codes = PROFILE.task.performance_layout.n_codes
        right = sum(int(vector[len(HEAD) + code * n_codes + code]) for code in range(2))
        head = (int(vector[PREDICTED]), int(vector[DUPLICATES]), int(vector[LABELLED]))
        return Outcome(*head, right, self.orphans)

    def _count(self, record: bytes, number: int) -> None:
        for delta in decode(record, f"panes-{number}").joins:
            if delta.pane_ms >= CLOSING_MS:
                continue
            if delta.key == LABEL_STREAM:
                self.orphans += delta.labels[2]
                continue
            for window in delta.windows:
                indices, values = cells(window.cells)
                at = (delta.key, delta.pane_ms, window.window_ms)
                self.added.update({(*at, i): n for i, n in zip(indices.tolist(), values.tolist(), strict=True)})
