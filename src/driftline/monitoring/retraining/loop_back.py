"""The loop back to one model: what its labels lead to beside alerts, at the event time of joins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.monitoring.retraining.labelled_windows import LabelledWindows
from driftline.monitoring.retraining.proposal_monitor import ProposalMonitor
from driftline.monitoring.retraining.request_event import Basis
from driftline.monitoring.retraining.retraining_monitor import RetrainingMonitor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from driftline.checks.contract.closed_window import PerformanceBaseline, PerformanceRevision
    from driftline.events.alert import AlertEvent
    from driftline.events.proposal import ProposalKind
    from driftline.monitoring.model_setup import ModelSetup, Outputs
    from driftline.monitoring.monitor_status import MissingProposal, RetrainingStatus
    from driftline.monitoring.retraining.alert_steps import AlertSteps
    from driftline.monitoring.retraining.retraining_monitor import EstimateOf
    from driftline.monitoring.state.table import Tables
    from driftline.profiles.profile import Profile


class LoopBack:
    """Requests and proposals for one model; nothing is kept of a model that wants neither.

    Parameters
    ----------
    setup : ModelSetup
    steps : AlertSteps
        Of the alerts about predictions.
    estimate_of : callable of (int, Profile)
        Returns what the profile's estimator said of the window with a start.
    open_performance : callable
        Returns the open alerts about performance.
    """

    def __init__(
        self,
        setup: ModelSetup,
        steps: AlertSteps,
        estimate_of: EstimateOf,
        open_performance: Callable[[], Iterable[AlertEvent]],
    ) -> None:
        settings = setup.budget.settings
        spans = [settings.retraining.span] if settings.retraining.enabled else []
        spans += [settings.proposals.span] if settings.proposals.wanted else []
        self._steps = steps
        self._open_performance = open_performance
        self._windows = LabelledWindows(max(map(int, spans), default=0), settings.labels.test_coverage)
        self._retraining = (
            RetrainingMonitor(setup, steps, self._windows, estimate_of) if settings.retraining.enabled else None
        )
        self._proposals = ProposalMonitor(setup, self._windows) if settings.proposals.wanted else None
        self._wanted = bool(spans)
        self._due_ms: int | None = None
        self._basis: Basis | None = None
        parts = (self._windows if self._wanted else None, self._retraining, self._proposals)
        self.tables: Tables = [table for part in parts if part is not None for table in part.tables]

    @property
    def retraining(self) -> RetrainingStatus | None:
        """What the policy of retraining waits for; None without one."""
        return None if self._retraining is None else self._retraining.status

    @property
    def missing(self) -> dict[ProposalKind, MissingProposal]:
        """Why there is no proposal of each kind that is wanted."""
        return {} if self._proposals is None else self._proposals.missing

    def observe(
        self, at_ms: int, profile: Profile, revision: PerformanceRevision, baseline: PerformanceBaseline | None
    ) -> None:
        """Take in what is known of a performance window at a moment; :meth:`act` follows at the same moment."""
        if self._wanted:
            self._windows.add(revision, profile.task)
            self._due_ms, self._basis = at_ms, Basis(profile, baseline)

    def due_ms(self) -> int | None:
        """Return the moment at which performance windows were evaluated, while nothing has come of it yet."""
        return self._due_ms

    def act(self, at_ms: int) -> Outputs:
        """Return what the windows evaluated at a moment lead to."""
        basis, self._due_ms = self._basis, None
        outputs: Outputs = []
        if basis is not None and self._retraining is not None:
            outputs += self._retraining.decide(at_ms, basis, self._open_performance())
        if basis is not None and self._proposals is not None:
            outputs += self._proposals.look(at_ms, basis)
        return outputs

    def expire(self, joins_ms: int) -> None:
        """Forget what no decision from a time on asks for."""
        self._steps.expire(joins_ms)
