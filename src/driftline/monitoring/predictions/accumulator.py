"""The running union of closed panes: what windows and references are counted in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct

from driftline.events.schema_counts import SchemaCounts, merge_schemas
from driftline.events.source import Offsets, merge_offsets
from driftline.monitoring.predictions.stored_sketch import StoredSketch, stored
from driftline.monitoring.state.table import Codec
from driftline.profiles.season import slot_of
from driftline.sketches.layout import EVENTS
from driftline.sketches.pane_sketch import PackedSketch, PaneSketch, merge_sketches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftline.profiles.shelf import Shelf
    from driftline.sketches.layout import Layout
    from driftline.sketches.origin_table import OriginTable


MOST_PIECES: Final = 61
"""Packed sketches of one union: as many panes as a journal keeps, and what was before."""


class ClosedPane(NamedTuple):
    """A closed pane of predictions, as far as it fits the profile."""

    start_ms: int
    end_ms: int
    sketch: PaneSketch
    """In the layout of the profile that holds at ``start_ms``."""
    offsets: Offsets
    flags: frozenset[str]
    """What is to be known about every window with this pane."""
    schemas: Mapping[str, int] = {}
    """Of the events that came with a schema of a registry."""
    origins: Mapping[str, OriginTable] = {}
    """Its events by where they come from, by dimension; empty where there is nothing to compare."""

    @property
    def n_events(self) -> int:
        """Events counted."""
        return int(self.sketch.counts[EVENTS])


class PackedUnion(Struct, array_like=True):
    """An accumulator in the state."""

    sketch: PackedSketch
    n_events: int
    offsets: Offsets
    flags: list[str]
    schemas: SchemaCounts = {}
    hours: dict[int, int] = {}
    """As in :class:`Accumulator`."""


class Accumulator:
    """Union of panes of one layout.

    Notes
    -----
    *State*: one packed sketch and at most :data:`MOST_PIECES` packed panes, on the shelf where there is one, and at
    most 168 numbers. *Cost* of a pane: none; of so many of them, one merge of all.
    """

    __slots__ = ("_is_packed", "_layout", "_pieces", "_shelf", "flags", "hours", "n_events", "offsets", "schemas")

    def __init__(self, layout: Layout, shelf: Shelf | None = None) -> None:
        self._layout = layout
        self._shelf = shelf
        self._pieces: list[StoredSketch] = []
        self._is_packed = False
        """Whether there is one piece, which has the one form that equal sketches have."""
        self.n_events = 0
        """Events counted."""
        self.offsets: Offsets = {}
        self.flags: set[str] = set()
        self.schemas: SchemaCounts = {}
        self.hours: dict[int, int] = {}
        """Events by the hour of the week in which their pane begins; fewer than ``n_events`` where panes were added
        before hours were kept."""

    @property
    def sketch(self) -> PaneSketch:
        """All that was counted, as a sketch of its own."""
        sketch = PaneSketch(self._layout)
        if self._pieces:
            sketch.merge_packed(merge_sketches([piece.read() for piece in self._pieces]))
        return sketch

    def add(self, pane: ClosedPane, piece: StoredSketch | None = None) -> None:
        """Add a pane, and its sketch as it is kept where that is known."""
        self._append([stored(self._shelf, pane.sketch.pack()) if piece is None else piece], pane.n_events)
        merge_offsets(self.offsets, pane.offsets)
        self.flags |= pane.flags
        merge_schemas(self.schemas, pane.schemas)
        if pane.n_events:
            self._add_hour(slot_of(pane.start_ms), pane.n_events)

    def add_union(self, other: Accumulator) -> None:
        """Add all that another one has counted."""
        self._add(other._pieces, other)

    def _add(self, pieces: Sequence[StoredSketch], other: Accumulator | PackedUnion) -> None:
        self._append(pieces, other.n_events)
        merge_offsets(self.offsets, other.offsets)
        self.flags.update(other.flags)
        merge_schemas(self.schemas, other.schemas)
        for slot, n in other.hours.items():
            self._add_hour(slot, n)

    def join(self, pieces: Sequence[StoredSketch], joined: StoredSketch) -> None:
        """Keep the union of the latest pieces in their place, if these are the latest ones here."""
        if len(pieces) > 1 and self._pieces[-len(pieces) :] == pieces:
            self._pieces[-len(pieces) :] = [joined]

    def _append(self, pieces: Sequence[StoredSketch], n_events: int) -> None:
        self._pieces = [*self._pieces, *pieces]
        self._is_packed = False
        self.n_events += n_events
        if len(self._pieces) > MOST_PIECES:
            self._packed()

    def _add_hour(self, slot: int, n: int) -> None:
        self.hours[slot] = self.hours.get(slot, 0) + n

    def _packed(self) -> PackedSketch:
        if self._is_packed:
            return self._pieces[0].read()
        packed = self.sketch.pack()
        self._pieces, self._is_packed = [stored(self._shelf, packed)], True
        return packed

    def pack(self) -> PackedUnion:
        """Return the form for the state; to be encoded before anything more is added."""
        schemas, hours = dict(self.schemas), dict(sorted(self.hours.items()))
        return PackedUnion(self._packed(), self.n_events, dict(self.offsets), sorted(self.flags), schemas, hours)

    @classmethod
    def unpack(cls, union: PackedUnion, layout: Layout, shelf: Shelf | None = None) -> Accumulator:
        """Return the accumulator that was packed."""
        made = cls(layout, shelf)
        made._add([stored(shelf, union.sketch)], union)
        return made


def packed_union(layout: Layout, shelf: Shelf | None = None) -> Codec[Accumulator]:
    """Return how accumulators of a layout are written."""
    return Codec(PackedUnion, Accumulator.pack, lambda union: Accumulator.unpack(union, layout, shelf))
