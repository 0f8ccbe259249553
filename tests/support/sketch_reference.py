"""The sketch stage written down plainly, one record and one value at a time: what the fast paths must equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xxhash

from driftline.events.model_key import ModelKey, panes_partition
from driftline.events.source import Source, Watermark
from driftline.events.unusable import Unusable
from driftline.panes.flush_record import PaneDelta, chunks
from driftline.sketches.layout import LATE
from driftline.sketches.packed import SampleRow
from tests.support.reference_events import Event, RefusedError, kept_score, read_event
from tests.support.reference_panes import Pane

if TYPE_CHECKING:
    from driftline.config.settings import Settings
    from driftline.events.record_batch import RecordBatch
    from driftline.profiles.profiles import Profiles


class ReferenceSketcher:
    """Takes predictions in record by record; gives the flush's pane records and the reasons of what was refused."""

    def __init__(self, settings: Settings, book: Profiles, sources: list[Source]) -> None:
        self._settings = settings
        self._book = book
        self.maximum: dict[Source, int | None] = dict.fromkeys(sources)
        self.refused: list[tuple[int, int, str]] = []
        self._panes: dict[tuple[ModelKey, int, str], Pane] = {}
        self.n_events = self.n_late = 0
        names = {n for n, column in settings.defaults.columns.items() if column.kind == "ignore"}
        self._ignored = frozenset(names)
        self._texts = frozenset(n for n, column in settings.defaults.columns.items() if column.kind == "numeric")

    def add(self, batch: RecordBatch) -> list[tuple[Event, int, int]]:
        """Take a batch in; return its events with their offsets and effective times."""
        taken = []
        time = self._settings.time
        for value, offset, stamp in zip(batch.values, batch.offsets, batch.timestamps_ms, strict=True):
            try:
                event = read_event(value, stamp, int(time.max_future))
            except RefusedError as error:
                self.refused.append((batch.source.partition, offset, str(error)))
                continue
            before = self.maximum[batch.source]
            self.maximum[batch.source] = highest = event.time_ms if before is None else max(before, event.time_ms)
            taken.append((event, offset, max(event.time_ms, highest - int(time.lateness))))
            self._count(event, before, batch.source.partition, offset)
        return taken

    def _count(self, event: Event, before: int | None, partition: int, offset: int) -> None:
        width = int(self._settings.time.pane)
        start = event.time_ms - event.time_ms % width
        late = before is not None and start + width <= before - int(self._settings.time.lateness)
        if late:
            assert before is not None
            start = before - before % width
        profile = self._book.at(event.key, start)
        at = (event.key, start, "" if profile is None else profile.profile_id)
        pane = self._panes.setdefault(at, Pane(profile, self._texts))
        if late:
            self.n_late += 1
            if profile is not None:
                pane.sketch.counts[LATE] += 1
            else:
                pane.n_late += 1
            return
        self.n_events += 1
        pane.n_events += 1
        low, high = pane.offsets.get(partition, (offset, offset))
        pane.offsets[partition] = (min(low, offset), max(high, offset))
        if profile is not None:
            pane.add(event, self._ignored)
            return
        digest = xxhash.xxh3_64_intdigest(event.prediction_id.encode())
        prediction = Unusable() if isinstance(event.prediction, list) else event.prediction
        pane.kept.append(SampleRow(digest, event.features, prediction, kept_score(event.score)))

    def records(self) -> dict[int, list[bytes]]:
        """Return the pane records of a flush of everything so far."""
        n_panes = self._settings.kafka.panes_partitions
        deltas: dict[int, list[PaneDelta]] = {number: [] for number in range(n_panes)}
        for (key, pane_ms, _), pane in sorted(self._panes.items(), key=lambda item: item[0]):
            deltas[panes_partition(key, n_panes)].append(pane.delta(key, pane_ms))
        lateness = int(self._settings.time.lateness)
        watermarks = [
            Watermark(source, len(self.maximum), None if top is None else top - lateness, idle=False)
            for source, top in sorted(self.maximum.items())
        ]
        self._panes.clear()
        return {number: chunks(deltas[number], [], watermarks) for number in range(n_panes)}
