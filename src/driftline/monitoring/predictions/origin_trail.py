"""The recent past by where events come from: fine for what is near, coarse for what is long ago.

Spans are the longer the older they are, so that their number grows with the logarithm of the past that they cover. And
what is usual: the same of all windows without a finding, the older the less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from driftline.checks.columns.origin_of_change import OriginCase, Span, origins_of
from driftline.events.cloudevents import epoch_ms
from driftline.monitoring.state.table import Table, Value
from driftline.sketches.origin_cells import EVENT_CELL, OriginCells
from driftline.sketches.origin_table import OriginTable, OriginTables, merge_origins
from driftline.sketches.packed import NO_CELLS
from driftline.sketches.sparse import pack, pack_cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from driftline.checks.contract.closed_window import ClosedWindow
    from driftline.events.finding import FindingEvent
    from driftline.events.source_numbers import PlaceNames
    from driftline.monitoring.predictions.accumulator import ClosedPane
    from driftline.profiles.profile import Profile

PER_LEVEL: Final = 12
"""Spans of one level; with more, the oldest become one of the next level. A change that began some time ago is dated to
about a quarter of that time, or to the pane within the last nine."""
TOGETHER: Final = 4
"""Spans that become one."""
MOST_USUAL: Final = 100_000
"""Events of what is usual above which all counts are halved."""
_ALL: Final = ""
"""Stands for all events, whatever their origin."""


class PackedSpan(Struct, frozen=True, array_like=True):
    """A span of event time in the state."""

    end_ms: int
    level: int
    """It holds at most 4 to the power of this panes."""
    tables: OriginTables
    """By dimension, and of all events under an empty name."""


class OriginTrail:
    """What is kept of a model's panes by where their events come from, under one profile.

    Notes
    -----
    *State*: at most 12 spans for each factor of 4 in the panes of two windows of the largest size, about 80 at the
    default sizes; each is as large as what one flush says of one pane. Nothing where there is nothing to compare.
    """

    def __init__(self, profile: Profile, sizes_ms: Sequence[int]) -> None:
        self._profile = profile
        self._cells = OriginCells(profile.layout)
        self._sizes_ms = sorted(sizes_ms)
        self._spans = Table("origin-span", int, PackedSpan)
        self._usual = Value("origin-usual", OriginTables)
        self.tables = (self._spans, self._usual)

    def add(self, pane: ClosedPane) -> None:
        """Add a closed pane; panes come in the order of time."""
        if not pane.origins:
            return
        every = pack(self._cells.of_counts(pane.sketch.counts))
        total = OriginTable(self._cells.n, [_ALL], [], every, NO_CELLS)
        self._spans.put(pane.start_ms, PackedSpan(pane.end_ms, 0, {_ALL: total, **pane.origins}))
        self._forget(pane.end_ms)
        self._join(pane.start_ms)

    def _forget(self, now_ms: int) -> None:
        for start_ms in [each for each, span in self._spans.items() if span.end_ms < now_ms - 2 * self._sizes_ms[-1]]:
            self._spans.drop(start_ms)

    def _join(self, now_ms: int) -> None:
        """Make one of the oldest spans of each level that has too many, where they are in the same windows."""
        levels: dict[int, list[int]] = {}
        for start_ms, span in self._spans.items():
            levels.setdefault(span.level, []).append(start_ms)
        level = 0
        while level <= max(levels):
            own = sorted(levels.get(level, ()))
            level += 1
            if len(own) <= PER_LEVEL:
                continue
            first_ms, *others_ms = own[:TOGETHER]
            joined_ms = [first_ms]
            for start_ms in others_ms:
                if not self._together(joined_ms[-1], start_ms, now_ms):
                    break
                joined_ms.append(start_ms)
            joined = [self._spans[start_ms] for start_ms in joined_ms]
            for start_ms in joined_ms[1:]:
                self._spans.drop(start_ms)
            tables = merge_origins([span.tables for span in joined])
            self._spans.put(first_ms, PackedSpan(joined[-1].end_ms, level, tables))
            levels.setdefault(level, []).append(first_ms)

    def _together(self, first_ms: int, second_ms: int, now_ms: int) -> bool:
        """Whether no window that has not ended begins between two spans."""
        return all(
            first_ms // size == second_ms // size or (second_ms // size < now_ms // size and size < self._sizes_ms[-1])
            for size in self._sizes_ms
        )

    def located(
        self, findings: tuple[FindingEvent, ...], window: ClosedWindow, places: PlaceNames
    ) -> tuple[FindingEvent, ...]:
        """Return the findings of a window with where their changes come from.

        A window of the smallest size without findings becomes a part of what is usual.
        """
        if not self._spans or window.kind != "tumbling":
            return findings
        if all(finding.severity == "info" for finding in findings):
            self._note_usual(window)
        case = self._case(window.start_ms, window.end_ms, places) if findings else None
        return findings if case is None else tuple(_located(finding, case) for finding in findings)

    def located_since(
        self, findings: tuple[FindingEvent, ...], pane: ClosedPane, places: PlaceNames
    ) -> tuple[FindingEvent, ...]:
        """Return what e-detectors found up to a pane with where it comes from: all since each change began."""
        return tuple(self._since(finding, pane, places) for finding in findings) if self._spans else findings

    def _since(self, finding: FindingEvent, pane: ClosedPane, places: PlaceNames) -> FindingEvent:
        case = self._case(min(epoch_ms(finding.since), pane.start_ms), pane.end_ms, places)
        return finding if case is None else _located(finding, case)

    def _note_usual(self, window: ClosedWindow) -> None:
        within = [_counts(span.tables) for span in self._within(window.start_ms, window.end_ms)]
        if window.size_ms != self._sizes_ms[0] or not within:
            return
        usual = merge_origins([*([] if self._usual.or_none is None else [self._usual.value]), *within])
        while int(usual[_ALL].rows()[0, EVENT_CELL]) > max(MOST_USUAL, 4 * window.n_events):
            usual = {name: _halved(table) for name, table in usual.items()}
        self._usual.set(usual)

    def _within(self, start_ms: int, end_ms: int) -> list[PackedSpan]:
        return [span for at_ms, span in sorted(self._spans.items()) if start_ms <= at_ms and span.end_ms <= end_ms]

    def _case(self, start_ms: int, end_ms: int, places: PlaceNames) -> OriginCase | None:
        """Return a span of time by where its events come from; None where nothing is known of that."""
        within = self._within(start_ms, end_ms)
        if not within:
            return None
        tables = merge_origins([span.tables for span in within])
        usual = dict(self._usual.or_none or {})
        total, before = tables.pop(_ALL).rows()[0], usual.pop(_ALL, None)
        spans = [
            Span(start_ms, span.end_ms, span.tables)
            for start_ms, span in sorted(self._spans.items())
            if span.end_ms <= end_ms
        ]
        usual_total = np.zeros_like(total) if before is None else before.rows()[0]
        return OriginCase(self._profile, self._cells, total, tables, usual_total, usual, spans, places)


def _located(finding: FindingEvent, case: OriginCase) -> FindingEvent:
    origins = origins_of(finding, case)
    return finding if origins is None else replace(finding, origins=origins)


def _counts(tables: OriginTables) -> OriginTables:
    return {name: replace(table, partitions=[], firsts=NO_CELLS) for name, table in tables.items()}


def _halved(table: OriginTable) -> OriginTable:
    """Return half of all counts, without the values that have no events left."""
    rows = table.rows() // 2
    kept = np.flatnonzero(rows[:, EVENT_CELL])
    flat = rows[kept].reshape(-1)
    indices = np.flatnonzero(flat)
    return replace(
        table, values=[table.values[row] for row in kept.tolist()], counts=pack_cells(indices, flat[indices])
    )
