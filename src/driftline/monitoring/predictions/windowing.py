"""Windows over closed panes: tumbling ones that wait for enough events, sliding ones in hop blocks.

Neither steps through silence: what happens at which moment follows from the panes that hold events, so a jump of a
year costs no more than a jump of a day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from msgspec import Struct

from driftline.checks.contract.closed_window import ClosedWindow
from driftline.events.source import SEGMENT_ALL
from driftline.monitoring.predictions.accumulator import Accumulator, ClosedPane, PackedUnion, packed_union
from driftline.monitoring.state.table import Codec, Table, Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.events.model_key import ModelKey
    from driftline.monitoring.predictions.stored_sketch import StoredSketch
    from driftline.profiles.shelf import Shelf
    from driftline.sketches.layout import Layout


class PackedWindow(Struct, array_like=True):
    """A running tumbling window in the state."""

    start_ms: int
    end_ms: int
    extended: bool
    union: PackedUnion


class WindowPlace(NamedTuple):
    """Whose windows they are, on which grid, and where what they count is kept in the meantime."""

    key: ModelKey
    layout: Layout
    shelf: Shelf | None = None


class RunningWindow(Struct):
    """A tumbling window that has not ended."""

    start_ms: int
    end_ms: int
    extended: bool
    union: Accumulator

    def pack(self) -> PackedWindow:
        """Return the form for the state."""
        return PackedWindow(self.start_ms, self.end_ms, self.extended, self.union.pack())


class TumblingWindow:
    """The running tumbling window of one size.

    It begins with the first pane that holds anything, at that pane's multiple of the size, but not before ``since_ms``,
    where the profile begins to hold. It ends at the first multiple of the size at which it has ``min_samples`` events.
    """

    def __init__(self, place: WindowPlace, size_ms: int, min_samples: int, since_ms: int) -> None:
        self._key, self._layout, self._shelf = place
        self.size_ms = size_ms
        self._min_samples = min_samples
        self.since_ms = since_ms
        self._running = Value(f"verdict-{size_ms:d}", Codec(PackedWindow, RunningWindow.pack, self._unpack))
        self.tables = (self._running,)

    def _unpack(self, packed: PackedWindow) -> RunningWindow:
        union = Accumulator.unpack(packed.union, self._layout, self._shelf)
        return RunningWindow(packed.start_ms, packed.end_ms, packed.extended, union)

    def add(self, pane: ClosedPane, piece: StoredSketch | None = None) -> None:
        """Add a pane, and its sketch as it is kept where that is known; all that was due at or before its start has
        been closed.
        """
        floor = pane.start_ms - pane.start_ms % self.size_ms
        running = self._running.or_none
        if running is None:
            start_ms, end_ms = max(floor, self.since_ms), floor + self.size_ms
            running = RunningWindow(start_ms, end_ms, extended=False, union=Accumulator(self._layout, self._shelf))
        elif pane.start_ms >= running.end_ms:
            running.end_ms, running.extended = floor + self.size_ms, True
        running.union.add(pane, piece)
        self._running.set(running)

    def join(self, pieces: Sequence[StoredSketch], joined: StoredSketch) -> None:
        """Keep the union of the latest panes in their place."""
        if self._running:
            self._running.value.union.join(pieces, joined)

    def due_ms(self) -> int | None:
        """Return when the window ends, as things stand; None while it has too few events."""
        running = self._running.or_none
        return None if running is None or running.union.n_events < self._min_samples else running.end_ms

    def close(self, end_ms: int) -> ClosedWindow | None:
        """End the window, on time or early; return it where it has enough events."""
        window = self._running.drop()
        if window is None or window.union.n_events < self._min_samples:
            return None
        span = (window.start_ms, end_ms, self.size_ms)
        return closed(self._key, "tumbling", span, window.union, extended=window.extended)


class SlidingWindow:
    """The sliding window: finished blocks of one hop, packed, and the running one.

    At each multiple of the hop it shows the last ``size_ms``, where they hold ``min_samples`` events; once all blocks
    have slid out nothing is due until the next pane.

    Notes
    -----
    *State*: at most size / hop packed blocks, and the panes of the running one. *Cost* of a hop: one addition a block.
    """

    def __init__(self, place: WindowPlace, span: tuple[int, int], min_samples: int, since_ms: int) -> None:
        self._key, self._layout, self._shelf = place
        self._size_ms, self._hop_ms = span
        self._min_samples = min_samples
        self.since_ms = since_ms
        codec = packed_union(self._layout, self._shelf)
        self._blocks = Table("block", int, codec)
        self._running = Value("running-block", codec)
        self._seen_ms = Value("hop", int)
        self.tables = (self._blocks, self._running, self._seen_ms)

    def add(self, pane: ClosedPane, piece: StoredSketch | None = None) -> None:
        """Add a pane, and its sketch as it is kept where that is known; all that was due at or before its start has
        been shown.
        """
        if not self._running:
            self._running.set(Accumulator(self._layout, self._shelf))
            if not self._blocks:
                self._seen_ms.set(pane.start_ms - pane.start_ms % self._hop_ms)
        self._running.value.add(pane, piece)
        self._running.changed()

    def join(self, pieces: Sequence[StoredSketch], joined: StoredSketch) -> None:
        """Keep the union of the latest panes in their place."""
        if self._running:
            self._running.value.join(pieces, joined)

    def due_ms(self) -> int | None:
        """Return the next multiple of the hop at which something can be shown or forgotten."""
        seen_ms = self._seen_ms.or_none
        return None if seen_ms is None else seen_ms - seen_ms % self._hop_ms + self._hop_ms

    def show(self, end_ms: int) -> ClosedWindow | None:
        """Finish the running block at ``end_ms`` and return the window that ends there, where it has enough events."""
        running = self._running.drop()
        if running is not None:
            running.pack()
            self._blocks.put(self._seen_ms.value, running)
        self._seen_ms.set(end_ms)
        start_ms = end_ms - self._size_ms
        for block_ms in [block_ms for block_ms in self._blocks if block_ms < start_ms]:
            self._blocks.drop(block_ms)
        if not self._blocks:
            self._seen_ms.drop()
        if sum(block.n_events for block in self._blocks.values()) < self._min_samples:
            return None
        union = Accumulator(self._layout, self._shelf)
        for block in self._blocks.values():
            union.add_union(block)
        return closed(self._key, "sliding", (max(start_ms, self.since_ms), end_ms, self._size_ms), union)

    def close(self, end_ms: int) -> ClosedWindow | None:
        """Show what there is at a change of profile, and forget it."""
        window = self.show(end_ms) if self._running else None
        self._blocks.clear()
        self._seen_ms.drop()
        return window


def closed(
    key: ModelKey,
    kind: Literal["tumbling", "sliding"],
    span: tuple[int, int, int],
    union: Accumulator,
    *,
    extended: bool = False,
) -> ClosedWindow:
    """Return a window from its (start, end, size) and what was counted."""
    start_ms, end_ms, size_ms = span
    all_known = sum(union.hours.values()) == union.n_events
    return ClosedWindow(
        key=key,
        segment=SEGMENT_ALL,
        kind=kind,
        start_ms=start_ms,
        end_ms=end_ms,
        size_ms=size_ms,
        sketch=union.sketch,
        offsets=dict(sorted(union.offsets.items())),
        extended=extended,
        flags=tuple(sorted(union.flags)),
        schemas=dict(union.schemas),
        hours=dict(sorted(union.hours.items())) if all_known else {},
    )
