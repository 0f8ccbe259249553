"""One model's joins: from what waits for labels to performance windows, the error detectors and their alerts.

The predictions' sequence knows nothing of this one: how the two interleave depends on how flushes fall. What is read of
it here (estimates, problems, missing values) is read as of the joins' event time, which predictions have always
reached.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct, structs

from driftline.alerts import ModelAlerts
from driftline.alerts.policy import check_key
from driftline.checks.columns.detector_findings import DetectedChange, examine_detection
from driftline.checks.contract.closed_window import PerformanceBaseline
from driftline.checks.labels.error_findings import WORSE_CHECKS, examine_errors
from driftline.checks.labels.performance_check import examine_performance
from driftline.detectors import Block
from driftline.events.output_record import event_records
from driftline.events.source import SEGMENT_ALL
from driftline.monitoring.alert_desk import AlertDesk
from driftline.monitoring.labels.arrival_monitor import ArrivalMonitor
from driftline.monitoring.labels.earlier_revisions import EarlierRevisions, LatestRevisions
from driftline.monitoring.labels.error_watch import ErrorWatch
from driftline.monitoring.labels.estimate_revisions import EstimateRevisions
from driftline.monitoring.labels.feature_baselines import FeatureBaselines
from driftline.monitoring.labels.open_joins import OpenJoins
from driftline.monitoring.labels.performance_windows import PerformanceWindows, ProductionBaselines, coverage_of
from driftline.monitoring.labels.segment_windows import SegmentWindows
from driftline.monitoring.model_setup import Outputs, WatermarkReach, task_id
from driftline.monitoring.monitor_status import WindowFigures
from driftline.monitoring.predictions.column_detectors import ColumnDetectors
from driftline.monitoring.predictions.problem_steps import ProblemSteps
from driftline.monitoring.retraining.loop_back import LoopBack
from driftline.monitoring.state.table import Value
from driftline.monitoring.state.timeline import Due, run_due
from driftline.performance.withheld import foreign_labels
from driftline.sketches.scores import ERROR_SCALE, SQUARE_SCALE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from driftline.checks.contract.closed_window import EarlierRevision, PerformanceRevision
    from driftline.events.alert import AlertEvent
    from driftline.monitoring.labels.open_joins import ClosedLabels
    from driftline.monitoring.labels.performance_windows import DueRevision
    from driftline.monitoring.labels.segment_monitor import SegmentRevisions
    from driftline.monitoring.model_setup import ModelSetup
    from driftline.monitoring.predictions.estimate_windows import EstimateWindows
    from driftline.monitoring.predictions.missing_values import MissingValues
    from driftline.monitoring.predictions.problem_history import ProblemHistory
    from driftline.monitoring.retraining.alert_steps import AlertSteps
    from driftline.monitoring.state.table import Tables
    from driftline.panes.flush_record import JoinDelta
    from driftline.profiles.profile import Profile


class JoinState(Struct):
    """The small part of a model's state of joins."""

    profile_id: str | None = None
    """Under which the error detectors run."""
    n_unprofiled: int = 0
    """Contributions to revisions whose profile was not known at the revision."""
    missed: bool = False
    alerts: ModelAlerts = ModelAlerts()
    deployed_ms: int | None = None
    """Moment of the last deploy of this version after which the error detectors began anew."""


class OfPredictions(Protocol):
    """What the sequence of predictions keeps for this one."""

    estimates: EstimateWindows
    problems: ProblemHistory
    """What explains a change of performance, or that labels do not come."""
    missing: MissingValues
    steps: AlertSteps
    """Which alerts ask for retraining."""


class JoinMonitor:
    """Evaluates the performance of one model, from its join panes in event time.

    Parameters
    ----------
    predictions : OfPredictions
        Of the same model.

    Attributes
    ----------
    figures : dict of int to WindowFigures
        By age, of the last window evaluated at it, for telemetry; not part of the state.
    revisions : dict of (int, int) to EarlierRevision
        What the last call of :meth:`advance` evaluated, by window start and revision.
    told : ProblemSteps
        The problems that its own alerts told of, for the segments; nothing where none is watched.
    """

    def __init__(self, setup: ModelSetup, predictions: OfPredictions) -> None:
        settings = setup.budget.settings
        self._problems = predictions.problems
        self._estimates = predictions.estimates
        self._estimate_revisions = EstimateRevisions(setup, predictions.estimates)
        self._horizon_ms = int(settings.labels.horizon)
        self._size_ms = int(settings.windows.performance)
        self._setup = setup
        self._windows = PerformanceWindows(settings)
        self._arrivals = ArrivalMonitor(setup, predictions.missing, predictions.problems)
        self._earlier = EarlierRevisions()
        self._baselines = ProductionBaselines(settings.windows.min_samples)
        self._segments = SegmentWindows(settings.segments)
        self._features = FeatureBaselines(settings.performance.by_feature)
        self._error_detectors = ColumnDetectors(settings.checks, setup.pane_ms, "errors")
        self._error_watch = ErrorWatch(setup)
        self._state = Value("joins", JoinState, JoinState())
        self.told = ProblemSteps(int(settings.labels.horizon) + self._size_ms, "performance-problem")
        self.loop_back = LoopBack(setup, predictions.steps, predictions.estimates.revision, self._open_performance)
        self._control = setup.directions
        budget = setup.budget
        note = self.told.note if budget.n_segments else None
        self.desk = AlertDesk(self._control, budget, lambda: self.state.alerts, self._keep_alerts, told=note)
        self.open = OpenJoins(settings, setup.pane_ms)
        self._last_label = Value("last_label", int)
        self.figures: dict[int, WindowFigures] = {}
        self.revisions: LatestRevisions = {}
        self._champion: tuple[str, LatestRevisions] | None = None
        self.tables: Tables = (
            self._state,
            self._last_label,
            *self.open.tables,
            *self._windows.tables,
            *self._arrivals.tables,
            *self._earlier.tables,
            *self._baselines.tables,
            *self._segments.tables,
            *self._features.tables,
            *self._error_detectors.tables,
            *self._error_watch.tables,
            *self._estimate_revisions.tables,
            *self.loop_back.tables,
            *(self.told.tables if budget.n_segments else ()),
        )

    @property
    def state(self) -> JoinState:
        """The small part of the state."""
        return self._state.value

    def _keep_alerts(self, alerts: ModelAlerts) -> None:
        self.state.alerts = alerts
        self._state.changed()

    @property
    def desks(self) -> tuple[AlertDesk, ...]:
        """The alerts about performance, and about when labels arrive."""
        return self.desk, self._arrivals.desk

    @property
    def open_alerts(self) -> tuple[AlertEvent, ...]:
        """Open alerts about performance, and about when labels arrive."""
        arrivals = tuple(state.alert for state in self._arrivals.alerts.open.values())
        return (*self._open_performance(), *arrivals)

    def _open_performance(self) -> tuple[AlertEvent, ...]:
        return tuple(state.alert for state in self.state.alerts.open.values())

    @property
    def n_expired(self) -> int:
        """Contributions of labels to windows that had had their last revision, since this process took over."""
        return self.open.n_expired + self._windows.n_expired

    @property
    def last_label_ms(self) -> int | None:
        """Start of the newest pane with labels that joined a prediction, None where there was none."""
        return self._last_label.or_none

    def add(self, delta: JoinDelta) -> None:
        """Add a delta, whose pane is open."""
        self.open.add(delta)
        last_ms = self._last_label.or_none
        if delta.errors[0] > 0:
            self._arrivals.note_label(delta.pane_ms)
        if delta.errors[0] > 0 and (last_ms is None or delta.pane_ms > last_ms):
            self._last_label.set(delta.pane_ms)

    def miss_joins(self) -> None:
        """Note that joins came for a pane that an idle mark had closed."""
        self.state.missed = True
        self._state.changed()

    def advance(
        self,
        reach: WatermarkReach,
        champion: tuple[str, LatestRevisions] | None = None,
        segments: Mapping[str, SegmentRevisions] | None = None,
    ) -> Outputs:
        """Close everything up to the watermark.

        ``champion`` is the version that this one is measured by, and what it has evaluated up to the same watermark;
        ``segments`` are the slices' sums of the revisions up to the same watermark.
        """
        self.revisions, self._champion = {}, champion
        self._segments.revisions = segments or {}
        outputs: Outputs = []
        dues = (
            Due(self.open.due_ms, self._join),
            Due(self._windows.due_ms, partial(self._evaluate, reach)),
            Due(self._arrivals.due_ms, partial(self._arrivals.advance, reach)),
            Due(self.loop_back.due_ms, self.loop_back.act),
        )
        labelled, any_closed = self.open.close(reach, missed=self.state.missed)
        if self.state.missed and any_closed:
            self.state.missed = False
            self._state.changed()
        for pane in labelled:
            outputs += run_due(dues, pane.end_ms - 1)
            outputs += self._feed(pane)
        outputs += run_due(dues, reach.until_ms)
        self._estimates.expire(reach.until_ms - self._horizon_ms)
        self.loop_back.expire(reach.until_ms)
        for desk in self.desks:
            outputs += desk.obey(reach.until_ms)
        return outputs

    def expire(self, until_ms: int) -> None:
        """Forget what neither joins nor segments ask for that have come as far."""
        self._problems.expire(until_ms)
        self.told.expire(until_ms)

    def _join(self, at_ms: int) -> Outputs:
        """Add what waited for a revision to its windows."""
        n_unknown = self._windows.add_due(self.open, self._setup.profiles, at_ms)
        if n_unknown:
            self.state.n_unprofiled += n_unknown
            self._state.changed()
        return []

    def _feed(self, pane: ClosedLabels) -> Outputs:
        """Feed the pane's errors to their detectors, which begin and end with a profile."""
        profile = self._setup.profiles.at(self._setup.key, pane.start_ms)
        if profile is None or self._control.in_maintenance(pane.start_ms, pane.end_ms):
            return []
        deployed_ms = self._setup.deployed_since(self.state.deployed_ms, pane.start_ms)
        if (profile.profile_id, deployed_ms) != (self.state.profile_id, self.state.deployed_ms):
            self._error_detectors.clear()
            self._error_watch.clear()
            self.state.profile_id, self.state.deployed_ms = profile.profile_id, deployed_ms
            self._state.changed()
        count, total, squares = pane.errors_in(self._setup.profiles, profile.task)
        if count <= 0:
            return []
        wrong = round(total / ERROR_SCALE)
        of_numbers = profile.task.kind == "regression"
        counts = pane.groups.get(profile.profile_id, []) if of_numbers else [count - wrong, wrong]
        outputs = self._watch(profile, pane, counts)
        mean = total / ERROR_SCALE / count
        block = Block(count, mean, max(squares / SQUARE_SCALE / count - mean * mean, 0.0))
        bounded = () if profile.task.kind == "regression" else (0,)
        for detected in self._error_detectors.update(pane.start_ms, [(0, block)], bounded):
            change = DetectedChange(
                key=self._setup.key,
                segment=SEGMENT_ALL,
                start_ms=pane.start_ms,
                end_ms=pane.end_ms,
                detector=detected.detector,
                column=None,
                detection=detected.detection,
                since_ms=detected.since_ms,
                n=count,
                offsets=pane.offsets,
                flags=pane.flags,
            )
            budget = self._setup.budget
            outputs += event_records(examine_detection(profile, change, budget).findings, budget.source)
        return outputs

    def _watch(self, profile: Profile, pane: ClosedLabels, counts: Sequence[int]) -> Outputs:
        """Return what the e-detector of errors finds in a pane, given its labels by group of their error."""
        untold = math.inf if self._is_told() else 0.0
        found = self._error_watch.add(profile, self._baseline(profile), pane, counts, untold=untold)
        if found is None:
            return []
        verdict = examine_errors(profile, found, self._setup.budget)
        return self.desk.settle(verdict, self._problems, first_ms=self._problems.first_ms)

    def _is_told(self) -> bool:
        """Whether an open alert tells that errors have become more: windows describe it then.

        By label time a fall grows as labels of older predictions become fewer; that is no news.
        """
        keys = {check_key(check, None, None) for check in WORSE_CHECKS}
        return any(not keys.isdisjoint(signal.clean) for signal in self.state.alerts.signals.open.values())

    def _evaluate(self, reach: WatermarkReach, _at_ms: int) -> Outputs:
        """Evaluate the next revision of a performance window."""
        due = self._windows.take()
        self._state.changed()
        measured = due.measured(self._setup)
        if measured is None:
            return []
        profile, vector = measured
        coverage = coverage_of(vector)
        baseline, tested_before = self._baseline(profile), due.window.tested
        tested = self._test_now(profile, due, vector, baseline, coverage)
        if tested and baseline is not None and foreign_labels(profile.task.performance_layout, vector) is None:
            self._error_watch.begin(due.at_ms)
        budget, task = self._setup.budget, task_id(profile.task)
        revision = due.counted(self._setup.key, SEGMENT_ALL, vector, reach, tested=tested)
        verdict_now = due.window.tested and not tested_before
        by_segment = self._segments.take(due, profile.task, vector) if verdict_now else None
        by_feature = self._features.take(profile, due.window) if verdict_now else None
        revision = structs.replace(
            revision,
            segments=by_segment,
            by_feature=by_feature,
            arrival=self._arrivals.add(due, profile.task, revision),
            previous=self._earlier.before(revision, task),
            champion=self._champion_at(revision),
        )
        verdict = examine_performance(profile, revision, baseline, budget)
        if by_segment is not None and not verdict.findings:
            self._segments.keep(by_segment.now)
        if by_feature is not None and not verdict.findings and not self._is_unusual(due):
            self._features.keep(profile, by_feature)
        self.revisions[due.start_ms, due.revision] = self._earlier.add(revision, task, verdict.event)
        outputs = self.desk.settle(verdict, self._problems, first_ms=self._problems.first_ms)
        self.loop_back.observe(due.at_ms, profile, revision, baseline)
        self.figures[revision.age_ms] = WindowFigures(
            revision.end_ms - revision.start_ms,
            revision.end_ms,
            verdict.event.n_predictions,
            verdict.statistics,
            age_ms=revision.age_ms,
            coverage=coverage,
        )
        return outputs + self._estimate_revisions.compare(profile, revision)

    def _champion_at(self, revision: PerformanceRevision) -> tuple[str, EarlierRevision] | None:
        """Return what the champion did in the same window at the same revision."""
        if self._champion is None:
            return None
        version, revisions = self._champion
        same = revisions.get((revision.start_ms, revision.revision))
        return None if same is None else (version, same)

    def _baseline(self, profile: Profile) -> PerformanceBaseline | None:
        if profile.performance is not None:
            return PerformanceBaseline(vector=profile.performance, origin="reference")
        vector = self._baselines.vector(profile.profile_id, profile.task)
        return None if vector is None else PerformanceBaseline(vector=vector, origin="first windows")

    def _is_unusual(self, due: DueRevision) -> bool:
        return self._control.in_maintenance(due.start_ms, due.start_ms + self._size_ms)

    def _test_now(
        self,
        profile: Profile,
        due: DueRevision,
        vector: NDArray[np.int64],
        baseline: PerformanceBaseline | None,
        coverage: float,
    ) -> bool:
        """Whether this revision gets the window's one verdict; without a baseline it becomes part of it instead.

        Labels that no prediction can be compared with are told as soon as there are enough of them. While an alert
        tells of a fall, the last revision is tested however few labels it has: else the alert could not end.
        """
        window = due.window
        foreign = foreign_labels(profile.task.performance_layout, vector) is not None
        needed = self._setup.budget.settings.labels.test_coverage
        last = due.final and coverage > 0 and self._is_told()
        if window.tested or (coverage < needed and not foreign and not last):
            return False
        window.tested = True
        if foreign:
            return True
        exact = profile.task.performance_layout.n_clipped(vector) == 0
        if baseline is None and exact and not self._is_unusual(due):
            self._baselines.add(profile.profile_id, vector)
        return baseline is not None
