"""Windows of the records of an input topic, by their own clock, and the alert that too many of them are refused.

A topic's clock is the least of its partitions' that are not idle, as with event time; but refused records move it too.
Several topics of one kind share windows and the alert, which is about the topic with the largest share of refused
records: among many topics one whose records are all refused would not show otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET, Struct, field
from msgspec.structs import replace

from driftline.alerts import ModelAlerts
from driftline.checks.intake.refused_origins import OriginTallies, add_records, origins_of_refused
from driftline.checks.intake.refused_records import Refusals, examine_refusals
from driftline.events.source import Kind, Offsets, intake_key, merge_offsets
from driftline.monitoring.alert_desk import AlertDesk
from driftline.monitoring.control.control_book import ControlBook
from driftline.monitoring.control.model_control import ModelControl
from driftline.monitoring.model_setup import AFTER_IDLE, WatermarkReach
from driftline.monitoring.state.table import Value
from driftline.panes.intake_record import OriginRecords
from driftline.panes.watermarks import TopicState
from driftline.sketches.origin_table import PARTITION

if TYPE_CHECKING:
    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.config.settings import Settings
    from driftline.monitoring.model_setup import Outputs
    from driftline.panes.intake_record import IntakeMark, IntakeSpan


class OpenIntake(Struct, array_like=True):
    """A window of records that the topic's clock has not passed."""

    n_read: int = 0
    refused: dict[str, int] = {}
    first: tuple[int, int, str] | None = None
    """Partition and offset of the first refused record, and its message."""
    offsets: Offsets = {}
    topics: dict[str, OpenIntake] = {}
    """The same by topic, where there are several."""
    origins: OriginTallies = {}
    """By where the records come from."""

    @property
    def n_refused(self) -> int:
        """Refused records."""
        return sum(self.refused.values())

    def add(self, partition: int, span: IntakeSpan, topic: str | None = None) -> None:
        """Add what a flush says of one partition, and of its topic where that is one of several."""
        if topic is not None:
            if topic not in self.topics:
                self.topics[topic] = OpenIntake()
            self.topics[topic].add(partition, span)
        by_partition = OriginRecords(
            span.n_read, sum(span.refused.values()), None if span.first is None else span.first.offset
        )
        add_records(self.origins, partition, {PARTITION: {str(partition): by_partition}, **span.origins})
        self.n_read += span.n_read
        for reason, n in span.refused.items():
            self.refused[reason] = self.refused.get(reason, 0) + n
        merge_offsets(self.offsets, {partition: span.offsets})
        if span.first is not None:
            first = (partition, span.first.offset, span.first.message)
            self.first = first if self.first is None else min(self.first, first)

    def worst(self, least: int) -> tuple[str, OpenIntake] | None:
        """Return the topic with the largest share of refused records, of those with so many records; None without."""
        enough = [(name, each) for name, each in sorted(self.topics.items()) if each.n_read >= least]
        return max(enough, key=lambda one: one[1].n_refused / one[1].n_read, default=None)


class TopicIntake(Struct, array_like=True):
    """All of the state of one topic."""

    progress: TopicState = field(default_factory=TopicState)
    open: dict[int, OpenIntake] = {}
    """By start."""
    missed: bool = False
    """Whether records came for a window that an idle mark had closed."""
    alerts: ModelAlerts = ModelAlerts()


class RefusedMonitor:
    """Watches how many records of one input topic are refused.

    Notes
    -----
    *State*: a few numbers, a reason each and one message, for each window between the slowest partition and the
    fastest.
    """

    def __init__(self, kind: Kind, settings: Settings, budget: ErrorBudget, book: ControlBook | None = None) -> None:
        self._kind: Kind = kind
        self._key = intake_key(kind)
        book = ControlBook(settings, int(settings.time.pane)) if book is None else book
        self.desk = AlertDesk(
            ModelControl(book, self._key), budget, lambda: self.state.alerts, self._keep_alerts, of_version=False
        )
        labels = settings.labels
        self._topic = labels.shown if kind == "labels" and labels is not None else settings.predictions.shown
        self._settings = settings.intake
        self._size_ms = int(settings.intake.window)
        self._budget = budget
        self._state = Value(f"refused-{kind}", TopicIntake, TopicIntake())
        self.tables = (self._state,)

    @property
    def state(self) -> TopicIntake:
        """All of the state."""
        return self._state.value

    def _keep_alerts(self, alerts: ModelAlerts) -> None:
        self.state.alerts = alerts
        self._state.changed()

    def take(self, marks: list[IntakeMark]) -> Outputs:
        """Take in what one record of the panes topic says of the topic's partitions, together; close what is over."""
        state = self.state
        before = state.progress.reached_ms
        for mark in marks:
            for span in mark.spans:
                self._add(mark.source.partition, span)
            state.progress.take(mark.watermark)
        state.progress.settle()
        self._state.changed()
        reached = state.progress.reached_ms
        return [] if reached is None or reached == before else self._close(reached)

    def _add(self, partition: int, span: IntakeSpan) -> None:
        start_ms = span.start_ms - span.start_ms % self._size_ms
        reached = self.state.progress.reached_ms
        if reached is not None and start_ms + self._size_ms <= reached:
            self.state.missed = True
            return
        window = self.state.open.get(start_ms)
        if window is None:
            window = self.state.open[start_ms] = OpenIntake()
        place = self._budget.places.place(self._kind, partition)
        window.add(partition, span, None if place is None else place.topic)

    def _close(self, reached_ms: int) -> Outputs:
        outputs: Outputs = []
        state = self.state
        reach = WatermarkReach(reached_ms, state.progress.certain_ms())
        for start_ms in sorted(start for start in state.open if start + self._size_ms <= reached_ms):
            outputs += self._judge(start_ms, state.open.pop(start_ms), reach)
            state.missed = False
        return outputs

    def _judge(self, start_ms: int, window: OpenIntake, reach: WatermarkReach) -> Outputs:
        end_ms = start_ms + self._size_ms
        topic, window = window.worst(self._settings.min_records) or (self._topic, window)
        refusals = Refusals(
            key=self._key,
            topic=topic,
            start_ms=start_ms,
            end_ms=end_ms,
            n_read=window.n_read,
            refused=window.refused,
            example=None if window.first is None else window.first[2],
            offsets={self._kind: window.offsets},
            flags=reach.flags(end_ms) | ({AFTER_IDLE} if self.state.missed else frozenset()),
        )
        verdict = examine_refusals(refusals, self._settings, self._budget)
        if verdict.findings:
            counts = (window.n_read, window.n_refused)
            origins = origins_of_refused(window.origins, counts, self._kind, start_ms, self._budget.places)
            found = UNSET if origins is None else origins
            verdict = replace(verdict, findings=tuple(replace(each, origins=found) for each in verdict.findings))
        return self.desk.settle(verdict)
