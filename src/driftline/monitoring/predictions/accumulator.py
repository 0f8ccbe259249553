"""The running union of closed panes: what windows and references are counted in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from driftline.events.schema_counts import SchemaCounts, merge_schemas
from driftline.events.source import Offsets, merge_offsets
from driftline.monitoring.state.table import Codec
from driftline.profiles.season import slot_of
from driftline.sketches.layout import EVENTS
from driftline.sketches.pane_sketch import PackedSketch, PaneSketch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.sketches.layout import Layout
    from driftline.sketches.origin_table import OriginTable


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
    *State*: one sketch, and at most 168 numbers. *Cost* of a pane: one vector addition.
    """

    __slots__ = ("flags", "hours", "offsets", "schemas", "sketch")

    def __init__(self, layout: Layout) -> None:
        self.sketch = PaneSketch(layout)
        self.offsets: Offsets = {}
        self.flags: set[str] = set()
        self.schemas: SchemaCounts = {}
        self.hours: dict[int, int] = {}
        """Events by the hour of the week in which their pane begins; fewer than ``n_events`` where panes were added
        before hours were kept."""

    @property
    def n_events(self) -> int:
        """Events counted."""
        return int(self.sketch.counts[EVENTS])

    def add(self, pane: ClosedPane) -> None:
        """Add a pane."""
        self.sketch.merge(pane.sketch)
        merge_offsets(self.offsets, pane.offsets)
        self.flags |= pane.flags
        merge_schemas(self.schemas, pane.schemas)
        if pane.n_events:
            self._add_hour(slot_of(pane.start_ms), pane.n_events)

    def add_packed(self, union: PackedUnion) -> None:
        """Add an accumulator that was packed."""
        self.sketch.merge_packed(union.sketch)
        merge_offsets(self.offsets, union.offsets)
        self.flags.update(union.flags)
        merge_schemas(self.schemas, union.schemas)
        for slot, n in union.hours.items():
            self._add_hour(slot, n)

    def _add_hour(self, slot: int, n: int) -> None:
        self.hours[slot] = self.hours.get(slot, 0) + n

    def pack(self) -> PackedUnion:
        """Return the form for the state; to be encoded before anything more is added."""
        schemas, hours = dict(self.schemas), dict(sorted(self.hours.items()))
        return PackedUnion(self.sketch.pack(), self.n_events, dict(self.offsets), sorted(self.flags), schemas, hours)

    @classmethod
    def unpack(cls, union: PackedUnion, layout: Layout) -> Accumulator:
        """Return the accumulator that was packed."""
        accumulator = cls(layout)
        accumulator.add_packed(union)
        return accumulator


def packed_union(layout: Layout) -> Codec[Accumulator]:
    """Return how accumulators of a layout are written."""
    return Codec(PackedUnion, Accumulator.pack, lambda union: Accumulator.unpack(union, layout))
