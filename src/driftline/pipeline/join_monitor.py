"""One model's joins: from open join panes to performance windows, the error detectors and their alerts.

Nothing here is shared with the predictions' sequence: how the two interleave depends on how flushes fall.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from driftline.alerts import AlertBook
from driftline.detectors import Block
from driftline.events.pane import SEGMENT_ALL
from driftline.pipeline.alerting import settle_performance
from driftline.pipeline.closed_window import Baseline, PerformanceCut
from driftline.pipeline.detector_bank import DetectorBank
from driftline.pipeline.detector_findings import DetectedChange, detector_finding
from driftline.pipeline.model_setup import AFTER_IDLE, Outputs, Reach, task_id
from driftline.pipeline.open_panes import OpenJoinPane
from driftline.pipeline.outputs import event_record
from driftline.pipeline.performance_check import examine_performance
from driftline.pipeline.performance_windows import (
    Cut,
    FirstWindows,
    FirstWindowsBook,
    JoinedPane,
    PerformanceWindows,
    coverage_of,
    vector_of,
)
from driftline.pipeline.state_codec import load
from driftline.sketches.scores import ERROR_SCALE, PREDICTED, SQUARE_SCALE
from driftline.sketches.sparse import pack

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from driftline.events.pane import JoinDelta, Sparse
    from driftline.pipeline.model_setup import ModelSetup
    from driftline.pipeline.verdict import CheckStatistic
    from driftline.profiles.profile import Profile


class JoinState(Struct):
    """The small part of a model's state of joins."""

    profile_id: str | None = None
    """Under which the error detectors run."""
    n_unprofiled: int = 0
    """Join deltas whose profile was never known."""
    missed: bool = False
    alerts: AlertBook = AlertBook()
    first_windows: list[FirstWindows] = []


class JoinMonitor:
    """The sequence of one model's join panes.

    Parameters
    ----------
    setup : ModelSetup

    Attributes
    ----------
    open : dict of int to OpenJoinPane
        By start.
    state : JoinState
    statistics : tuple of CheckStatistic
        Of the last revision, for telemetry; not part of the state, nor is ``coverage``.
    coverage : float or None
    """

    def __init__(self, setup: ModelSetup) -> None:
        settings = setup.context.settings
        self._setup = setup
        self._windows = PerformanceWindows(settings)
        self._first = FirstWindowsBook(settings.windows.min_samples)
        self._bank = DetectorBank(settings.checks, setup.pane_ms, "errors")
        self._dirty = False
        self.open: dict[int, OpenJoinPane] = {}
        self.state = JoinState()
        self.statistics: tuple[CheckStatistic, ...] = ()
        self.coverage: float | None = None

    def absorb(self, delta: JoinDelta, offset: int) -> None:
        """Add a delta to its pane, which is open."""
        pane = self.open.get(delta.pane_ms)
        if pane is None:
            pane = self.open[delta.pane_ms] = OpenJoinPane(offset)
        pane.add(delta)

    def miss(self) -> None:
        """Note that joins came for a pane that an idle mark had closed."""
        self.state.missed = True
        self._dirty = True

    def advance(self, reach: Reach) -> Outputs:
        """Close everything up to the watermark."""
        outputs: Outputs = []
        pane_ms = self._setup.pane_ms
        for start_ms in sorted(start for start in self.open if start + pane_ms <= reach.until_ms):
            outputs += self._run_due(start_ms + pane_ms - 1, reach)
            outputs += self._close(start_ms, self.open.pop(start_ms), reach)
        outputs += self._run_due(reach.until_ms, reach)
        return outputs

    def _run_due(self, limit_ms: int, reach: Reach) -> Outputs:
        outputs: Outputs = []
        while (due_ms := self._windows.due_ms()) is not None and due_ms <= limit_ms:
            outputs += self._cut(self._windows.cut(), reach)
        return outputs

    def _close(self, start_ms: int, opened: OpenJoinPane, reach: Reach) -> Outputs:
        self._dirty = True
        end_ms = start_ms + self._setup.pane_ms
        profile = self._setup.book.at(self._setup.key, start_ms)
        windows: dict[int, dict[str, list[Sparse]]] = {}
        errors = (0, 0, 0)
        for profile_id, part in sorted(opened.parts.items()):
            known = self._setup.book.get(profile_id)
            if known is None:
                self.state.n_unprofiled += 1
                continue
            task = task_id(known.task)
            for window_ms, pieces in part.windows.items():
                windows.setdefault(window_ms, {}).setdefault(task, []).extend(pieces)
            if profile is not None and task == task_id(profile.task):
                errors = (errors[0] + part.errors[0], errors[1] + part.errors[1], errors[2] + part.errors[2])
        flags = set(reach.flags(end_ms))
        if self.state.missed:
            flags.add(AFTER_IDLE)
            self.state.missed = False
        pane = JoinedPane(end_ms, windows, opened.offsets, frozenset(flags))
        self._windows.add(pane)
        return [] if profile is None else self._feed(profile, start_ms, errors, pane)

    def _feed(self, profile: Profile, start_ms: int, errors: tuple[int, int, int], pane: JoinedPane) -> Outputs:
        """Feed the pane's errors to their detectors, which begin and end with a profile."""
        if profile.profile_id != self.state.profile_id:
            self._bank.clear()
            self.state.profile_id = profile.profile_id
        count, total, squares = errors
        if count <= 0:
            return []
        mean = total / ERROR_SCALE / count
        block = Block(count, mean, max(squares / SQUARE_SCALE / count - mean * mean, 0.0))
        outputs: Outputs = []
        for found in self._bank.update(start_ms, [(0, block)]):
            change = DetectedChange(
                key=self._setup.key,
                segment=SEGMENT_ALL,
                start_ms=start_ms,
                end_ms=pane.end_ms,
                detector=found.detector,
                column=None,
                detection=found.detection,
                since_ms=found.since_ms,
                n=count,
                offsets=pane.offsets,
                flags=tuple(sorted(pane.flags)),
            )
            context = self._setup.context
            outputs.append(event_record(detector_finding(profile, change, context), context.source))
        return outputs

    def _cut(self, cut: Cut, reach: Reach) -> Outputs:
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
        performance_cut = PerformanceCut(
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
        verdict = examine_performance(profile, performance_cut, baseline, context)
        self.state.alerts, outputs = settle_performance(verdict, self.state.alerts, context)
        self.statistics, self.coverage = verdict.statistics, coverage
        return outputs

    def _baseline(self, profile: Profile) -> Baseline | None:
        if profile.performance is not None:
            return Baseline(vector=profile.performance, origin="reference")
        vector = self._first.baseline(profile.profile_id, profile.task)
        return None if vector is None else Baseline(vector=vector, origin="first windows")

    def _test_now(
        self, profile: Profile, cut: Cut, vector: NDArray[np.int64], baseline: Baseline | None, coverage: float
    ) -> bool:
        """Whether this revision gets the window's one verdict; without a baseline it becomes part of it instead."""
        if cut.window.tested or coverage < self._setup.context.settings.labels.test_coverage:
            return False
        cut.window.tested = True
        if baseline is None:
            self._first.add(profile.profile_id, vector, pack(vector))
            self.state.first_windows = self._first.dump()
            return False
        return profile.task.kind != "regression"

    def changes(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield the pieces of state that changed since the last call."""
        yield from self._windows.changes()
        yield from self._bank.changes()
        if self._dirty:
            yield "joins", msgspec.msgpack.encode(self.state)
            self._dirty = False

    def load(self, pieces: dict[str, bytes], at: str) -> None:
        """Go on from a state."""
        if "joins" in pieces:
            self.state = load(pieces["joins"], JoinState, at)
            settings = self._setup.context.settings
            self._first = FirstWindowsBook(settings.windows.min_samples, self.state.first_windows)
        self._windows.load(pieces)
        self._bank.load(pieces)
