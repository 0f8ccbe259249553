"""Counts the prediction rows of one flush: rows wait by model key until there are enough to count them together.

Rows of a model that has no profile are not counted here but handed on, all of them: a profile may be learnt from them,
and what comes after those it was learnt from counts under it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.events.features import features_json
from driftline.events.schema_counts import SchemaCounts, merge_schemas
from driftline.events.source import SEGMENT_ALL, Offsets
from driftline.panes.flush_record import PaneDelta
from driftline.profiles.event_counter import EventCounter
from driftline.sketches.operations import Operations, merge_operations
from driftline.sketches.origin_parts import RowOrigins
from driftline.sketches.origin_table import OriginTables, merge_origins
from driftline.sketches.packed import PackedEstimates, SampleRow
from driftline.sketches.pane_sketch import PackedSketch, PaneSketch
from driftline.sketches.sparse import merge_estimates
from driftline.sketching.operation_counts import OperationCounter, failed_rows
from driftline.sketching.rows import AllRows, concatenate, of_slots

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.config.model import ModelSettings
    from driftline.events.model_key import ModelKey
    from driftline.profiles.profile import Profile
    from driftline.profiles.profiles import Profiles
    from driftline.sketches.layout import Layout
    from driftline.sketching.origin_reader import OriginReader

COUNT_ROWS: Final = 20_000
"""Rows of one model that are counted together; bounds what waits."""
SPARSE_CELLS: Final = 1_000_000
"""Rows over so many cells are kept packed: a replay of sparse data touches a pane with almost every event."""
SPARSE: Final = 2
"""So are rows over so many cells for each value: where models are many, each has few events in a pane."""
ROWS_BYTES: Final = 256 * 1024
"""Rows in one delta; an event that alone is longer is left out while its model has no profile."""


@dataclass(slots=True)
class _OpenPane:
    """What a flush adds to one pane of one model under one profile."""

    sketch: PaneSketch | None = None
    packed: list[PackedSketch] = field(default_factory=list)
    """Parts of the sketch that are kept small, where panes are many and events few."""
    n_events: int = 0
    n_late: int = 0
    """Late events, where no profile is known; otherwise the sketch counts them."""
    offsets: Offsets = field(default_factory=dict)
    rows: list[SampleRow] = field(default_factory=list)
    """Events that are not counted yet."""
    estimates: PackedEstimates | None = None
    schemas: SchemaCounts = field(default_factory=dict)
    operations: Operations | None = None
    origins: list[OriginTables] = field(default_factory=list)

    @property
    def n_cells(self) -> int:
        """Cells that are held."""
        packed = sum(len(part.counts.indices) + len(part.sums) // 8 for part in self.packed)
        packed += sum(len(table.counts.indices) for part in self.origins for table in part.values())
        return packed + (0 if self.sketch is None else self.sketch.counts.size)

    def pack(self, layout: Layout | None) -> PackedSketch | None:
        """Return the whole sketch for the wire; None where no profile was known."""
        if layout is None or (self.sketch is None and len(self.packed) == 1):
            return self.packed[0] if self.packed else None
        whole = PaneSketch(layout) if self.sketch is None else self.sketch
        for part in self.packed:
            whole.merge_packed(part)
        return whole.pack()


class PaneCounter:
    """Collects rows and turns them into pane deltas.

    ``not_features`` are names in a features object that are no features.
    """

    def __init__(
        self,
        key: ModelKey,
        settings: ModelSettings,
        profiles: Profiles,
        not_features: frozenset[str],
        count_operations: OperationCounter | None = None,
        origins: OriginReader | None = None,
    ) -> None:
        self._key = key
        self._settings = settings
        self._profiles = profiles
        self._not_features = not_features
        self._count_operations = OperationCounter() if count_operations is None else count_operations
        self._origins = None if origins is None or origins.is_empty else origins
        self._counts: dict[str, EventCounter] = {}
        self._waiting: list[AllRows] = []
        self._open: dict[tuple[int, str], _OpenPane] = {}
        self.n_waiting = 0
        self.n_idle_flushes = 0

    @property
    def n_cells(self) -> int:
        """Cells of the sketches that wait for the flush."""
        return sum(pane.n_cells for pane in self._open.values())

    def add(self, rows: AllRows) -> None:
        """Take rows in; count when enough are waiting."""
        self._waiting.append(rows)
        self.n_waiting += len(rows.ids)
        if self.n_waiting >= COUNT_ROWS:
            self._count()

    def take(self) -> list[PaneDelta]:
        """Return the deltas of everything added since the last call."""
        self._count()
        deltas = []
        for (pane_ms, profile_id), pane in sorted(self._open.items()):
            profile = self._profiles.get(profile_id)
            sketch = pane.pack(None if profile is None else profile.layout)
            offsets = dict(sorted(pane.offsets.items()))
            first, *others = _parts(pane.rows)
            deltas.append(
                PaneDelta(
                    self._key,
                    SEGMENT_ALL,
                    pane_ms,
                    profile_id,
                    pane.n_events,
                    offsets,
                    sketch,
                    first,
                    pane.n_late,
                    pane.estimates,
                    pane.schemas,
                    pane.operations,
                    merge_origins(pane.origins),
                )
            )
            deltas += [PaneDelta(self._key, SEGMENT_ALL, pane_ms, profile_id, 0, {}, None, rows) for rows in others]
        self._open.clear()
        return deltas

    def clear(self) -> None:
        """Forget everything added since the last flush."""
        self._waiting.clear()
        self._open.clear()
        self.n_waiting = 0

    def _count(self) -> None:
        if not self._waiting:
            return
        rows = concatenate(self._waiting)
        self._waiting, self.n_waiting = [], 0
        panes, slots = np.unique(rows.pane_ms, return_inverse=True)
        profiles = [self._profiles.at(self._key, int(pane)) for pane in panes.tolist()]
        by_profile: dict[str, list[int]] = {}
        for slot, profile in enumerate(profiles):
            by_profile.setdefault("" if profile is None else profile.profile_id, []).append(slot)
        for profile_id, chosen in by_profile.items():
            profile = profiles[chosen[0]]
            part, part_slots = (rows, slots) if len(by_profile) == 1 else of_slots(rows, slots, chosen)
            if profile is None:
                self._keep(part, panes[chosen], part_slots)
            else:
                self._sketch(profile, part, panes[chosen], part_slots)
            self._note_offsets(profile_id, part, panes[chosen], part_slots)
            self._note_operations(profile_id, part, panes[chosen], part_slots)

    def _sketch(self, profile: Profile, rows: AllRows, panes: NDArray[np.int64], slots: NDArray[np.int64]) -> None:
        count = self._counts.get(profile.profile_id)
        if count is None:
            count = self._counts[profile.profile_id] = EventCounter(profile, self._settings, self._not_features)
        on_time = np.flatnonzero(~rows.late)
        timely, timely_slots = (rows, slots) if on_time.size == slots.size else (rows.chosen(on_time), slots[on_time])
        failed = None if timely.operations is None else failed_rows(timely.operations)
        n_late = np.bincount(slots[rows.late], minlength=panes.size)
        counted = count(timely, timely_slots, panes.size, failed, self._origins_of(timely), n_late)
        open_panes = [self._pane(pane_ms, profile.profile_id) for pane_ms in panes.tolist()]
        n_cells = panes.size * profile.layout.n_cells
        if n_cells > SPARSE_CELLS or n_cells > SPARSE * timely_slots.size * len(profile.columns):
            for pane, packed in zip(open_panes, counted.packed(), strict=True):
                pane.packed.append(packed)
        else:
            for pane, sketch in zip(open_panes, counted.sketches(), strict=True):
                if pane.sketch is None:
                    pane.sketch = sketch
                else:
                    pane.sketch.merge(sketch)
        for slot, estimates in counted.estimates:
            pane = self._pane(int(panes[slot]), profile.profile_id)
            pane.estimates = merge_estimates(pane.estimates, estimates)
        for slot, origins in counted.origins:
            if origins:
                self._pane(int(panes[slot]), profile.profile_id).origins.append(origins)

    def _origins_of(self, rows: AllRows) -> RowOrigins | None:
        reader = self._origins
        if reader is None:
            return None
        return RowOrigins(rows.partitions, rows.offsets, reader.dimensions(rows.origins), reader.by_partition)

    def _keep(self, rows: AllRows, panes: NDArray[np.int64], slots: NDArray[np.int64]) -> None:
        """Keep rows as they are: what they count under is known when their pane closes."""
        kept = [self._pane(pane_ms, "") for pane_ms in panes.tolist()]
        for pane, n_late in zip(kept, np.bincount(slots[rows.late], minlength=panes.size).tolist(), strict=True):
            pane.n_late += n_late
        if not self._settings.bootstrap.enabled:
            return
        of_row, hashes = slots.tolist(), rows.hashes().tolist()
        failed = None if rows.operations is None else failed_rows(rows.operations).tolist()
        origins = self._origins_of(rows)
        for row in np.flatnonzero(~rows.late).tolist():
            whole = SampleRow(
                hashes[row],
                features_json(rows.features[row]),
                rows.predictions[row],
                rows.scores[row],
                failed is not None and failed[row],
                None if origins is None else origins.of_row(row),
            )
            if _bytes_of(whole) <= ROWS_BYTES:
                kept[of_row[row]].rows.append(whole)

    def _note_offsets(self, profile_id: str, rows: AllRows, panes: NDArray[np.int64], slots: NDArray[np.int64]) -> None:
        on_time = ~rows.late
        counts = np.bincount(slots[on_time], minlength=panes.size)
        for slot, n in enumerate(counts.tolist()):
            self._pane(int(panes[slot]), profile_id).n_events += n
        if rows.schemas is not None:
            names = set(rows.schemas[on_time].tolist())
            for name in names - {None}:
                with_it = counts if len(names) == 1 else np.bincount(slots[on_time & (rows.schemas == name)])
                for slot in np.flatnonzero(with_it).tolist():
                    merge_schemas(self._pane(int(panes[slot]), profile_id).schemas, {name: int(with_it[slot])})
        at = np.flatnonzero(on_time)
        if not at.size:
            return
        of_row, partitions = slots[at], rows.partitions[at]
        order = np.lexsort((rows.offsets[at], partitions, of_row))
        at, of_row, partitions = at[order], of_row[order], partitions[order]
        begins = np.flatnonzero(
            np.append(True, (np.diff(of_row) != 0) | (np.diff(partitions) != 0))
        )  # the first is one
        ends = np.append(begins[1:], at.size) - 1
        columns = (of_row[begins], partitions[begins], rows.offsets[at[begins]], rows.offsets[at[ends]])
        for slot, partition, low, high in zip(*(column.tolist() for column in columns), strict=True):
            offsets = self._pane(int(panes[slot]), profile_id).offsets
            least, greatest = offsets.get(partition, (low, high))
            offsets[partition] = (min(least, low), max(greatest, high))

    def _note_operations(
        self, profile_id: str, rows: AllRows, panes: NDArray[np.int64], slots: NDArray[np.int64]
    ) -> None:
        if rows.operations is None:
            return
        late = rows.late.tolist()
        told = [(row, said) for row, said in enumerate(rows.operations) if said is not None and not late[row]]
        if told:
            counted = self._count_operations([said for _, said in told], slots[[row for row, _ in told]], panes.size)
            for slot, operations in counted:
                pane = self._pane(int(panes[slot]), profile_id)
                pane.operations = merge_operations([pane.operations, operations])

    def _pane(self, pane_ms: int, profile_id: str) -> _OpenPane:
        pane = self._open.get((pane_ms, profile_id))
        if pane is None:
            pane = self._open[pane_ms, profile_id] = _OpenPane()
        return pane


def _parts(rows: list[SampleRow]) -> list[list[SampleRow]]:
    """Return rows in parts that fit a record each; one empty part where there are none."""
    parts: list[list[SampleRow]] = [[]]
    size = 0
    for row in rows:
        n_bytes = _bytes_of(row)
        if size and size + n_bytes > ROWS_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(row)
        size += n_bytes
    return parts


def _bytes_of(row: SampleRow) -> int:
    """Return about how many bytes of a record a row takes."""
    n_bytes = len(row.features) + len(str(row.prediction).encode())
    return n_bytes + len(str(row.score).encode()) if isinstance(row.score, dict) else n_bytes
