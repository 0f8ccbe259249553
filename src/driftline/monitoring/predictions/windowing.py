"""Windows over closed panes: tumbling ones that wait for enough events, sliding ones in hop blocks.

Neither steps through silence: what happens at which moment follows from the panes that hold events, so a jump of a
year costs no more than a jump of a day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from driftline.checks.contract.closed_window import ClosedWindow
from driftline.events.source import SEGMENT_ALL
from driftline.monitoring.predictions.accumulator import Accumulator, ClosedPane, PackedUnion
from driftline.monitoring.state.checkpoint import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.events.model_key import ModelKey
    from driftline.sketches.layout import Layout


class TumblingState(Struct, array_like=True):
    """A running tumbling window in the state."""

    start_ms: int
    end_ms: int
    extended: bool
    union: PackedUnion


class TumblingWindow:
    """The running window of one size.

    It begins with the first pane that holds anything, at that pane's multiple of the size (not before ``since_ms``),
    and ends at the first multiple of the size at which it has ``min_samples`` events.

    Parameters
    ----------
    key : ModelKey
    layout : Layout
    size_ms, min_samples, since_ms : int
        ``since_ms`` is where the profile begins to hold.
    """

    def __init__(self, key: ModelKey, layout: Layout, size_ms: int, min_samples: int, since_ms: int) -> None:
        self._key = key
        self._layout = layout
        self.size_ms = size_ms
        self._min_samples = min_samples
        self._since_ms = since_ms
        self._start_ms = 0
        self._end_ms = 0
        self._extended = False
        self._union: Accumulator | None = None

    def add(self, pane: ClosedPane) -> None:
        """Add a pane; all that was due at or before its start has been closed."""
        floor = pane.start_ms - pane.start_ms % self.size_ms
        if self._union is None:
            self._union = Accumulator(self._layout)
            self._start_ms, self._end_ms, self._extended = max(floor, self._since_ms), floor + self.size_ms, False
        elif pane.start_ms >= self._end_ms:
            self._end_ms, self._extended = floor + self.size_ms, True
        self._union.add(pane)

    def due_ms(self) -> int | None:
        """Return when the window ends, as things stand; None while it has too few events."""
        enough = self._union is not None and self._union.n_events >= self._min_samples
        return self._end_ms if enough else None

    def close(self, end_ms: int) -> ClosedWindow | None:
        """End the window, on time or early; return it where it has enough events."""
        union, self._union = self._union, None
        if union is None or union.n_events < self._min_samples:
            return None
        return closed(self._key, "tumbling", (self._start_ms, end_ms, self.size_ms), union, extended=self._extended)

    def dump(self) -> bytes | None:
        """Return the state; None where no window runs."""
        if self._union is None:
            return None
        state = TumblingState(self._start_ms, self._end_ms, self._extended, self._union.pack())
        return msgspec.msgpack.encode(state)

    def load(self, data: bytes) -> None:
        """Go on from a state."""
        state = load(data, TumblingState, f"window of {self._key}")
        self._start_ms, self._end_ms, self._extended = state.start_ms, state.end_ms, state.extended
        self._union = Accumulator(self._layout)
        self._union.add_packed(state.union)


class SlidingWindow:
    """The sliding window: finished blocks of one hop, packed, and the running one.

    At each multiple of the hop it shows the last ``size_ms``, where they hold ``min_samples`` events; once all blocks
    have slid out nothing is due until the next pane.

    Parameters
    ----------
    key : ModelKey
    layout : Layout
    size_ms, hop_ms, min_samples, since_ms : int

    Notes
    -----
    *State*: at most size / hop packed blocks and one sketch. *Cost* of a hop: one addition a block.
    """

    def __init__(self, key: ModelKey, layout: Layout, span: tuple[int, int], min_samples: int, since_ms: int) -> None:
        self._key = key
        self._layout = layout
        self._size_ms, self._hop_ms = span
        self._min_samples = min_samples
        self._since_ms = since_ms
        self._seen_ms = 0
        self._blocks: dict[int, PackedUnion] = {}
        self._running: Accumulator | None = None
        self._dirty: set[int] = set()

    def add(self, pane: ClosedPane) -> None:
        """Add a pane; all that was due at or before its start has been shown."""
        if self._running is None:
            self._running = Accumulator(self._layout)
            if not self._blocks:
                self._seen_ms = pane.start_ms - pane.start_ms % self._hop_ms
        self._running.add(pane)

    def due_ms(self) -> int | None:
        """Return the next multiple of the hop at which something can be shown or forgotten."""
        if self._running is None and not self._blocks:
            return None
        return self._seen_ms - self._seen_ms % self._hop_ms + self._hop_ms

    def show(self, end_ms: int) -> ClosedWindow | None:
        """Finish the running block at ``end_ms`` and return the window that ends there, where it has enough events."""
        if self._running is not None:
            self._blocks[self._seen_ms] = self._running.pack()
            self._dirty.add(self._seen_ms)
            self._running = None
        self._seen_ms = end_ms
        start_ms = end_ms - self._size_ms
        for block_ms in [block_ms for block_ms in self._blocks if block_ms < start_ms]:
            del self._blocks[block_ms]
            self._dirty.add(block_ms)
        if sum(block.n_events for block in self._blocks.values()) < self._min_samples:
            return None
        union = Accumulator(self._layout)
        for block in self._blocks.values():
            union.add_packed(block)
        return closed(self._key, "sliding", (max(start_ms, self._since_ms), end_ms, self._size_ms), union)

    def close(self, end_ms: int) -> ClosedWindow | None:
        """Show what there is at a change of profile, and forget it."""
        window = None if self._running is None else self.show(end_ms)
        self._dirty.update(self._blocks)
        self._blocks = {}
        return window

    def changes(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield the pieces of state that changed since the last call: finished blocks by start, and the running one."""
        for block_ms in sorted(self._dirty):
            block = self._blocks.get(block_ms)
            yield f"block/{block_ms}", None if block is None else msgspec.msgpack.encode(block)
        self._dirty.clear()
        running = None if self._running is None else self._running.pack()
        empty = running is None and not self._blocks
        yield "hop", None if empty else msgspec.msgpack.encode((self._seen_ms, running))

    def load(self, pieces: dict[str, bytes]) -> None:
        """Go on from a state."""
        at = f"sliding window of {self._key}"
        for name, data in pieces.items():
            if name == "hop":
                self._seen_ms, running = load(data, tuple[int, PackedUnion | None], at)
                if running is not None:
                    self._running = Accumulator(self._layout)
                    self._running.add_packed(running)
            elif name.startswith("block/"):
                self._blocks[int(name.removeprefix("block/"))] = load(data, PackedUnion, at)


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
    )
