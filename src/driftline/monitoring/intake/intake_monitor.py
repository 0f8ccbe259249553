"""Everything that is watched of the input topics as such; one partition of the panes topic has it all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.events.source import LABEL_STREAM, intake_key
from driftline.monitoring.intake.match_monitor import MatchMonitor
from driftline.monitoring.intake.refused_monitor import RefusedMonitor
from driftline.monitoring.monitor_status import alerts_status

if TYPE_CHECKING:
    from driftline.checks.contract.error_budget import ErrorBudget
    from driftline.config.settings import Settings
    from driftline.events.model_key import ModelKey
    from driftline.events.source import Kind
    from driftline.monitoring.alert_desk import AlertDesk
    from driftline.monitoring.control.control_book import ControlBook
    from driftline.monitoring.model_setup import Outputs, WatermarkReach
    from driftline.monitoring.monitor_status import ModelStatus
    from driftline.monitoring.state.table import Tables
    from driftline.panes.flush_record import JoinDelta
    from driftline.panes.intake_record import IntakeMark


class IntakeMonitor:
    """Watches both input topics, under the settings that all models have by default."""

    def __init__(self, settings: Settings, budget: ErrorBudget, book: ControlBook | None = None) -> None:
        kinds: tuple[Kind, ...] = ("predictions",) if settings.labels is None else ("predictions", "labels")
        self._refused = {kind: RefusedMonitor(kind, settings, budget, book) for kind in kinds}
        self._matches = MatchMonitor(settings, budget, book)
        self.tables: Tables = (
            *(table for part in self._refused.values() for table in part.tables),
            *self._matches.tables,
        )

    def take(self, marks: list[IntakeMark]) -> Outputs:
        """Take in what one record of the panes topic says of the records of all partitions."""
        self._matches.see(marks)
        outputs: Outputs = []
        for kind, monitor in self._refused.items():
            of_kind = [mark for mark in marks if mark.source.kind == kind]
            if of_kind:
                outputs += monitor.take(of_kind)
        return outputs

    def add_labels(self, delta: JoinDelta, *, is_open: bool) -> None:
        """Add a delta of the label stream."""
        if is_open:
            self._matches.add(delta)
        else:
            self._matches.miss()

    def advance(self, reach: WatermarkReach) -> Outputs:
        """Close all windows of labels that end by the watermark of joins."""
        return self._matches.advance(reach)

    @property
    def desks(self) -> tuple[AlertDesk, ...]:
        """The alerts of both topics."""
        return (*(monitor.desk for monitor in self._refused.values()), self._matches.desk)

    def obey(self, until_ms: int) -> Outputs:
        """Carry out what was said of alerts about refused records, by the watermark of predictions."""
        return [output for monitor in self._refused.values() for output in monitor.desk.obey(until_ms)]

    def status(self) -> dict[ModelKey, ModelStatus]:
        """Return what telemetry shows: the open alerts, by what stands for a model in them."""
        alerts = {intake_key(kind): monitor.state.alerts for kind, monitor in self._refused.items()}
        return {key: alerts_status(each) for key, each in {**alerts, LABEL_STREAM: self._matches.state.alerts}.items()}
