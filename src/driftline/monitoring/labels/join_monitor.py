"""One model's joins: from what waits for labels to performance windows, the error detectors and their alerts.

Nothing here is shared with the predictions' sequence: how the two interleave depends on how flushes fall.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct, structs

from driftline.alerts import ModelAlerts
from driftline.checks.columns.detector_findings import DetectedChange, examine_detection
from driftline.checks.contract.closed_window import PerformanceBaseline, PerformanceRevision
from driftline.checks.labels.performance_check import examine_performance
from driftline.detectors import Block
from driftline.events.output_record import event_records
from driftline.events.source import SEGMENT_ALL
from driftline.monitoring.alerting import settle
from driftline.monitoring.labels.arrival_monitor import ArrivalMonitor
from driftline.monitoring.labels.earlier_revisions import EarlierRevisions, LatestRevisions
from driftline.monitoring.labels.estimate_revisions import EstimateRevisions
from driftline.monitoring.labels.open_joins import OpenJoins
from driftline.monitoring.labels.performance_windows import (
    FirstWindows,
    FirstWindowsByProfile,
    JoinedPanes,
    PerformanceWindows,
    Revision,
    coverage_of,
    vector_of,
)
from driftline.monitoring.model_setup import Outputs, WatermarkReach, task_id
from driftline.monitoring.predictions.column_detectors import ColumnDetectors
from driftline.monitoring.predictions.estimate_windows import EstimateWindows
from driftline.monitoring.state.checkpoint import load
from driftline.sketches.scores import ERROR_SCALE, PREDICTED, SQUARE_SCALE
from driftline.sketches.sparse import pack

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from driftline.checks.contract.closed_window import EarlierRevision
    from driftline.checks.contract.verdict import CheckStatistic
    from driftline.events.alert import AlertEvent
    from driftline.monitoring.labels.open_joins import ClosedLabels, RevisionPart
    from driftline.monitoring.model_setup import ModelSetup
    from driftline.panes.flush_record import JoinDelta
    from driftline.profiles.profile import Profile


class JoinState(Struct):
    """The small part of a model's state of joins."""

    profile_id: str | None = None
    """Under which the error detectors run."""
    n_unprofiled: int = 0
    """Contributions to revisions whose profile was not known when they were cut."""
    missed: bool = False
    alerts: ModelAlerts = ModelAlerts()
    first_windows: list[FirstWindows] = []


class JoinMonitor:
    """The sequence of one model's join panes.

    Parameters
    ----------
    setup : ModelSetup
    estimates : EstimateWindows, optional
        Of the sequence of predictions.

    Attributes
    ----------
    open : OpenJoins
    state : JoinState
    statistics : tuple of CheckStatistic
        Of the last revision, for telemetry; not part of the state, nor is ``coverage``.
    coverage : float or None
    cuts : dict of (int, int) to EarlierRevision
        What the last call of :meth:`advance` cut, by window start and revision.
    """

    def __init__(self, setup: ModelSetup, estimates: EstimateWindows | None = None) -> None:
        settings = setup.context.settings
        self._estimates = EstimateWindows(setup) if estimates is None else estimates
        self._review = EstimateRevisions(setup, self._estimates)
        self._horizon_ms = int(settings.labels.horizon)
        self._setup = setup
        self._windows = PerformanceWindows(settings)
        self._arrivals = ArrivalMonitor(setup)
        self._earlier = EarlierRevisions()
        self._first = FirstWindowsByProfile(settings.windows.min_samples)
        self._bank = ColumnDetectors(settings.checks, setup.pane_ms, "errors")
        self._dirty = False
        self.open = OpenJoins(settings, setup.pane_ms)
        self.state = JoinState()
        self.statistics: tuple[CheckStatistic, ...] = ()
        self.coverage: float | None = None
        self.cuts: LatestRevisions = {}
        self._champion: tuple[str, LatestRevisions] | None = None

    @property
    def open_alerts(self) -> tuple[AlertEvent, ...]:
        """Open alerts about performance, and about when labels arrive."""
        books = (self.state.alerts, self._arrivals.alerts)
        return tuple(state.alert for book in books for state in book.open.values())

    def absorb(self, delta: JoinDelta) -> None:
        """Add a delta, whose pane is open."""
        self.open.add(delta)

    def miss(self) -> None:
        """Note that joins came for a pane that an idle mark had closed."""
        self.state.missed = True
        self._dirty = True

    def advance(self, reach: WatermarkReach, champion: tuple[str, LatestRevisions] | None = None) -> Outputs:
        """Close everything up to the watermark.

        Parameters
        ----------
        reach : WatermarkReach
        champion : tuple of str and dict, or None
            Version that this one is measured by, and what it has cut up to the same watermark.
        """
        self.cuts, self._champion = {}, champion
        outputs: Outputs = []
        labelled, any_closed = self.open.close(reach, missed=self.state.missed)
        if self.state.missed and any_closed:
            self.state.missed, self._dirty = False, True
        for pane in labelled:
            outputs += self._run_due(pane.end_ms - 1, reach)
            outputs += self._feed(pane)
        outputs += self._run_due(reach.until_ms, reach)
        self._estimates.expire(reach.until_ms - self._horizon_ms)
        return outputs

    def _run_due(self, limit_ms: int, reach: WatermarkReach) -> Outputs:
        outputs: Outputs = []
        while True:
            waiting_ms, cut_ms, aged_ms = self.open.due_ms(), self._windows.due_ms(), self._arrivals.due_ms()
            due_ms = min((at_ms for at_ms in (waiting_ms, cut_ms, aged_ms) if at_ms is not None), default=None)
            if due_ms is None or due_ms > limit_ms:
                return outputs
            if waiting_ms == due_ms:
                for window_ms, parts in self.open.take():
                    self._join(due_ms, window_ms, parts)
            elif cut_ms == due_ms:
                outputs += self._cut(self._windows.cut(), reach)
            else:
                outputs += self._arrivals.advance(reach)

    def _join(self, cut_ms: int, window_ms: int, parts: dict[str, RevisionPart]) -> None:
        """Add what waited for a revision to its window."""
        for profile_id, part in sorted(parts.items()):
            known = self._setup.book.get(profile_id)
            if known is None:
                self.state.n_unprofiled += 1
                self._dirty = True
                continue
            task = task_id(known.task)
            cells, arrivals = {window_ms: {task: part.pieces}}, {window_ms: {task: part.arrivals}}
            self._windows.add(JoinedPanes(cut_ms, cells, part.offsets, frozenset(part.flags), arrivals))

    def _feed(self, pane: ClosedLabels) -> Outputs:
        """Feed the pane's errors to their detectors, which begin and end with a profile."""
        profile = self._setup.book.at(self._setup.key, pane.start_ms)
        if profile is None:
            return []
        if profile.profile_id != self.state.profile_id:
            self._bank.clear()
            self.state.profile_id = profile.profile_id
            self._dirty = True
        count, total, squares = self._errors(pane, task_id(profile.task))
        if count <= 0:
            return []
        mean = total / ERROR_SCALE / count
        block = Block(count, mean, max(squares / SQUARE_SCALE / count - mean * mean, 0.0))
        outputs: Outputs = []
        bounded = () if profile.task.kind == "regression" else (0,)
        for found in self._bank.update(pane.start_ms, [(0, block)], bounded):
            change = DetectedChange(
                key=self._setup.key,
                segment=SEGMENT_ALL,
                start_ms=pane.start_ms,
                end_ms=pane.end_ms,
                detector=found.detector,
                column=None,
                detection=found.detection,
                since_ms=found.since_ms,
                n=count,
                offsets=pane.offsets,
                flags=pane.flags,
            )
            context = self._setup.context
            outputs += event_records(examine_detection(profile, change, context).findings, context.source)
        return outputs

    def _errors(self, pane: ClosedLabels, task: str) -> tuple[int, int, int]:
        """Return the pane's errors in a task."""
        total = (0, 0, 0)
        for profile_id, errors in pane.errors.items():
            known = self._setup.book.get(profile_id)
            if known is not None and task_id(known.task) == task:
                total = (total[0] + errors[0], total[1] + errors[1], total[2] + errors[2])
        return total

    def _cut(self, cut: Revision, reach: WatermarkReach) -> Outputs:
        self._dirty = True
        profile = self._setup.book.at(self._setup.key, cut.end_ms - self._setup.pane_ms)
        if profile is None:
            return []
        vector = vector_of(cut.window, profile.task)
        if vector[PREDICTED] <= 0:
            return []
        coverage = coverage_of(vector)
        baseline = self._baseline(profile)
        tested = self._test_now(profile, cut, vector, baseline, coverage)
        context = self._setup.context
        performance_cut = PerformanceRevision(
            key=self._setup.key,
            segment=SEGMENT_ALL,
            start_ms=cut.start_ms,
            end_ms=cut.end_ms,
            vector=vector,
            offsets=cut.window.offsets,
            revision=cut.revision,
            age_ms=cut.at_ms - cut.end_ms,
            final=cut.final,
            tested=tested,
            flags=tuple(sorted(reach.flags(cut.at_ms).union(cut.window.flags))),
        )
        task = task_id(profile.task)
        arrival = self._arrivals.add(cut, profile.task, performance_cut)
        earlier = self._earlier.before(performance_cut, task)
        performance_cut = structs.replace(
            performance_cut, previous=earlier, arrival=arrival, champion=self._champion_at(performance_cut)
        )
        verdict = examine_performance(profile, performance_cut, baseline, context)
        self.cuts[cut.start_ms, cut.revision] = self._earlier.add(performance_cut, task, verdict.event)
        self.state.alerts, outputs = settle(verdict, self.state.alerts, context)
        self.statistics, self.coverage = verdict.statistics, coverage
        return outputs + self._review.cut(profile, performance_cut)

    def _champion_at(self, cut: PerformanceRevision) -> tuple[str, EarlierRevision] | None:
        """Return what the champion did in the same window at the same revision."""
        if self._champion is None:
            return None
        version, cuts = self._champion
        same = cuts.get((cut.start_ms, cut.revision))
        return None if same is None else (version, same)

    def _baseline(self, profile: Profile) -> PerformanceBaseline | None:
        if profile.performance is not None:
            return PerformanceBaseline(vector=profile.performance, origin="reference")
        vector = self._first.baseline(profile.profile_id, profile.task)
        return None if vector is None else PerformanceBaseline(vector=vector, origin="first windows")

    def _test_now(
        self,
        profile: Profile,
        cut: Revision,
        vector: NDArray[np.int64],
        baseline: PerformanceBaseline | None,
        coverage: float,
    ) -> bool:
        """Whether this revision gets the window's one verdict; without a baseline it becomes part of it instead."""
        if cut.window.tested or coverage < self._setup.context.settings.labels.test_coverage:
            return False
        cut.window.tested = True
        if baseline is None:
            self._first.add(profile.profile_id, vector, pack(vector))
            self.state.first_windows = self._first.dump()
            return False
        return True

    def changes(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield the pieces of state that changed since the last call."""
        yield from self.open.changes()
        yield from self._windows.changes()
        yield from self._arrivals.changes()
        yield from self._earlier.changes()
        yield from self._bank.changes()
        yield from self._review.changes()
        if self._dirty:
            yield "joins", msgspec.msgpack.encode(self.state)
            self._dirty = False

    def load(self, pieces: dict[str, bytes], at: str) -> None:
        """Go on from a state."""
        if "joins" in pieces:
            self.state = load(pieces["joins"], JoinState, at)
            settings = self._setup.context.settings
            self._first = FirstWindowsByProfile(settings.windows.min_samples, self.state.first_windows)
        self.open.load(pieces)
        self._windows.load(pieces)
        self._earlier.load(pieces)
        self._arrivals.load(pieces, at)
        self._bank.load(pieces)
        self._review.load(pieces)
