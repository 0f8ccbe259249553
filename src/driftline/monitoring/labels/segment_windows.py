"""The traffic by segment of performance windows without a finding: what a change of performance is split by.

A profile does not hold performance by segment, so that of earlier windows is what there is to compare with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import xxhash
from msgspec import msgpack

from driftline.checks.contract.closed_window import SegmentEvidence, SegmentWindow
from driftline.events.source import SEGMENT_ALL
from driftline.monitoring.model_setup import task_id
from driftline.monitoring.state.table import Table
from driftline.panes.segments import segment_names
from driftline.performance.metric_cases import cases_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from driftline.monitoring.labels.performance_windows import DueRevision
    from driftline.monitoring.labels.segment_monitor import SegmentRevisions
    from driftline.profiles.task import Task


class SegmentWindows:
    """The latest windows without a finding, each at the revision that got its verdict.

    Attributes
    ----------
    revisions : mapping of str to dict of (int, int) to dict of str to Cases
        The sums of the slices by window start and revision, as far as the watermark has come; not part of the state.

    Notes
    -----
    *State*: about 0.3 KB a slice and window; nothing where no slices are configured.
    """

    KEPT: Final = 24
    """Windows: a day of hours, so that the time of day does not pass for a change."""

    def __init__(self, configured: Mapping[str, Sequence[str]]) -> None:
        self._names = segment_names(configured)
        self._windows = Table("segment-window", int, SegmentWindow)
        self.revisions: Mapping[str, SegmentRevisions] = {}
        self.tables = (self._windows,)

    def take(self, due: DueRevision, task: Task, vector: NDArray[np.int64]) -> SegmentEvidence | None:
        """Return the window of a revision by segment, beside earlier ones; None where no slices are configured."""
        if not self._names:
            return None
        at, basis = (due.start_ms, due.revision), xxhash.xxh3_64_hexdigest(msgpack.encode((task_id(task), self._names)))
        segments = {name: found[at] for name, found in sorted(self.revisions.items()) if at in found}
        now = SegmentWindow(due.start_ms, due.end_ms, basis, {SEGMENT_ALL: cases_of(task, vector), **segments})
        earlier = (self._windows[start_ms] for start_ms in sorted(self._windows) if start_ms < due.start_ms)
        return SegmentEvidence(now, tuple(window for window in earlier if window.basis == basis))

    def keep(self, window: SegmentWindow) -> None:
        """Add a window without a finding; the oldest is forgotten where there are too many."""
        self._windows.put(window.start_ms, window)
        while len(self._windows) > self.KEPT:
            self._windows.drop(min(self._windows))
