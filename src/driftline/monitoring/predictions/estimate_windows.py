"""What estimators said of a model's predictions, by performance window: reported when a window has closed, and kept
beside its labels until its last revision.

It belongs to the sequence of predictions. That of joins, whose watermark is never ahead of the predictions', reads it:
what it finds of a window that has ended for the joins is complete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from driftline.checks.contract.verdict import CheckStatistic
from driftline.checks.labels.estimate_check import EstimateRevision, examine_estimate
from driftline.events.output_record import event_records
from driftline.events.source import Offsets, merge_offsets
from driftline.monitoring.monitor_status import WindowFigures
from driftline.monitoring.state.table import Table
from driftline.sketches.packed import PackedEstimates
from driftline.sketches.sparse import merge_estimates

if TYPE_CHECKING:
    from driftline.monitoring.model_setup import ModelSetup, Outputs, WatermarkReach
    from driftline.monitoring.predictions.open_panes import OpenPane
    from driftline.profiles.profile import Profile

MAX_WINDOWS: Final = 10_000
"""Windows of a model that wait for labels at most; where labels stall for longer, the oldest are no longer reviewed."""


class WindowEstimates(Struct, array_like=True):
    """One performance window."""

    cells: dict[str, PackedEstimates]
    """By estimator: only what one says adds up."""
    offsets: Offsets
    flags: list[str]
    reported: bool = False
    matured: bool = False
    """Whether the track record has taken it."""


class EstimateWindows:
    """All windows of a model between their first prediction and their last revision.

    Attributes
    ----------
    figures : WindowFigures or None
        Of the last window that was reported, for telemetry; not part of the state.

    Notes
    -----
    *State*: for each window its sums and its joint counts, sparse: of a binary task at most 2,052 cells.
    """

    def __init__(self, setup: ModelSetup) -> None:
        self._setup = setup
        self._size_ms = int(setup.budget.settings.windows.performance)
        self._windows = Table("estimate", int, WindowEstimates)
        self.figures: WindowFigures | None = None
        self.tables = (self._windows,)

    def __len__(self) -> int:
        return len(self._windows)

    def add(self, start_ms: int, opened: OpenPane, flags: frozenset[str]) -> None:
        """Add a closed pane of predictions."""
        for profile_id, part in sorted(opened.parts.items()):
            profile = self._setup.profiles.get(profile_id)
            if part.estimates is None or profile is None or profile.estimator_id is None:
                continue
            window_ms = start_ms - start_ms % self._size_ms
            window = self._windows.get(window_ms) or WindowEstimates({}, {}, [])
            cells = window.cells.get(profile.estimator_id)
            window.cells[profile.estimator_id] = merge_estimates(cells, part.estimates)
            merge_offsets(window.offsets, part.offsets)
            window.flags = sorted(flags.union(window.flags))
            self._windows.put(window_ms, window)

    def report(self, reach: WatermarkReach) -> Outputs:
        """Return the first revisions of the windows that have closed."""
        outputs: Outputs = []
        budget = self._setup.budget
        due = [start for start, window in self._windows.items() if not window.reported]
        for start_ms in sorted(start for start in due if start + self._size_ms <= reach.until_ms):
            window, end_ms = self._windows[start_ms], start_ms + self._size_ms
            window.reported = True
            self._windows.changed(start_ms)
            profile = self._setup.profile_until(end_ms)
            revision = None if profile is None else self.revision(start_ms, profile)
            if profile is not None and revision is not None:
                flags = tuple(sorted(reach.flags(end_ms).union(revision.flags)))
                verdict = examine_estimate(profile, msgspec.structs.replace(revision, flags=flags), budget)
                outputs += event_records([verdict.event, *verdict.findings], budget.source)
                statistics = tuple(
                    CheckStatistic("estimate", name, "", "error", metric.value, None)
                    for name, metric in verdict.event.metrics.items()
                    if metric is not None
                )
                self.figures = WindowFigures(self._size_ms, end_ms, verdict.event.n, statistics)
            if not budget.has_labels:
                self.drop(start_ms)
        for start_ms in sorted(self._windows)[: max(0, len(self._windows) - MAX_WINDOWS)]:
            self.drop(start_ms)
        return outputs

    def revision(self, start_ms: int, profile: Profile) -> EstimateRevision | None:
        """Return what the profile's estimator said of a window; None where that is nothing."""
        window = self._windows.get(start_ms)
        cells = None if window is None else window.cells.get(profile.estimator_id or "")
        if window is None or cells is None:
            return None
        return EstimateRevision(
            key=self._setup.key,
            start_ms=start_ms,
            end_ms=start_ms + self._size_ms,
            cells=cells,
            offsets={"predictions": window.offsets},
            flags=tuple(window.flags),
        )

    def mature(self, start_ms: int) -> bool:
        """Note that the track record takes a window; return whether it is the first time."""
        window = self._windows.get(start_ms)
        if window is None or window.matured:
            return False
        window.matured = True
        self._windows.changed(start_ms)
        return True

    def drop(self, start_ms: int) -> None:
        """Forget a window, after its last revision."""
        self._windows.drop(start_ms)

    def expire(self, before_ms: int) -> None:
        """Forget the windows that end before a time: no revision of them is left."""
        for start_ms in [start for start in self._windows if start + self._size_ms < before_ms]:
            self.drop(start_ms)
