"""One segment of a model's traffic: its performance is reported beside that of all, and its errors are watched.

Its windows are not tested, as their tests would have to share the budget of false alarms with all others. Its
e-detector of errors does: :mod:`driftline.monitoring.labels.segment_watch`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from msgspec import UNSET, structs

from driftline.checks.labels.performance_check import examine_performance
from driftline.events.output_record import event_record
from driftline.monitoring.labels.earlier_revisions import EarlierRevisions
from driftline.monitoring.labels.open_joins import OpenJoins
from driftline.monitoring.labels.performance_windows import PerformanceWindows
from driftline.monitoring.labels.segment_watch import SeenRevision, SegmentWatch
from driftline.monitoring.model_setup import task_id
from driftline.monitoring.state.timeline import Due, run_due
from driftline.performance.metric_cases import cases_of

if TYPE_CHECKING:
    from driftline.alerts import Incidents
    from driftline.events.alert import AlertEvent
    from driftline.monitoring.alert_desk import AlertDesk
    from driftline.monitoring.labels.open_joins import ClosedLabels
    from driftline.monitoring.model_setup import ModelSetup, Outputs, WatermarkReach
    from driftline.monitoring.state.table import Tables
    from driftline.performance.cases import Cases

SegmentRevisions = dict[tuple[int, int], dict[str, "Cases"]]
"""The sums of a slice's windows by metric, by window start and revision."""


class SegmentMonitor:
    """Reports the performance of one segment of a model's traffic, from its join panes in event time, and watches it.

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
        self._watch = SegmentWatch(setup, segment)
        self._unwatched: list[ClosedLabels | SeenRevision] = []
        self.open = OpenJoins(setup.budget.settings, setup.pane_ms)
        self.revisions: SegmentRevisions = {}
        self.tables: Tables = (*self.open.tables, *self._windows.tables, *self._earlier.tables, *self._watch.tables)

    @property
    def desk(self) -> AlertDesk:
        """The alerts of the segment."""
        return self._watch.desk

    @property
    def open_alerts(self) -> tuple[AlertEvent, ...]:
        """Open alerts of the segment."""
        return self._watch.open_alerts

    def advance(self, reach: WatermarkReach) -> None:
        """Close everything up to the watermark; :meth:`watch` has to follow, and tells it."""
        self.revisions = {}
        labelled, _ = self.open.close(reach, missed=False)
        dues = (Due(self.open.due_ms, self._join), Due(self._windows.due_ms, partial(self._evaluate, reach)))
        for pane in labelled:
            run_due(dues, pane.end_ms - 1)
            self._unwatched.append(pane)
        run_due(dues, reach.until_ms)

    def watch(self, reach: WatermarkReach, incidents: Incidents, first_ms: int | None) -> Outputs:
        """Tell what the last call of :meth:`advance` closed, and watch its errors.

        Parameters
        ----------
        incidents : Incidents
            What explains them, as far as the watermark has come.
        first_ms : int or None
            Event time of the first predictions of this version of the model.
        """
        steps, self._unwatched = self._unwatched, []
        source, watches = self._setup.budget.source, self._setup.budget.n_segments > 0
        outputs: Outputs = []
        for step in steps:
            if isinstance(step, SeenRevision):
                found = self._watch.look(step, incidents, first_ms) if watches else []
                watched = self._watch.watching(step.profile) if watches else UNSET
                outputs += [event_record(structs.replace(step.event, errors_watched=watched), source), *found]
            elif watches:
                outputs += self._watch.feed(step, incidents, first_ms)
        return outputs + self.desk.obey(reach.until_ms)

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
        event = examine_performance(profile, revision, None, budget).event
        self._earlier.add(revision, task, event)
        self._unwatched.append(SeenRevision(due, profile, revision, event))
        self.revisions[due.start_ms, due.revision] = cases_of(profile.task, vector)
        return []
