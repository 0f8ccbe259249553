"""A rolling reference: a window against the week before it, on the grid of the published profile.

It answers another question than the profile does: not "is this what the model was trained on" but "is this what it was
like last week". Two things keep it from hiding drift. A *gap* lies between it and the windows that are compared with
it, so that no event is on both sides and a change cannot creep into its own reference at once. And it never replaces
the *anchor*, the published profile: what drifts so slowly that every week resembles the one before still moves away
from the anchor, and is found there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.monitoring.state.table import Codec, Table, Value
from driftline.sketches.layout import EVENTS
from driftline.sketches.pane_sketch import PackedSketch, PaneSketch

if TYPE_CHECKING:
    from driftline.config.model import RollingSettings
    from driftline.sketches.layout import Layout


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
        self._first_ms = Value("rolling-first", int)
        self._blocks = Table("rolling", int, PackedSketch)
        codec = Codec(PackedSketch, PaneSketch.pack, lambda packed: PaneSketch.unpack(packed, layout))
        self._running = Value("rolling-running", codec)
        self._running_ms = Value("rolling-step", int, 0)
        self._latest: tuple[int, PaneSketch | None] | None = None
        self.tables = (self._first_ms, self._blocks, self._running, self._running_ms)

    def add(self, start_ms: int, sketch: PaneSketch) -> None:
        """Add a pane that starts at ``start_ms``, no earlier than any before."""
        step_ms = start_ms - start_ms % self._step_ms
        if not self._first_ms:
            self._first_ms.set(start_ms)
        if not self._running or step_ms != self._running_ms.value:
            self._finish_block()
            self._forget(step_ms)
            self._running.set(PaneSketch(self._layout))
            self._running_ms.set(step_ms)
        self._running.value.merge(sketch)
        self._running.changed()

    def _finish_block(self) -> None:
        running = self._running.drop()
        if running is not None:
            self._blocks.put(self._running_ms.value, running.pack())

    def _forget(self, step_ms: int) -> None:
        """Drop what no window from here on can be compared with."""
        for block_ms in [each for each in self._blocks if each < step_ms - self._reach_ms]:
            self._blocks.drop(block_ms)

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

        None as long as panes have not come for the whole length, and where it holds fewer than ``min_events`` events or
        the window began further back than is remembered.
        """
        (begin_ms, end_ms), first_ms = self.span(start_ms), self._first_ms.or_none
        if first_ms is None or begin_ms < first_ms - first_ms % self._step_ms:
            return None
        if begin_ms < self._running_ms.value - self._reach_ms:
            return None
        if self._latest is None or self._latest[0] != end_ms or self._running_ms.value < end_ms:
            self._latest = (end_ms, self._union(begin_ms, end_ms))
        return self._latest[1]

    def _union(self, begin_ms: int, end_ms: int) -> PaneSketch | None:
        union = PaneSketch(self._layout)
        for block_ms, packed in self._blocks.items():
            if begin_ms <= block_ms < end_ms:
                union.merge_packed(packed)
        if self._running and begin_ms <= self._running_ms.value < end_ms:
            union.merge(self._running.value)
        union.normalise()
        return union if int(union.counts[EVENTS]) >= self._min_events else None
