"""Requests to retrain one model, decided at the event time of joins whenever performance windows were evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from driftline.checks.labels.estimate_check import EstimateRevision, window_estimates
from driftline.events.output_record import event_record
from driftline.monitoring.monitor_status import RetrainingStatus
from driftline.monitoring.retraining.alert_steps import step_of
from driftline.monitoring.retraining.labelled_windows import summed
from driftline.monitoring.retraining.losses import losses_of
from driftline.monitoring.retraining.policy import Decision, decide
from driftline.monitoring.retraining.request_event import Basis, TrainingData, request_event, waiting_event
from driftline.monitoring.state.table import Value
from driftline.sketches.estimates import unpack_estimates
from driftline.sketches.sparse import merge_estimates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from driftline.events.alert import AlertEvent
    from driftline.events.output_record import OutputRecord
    from driftline.monitoring.model_setup import ModelSetup, Outputs
    from driftline.monitoring.retraining.alert_steps import AlertSteps
    from driftline.monitoring.retraining.labelled_windows import LabelledWindows
    from driftline.monitoring.retraining.policy import Incident
    from driftline.performance.metric_estimate import Estimates
    from driftline.profiles.profile import Profile
    from driftline.sketches.packed import PackedEstimates

    EstimateOf = Callable[[int, Profile], EstimateRevision | None]

MAX_REQUESTED: Final = 64
"""Incidents and alerts of requests that are remembered, the latest."""


class RetrainingState(Struct):
    """What is kept of the policy's past."""

    requested: dict[str, int] = {}
    """Time of each request, by the ids of its incident and alerts, in their order."""
    waiting: RetrainingStatus = RetrainingStatus()


class RetrainingMonitor:
    """Follows the alerts and labels of one model, and asks for retraining by its policy.

    Parameters
    ----------
    setup : ModelSetup
    steps : AlertSteps
        Of the alerts about predictions.
    windows : LabelledWindows
    estimate_of : callable of (int, Profile)
        Returns what the profile's estimator said of the window with a start.

    Notes
    -----
    *State*: when the last 64 incidents and alerts asked, and what the policy waits for.
    """

    def __init__(self, setup: ModelSetup, steps: AlertSteps, windows: LabelledWindows, estimate_of: EstimateOf) -> None:
        self._setup = setup
        self._policy = setup.budget.settings.retraining
        self._steps = steps
        self._windows = windows
        self._estimate_of = estimate_of
        self._state = Value("retraining", RetrainingState, RetrainingState())
        self.tables = (self._state,)

    @property
    def status(self) -> RetrainingStatus:
        """What the policy waits for."""
        return self._state.value.waiting

    def decide(self, at_ms: int, basis: Basis, performance: Iterable[AlertEvent]) -> Outputs:
        """Ask for retraining where the policy says so; otherwise say what it waits for, if that is something else.

        ``performance`` are the open alerts about performance, which belong to the same sequence.
        """
        state = self._state.value
        alerts = [*self._steps.open_at(at_ms), *map(step_of, performance)]
        decision = decide(self._policy, at_ms, alerts, self._labels_since, state.requested)
        outputs: Outputs = []
        if decision.waiting_for is None and decision.incident is not None:
            outputs.append(self._request(at_ms, decision, decision.incident, basis))
            alerts_asking = (step.alert_id for step in decision.incident.alerts)
            state.requested |= dict.fromkeys((decision.incident.incident, *alerts_asking), at_ms)
            for each in list(state.requested)[:-MAX_REQUESTED]:
                del state.requested[each]
            decision = decision._replace(waiting_for="incident over")
            self._note(at_ms, decision)
            return outputs
        before = state.waiting
        self._note(at_ms, decision)
        if (before.waiting_for, before.incident) != (state.waiting.waiting_for, state.waiting.incident):
            newest = self._windows.newest()
            event = waiting_event(self._setup, at_ms, decision, newest, basis)
            outputs.append(event_record(event, self._setup.budget.source))
        return outputs

    def _note(self, at_ms: int, decision: Decision) -> None:
        waiting_for, before = decision.waiting_for or "alert", self._state.value.waiting
        incident = None if decision.incident is None else decision.incident.incident
        same = (before.waiting_for, before.incident) == (waiting_for, incident)
        self._state.value.waiting = RetrainingStatus(
            waiting_for=waiting_for,
            incident=incident,
            since_ms=before.since_ms if same else at_ms,
            until_ms=decision.until_ms,
            n_labelled=decision.n_labelled,
            n_wanted=self._policy.min_labels,
        )
        self._state.changed()

    def _labels_since(self, start_ms: int) -> int:
        end_ms = self._windows.end_ms
        if end_ms is None:
            return 0
        start_ms = max(start_ms, end_ms - int(self._policy.span))
        return sum(window.n_labelled for _, window in self._windows.between(start_ms, end_ms))

    def _request(self, at_ms: int, decision: Decision, incident: Incident, basis: Basis) -> OutputRecord:
        end_ms = self._windows.end_ms or at_ms
        earliest_ms = end_ms - int(self._policy.span)
        onset_ms = max(earliest_ms, incident.onset.to_ms)
        start_ms = onset_ms if self._policy.train_on == "onset" else earliest_ms
        inside = [window for _, window in self._windows.between(start_ms, end_ms)]
        data = TrainingData(start_ms, end_ms, self._windows.touching(start_ms, end_ms), inside)
        profile = basis.profile
        since = [window for _, window in self._windows.between(onset_ms, end_ms)]
        losses = losses_of(
            profile.task,
            basis.baseline,
            summed(since, profile.task),
            self._estimated(onset_ms, at_ms, profile),
            self._setup.budget.settings.performance,
        )
        event = request_event(self._setup, at_ms, decision, incident, data, basis, losses)
        return event_record(event, self._setup.budget.source)

    def _estimated(self, onset_ms: int, at_ms: int, profile: Profile) -> tuple[Estimates, int] | None:
        """Return what is expected of all predictions of the windows between two times; None without an estimator."""
        size_ms = int(self._setup.budget.settings.windows.performance)
        cells: PackedEstimates | None = None
        for start_ms in range(onset_ms + -onset_ms % size_ms, at_ms - size_ms + 1, size_ms):
            estimate = self._estimate_of(start_ms, profile)
            if estimate is not None:
                cells = merge_estimates(cells, estimate.cells)
        if cells is None or profile.estimator is None:
            return None
        totals = unpack_estimates(profile.estimator.layout, cells)
        return window_estimates(profile, cells), profile.estimator.n_events(totals)
