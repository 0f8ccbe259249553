"""Watches the errors of one segment: its first windows are the baseline, an e-detector finds a fall, alerts tell it.

It goes through what the segment's panes and windows showed after all traffic has come as far, in the order of event
time: so a fall that all traffic shows, and that began at the same moment, is told once.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct, structs

from driftline.alerts import ModelAlerts
from driftline.alerts.escalation import ESCALATION_FACTOR
from driftline.checks.contract.closed_window import PerformanceCase, PerformanceRevision
from driftline.checks.labels.error_bets import LEAST_BASELINE, METRIC, why_segments_unwatched
from driftline.checks.labels.error_findings import examine_errors
from driftline.checks.labels.gates import gate_of
from driftline.checks.labels.segment_check import examine_segment
from driftline.checks.labels.segment_variation import segment_variation
from driftline.events.cloudevents import rfc3339
from driftline.events.performance import PerformanceEvent, WatchedErrors
from driftline.monitoring.alert_desk import AlertDesk
from driftline.monitoring.labels.error_watch import ErrorWatch
from driftline.monitoring.labels.performance_windows import coverage_of, unpacked
from driftline.monitoring.labels.segment_baselines import SegmentBaselines
from driftline.monitoring.model_setup import task_id
from driftline.monitoring.state.table import Value
from driftline.performance.withheld import foreign_labels
from driftline.profiles.season import HOUR_MS
from driftline.sketches.packed import Sparse
from driftline.sketches.scores import ERROR_SCALE, LABELLED
from driftline.sketches.sparse import merge_sparse, pack

if TYPE_CHECKING:
    from driftline.alerts import Incidents
    from driftline.checks.labels.error_bets import ErrorVariation
    from driftline.events.alert import AlertEvent
    from driftline.monitoring.labels.open_joins import ClosedLabels
    from driftline.monitoring.labels.performance_windows import DueRevision
    from driftline.monitoring.model_setup import ModelSetup, Outputs
    from driftline.monitoring.state.table import Tables
    from driftline.profiles.profile import Profile

LEAST_LABELS: Final = LEAST_BASELINE
"""Labels that windows need together to say whether an open alert may end: fewer are right or wrong by chance."""


class SeenRevision(NamedTuple):
    """A revision of a window of the segment."""

    due: DueRevision
    profile: Profile
    revision: PerformanceRevision
    event: PerformanceEvent
    """Of it, which is emitted once it was looked at."""


class SegmentState(Struct):
    """The small part of what is kept of a segment."""

    profile_id: str | None = None
    """Under which the e-detector runs."""
    deployed_ms: int | None = None
    """Moment of the last deploy after which it began anew."""
    alerts: ModelAlerts = ModelAlerts()
    waiting: Sparse | None = None
    """Performance cells of windows that have too few labels to say whether the open alert may end."""
    task: str = ""
    """Of these cells."""


class SegmentWatch:
    """Watches the errors of one segment.

    Parameters
    ----------
    setup : ModelSetup
    segment : str

    Notes
    -----
    *State*: that of an :class:`~driftline.monitoring.labels.error_watch.ErrorWatch`, its baseline and its alerts; no
    more than initial values where no e-detector watches segments.
    """

    def __init__(self, setup: ModelSetup, segment: str) -> None:
        settings = setup.budget.settings
        self._setup = setup
        self._settings = settings
        self._control = setup.directions
        self._state = Value("segment-watch", SegmentState, SegmentState())
        self._baselines = SegmentBaselines(independent=settings.checks.dispersion.mode == "independent")
        self._watch = ErrorWatch(setup, segment, self._variation)
        self.desk = AlertDesk(self._control, setup.budget, lambda: self._state.value.alerts, self._keep_alerts)
        self.tables: Tables = (self._state, *self._baselines.tables, *self._watch.tables)

    @property
    def open_alerts(self) -> tuple[AlertEvent, ...]:
        """Open alerts of the segment."""
        return tuple(problem.alert for problem in self._state.value.alerts.open.values())

    def _keep_alerts(self, alerts: ModelAlerts) -> None:
        self._state.value.alerts = alerts
        self._state.changed()

    def _variation(self, profile: Profile) -> ErrorVariation | None:
        return segment_variation(profile, self._settings, self._baselines.spread(profile.profile_id))

    def feed(self, pane: ClosedLabels, incidents: Incidents, first_ms: int | None) -> Outputs:
        """Feed a pane's errors to the e-detector, which begins and ends with a profile, and anew with a deploy."""
        setup, state = self._setup, self._state.value
        profile = setup.profiles.at(setup.key, pane.start_ms)
        if profile is None or self._control.in_maintenance(pane.start_ms, pane.end_ms):
            return []
        deployed_ms = setup.deployed_since(state.deployed_ms, pane.start_ms)
        if (profile.profile_id, deployed_ms) != (state.profile_id, state.deployed_ms):
            self._watch.clear()
            state.profile_id, state.deployed_ms = profile.profile_id, deployed_ms
            self._state.changed()
        baseline = self._baselines.of(profile.profile_id, profile.task)
        n, total, _ = pane.errors_in(setup.profiles, profile.task)
        wrong = round(total / ERROR_SCALE)
        found = self._watch.add(profile, baseline, pane, (n - wrong, wrong), untold=self._untold())
        if found is None:
            return []
        return self.desk.settle(examine_errors(profile, found, setup.budget), incidents, first_ms=first_ms)

    def _untold(self) -> float:
        """Return from which fall on there is one to tell: a far greater one where an open alert tells of one, as no
        window's finding does.
        """
        peaks = [problem.told.peak for problem in self._state.value.alerts.open.values()]
        return ESCALATION_FACTOR * max(peaks) * gate_of(METRIC, self._settings) if peaks else 0.0

    def look(self, seen: SeenRevision, incidents: Incidents, first_ms: int | None) -> Outputs:
        """Look at a window once, when it has its labels: as a part of the baseline, or whether an alert may end."""
        due, profile, vector = seen.due, seen.profile, seen.revision.vector
        if self._variation(profile) is None or not self._is_complete(seen):
            return []
        due.window.tested = True
        if foreign_labels(profile.task.performance_layout, vector) is not None:
            return []
        baseline = self._baselines.of(profile.profile_id, profile.task)
        if not self.open_alerts:
            if not self._control.in_maintenance(due.start_ms, due.end_ms):
                self._baselines.add(profile.profile_id, profile.task, vector, (due.start_ms, due.end_ms))
            if baseline is not None:
                self._watch.begin(due.at_ms)
            return []
        cells, task = pack(vector), task_id(profile.task)
        state = self._state.value
        if state.waiting is not None and state.task == task:
            cells = merge_sparse([state.waiting, cells])
        together = unpacked(cells, profile.task.performance_layout.n_cells)
        enough = int(together[LABELLED]) >= LEAST_LABELS and baseline is not None
        state.waiting, state.task = (None, "") if enough else (cells, task)
        self._state.changed()
        if not enough or baseline is None:
            return []
        case = PerformanceCase(profile, structs.replace(seen.revision, vector=together), baseline, self._settings)
        return self.desk.settle(examine_segment(case, seen.event), incidents, first_ms=first_ms)

    def watching(self, profile: Profile) -> WatchedErrors:
        """Return whether anything is watched, and if not why."""
        why = why_segments_unwatched(profile, self._settings)
        baseline = self._baselines.of(profile.profile_id, profile.task)
        n, since_ms = 0 if baseline is None else int(baseline.vector[LABELLED]), self._watch.since_ms
        if why is None and baseline is None:
            labels, windows, ms = self._baselines.lacking(profile.profile_id)
            lacks = ((labels, "labels"), (windows, "windows"), (math.ceil(ms / HOUR_MS), "hours"))
            what = ", ".join(f"{n} {unit}" for n, unit in lacks if n)
            why = f"the segment's first windows are its baseline, which lacks {what}"
        elif why is None and since_ms is None:
            why = "no window of the segment has had its labels since there is a baseline, or since the last deploy"
        since = None if since_ms is None or why is not None else rfc3339(since_ms)
        return WatchedErrors(n_baseline=n, since=since, why_not=why)

    def _is_complete(self, seen: SeenRevision) -> bool:
        """Whether a window that was not looked at has its labels; while an alert is open, all that it gets."""
        coverage, needed = coverage_of(seen.revision.vector), self._settings.labels.test_coverage
        last = seen.due.final and coverage > 0 and bool(self.open_alerts)
        return not seen.due.window.tested and (coverage >= needed or last)
