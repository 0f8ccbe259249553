"""The performance of one slice of a model's traffic: reported beside that of all, and not tested.

Tests of slices would have to share the budget of false alarms with all others; who wants one alarmed on gives the slice
a model name of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from driftline.checks.contract.closed_window import PerformanceRevision
from driftline.checks.labels.performance_check import examine_performance
from driftline.events.output_record import event_record
from driftline.monitoring.labels.earlier_revisions import EarlierRevisions
from driftline.monitoring.labels.open_joins import OpenJoins
from driftline.monitoring.labels.performance_windows import JoinedPanes, PerformanceWindows, vector_of
from driftline.monitoring.model_setup import task_id
from driftline.sketches.scores import PREDICTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.monitoring.labels.performance_windows import Revision
    from driftline.monitoring.model_setup import ModelSetup, Outputs, WatermarkReach
    from driftline.panes.flush_record import JoinDelta

PREFIX = "segment/"
"""First part of the names of a slice's pieces of state; the slice's name and another slash follow."""


class SegmentMonitor:
    """The sequence of one slice's join panes.

    Parameters
    ----------
    setup : ModelSetup
    segment : str
        Name of the slice.
    """

    def __init__(self, setup: ModelSetup, segment: str) -> None:
        self._setup = setup
        self._segment = segment
        self._windows = PerformanceWindows(setup.context.settings)
        self._earlier = EarlierRevisions()
        self.open = OpenJoins(setup.context.settings, setup.pane_ms)

    def absorb(self, delta: JoinDelta) -> None:
        """Add a delta, whose pane is open."""
        self.open.add(delta)

    def advance(self, reach: WatermarkReach) -> Outputs:
        """Close everything up to the watermark."""
        self.open.close(reach, missed=False)
        outputs: Outputs = []
        while True:
            waiting_ms, cut_ms = self.open.due_ms(), self._windows.due_ms()
            due_ms = min((at_ms for at_ms in (waiting_ms, cut_ms) if at_ms is not None), default=None)
            if due_ms is None or due_ms > reach.until_ms:
                return outputs
            if waiting_ms == due_ms:
                self._join(due_ms)
            else:
                outputs += self._cut(self._windows.cut(), reach)

    def _join(self, cut_ms: int) -> None:
        """Add what waited for a revision to its windows."""
        for window_ms, parts in self.open.take():
            for profile_id, part in sorted(parts.items()):
                known = self._setup.book.get(profile_id)
                if known is not None:
                    cells = {window_ms: {task_id(known.task): part.pieces}}
                    self._windows.add(JoinedPanes(cut_ms, cells, part.offsets, frozenset(part.flags)))

    def _cut(self, cut: Revision, reach: WatermarkReach) -> Outputs:
        profile = self._setup.book.at(self._setup.key, cut.end_ms - self._setup.pane_ms)
        if profile is None:
            return []
        vector = vector_of(cut.window, profile.task)
        if vector[PREDICTED] <= 0:
            return []
        context, task = self._setup.context, task_id(profile.task)
        performance_cut = PerformanceRevision(
            key=self._setup.key,
            segment=self._segment,
            start_ms=cut.start_ms,
            end_ms=cut.end_ms,
            vector=vector,
            offsets=cut.window.offsets,
            revision=cut.revision,
            age_ms=cut.at_ms - cut.end_ms,
            final=cut.final,
            tested=False,
            flags=tuple(sorted(reach.flags(cut.at_ms).union(cut.window.flags))),
        )
        earlier = self._earlier.before(performance_cut, task)
        verdict = examine_performance(profile, structs.replace(performance_cut, previous=earlier), None, context)
        self._earlier.add(performance_cut, task, verdict.event)
        return [event_record(verdict.event, context.source)]

    def changes(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield the pieces of state that changed since the last call."""
        for part in (self.open, self._windows, self._earlier):
            for name, payload in part.changes():
                yield f"{PREFIX}{self._segment}/{name}", payload

    def load(self, pieces: dict[str, bytes]) -> None:
        """Go on from the slice's pieces of a state, by their names without the prefix."""
        for part in (self.open, self._windows, self._earlier):
            part.load(pieces)


def segment_pieces(pieces: dict[str, bytes]) -> dict[str, dict[str, bytes]]:
    """Return pieces of state by slice, by their names without the prefix.

    Examples
    --------
    >>> segment_pieces({"segment/country=DE/slot/5": b"", "joins": b""})
    {'country=DE': {'slot/5': b''}}
    """
    result: dict[str, dict[str, bytes]] = {}
    for name, payload in pieces.items():
        if name.startswith(PREFIX):
            segment, _, rest = name.removeprefix(PREFIX).partition("/")
            result.setdefault(segment, {})[rest] = payload
    return result
