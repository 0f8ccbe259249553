"""The performance of one slice of a model's traffic: reported beside that of all, and not tested.

Tests of slices would have to share the budget of false alarms with all others; who wants one alarmed on gives the slice
a model name of its own.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from msgspec import structs

from driftline.checks.labels.performance_check import examine_performance
from driftline.events.output_record import event_record
from driftline.monitoring.labels.earlier_revisions import EarlierRevisions
from driftline.monitoring.labels.open_joins import OpenJoins
from driftline.monitoring.labels.performance_windows import PerformanceWindows
from driftline.monitoring.model_setup import task_id
from driftline.monitoring.state.timeline import Due, run_due
from driftline.performance.metric_cases import cases_of

if TYPE_CHECKING:
    from driftline.monitoring.model_setup import ModelSetup, Outputs, WatermarkReach
    from driftline.performance.cases import Cases

SegmentRevisions = dict[tuple[int, int], dict[str, "Cases"]]
"""The sums of a slice's windows by metric, by window start and revision."""


class SegmentMonitor:
    """Reports the performance of one slice of a model's traffic, from the slice's join panes in event time.

    Attributes
    ----------
    revisions : dict of (int, int) to dict of str to Cases
        What the last call of :meth:`advance` evaluated.
    """

    def __init__(self, setup: ModelSetup, segment: str) -> None:
        self._setup = setup
        self._segment = segment
        self._windows = PerformanceWindows(setup.budget.settings, with_arrivals=False)
        self._earlier = EarlierRevisions()
        self.open = OpenJoins(setup.budget.settings, setup.pane_ms)
        self.revisions: SegmentRevisions = {}
        self.tables = (*self.open.tables, *self._windows.tables, *self._earlier.tables)

    def advance(self, reach: WatermarkReach) -> Outputs:
        """Close everything up to the watermark."""
        self.revisions = {}
        self.open.close(reach, missed=False)
        dues = (Due(self.open.due_ms, self._join), Due(self._windows.due_ms, partial(self._evaluate, reach)))
        return run_due(dues, reach.until_ms)

    def _join(self, at_ms: int) -> Outputs:
        """Add what waited for a revision to its windows."""
        self._windows.add_due(self.open, self._setup.profiles, at_ms)
        return []

    def _evaluate(self, reach: WatermarkReach, _: int) -> Outputs:
        due = self._windows.take()
        measured = due.measured(self._setup)
        if measured is None:
            return []
        profile, vector = measured
        budget, task = self._setup.budget, task_id(profile.task)
        revision = due.counted(self._setup.key, self._segment, vector, reach, tested=False)
        revision = structs.replace(revision, previous=self._earlier.before(revision, task))
        verdict = examine_performance(profile, revision, None, budget)
        self._earlier.add(revision, task, verdict.event)
        self.revisions[due.start_ms, due.revision] = cases_of(profile.task, vector)
        return [event_record(verdict.event, budget.source)]
