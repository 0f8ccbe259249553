"""The labels topic as a whole: spans of labels that found no prediction, and the silence of all labels.

What is counted of the topic has the model key ``LABEL_STREAM``, so one partition of the panes topic has it all. Spans
close with the watermark of joins. Silence cannot be told from event time alone: labels that are still to be read may be
older than the predictions that have been. It is told only where every partition of the labels has been declared idle,
read to its end, and what it leads to is flagged so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from driftline.alerts import ModelAlerts
from driftline.checks.labels.label_stream_check import StreamSpan, examine_stream, silence
from driftline.events.source import LABEL_STREAM, Kind, Offsets, merge_offsets
from driftline.monitoring.alert_desk import AlertDesk
from driftline.monitoring.control.model_control import no_control
from driftline.monitoring.labels.cohorts import KEPT
from driftline.monitoring.model_setup import AFTER_IDLE, IDLE
from driftline.monitoring.monitor_status import alerts_status
from driftline.monitoring.state.table import Value

if TYPE_CHECKING:
    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.monitoring.control.model_control import ModelControl
    from driftline.monitoring.model_setup import Outputs, WatermarkReach
    from driftline.monitoring.monitor_status import ModelStatus
    from driftline.panes.flush_record import JoinDelta
    from driftline.panes.watermarks import Watermarks


class OpenSpan(Struct, array_like=True):
    """A span that the watermark of joins has not passed."""

    n_predictions: int = 0
    n_joined: int = 0
    n_orphans: int = 0
    offsets: dict[Kind, Offsets] = {}


class StreamState(Struct, array_like=True):
    """All of the state."""

    open: dict[int, OpenSpan] = {}
    """By start."""
    closed: list[tuple[int, int, bool]] = []
    """Orphans and all labels of the latest spans, and whether those were many."""
    first_ms: int | None = None
    """Start of the first pane with anything in it."""
    told_ms: int | None = None
    """Watermark of the labels at which silence was last told."""
    missed: bool = False
    alerts: ModelAlerts = ModelAlerts()


class LabelStreamMonitor:
    """Monitors the labels topic as a whole, under the settings that all models have by default.

    Notes
    -----
    *State*: four numbers a span for ``KEPT`` spans, and for those between both watermarks.
    """

    def __init__(self, budget: ErrorBudget, control: ModelControl | None = None) -> None:
        self._budget = budget
        self._state = Value("stream", StreamState, StreamState())
        self._control = no_control(LABEL_STREAM) if control is None else control
        self.desk = AlertDesk(self._control, budget, lambda: self.state.alerts, self._keep_alerts, of_version=False)
        self.tables = (self._state,)

    @property
    def state(self) -> StreamState:
        """All of the state."""
        return self._state.value

    def _keep_alerts(self, alerts: ModelAlerts) -> None:
        self.state.alerts = alerts
        self._state.changed()

    def status(self) -> ModelStatus:
        """Return what telemetry shows of the label stream: its open alerts."""
        return alerts_status(self.state.alerts)

    def add_labels(self, delta: JoinDelta) -> None:
        """Add a delta, whose pane is open."""
        size_ms = self._budget.settings.cohort_ms
        start_ms = delta.pane_ms - delta.pane_ms % size_ms
        span = self.state.open.get(start_ms)
        if span is None:
            span = self.state.open[start_ms] = OpenSpan()
        n_predictions, n_joined, n_orphans = delta.labels
        span.n_predictions += n_predictions
        span.n_joined += n_joined
        span.n_orphans += n_orphans
        for kind, offsets in delta.offsets.items():
            merge_offsets(span.offsets.setdefault(kind, {}), offsets)
        first_ms = self.state.first_ms
        self.state.first_ms = delta.pane_ms if first_ms is None else min(first_ms, delta.pane_ms)
        self._state.changed()

    def miss_labels(self) -> None:
        """Note that labels came for a pane that an idle mark had closed."""
        self.state.missed = True
        self._state.changed()

    def advance(self, reach: WatermarkReach) -> Outputs:
        """Close all spans that end by the watermark of joins."""
        outputs: Outputs = []
        size_ms = self._budget.settings.cohort_ms
        for start_ms in sorted(start for start in self.state.open if start + size_ms <= reach.until_ms):
            span = self.state.open.pop(start_ms)
            flags = {*reach.flags(start_ms + size_ms), *((AFTER_IDLE,) if self.state.missed else ())}
            closing = StreamSpan(
                start_ms,
                start_ms + size_ms,
                span.n_predictions,
                span.n_joined,
                span.n_orphans,
                self.state.closed,
                span.offsets,
                flags,
            )
            verdict = examine_stream(closing, self._budget)
            outputs += self.desk.settle(verdict)
            n = span.n_joined + span.n_orphans
            if n:
                closed = [*self.state.closed, (span.n_orphans, n, verdict.event.status == "many")]
                self.state.closed = closed[-KEPT:]
            self.state.missed = False
            self._state.changed()
        return [*outputs, *self.desk.obey(reach.until_ms)]

    def listen(self, marks: Watermarks) -> Outputs:
        """Say that labels are silent, once for each silence, where predictions are as far ahead as is configured."""
        since_ms = self.state.first_ms if marks.labels is None else marks.labels
        limit_ms = int(self._budget.settings.labels.stall_after)
        if since_ms is None or since_ms == self.state.told_ms or not marks.labels_idle:
            return []
        counted_ms = self._control.after_maintenance(since_ms, limit_ms)
        if marks.predictions is None or marks.predictions < counted_ms + limit_ms:
            return []
        self.state.told_ms = since_ms
        self._state.changed()
        verdict = silence(since_ms, self._budget, (IDLE,))
        return self.desk.settle(verdict)
