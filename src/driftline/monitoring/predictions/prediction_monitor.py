"""One model's predictions: from open panes to windows, detectors, bootstrap and alerts, strictly in event time.

What happens at which moment depends on the panes and profiles alone: closing many panes at once gives what closing
them one by one gives. At one moment the order is: the pane that ends there, then windows that end there, then a
change of profile.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from driftline.alerts.escalation import ESCALATION_FACTOR
from driftline.alerts.policy import check_key
from driftline.checks.columns.detector_findings import DetectedChange, examine_detection
from driftline.checks.columns.mixture_findings import ChangedPane, examine_changes
from driftline.errors import ProfileError, describe
from driftline.events.output_record import reference_records
from driftline.events.source import SEGMENT_ALL
from driftline.monitoring.alert_desk import AlertDesk
from driftline.monitoring.control.model_control import MAINTENANCE
from driftline.monitoring.model_setup import AFTER_IDLE, Outputs, WatermarkReach
from driftline.monitoring.operations.operations_monitor import OperationsMonitor
from driftline.monitoring.predictions.bootstrap import BootstrapReference, is_counting
from driftline.monitoring.predictions.estimate_windows import EstimateWindows
from driftline.monitoring.predictions.grid_panes import on_grid
from driftline.monitoring.predictions.missing_values import MissingValues
from driftline.monitoring.predictions.open_panes import OpenPane
from driftline.monitoring.predictions.prediction_state import PredictionState
from driftline.monitoring.predictions.problem_history import ProblemHistory
from driftline.monitoring.predictions.profile_monitor import ProfileMonitor, first_pane
from driftline.monitoring.predictions.reference_learning import ReferenceLearning
from driftline.monitoring.predictions.window_verdicts import WindowVerdicts
from driftline.monitoring.retraining.alert_steps import AlertSteps
from driftline.monitoring.state.checkpoint import START_AFRESH
from driftline.monitoring.state.table import Value
from driftline.monitoring.state.timeline import Due, run_due
from driftline.profiles.codec import encode_profile
from driftline.profiles.event_counter import EventCounter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from driftline.alerts import ModelAlerts
    from driftline.checks.columns.mixture_findings import FoundChange
    from driftline.checks.contract.closed_window import ClosedWindow
    from driftline.checks.contract.verdict import Verdict
    from driftline.events.alert import AlertEvent
    from driftline.events.evidence import Event
    from driftline.monitoring.model_setup import ModelSetup
    from driftline.monitoring.monitor_status import LearningStatus
    from driftline.monitoring.predictions.accumulator import ClosedPane
    from driftline.monitoring.predictions.column_detectors import ColumnDetection
    from driftline.monitoring.state.scope import StateScope
    from driftline.monitoring.state.table import Tables
    from driftline.panes.flush_record import PaneDelta
    from driftline.profiles.profile import Profile
    from driftline.sketches.columns import Column

_BEFORE_ALL_MS: Final = -(1 << 62)


class PredictionMonitor:
    """Evaluates the predictions of one model, from its prediction panes in event time.

    Parameters
    ----------
    scope : StateScope
        Of the model. What counts under a profile adds its tables here, and takes them out when the profile ends.

    Attributes
    ----------
    open : dict of int to OpenPane
        By start.
    estimates : EstimateWindows
        Read by the sequence of joins, as ``problems`` and ``steps`` are.
    problems : ProblemHistory
    steps : AlertSteps
        Kept where retraining is to be requested.
    missing : MissingValues
        Read by the sequence of joins as well.
    figures : dict of int to WindowFigures
        Those of :class:`~driftline.monitoring.predictions.window_verdicts.WindowVerdicts`.
    operations : OperationsMonitor
        How the predictions were made, whatever they are.
    """

    def __init__(self, setup: ModelSetup, scope: StateScope) -> None:
        self._setup = setup
        self._scope = scope
        self._learning = ReferenceLearning(setup, lambda: self.state)
        settings = setup.budget.settings
        self._verdicts = WindowVerdicts(setup)
        self.figures = self._verdicts.figures
        self._profile_monitor: ProfileMonitor | None = None
        self._count: EventCounter | None = None
        self._state = Value("predictions", PredictionState, PredictionState(), self._resume)
        self.open: dict[int, OpenPane] = {}
        self.estimates = EstimateWindows(setup)
        self._newest_ms: int | None = None
        self.operations = OperationsMonitor(setup)
        self.problems = ProblemHistory(int(settings.labels.horizon) + int(settings.windows.performance))
        self.steps = AlertSteps()
        self.missing = MissingValues(settings)
        self._control = setup.directions
        told = self._know if setup.budget.has_labels else None
        self.desk = AlertDesk(self._control, setup.budget, lambda: self.state.alerts, self._keep_alerts, told=told)
        self.tables: Tables = (
            self._state,
            *self._learning.tables,
            *self._verdicts.tables,
            *self.estimates.tables,
            *self.operations.tables,
            *self.problems.tables,
            *self.steps.tables,
            *self.missing.tables,
        )

    @property
    def state(self) -> PredictionState:
        """The small part of the state."""
        return self._state.value

    def _keep_alerts(self, alerts: ModelAlerts) -> None:
        self.state.alerts = alerts
        self._state.changed()

    @property
    def bootstrap_error(self) -> str | None:
        """Why the last sample did not make a profile."""
        return self._learning.error

    @property
    def calibrating(self) -> tuple[int, ...]:
        """Sizes of verdict windows that do not page yet, ascending."""
        return () if self._profile_monitor is None else self._profile_monitor.calibrating

    @property
    def last_ms(self) -> int | None:
        """Start of the newest pane with predictions; None where none came since this process took over."""
        end_ms = self.state.last_end_ms
        known = [self._newest_ms, None if end_ms is None else end_ms - self._setup.pane_ms]
        return max((each for each in known if each is not None), default=None)

    def learning(self) -> LearningStatus | None:
        """Return how far a reference has been learnt from the stream; None where there is one."""
        return self._learning.status(sum(pane.n_events for pane in self.open.values()))

    def add_pane(self, delta: PaneDelta, offset: int) -> None:
        """Add a delta to its pane, which is open."""
        self._newest_ms = max(delta.pane_ms, self._newest_ms or delta.pane_ms)
        pane = self.open.get(delta.pane_ms)
        if pane is None:
            pane = self.open[delta.pane_ms] = OpenPane(offset)
        pane.add(delta)

    def miss_pane(self) -> None:
        """Note that events came for a pane that an idle mark had closed."""
        self.state.missed = True
        self._state.changed()
        self.operations.miss()

    def advance(self, reach: WatermarkReach) -> Outputs:
        """Close everything up to the watermark."""
        outputs: Outputs = []
        pane_ms = self._setup.pane_ms
        dues = (
            Due(self._windows_due_ms, partial(self._close_windows, reach)),
            Due(self._profile_ends_ms, partial(self._end_profile, reach)),
            Due(self._deployed_ms, partial(self._restart, reach)),
        )
        for start_ms in sorted(start for start in self.open if start + pane_ms <= reach.until_ms):
            outputs += run_due(dues, start_ms)
            outputs += self._close(start_ms, self.open.pop(start_ms), reach)
        outputs += run_due(dues, reach.until_ms)
        outputs += self.estimates.report(reach)
        outputs += self.operations.advance(reach)
        outputs += self.desk.obey(reach.until_ms)
        return outputs

    def _windows_due_ms(self) -> int | None:
        return None if self._profile_monitor is None else self._profile_monitor.due_ms()

    def _close_windows(self, reach: WatermarkReach, at_ms: int) -> Outputs:
        monitor = self._profile_monitor
        return [] if monitor is None else self._examine_all(monitor, monitor.close(at_ms), reach)

    def _profile_ends_ms(self) -> int | None:
        """Return when the next profile takes over; never before what is counted already."""
        if self._profile_monitor is None:
            return None
        profile = self._profile_monitor.profile
        here = (profile.effective_from_ms, profile.profile_id)
        for other in self._setup.profiles.of(self._setup.key):
            if (other.effective_from_ms, other.profile_id) > here:
                begins_ms = first_pane(other, self._setup.pane_ms)
                return max(begins_ms, self.state.last_end_ms or begins_ms)
        return None

    def _end_profile(self, reach: WatermarkReach, at_ms: int) -> Outputs:
        monitor = self._profile_monitor
        windows = [] if monitor is None else monitor.finish(at_ms)
        self._leave_profile()
        return [] if monitor is None else self._examine_all(monitor, windows, reach)

    def _deployed_ms(self) -> int | None:
        """Return when this version is next deployed, to the pane; never before what is counted already."""
        if self._profile_monitor is None:
            return None
        deploy_ms = self._control.deployed_after(self._handled_ms)
        if deploy_ms is None:
            return None
        pane_ms = self._setup.pane_ms
        return max(-(-deploy_ms // pane_ms) * pane_ms, self.state.last_end_ms or _BEFORE_ALL_MS)

    @property
    def _handled_ms(self) -> int:
        return _BEFORE_ALL_MS if self.state.deployed_ms is None else self.state.deployed_ms

    def _restart(self, reach: WatermarkReach, at_ms: int) -> Outputs:
        """Cut windows and begin detectors anew, where this version is deployed, perhaps again."""
        monitor = self._profile_monitor
        self.state.deployed_ms, self.state.restarted_ms = self._control.deployed_after(self._handled_ms), at_ms
        self._state.changed()
        return [] if monitor is None else self._examine_all(monitor, monitor.restart(at_ms), reach)

    def _leave_profile(self) -> None:
        """Forget what counts under a profile."""
        for part in (self._profile_monitor, self._learning.counted):
            if part is not None:
                self._scope.remove(part.tables)
        self._profile_monitor = self._learning.counted = self._count = None
        self.state.profile_id = None
        self._state.changed()

    def _examine_all(self, monitor: ProfileMonitor, windows: Iterable[ClosedWindow], reach: WatermarkReach) -> Outputs:
        verdicts = self._verdicts.of(monitor, windows, reach)
        return [record for verdict in verdicts for record in self._settle(verdict)]

    def _settle(self, verdict: Verdict[Event]) -> Outputs:
        """Take a verdict to the alerts; what becomes known of problems is kept for the joins."""
        return self.desk.settle(verdict, first_ms=self.problems.first_ms)

    def _know(self, alerts: Iterable[AlertEvent]) -> None:
        """Keep for the joins what records of alerts make known."""
        self.problems.note(alerts)
        if self._setup.budget.settings.retraining.enabled:
            self.steps.note(alerts)

    def _close(self, start_ms: int, opened: OpenPane, reach: WatermarkReach) -> Outputs:
        self._state.changed()
        self.problems.begin(start_ms)
        profile = self._setup.profiles.at(self._setup.key, start_ms)
        if profile is not None and profile.profile_id != self.state.profile_id:
            self._take_up(profile)
        if profile is not None and opened.has_rows():
            opened.count_rows(profile.profile_id, start_ms, self._counter_of(profile))
        flags = reach.flags(start_ms + self._setup.pane_ms)
        parts_offsets = [part.offsets for part in opened.parts.values()]
        self.operations.add(start_ms, opened.n_events, opened.operations, parts_offsets, flags)
        self.estimates.add(start_ms, opened, flags.union((AFTER_IDLE,)) if self.state.missed else flags)
        if profile is None:
            columns = self._learning.gather(start_ms, opened)
            return [] if columns is None else self._publish(columns)
        pane = self._union(profile, start_ms, opened, reach)
        if pane is None:
            return []
        self.state.last_end_ms = pane.end_ms
        self.state.missed = False
        if self._setup.budget.has_labels:
            self.missing.add(profile, pane)
        if self._profile_monitor is not None:
            changes, detections = self._profile_monitor.add(pane)
            outputs = self._changed(self._profile_monitor, pane, changes)
            return outputs + [record for each in detections for record in self._detected(profile, pane, each)]
        counted = self._learning.counted
        finished = None if counted is None else counted.add(pane)
        return [] if finished is None else self._publish(finished)

    def _counter_of(self, profile: Profile) -> EventCounter:
        """Return what counts events that came before the sketch stage knew the profile."""
        if self._count is None:
            self._count = EventCounter(profile, self._setup.budget.settings, self._setup.not_features)
        return self._count

    def _take_up(self, profile: Profile) -> None:
        self._learning.clear_sample()
        self._leave_profile()
        self._begin(profile)
        self.state.profile_id = profile.profile_id

    def _begin(self, profile: Profile) -> None:
        settings = self._setup.budget.settings
        part: BootstrapReference | ProfileMonitor
        if is_counting(profile):
            part = self._learning.begin(profile)
        else:
            alarms = self._setup.budget.detector_alarms(len(profile.columns))
            since_ms = self.state.restarted_ms
            pane_ms, shelf = self._setup.pane_ms, self._setup.shelf
            part = self._profile_monitor = ProfileMonitor(profile, settings, pane_ms, alarms, since_ms, shelf)
        self._scope.add(part.tables)

    def _union(self, profile: Profile, start_ms: int, opened: OpenPane, reach: WatermarkReach) -> ClosedPane | None:
        """Return what of a pane lies on the profile's grid; the rest is counted as unprofiled."""
        end_ms = start_ms + self._setup.pane_ms
        flags = set(reach.flags(end_ms))
        if self._control.in_maintenance(start_ms, end_ms):
            flags.add(MAINTENANCE)
        if self.state.missed:
            flags.add(AFTER_IDLE)
        pane, n_unprofiled = on_grid(opened, profile, self._setup.profiles, (start_ms, end_ms), frozenset(flags))
        self.state.n_unprofiled += n_unprofiled
        return pane

    def _publish(self, profile: Profile) -> Outputs:
        self._setup.profiles.add(profile)
        return list(reference_records(encode_profile(profile)))

    def _changed(self, monitor: ProfileMonitor, pane: ClosedPane, changes: Sequence[FoundChange]) -> Outputs:
        """Tell what e-detectors found; windows describe what an open alert has told, unless it is far greater now."""
        if not changes:
            return []
        outputs = self.desk.obey(pane.end_ms)
        changes = [change for change in changes if not self._is_told(monitor.profile.columns[change.column], change)]
        if not changes:
            return outputs
        place = ChangedPane(
            key=self._setup.key,
            segment=SEGMENT_ALL,
            start_ms=pane.start_ms,
            end_ms=pane.end_ms,
            offsets=pane.offsets,
            flags=tuple(sorted(pane.flags)),
        )
        budget = self._setup.budget
        told = [(change, monitor.events_since(change.since_ms, pane)) for change in changes]
        verdict = examine_changes(monitor.view, place, told, budget)
        findings = monitor.origins.located_since(verdict.findings, pane, budget.places)
        return outputs + self._settle(msgspec.structs.replace(verdict, findings=findings))

    def _is_told(self, column: Column, change: FoundChange) -> bool:
        key = check_key(change.check, column.role, column.name)
        told = [signal.told.peak for signal in self.state.alerts.signals.open.values() if key in signal.clean]
        return bool(told) and change.size.multiple < ESCALATION_FACTOR * max(told)

    def _detected(self, profile: Profile, pane: ClosedPane, detected: ColumnDetection) -> Outputs:
        change = DetectedChange(
            key=self._setup.key,
            segment=SEGMENT_ALL,
            start_ms=pane.start_ms,
            end_ms=pane.end_ms,
            detector=detected.detector,
            column=detected.column,
            detection=detected.detection,
            since_ms=detected.since_ms,
            n=detected.n,
            offsets={"predictions": pane.offsets},
            flags=tuple(sorted(pane.flags)),
        )
        return self._settle(examine_detection(profile, change, self._setup.budget))

    def _resume(self) -> None:
        """Go on under the profile that the restored state counts under.

        Raises
        ------
        ProfileError
            When it is not among the references.
        """
        profile_id = self.state.profile_id
        if profile_id is None:
            return
        profile = self._setup.profiles.get(profile_id)
        if profile is None:
            expected = f"profile {profile_id} of {self._setup.key} among the references"
            message = describe(expected, "none", self._scope.at)
            raise ProfileError(f"{message}. Publish it again, or {START_AFRESH}")
        self._begin(profile)
