"""What each revision of the last performance window said, until the next window comes to that revision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from driftline.checks.contract.closed_window import EarlierRevision
from driftline.monitoring.state.table import Table

if TYPE_CHECKING:
    from driftline.checks.contract.closed_window import PerformanceRevision
    from driftline.events.performance import PerformanceEvent

LatestRevisions = dict[tuple[int, int], EarlierRevision]
"""By window start and revision."""


class TaskRevisions(Struct, array_like=True):
    """The latest of each revision, under one task."""

    task: str
    revisions: dict[int, EarlierRevision]


class EarlierRevisions:
    """The latest window of each revision, by segment, under the latest task.

    Windows come to a revision in the order of their ends, so what is known is of the window before, or of an earlier
    one where that had no prediction.

    Notes
    -----
    *State*: metrics and intervals, about 1.5 KB for each revision of each segment.
    """

    def __init__(self) -> None:
        self._segments = Table("earlier", str, TaskRevisions)
        self.tables = (self._segments,)

    def before(self, revision: PerformanceRevision, task: str) -> EarlierRevision | None:
        """Return what the window before said at the same revision, in the same task."""
        latest = self._segments.get(revision.segment)
        return None if latest is None or latest.task != task else latest.revisions.get(revision.revision)

    def add(self, revision: PerformanceRevision, task: str, event: PerformanceEvent) -> EarlierRevision:
        """Remember a revision and what was said of it, and return that."""
        latest = self._segments.get(revision.segment)
        if latest is None or latest.task != task:
            latest = TaskRevisions(task, {})
        start_ms, end_ms = revision.start_ms, revision.end_ms
        said = EarlierRevision(start_ms, end_ms, event.n, event.metrics, event.intervals)
        latest.revisions[revision.revision] = said
        self._segments.put(revision.segment, latest)
        return said
