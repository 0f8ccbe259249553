"""Open panes of predictions: sparse pieces as they come, merged where there are many, so that memory is bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from driftline.events.schema_counts import SchemaCounts, merge_schemas
from driftline.events.source import Offsets, merge_offsets
from driftline.sketches.bottom_k import smallest
from driftline.sketches.layout import LATE
from driftline.sketches.operations import Operations, merge_operations
from driftline.sketches.origin_parts import RowOrigins
from driftline.sketches.origin_table import merge_origins
from driftline.sketches.pane_sketch import merge_sketches
from driftline.sketches.sparse import merge_estimates

if TYPE_CHECKING:
    from collections.abc import Sequence

    import msgspec
    from numpy.typing import NDArray

    from driftline.events.outcomes import Score
    from driftline.events.unusable import Unusable
    from driftline.panes.flush_record import PaneDelta
    from driftline.profiles.event_counter import EventCounter
    from driftline.sketches.origin_table import OriginTables
    from driftline.sketches.packed import PackedEstimates, SampleRow
    from driftline.sketches.pane_sketch import PackedSketch

MAX_PIECES: Final = 16
"""Pieces of one pane that are kept apart; more are merged into one, so a pane's memory does not grow with flushes."""
MAX_ROWS: Final = 50_000
"""Events of one pane that are kept as they came, about 30 MB: those with the smallest hashes of more."""


class _Rows(NamedTuple):
    """Events as a counter takes them."""

    features: Sequence[bytes | msgspec.Raw]
    predictions: Sequence[Any]
    scores: Sequence[Score | Unusable | None]
    ids: Sequence[int]
    pane_ms: NDArray[np.int64]

    def hashes(self) -> NDArray[np.uint64]:
        """Return the hashes of the prediction ids, shape (n,)."""
        return np.array(self.ids, dtype=np.uint64)


class ProfilePane:
    """The part of a pane of predictions that was sketched under one profile id.

    Where no profile was known it has the events themselves, at most twice ``MAX_ROWS``.
    """

    __slots__ = (
        "estimates",
        "n_events",
        "n_late",
        "n_left_out",
        "offsets",
        "operations",
        "origins",
        "pieces",
        "rows",
        "schemas",
    )

    def __init__(self) -> None:
        self.n_events = 0
        self.n_late = 0
        self.n_left_out = 0
        self.offsets: Offsets = {}
        self.schemas: SchemaCounts = {}
        self.pieces: list[PackedSketch] = []
        self.rows: list[SampleRow] = []
        self.estimates: PackedEstimates | None = None
        self.operations: Operations | None = None
        self.origins: list[OriginTables] = []

    def add(self, delta: PaneDelta) -> None:
        """Add a delta, keeping at least the ``MAX_ROWS`` events with the smallest hashes."""
        self.n_events += delta.n_events
        self.n_late += delta.n_late
        merge_offsets(self.offsets, delta.offsets)
        merge_schemas(self.schemas, delta.schemas)
        if delta.sketch is not None:
            self._add_piece(delta.sketch)
        if delta.estimates is not None:
            self.estimates = merge_estimates(self.estimates, delta.estimates)
        if delta.operations is not None:
            self.operations = merge_operations([self.operations, delta.operations])
        if delta.origins:
            self._add_origins(delta.origins)
        self.rows.extend(delta.rows)
        if len(self.rows) > 2 * MAX_ROWS:
            self.rows = smallest(self.rows, MAX_ROWS)

    def _add_piece(self, piece: PackedSketch) -> None:
        self.pieces.append(piece)
        if len(self.pieces) > MAX_PIECES:
            self.pieces = [merge_sketches(self.pieces)]

    def _add_origins(self, tables: OriginTables) -> None:
        self.origins.append(tables)
        if len(self.origins) > MAX_PIECES:
            self.origins = [merge_origins(self.origins)]

    def add_counted(self, kept: ProfilePane, pane_ms: int, count: EventCounter) -> None:
        """Count events of a pane that were kept as they came."""
        rows = sorted(smallest(kept.rows, MAX_ROWS) if len(kept.rows) > MAX_ROWS else kept.rows, key=_place_of)
        columns = _Rows(
            [row.features for row in rows],
            [row.prediction for row in rows],
            [row.score for row in rows],
            [row.hash for row in rows],
            np.full(len(rows), pane_ms, dtype=np.int64),
        )
        failed = np.array([row.failed for row in rows], dtype=np.bool_)
        places = [row.origin for row in rows if row.origin is not None]
        origins = RowOrigins.of_rows(places) if len(places) == len(rows) else None
        counted = count(columns, np.zeros(len(rows), dtype=np.int64), 1, failed, origins)
        for sketch in counted.sketches():
            sketch.counts[LATE] += kept.n_late
            self._add_piece(sketch.pack())
        for _, estimates in counted.estimates:
            self.estimates = merge_estimates(self.estimates, estimates)
        for _, tables in counted.origins:
            if tables:
                self._add_origins(tables)
        self.n_events += kept.n_events
        self.n_left_out += kept.n_events - len(rows)
        merge_offsets(self.offsets, kept.offsets)
        merge_schemas(self.schemas, kept.schemas)
        self.operations = merge_operations([self.operations, kept.operations])


def _place_of(row: SampleRow) -> tuple[int, int]:
    return (-1, -1) if row.origin is None else (row.origin.partition, row.origin.offset)


class OpenPane:
    """One pane of one model's predictions; ``offset`` is of the first record of the panes topic that added to it."""

    __slots__ = ("first_offset", "parts")

    def __init__(self, offset: int) -> None:
        self.first_offset = offset
        self.parts: dict[str, ProfilePane] = {}

    @property
    def n_events(self) -> int:
        """Events of all parts."""
        return sum(part.n_events for part in self.parts.values())

    @property
    def operations(self) -> Operations | None:
        """How the predictions of all parts were made; None where no event says anything of it."""
        return merge_operations(part.operations for part in self.parts.values())

    def add(self, delta: PaneDelta) -> None:
        """Add a delta."""
        self._part(delta.profile_id).add(delta)

    def _part(self, profile_id: str) -> ProfilePane:
        part = self.parts.get(profile_id)
        if part is None:
            part = self.parts[profile_id] = ProfilePane()
        return part

    def has_rows(self) -> bool:
        """Whether there are events, or late ones, that wait to be counted under a profile."""
        kept = self.parts.get("")
        return kept is not None and (len(kept.rows) > 0 or kept.n_events == 0)

    def count_rows(self, profile_id: str, pane_ms: int, count: EventCounter) -> None:
        """Count the events that were kept as they came under the profile that holds for the pane.

        The pane is then as if the sketch stage had known the profile.
        """
        self._part(profile_id).add_counted(self.parts.pop(""), pane_ms, count)
