"""What is watched of the input topics as such, whatever the model: arrival of labels, refused and unmatched records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from driftline.checks.contract.error_budget import ErrorBudget
from driftline.events.source import INTAKE, LABEL_STREAM
from driftline.monitoring.control.model_control import ModelControl
from driftline.monitoring.intake.intake_monitor import IntakeMonitor
from driftline.monitoring.labels.label_stream_monitor import LabelStreamMonitor
from driftline.monitoring.state.scope import StateScope

if TYPE_CHECKING:
    from collections.abc import Iterator

    from driftline.config.settings import Settings
    from driftline.events.model_key import ModelKey
    from driftline.events.source_numbers import PlaceNames
    from driftline.monitoring.alert_desk import AlertDesk
    from driftline.monitoring.control.control_book import ControlBook
    from driftline.monitoring.model_setup import Outputs, WatermarkReach
    from driftline.monitoring.monitor_status import ModelStatus
    from driftline.panes.flush_record import JoinDelta
    from driftline.panes.intake_record import IntakeMark
    from driftline.panes.watermarks import Watermarks


class InputMonitors:
    """The monitors of the input topics, each made when there is first something to tell it.

    Parameters
    ----------
    settings : Settings
    places : PlaceNames
    book : ControlBook
    at : str
        Whose state theirs is part of, for messages.

    Attributes
    ----------
    scopes : dict of ModelKey to StateScope
        Their state by the key that it stands under; without tables until they are made.
    """

    def __init__(self, settings: Settings, places: PlaceNames, book: ControlBook, at: str) -> None:
        self._settings = settings
        self._places = places
        self._book = book
        self.scopes = {
            LABEL_STREAM: StateScope(f"{at}, label stream"),
            INTAKE: StateScope(f"{at}, intake"),
        }
        self._stream: LabelStreamMonitor | None = None
        self._intake: IntakeMonitor | None = None

    def _arrival(self) -> LabelStreamMonitor:
        """Return what watches how labels arrive."""
        if self._stream is None:
            self._stream = LabelStreamMonitor(self._budget(LABEL_STREAM), ModelControl(self._book, LABEL_STREAM))
            self.scopes[LABEL_STREAM].add(self._stream.tables)
        return self._stream

    def _usability(self) -> IntakeMonitor:
        """Return what watches which records are refused, and which labels meet no prediction."""
        if self._intake is None:
            self._intake = IntakeMonitor(self._settings, self._budget(INTAKE), self._book)
            self.scopes[INTAKE].add(self._intake.tables)
        return self._intake

    def _budget(self, key: ModelKey) -> ErrorBudget:
        return ErrorBudget.of(self._settings, key.model, self._places)

    def begin(self, key: ModelKey) -> None:
        """Make the monitor whose state stands under a key, where it is one of these."""
        if key == LABEL_STREAM:
            self._arrival()
        elif key == INTAKE:
            self._usability()

    def take(self, marks: list[IntakeMark]) -> Outputs:
        """Take in what a flush says of records that were refused."""
        return self._usability().take(marks) if marks else []

    def add_labels(self, delta: JoinDelta, *, is_open: bool) -> None:
        """Add labels of a pane; they are missed where an idle mark had closed it."""
        self._usability().add_labels(delta, is_open=is_open)
        if is_open:
            self._arrival().add_labels(delta)
        else:
            self._arrival().miss_labels()

    def listen(self, marks: Watermarks) -> Outputs:
        """Note whether labels are silent."""
        return [] if self._stream is None else self._stream.listen(marks)

    def advance(self, reach: WatermarkReach) -> Outputs:
        """Close everything up to the watermark of joins."""
        outputs: Outputs = []
        for part in (self._stream, self._intake):
            if part is not None:
                outputs += part.advance(reach)
        return outputs

    def obey(self, reached_ms: int) -> Outputs:
        """Do what commands ask for up to the watermark of predictions."""
        return [] if self._intake is None else self._intake.obey(reached_ms)

    @property
    def desks(self) -> Iterator[AlertDesk]:
        """All alerts of the input topics."""
        if self._stream is not None:
            yield self._stream.desk
        if self._intake is not None:
            yield from self._intake.desks

    def status(self) -> dict[ModelKey, ModelStatus]:
        """Return what telemetry shows of the input topics; two sequences may have alerts of the labels."""
        status = {} if self._intake is None else self._intake.status()
        if self._stream is not None:
            labels = self._stream.status()
            open_alerts = labels.open_alerts + (status[LABEL_STREAM].open_alerts if LABEL_STREAM in status else ())
            status[LABEL_STREAM] = msgspec.structs.replace(labels, open_alerts=open_alerts)
        return status
