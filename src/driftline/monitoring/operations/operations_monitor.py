"""Windows of how one version of a model makes its predictions, from its closed panes.

Windows are multiples of their length, whatever profile holds. A model none of whose events says anything of its
operations gets no events of them; how many predictions it made is remembered all the same, as none of them failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from driftline.alerts import ModelAlerts
from driftline.checks.operations.case import NO_LATENCY, OperationsCase, OperationsWindow
from driftline.checks.operations.failed import FAILED, MAX_FAILED
from driftline.checks.operations.operations_check import examine_operations
from driftline.checks.operations.resources import PREFIX
from driftline.checks.operations.slow import SLOW
from driftline.config.durations import Duration
from driftline.events.operation_fields import LATENCY
from driftline.events.source import Offsets, merge_offsets
from driftline.monitoring.alert_desk import AlertDesk
from driftline.monitoring.model_setup import AFTER_IDLE
from driftline.monitoring.monitor_status import OperationsStatus
from driftline.monitoring.operations.activity import Runs, activity_of, add_pane
from driftline.monitoring.operations.earlier_windows import EarlierWindows, KeptWindow
from driftline.monitoring.state.table import Table, Value
from driftline.sketches.operations import Operations

if TYPE_CHECKING:
    from driftline.events.finding import FindingEvent
    from driftline.events.operations import OperationsEvent
    from driftline.monitoring.model_setup import ModelSetup, Outputs, WatermarkReach

MAX_EMPTY: Final = 24
"""Windows without a prediction that are reported in a row: a day of hours. Then the model is gone."""
_NOTHING: Final = Operations()


class OpenWindow(Struct, array_like=True):
    """A window that the watermark has not passed."""

    n_events: int = 0
    operations: Operations = _NOTHING
    runs: Runs = []
    offsets: Offsets = {}
    flags: list[str] = []
    told: bool = False
    """Whether an event said anything of its operations."""


class Waiting(Struct, array_like=True):
    """Windows that have too few predictions to be evaluated, together."""

    start_ms: int
    n_events: int = 0
    operations: Operations = _NOTHING


class OperationsState(Struct, array_like=True):
    """The small part of the state."""

    told: bool = False
    """Whether an event of a closed window said anything of its operations."""
    next_ms: int | None = None
    """Start of the next window that closes."""
    n_empty: int = 0
    """Empty windows in a row."""
    last_end_ms: int | None = None
    """End of the last pane with a prediction, of the windows that have closed."""
    waiting: Waiting | None = None
    missed: bool = False
    """Whether events came for a pane that an idle mark had closed."""
    alerts: ModelAlerts = ModelAlerts()


class OperationsMonitor:
    """Watches failures, latency and throughput of one version of a model.

    Attributes
    ----------
    status : OperationsStatus or None
        Of the last window, for telemetry; not part of the state.
    """

    def __init__(self, setup: ModelSetup) -> None:
        self._setup = setup
        settings = setup.budget.settings
        self._settings = settings.operations
        self._size_ms = self._settings.window_ms(settings.windows.verdict)
        self._open = Table("operations-window", int, OpenWindow)
        self._earlier = EarlierWindows(settings)
        self._state = Value("operations", OperationsState, OperationsState())
        self._ended = False
        self._control = setup.directions
        self.desk = AlertDesk(self._control, setup.budget, lambda: self.alerts, self._keep_alerts)
        self.status: OperationsStatus | None = None
        self.tables = (self._state, self._open, *self._earlier.tables)

    @property
    def alerts(self) -> ModelAlerts:
        """Of failures and latency."""
        return self._state.value.alerts

    def _keep_alerts(self, alerts: ModelAlerts) -> None:
        self._state.value.alerts = alerts
        self._state.changed()

    def add(
        self,
        start_ms: int,
        n_events: int,
        operations: Operations | None,
        offsets: list[Offsets],
        flags: frozenset[str],
    ) -> None:
        """Add a closed pane of predictions; panes come in the order of time."""
        if not n_events:
            return
        state, window_ms = self._state.value, start_ms - start_ms % self._size_ms
        window = self._open.get(window_ms) or OpenWindow()
        window.n_events += n_events
        if operations is not None:
            window.operations, window.told = window.operations.merged(operations), True
        if not flags.issubset(window.flags):
            window.flags = sorted(flags.union(window.flags))
        add_pane(window.runs, start_ms, start_ms + self._setup.pane_ms)
        for each in offsets:
            merge_offsets(window.offsets, each)
        self._open.put(window_ms, window)
        if state.next_ms is None:
            state.next_ms = window_ms
            self._state.changed()

    def miss(self) -> None:
        """Note that events came for a pane that an idle mark had closed."""
        self._state.value.missed = True
        self._state.changed()

    def end(self) -> None:
        """Note that the input ends here: event time that goes on from now on holds no absence of predictions."""
        self._ended = True

    def advance(self, reach: WatermarkReach) -> Outputs:
        """Close all windows that end by the watermark."""
        state = self._state.value
        outputs: Outputs = []
        while state.next_ms is not None and state.next_ms + self._size_ms <= reach.until_ms:
            start_ms = state.next_ms
            window = self._open.drop(start_ms)
            state.n_empty = 0 if window is not None else state.n_empty + 1
            state.next_ms = start_ms + self._size_ms
            if state.n_empty > (0 if self._ended else MAX_EMPTY):
                state.next_ms = min(self._open, default=None)
            else:
                outputs += self._close(start_ms, window or OpenWindow(), reach)
            self._state.changed()
        return [*outputs, *self.desk.obey(reach.until_ms)]

    def _close(self, start_ms: int, opened: OpenWindow, reach: WatermarkReach) -> Outputs:
        state, end_ms = self._state.value, start_ms + self._size_ms
        silence = self._settings.silence
        known_until_ms = opened.runs[-1][1] if self._ended and opened.runs else end_ms
        activity = activity_of(
            opened.runs, (start_ms, known_until_ms), state.last_end_ms, None if silence is None else int(silence)
        )
        if opened.runs:
            state.last_end_ms = opened.runs[-1][1]
        flags = reach.flags(end_ms).union(opened.flags, (AFTER_IDLE,) if state.missed else ())
        state.missed = False
        state.told |= opened.told
        window = OperationsWindow(
            key=self._setup.key,
            start_ms=start_ms,
            end_ms=end_ms,
            n_events=opened.n_events,
            operations=opened.operations,
            activity=activity,
            offsets=opened.offsets,
            flags=flags,
        )
        case = self._case(window)
        if not state.told:
            self._remember(case, end_ms, ())
            return []
        verdict = examine_operations(window, case, self._setup.budget)
        self._remember(case, end_ms, verdict.findings)
        self.status = _status(verdict.event)
        return self.desk.settle(verdict)

    def _case(self, window: OperationsWindow) -> OperationsCase | None:
        """Return what is evaluated with a window: those before it that had too few predictions, and itself."""
        state = self._state.value
        waiting = state.waiting or Waiting(window.start_ms)
        waiting.n_events += window.n_events
        waiting.operations = waiting.operations.merged(window.operations)
        if waiting.n_events < self._settings.min_events:
            state.waiting = waiting if waiting.n_events else None
            return None
        state.waiting = None
        return OperationsCase(
            waiting.start_ms, waiting.n_events, waiting.operations, self._earlier.known(), self._setup.budget.settings
        )

    def _remember(self, case: OperationsCase | None, end_ms: int, findings: tuple[FindingEvent, ...]) -> None:
        """Keep what was evaluated for later windows, unless more predictions failed than before or it is not usual."""
        found = {finding.check for finding in findings if finding.severity != "info"}
        unusual = case is not None and self._control.in_maintenance(case.start_ms, end_ms)
        if case is None or unusual or found & _OF_FAILURES:
            return
        measures = {**case.operations.measures}
        latency = measures.pop(LATENCY, NO_LATENCY)
        raised = sorted(check.removeprefix(PREFIX) for check in found if check.startswith(PREFIX))
        kept = KeptWindow(end_ms, case.n_events, case.operations.n_failed, latency, SLOW in found, measures, raised)
        self._earlier.add(case.start_ms, kept)


_OF_FAILURES: Final = frozenset({FAILED, MAX_FAILED})


def _status(event: OperationsEvent) -> OperationsStatus:
    return OperationsStatus(
        window=str(Duration(event.window.size_ms)),
        per_second=event.per_second,
        failed_share=event.failed_share,
        uptime_share=event.uptime_share,
        latency_ms=event.latency_ms,
        measures=event.measures,
    )
