"""Open panes of predictions: sparse pieces as they come, merged where there are many, so that memory is bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.events.schema_counts import SchemaCounts, merge_schemas
from driftline.events.source import Offsets, merge_offsets
from driftline.sketches.bottom_k import smallest
from driftline.sketches.pane_sketch import merge_sketches
from driftline.sketches.sparse import merge_estimates

if TYPE_CHECKING:
    from driftline.panes.flush_record import PaneDelta
    from driftline.sketches.packed import PackedEstimates, SampleRow
    from driftline.sketches.pane_sketch import PackedSketch

MAX_PIECES: Final = 16
"""Pieces of one pane that are kept apart; more are merged into one, so a pane's memory does not grow with flushes."""


class ProfilePane:
    """The part of a pane of predictions that was sketched under one profile id; rows are at most twice the sample."""

    __slots__ = ("estimates", "n_events", "offsets", "pieces", "rows", "schemas")

    def __init__(self) -> None:
        self.n_events = 0
        self.offsets: Offsets = {}
        self.schemas: SchemaCounts = {}
        self.pieces: list[PackedSketch] = []
        self.rows: list[SampleRow] = []
        self.estimates: PackedEstimates | None = None

    def add(self, delta: PaneDelta, n_sample: int) -> None:
        """Add a delta, keeping at least the ``n_sample`` rows with the smallest hashes."""
        self.n_events += delta.n_events
        merge_offsets(self.offsets, delta.offsets)
        merge_schemas(self.schemas, delta.schemas)
        if delta.sketch is not None:
            self.pieces.append(delta.sketch)
            if len(self.pieces) > MAX_PIECES:
                self.pieces = [merge_sketches(self.pieces)]
        if delta.estimates is not None:
            self.estimates = merge_estimates(self.estimates, delta.estimates)
        self.rows.extend(delta.sample)
        if len(self.rows) > 2 * n_sample:
            self.rows = smallest(self.rows, n_sample)


class OpenPane:
    """One pane of one model's predictions; ``offset`` is of the first record of the panes topic that added to it."""

    __slots__ = ("first_offset", "parts")

    def __init__(self, offset: int) -> None:
        self.first_offset = offset
        self.parts: dict[str, ProfilePane] = {}

    def add(self, delta: PaneDelta, n_sample: int) -> None:
        """Add a delta."""
        part = self.parts.get(delta.profile_id)
        if part is None:
            part = self.parts[delta.profile_id] = ProfilePane()
        part.add(delta, n_sample)
