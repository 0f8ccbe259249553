"""Examples of what is kept of how predictions were made, and of silence."""

from __future__ import annotations

from typing import Any

from driftline.checks.contract.error_budget import ErrorBudget
from driftline.config.durations import Duration
from driftline.events.source import SEGMENT_ALL, Source, Watermark
from driftline.monitoring.model_setup import ModelSetup, WatermarkReach
from driftline.monitoring.operations.earlier_windows import EarlierWindows, KeptWindow
from driftline.monitoring.operations.operations_monitor import OperationsMonitor
from driftline.monitoring.operations.silence_monitor import SilenceMonitor
from driftline.panes.flush_record import PaneDelta
from driftline.panes.watermarks import Watermarks
from driftline.profiles.profiles import Profiles
from tests.support.operations import made_operations, settings_of
from tests.support.state_examples.example import KEY, Example, of

OPERATIONS = settings_of(silence=Duration(60_000), max_failed=0.05, min_events=50)


def _earlier(part: EarlierWindows, i: int) -> object:
    made = made_operations(i, n=60)
    part.add(60_000 * i, KeptWindow(60_000 * (i + 1), 60, made.operations.n_failed, made.latency, slow=i == 3))
    return part.known()


def _operations() -> OperationsMonitor:
    return OperationsMonitor(ModelSetup(KEY, ErrorBudget.of(OPERATIONS, KEY.model), 10_000, Profiles()))


def _operate(part: OperationsMonitor, i: int) -> object:
    """Fail now and then, say nothing at first, make no predictions for a while, and miss a pane."""
    start_ms = 10_000 * i + (600_000 if i > 100 else 0)
    operations = (
        None if i < 10 else made_operations(10 if i % 60 < 12 else 0, 3.0 if 80 < i < 90 else 1.0, 30).operations
    )
    part.add(start_ms, 30, operations, [{0: (30 * i, 30 * i + 29)}], frozenset(("idle",) if i == 20 else ()))
    if i == 45:
        part.miss()
    return part.advance(WatermarkReach(start_ms, start_ms))


def _hear(part: SilenceMonitor, i: int) -> object:
    start_ms = 10_000 * i + 100_000 * (i // 5)
    part.add(PaneDelta(KEY, SEGMENT_ALL, start_ms, "", 1, {}, None, []))
    marks = Watermarks(with_labels=False)
    marks.update([Watermark(Source("predictions", 0), 1, start_ms, idle=i == 7, quiet_ms=60_000)])
    reach = WatermarkReach(start_ms - 20_000, start_ms - 20_000)
    return [*part.advance(reach), *part.listen(marks)], part.silent(KEY), part.alerts_of(KEY)


EXAMPLES: list[Example[Any]] = [
    of(EarlierWindows, lambda: EarlierWindows(OPERATIONS.defaults), _earlier, 20),
    of(OperationsMonitor, _operations, _operate, 130),
    of(SilenceMonitor, lambda: SilenceMonitor(OPERATIONS, 10_000), _hear, 25),
]
