"""The verdicts of closed windows of predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from driftline.checks.columns.window_check import examine_window, shown_columns
from driftline.monitoring.control.model_control import MAINTENANCE
from driftline.monitoring.monitor_status import WindowFigures
from driftline.monitoring.predictions.volume_history import VolumeHistory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from driftline.checks.contract.closed_window import ClosedWindow
    from driftline.checks.contract.verdict import Verdict
    from driftline.events.window import WindowEvent
    from driftline.monitoring.model_setup import ModelSetup, WatermarkReach
    from driftline.monitoring.predictions.profile_monitor import ProfileMonitor
    from driftline.monitoring.state.table import Tables


class WindowVerdicts:
    """Examines the windows of one model.

    Attributes
    ----------
    figures : dict of int to WindowFigures
        Of the last tumbling window of each size, for telemetry; not part of the state.
    """

    def __init__(self, setup: ModelSetup) -> None:
        self._budget = setup.budget
        self._control = setup.directions
        self._volumes = VolumeHistory(setup.budget.settings.windows.verdict)
        self.figures: dict[int, WindowFigures] = {}
        self.tables: Tables = self._volumes.tables

    def of(
        self, monitor: ProfileMonitor, windows: Iterable[ClosedWindow], reach: WatermarkReach
    ) -> Iterator[Verdict[WindowEvent]]:
        """Yield the verdicts of windows that closed at the same moment, each once the one before was settled."""
        beside = None
        for closed in windows:
            window = self._volumes.judged(self._flagged(closed, reach))
            known = shown_columns(window, beside, self._budget.settings)
            verdict = examine_window(monitor.view, window, self._budget, known)
            findings = monitor.origins.located(verdict.findings, window, self._budget.places)
            verdict = structs.replace(verdict, findings=findings)
            if window.kind == "tumbling":
                figures = WindowFigures(window.size_ms, window.end_ms, verdict.event.n, verdict.statistics)
                self.figures[window.size_ms] = figures
            beside = window, verdict
            yield verdict

    def _flagged(self, window: ClosedWindow, reach: WatermarkReach) -> ClosedWindow:
        flags = reach.flags(window.end_ms)
        if self._control.in_maintenance(window.start_ms, window.end_ms):
            flags |= {MAINTENANCE}
        if flags.issubset(window.flags):
            return window
        return structs.replace(window, flags=tuple(sorted(flags.union(window.flags))))
