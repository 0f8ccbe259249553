"""Whether labels meet predictions at all, from the first day on: windows of event time, closed by the joins' watermark.

Labels are judged from ``labels.wait`` after the first prediction that a label could meet: before, their predictions may
lie before the beginning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

from driftline.alerts import ModelAlerts
from driftline.checks.intake.unmatched_labels import LabelMatches, examine_matches
from driftline.events.source import LABEL_STREAM, Kind, Offsets, merge_offsets
from driftline.monitoring.alert_desk import AlertDesk
from driftline.monitoring.control.control_book import ControlBook
from driftline.monitoring.control.model_control import ModelControl
from driftline.monitoring.model_setup import AFTER_IDLE
from driftline.monitoring.state.table import Value
from driftline.panes.intake_record import IntakeMark, SeenId

if TYPE_CHECKING:
    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.config.settings import Settings
    from driftline.monitoring.model_setup import Outputs, WatermarkReach
    from driftline.panes.flush_record import JoinDelta


class OpenMatches(Struct, array_like=True):
    """What became of the labels of a window, or of several in a row."""

    n_joined: int = 0
    n_orphans: int = 0
    offsets: dict[Kind, Offsets] = {}

    def add(self, n_joined: int, n_orphans: int, offsets: dict[Kind, Offsets]) -> None:
        """Add labels."""
        self.n_joined += n_joined
        self.n_orphans += n_orphans
        for kind, each in offsets.items():
            merge_offsets(self.offsets.setdefault(kind, {}), each)


class MatchState(Struct, array_like=True):
    """All of the state."""

    open: dict[int, OpenMatches] = {}
    """By start."""
    since_ms: int | None = None
    """Start of the windows that had too few labels to be judged."""
    gathered: OpenMatches = field(default_factory=OpenMatches)
    """Their labels."""
    first_ms: int | None = None
    """Start of the first pane with a prediction that a label could meet."""
    ids: dict[Kind, dict[int, SeenId]] = {}
    """Of the first event of each partition."""
    missed: bool = False
    alerts: ModelAlerts = ModelAlerts()


class MatchMonitor:
    """Watches whether labels meet predictions.

    Notes
    -----
    *State*: a few numbers for each window that the watermark of joins has not passed, and an id a partition.
    """

    def __init__(self, settings: Settings, budget: ErrorBudget, book: ControlBook | None = None) -> None:
        book = ControlBook(settings, int(settings.time.pane)) if book is None else book
        self.desk = AlertDesk(
            ModelControl(book, LABEL_STREAM), budget, lambda: self.state.alerts, self._keep_alerts, of_version=False
        )
        models = (settings.defaults, *settings.models.values())
        self._wait_ms = max(int(model.labels.wait) for model in models)
        self._settings = settings.intake
        self._size_ms = int(settings.intake.window)
        self._budget = budget
        self._state = Value("matches", MatchState, MatchState())
        self.tables = (self._state,)

    @property
    def state(self) -> MatchState:
        """All of the state."""
        return self._state.value

    def _keep_alerts(self, alerts: ModelAlerts) -> None:
        self.state.alerts = alerts
        self._state.changed()

    def see(self, marks: list[IntakeMark]) -> None:
        """Remember the id of the first event of each partition."""
        for mark in marks:
            if mark.seen is not None:
                first = self.state.ids.setdefault(mark.source.kind, {})
                known = first.get(mark.source.partition, mark.seen)
                first[mark.source.partition] = min(known, mark.seen, key=lambda seen: seen.offset)
                self._state.changed()

    def add(self, delta: JoinDelta) -> None:
        """Add a delta of the label stream, whose pane is open."""
        n_predictions, n_joined, n_orphans = delta.labels
        state = self.state
        if n_predictions:
            state.first_ms = delta.pane_ms if state.first_ms is None else min(state.first_ms, delta.pane_ms)
        if n_joined or n_orphans:
            start_ms = delta.pane_ms - delta.pane_ms % self._size_ms
            if start_ms not in state.open:
                state.open[start_ms] = OpenMatches()
            state.open[start_ms].add(n_joined, n_orphans, delta.offsets)
        self._state.changed()

    def miss(self) -> None:
        """Note that labels came for a pane that an idle mark had closed."""
        self.state.missed = True
        self._state.changed()

    def advance(self, reach: WatermarkReach) -> Outputs:
        """Close all windows that end by the watermark of joins."""
        state = self.state
        outputs: Outputs = []
        for start_ms in sorted(start for start in state.open if start + self._size_ms <= reach.until_ms):
            window = state.open.pop(start_ms)
            if state.first_ms is not None and start_ms >= state.first_ms + self._wait_ms:
                outputs += self._judge(start_ms, window, reach)
            self._state.changed()
        return [*outputs, *self.desk.obey(reach.until_ms)]

    def _judge(self, start_ms: int, window: OpenMatches, reach: WatermarkReach) -> Outputs:
        state = self.state
        state.since_ms = start_ms if state.since_ms is None else state.since_ms
        state.gathered.add(window.n_joined, window.n_orphans, window.offsets)
        if state.gathered.n_joined + state.gathered.n_orphans < self._settings.min_labels:
            return []
        end_ms = start_ms + self._size_ms
        matches = LabelMatches(
            start_ms=state.since_ms,
            end_ms=end_ms,
            n_joined=state.gathered.n_joined,
            n_orphans=state.gathered.n_orphans,
            prediction_id=self._id("predictions", end_ms),
            label_id=self._id("labels", end_ms),
            offsets=state.gathered.offsets,
            flags=reach.flags(end_ms) | ({AFTER_IDLE} if state.missed else frozenset()),
        )
        state.since_ms, state.gathered, state.missed = None, OpenMatches(), False
        verdict = examine_matches(matches, self._settings, self._budget)
        return self.desk.settle(verdict)

    def _id(self, kind: Kind, before_ms: int) -> str | None:
        """Return an id of a topic: of the partition with the least number that had an event by then.

        What came later may be known already, or not yet: that depends on the order in which partitions are read.
        """
        seen = sorted(self.state.ids.get(kind, {}).items())
        return next((each.id for _, each in seen if each.effective_ms < before_ms), None)
