"""What earlier windows showed of failures, latency and the further numbers, which a window is compared with.

They must span a day at least (``checks.dispersion.span``), so that the hours of a day are among them. Of short windows
only some are kept, as far apart as it takes for those that are kept to span twice that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from driftline.checks.labels.baseline_comparison import MIN_COHORTS
from driftline.checks.operations.case import EarlierWindow
from driftline.monitoring.state.table import Table
from driftline.sketches.operations import Measure

if TYPE_CHECKING:
    from driftline.config.model import ModelSettings

KEPT: Final = 168
"""Windows that are kept: a week of hours."""


class KeptWindow(Struct, frozen=True, array_like=True):
    """One window."""

    end_ms: int
    n_events: int
    n_failed: int
    latency: Measure
    slow: bool
    measures: dict[str, Measure] = {}
    raised: list[str] = []


class EarlierWindows:
    """The windows before the present one.

    Notes
    -----
    *State*: at most ``KEPT`` windows; of each the bins of latency and of each further number that occurred, some
    hundred.
    """

    def __init__(self, settings: ModelSettings) -> None:
        self._span_ms = int(settings.checks.dispersion.span)
        size_ms = settings.operations.window_ms(settings.windows.verdict)
        self._apart_ms = max(1, -(-2 * self._span_ms // (KEPT * size_ms))) * size_ms
        self._windows = Table("operations-earlier", int, KeptWindow)
        self.tables = (self._windows,)

    def known(self) -> list[EarlierWindow]:
        """Return the windows, the oldest first; none while they are too few or span too little."""
        starts = sorted(self._windows)
        if len(starts) < MIN_COHORTS or self._windows[starts[-1]].end_ms - starts[0] < self._span_ms:
            return []
        kept = (self._windows[start] for start in starts)
        return [
            EarlierWindow(each.n_events, each.n_failed, each.latency, each.slow, each.measures, each.raised)
            for each in kept
        ]

    def add(self, start_ms: int, window: KeptWindow) -> None:
        """Keep a window that was not found to fail, unless another is too near."""
        if self._windows and start_ms < max(self._windows) + self._apart_ms:
            return
        self._windows.put(start_ms, window)
        for start in sorted(self._windows)[: max(0, len(self._windows) - KEPT)]:
            self._windows.drop(start)
