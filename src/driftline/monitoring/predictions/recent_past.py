"""The recent past of one model: what its events were like since a moment, when an e-detector asks.

Panes are kept one by one for as long as they are new, and are joined in fours as they grow old, so that the number of
spans grows with the logarithm of the past.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct

from driftline.monitoring.predictions.stored_sketch import StoredSketch, stored
from driftline.monitoring.state.table import Codec, Table
from driftline.sketches.pane_sketch import PackedSketch, PaneSketch, merge_sketches

if TYPE_CHECKING:
    from driftline.monitoring.predictions.accumulator import ClosedPane
    from driftline.profiles.shelf import Shelf
    from driftline.sketches.layout import Layout

PER_LEVEL: Final = 6
"""Spans of one level; with more, the oldest become one of the next level."""
TOGETHER: Final = 4
"""Spans that become one."""
LEAST_EVENTS: Final = 50
"""Events that are looked at, where there are so many: older ones belong to them if newer ones are fewer."""


class RecentSpan(Struct, frozen=True, array_like=True):
    """A span of event time."""

    end_ms: int
    level: int
    """It holds at most 4 to the power of this panes."""
    n_events: int
    sketch: PackedSketch


class KeptSpan(NamedTuple):
    """The same where the sketch is on a shelf."""

    end_ms: int
    level: int
    n_events: int
    sketch: StoredSketch

    def pack(self) -> RecentSpan:
        """Return the form for the state."""
        return RecentSpan(self.end_ms, self.level, self.n_events, self.sketch.read())


class RecentPast:
    """The panes of the last ``length_ms``, in spans.

    Notes
    -----
    *State*: at most 6 sketches for each factor of 4 in the panes of the time, on the shelf where there is one. *Cost*:
    each pane is merged once a level.
    """

    def __init__(self, layout: Layout, length_ms: int, shelf: Shelf | None = None) -> None:
        self._layout = layout
        self._length_ms = length_ms
        self._shelf = shelf
        self._spans = Table("recent", int, Codec(RecentSpan, KeptSpan.pack, self._kept))
        self.tables = (self._spans,)

    def _kept(self, span: RecentSpan) -> KeptSpan:
        return KeptSpan(span.end_ms, span.level, span.n_events, stored(self._shelf, span.sketch))

    def add(self, pane: ClosedPane, piece: StoredSketch | None = None) -> None:
        """Add a closed pane, and its sketch as it is kept where that is known; panes come in the order of time."""
        sketch = stored(self._shelf, pane.sketch.pack()) if piece is None else piece
        self._spans.put(pane.start_ms, KeptSpan(pane.end_ms, 0, pane.n_events, sketch))
        for start_ms in [each for each, span in self._spans.items() if span.end_ms <= pane.end_ms - self._length_ms]:
            self._spans.drop(start_ms)
        level = 0
        while True:
            own = [start_ms for start_ms, span in sorted(self._spans.items()) if span.level == level]
            if len(own) <= PER_LEVEL:
                return
            self._join(own[:TOGETHER], level + 1)
            level += 1

    def _join(self, starts_ms: list[int], level: int) -> None:
        spans = [self._spans[start_ms] for start_ms in starts_ms]
        for start_ms in starts_ms[1:]:
            self._spans.drop(start_ms)
        merged = stored(self._shelf, merge_sketches([span.sketch.read() for span in spans]))
        n_events = sum(span.n_events for span in spans)
        self._spans.put(starts_ms[0], KeptSpan(spans[-1].end_ms, level, n_events, merged))

    def since(self, moment_ms: int) -> tuple[int, PaneSketch] | None:
        """Return from when on, and the sketch of all events since; None where nothing is kept.

        What began within a span begins after it, where the newer ones hold enough events to say something.
        """
        sketch, n_events, start_ms = PaneSketch(self._layout), 0, None
        for at_ms, span in sorted(self._spans.items(), reverse=True):
            if at_ms < moment_ms and n_events >= LEAST_EVENTS:
                break
            sketch.merge_packed(span.sketch.read())
            n_events, start_ms = n_events + span.n_events, at_ms
            if at_ms < moment_ms:
                break
        return None if start_ms is None else (start_ms, sketch)

    def clear(self) -> None:
        """Forget all."""
        self._spans.clear()
