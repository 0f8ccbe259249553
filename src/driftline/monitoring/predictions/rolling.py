"""A rolling reference: a window against the week before it, on the grid of the published profile.

It answers another question than the profile does: not "is this what the model was trained on" but "is this what it was
like last week". Two things keep it from hiding drift. A *gap* lies between it and the windows that are compared with
it, so that no event is on both sides and a change cannot creep into its own reference at once. And it never replaces
the *anchor*, the published profile: what drifts so slowly that every week resembles the one before still moves away
from the anchor, and is found there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from driftline.errors import FormatError
from driftline.sketches.layout import EVENTS
from driftline.sketches.pane_sketch import PackedSketch, PaneSketch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.config.model import RollingSettings
    from driftline.sketches.layout import Layout

_Piece = tuple[int, PackedSketch]
_DECODER = msgspec.msgpack.Decoder(_Piece)


class RollingReference:
    """The union of the panes of a stretch of time that moves on step by step.

    A window that ends at ``end_ms`` is compared with what lies in ``[b − gap − length, b − gap)``, where b is the last
    multiple of the step at or before the window's start.

    Parameters
    ----------
    layout : Layout
        Of the published profile, on whose grid panes are counted.
    settings : RollingSettings
        Length, gap and step; the first two are multiples of the last.
    min_events : int
        With fewer events it gives nothing.

    Notes
    -----
    *Guarantee*: a function of the panes alone; neither batches nor restarts can show. *State*: one packed sketch a step
    of twice the length and the gap (windows as long as it may begin further back), and the running one. *Cost* of a
    pane: one vector addition; of a step: one a packed sketch.
    """

    def __init__(self, layout: Layout, settings: RollingSettings, min_events: int) -> None:
        self._layout = layout
        self._length_ms, self._gap_ms = int(settings.length), int(settings.gap)
        self._step_ms = int(settings.step)
        self._min_events = min_events
        self._first_ms: int | None = None
        self._blocks: dict[int, PackedSketch] = {}
        self._running: PaneSketch | None = None
        self._running_ms = 0
        self._known: tuple[int, PaneSketch | None] | None = None
        self._dirty: set[int] = set()
        self._cleared = False

    def add(self, start_ms: int, sketch: PaneSketch) -> None:
        """Add a pane that starts at ``start_ms``, no earlier than any before."""
        step_ms = start_ms - start_ms % self._step_ms
        if self._first_ms is None:
            self._first_ms = start_ms
        if self._running is None or step_ms != self._running_ms:
            self._finish_block()
            self._forget(step_ms)
            self._running, self._running_ms = PaneSketch(self._layout), step_ms
        self._running.merge(sketch)

    def _finish_block(self) -> None:
        if self._running is not None:
            self._blocks[self._running_ms] = self._running.pack()
            self._dirty.add(self._running_ms)
            self._running = None

    def _forget(self, step_ms: int) -> None:
        """Drop what no window from here on can be compared with."""
        for block_ms in [each for each in self._blocks if each < step_ms - self._reach_ms]:
            del self._blocks[block_ms]
            self._dirty.add(block_ms)

    @property
    def _reach_ms(self) -> int:
        """How far before the step of the latest pane a reference can begin: windows may start a length earlier."""
        return 2 * self._length_ms + self._gap_ms

    def span(self, start_ms: int) -> tuple[int, int]:
        """Return from when until when the reference of a window that starts at ``start_ms`` lies."""
        end_ms = start_ms - start_ms % self._step_ms - self._gap_ms
        return end_ms - self._length_ms, end_ms

    def current(self, start_ms: int) -> PaneSketch | None:
        """Return the reference of a window that starts at ``start_ms``; not to be changed.

        Returns
        -------
        PaneSketch or None
            None as long as panes have not come for the whole length, and where it holds fewer than ``min_events``
            events or the window began further back than is remembered.
        """
        begin_ms, end_ms = self.span(start_ms)
        if self._first_ms is None or begin_ms < self._first_ms - self._first_ms % self._step_ms:
            return None
        if begin_ms < self._running_ms - self._reach_ms:
            return None
        if self._known is None or self._known[0] != end_ms or self._running_ms < end_ms:
            self._known = (end_ms, self._union(begin_ms, end_ms))
        return self._known[1]

    def _union(self, begin_ms: int, end_ms: int) -> PaneSketch | None:
        union = PaneSketch(self._layout)
        for block_ms, packed in self._blocks.items():
            if begin_ms <= block_ms < end_ms:
                union.merge_packed(packed)
        if self._running is not None and begin_ms <= self._running_ms < end_ms:
            union.merge(self._running)
        union.normalise()
        return union if int(union.counts[EVENTS]) >= self._min_events else None

    def clear(self) -> None:
        """Forget everything: another profile, with another grid, holds."""
        self._dirty.update(self._blocks)
        self._blocks, self._running, self._first_ms, self._known = {}, None, None, None
        self._cleared = True

    def changes(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield the pieces of state that changed since the last call: finished blocks by start, and the running one."""
        if self._cleared:
            yield from ((name, None) for name in ("rolling/first", "rolling/running"))
            self._cleared = False
        for block_ms in sorted(self._dirty):
            packed = self._blocks.get(block_ms)
            yield f"rolling/{block_ms}", None if packed is None else msgspec.msgpack.encode((block_ms, packed))
        self._dirty.clear()
        if self._first_ms is not None:
            yield "rolling/first", msgspec.msgpack.encode(self._first_ms)
        if self._running is not None:
            yield "rolling/running", msgspec.msgpack.encode((self._running_ms, self._running.pack()))

    def load(self, pieces: dict[str, bytes]) -> None:
        """Go on from a state.

        Raises
        ------
        FormatError
            When a piece is damaged.
        """
        for name, data in pieces.items():
            kind, _, rest = name.partition("/")
            if kind != "rolling":
                continue
            try:
                if rest == "first":
                    self._first_ms = msgspec.msgpack.decode(data, type=int)
                    continue
                block_ms, packed = _DECODER.decode(data)
            except msgspec.DecodeError as error:
                message = f"Expected a block of a rolling reference, got {data[:16]!r} ({error}) - at `{name}`"
                raise FormatError(message) from error
            if rest == "running":
                self._running, self._running_ms = PaneSketch.unpack(packed, self._layout), block_ms
            else:
                self._blocks[block_ms] = packed
