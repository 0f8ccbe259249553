"""What comes on the topics of panes and alerts, and when, by the wall clock of one consumer."""

from __future__ import annotations

import time
from bisect import bisect_left
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import msgspec
from confluent_kafka import TopicPartition
from msgspec import Struct

from driftline.events.cloudevents import epoch_ms
from driftline.panes.flush_record import decode
from driftline.panes.watermarks import Watermarks
from tests.support.reading import consumer_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from driftline.config.settings import Settings


class _Finding(Struct):
    column: str | None = None


class _Alert(Struct):
    """What is read of an alert."""

    model: str
    revision: int
    notify: bool
    window: dict[str, Any]
    title: str
    findings: list[_Finding]


class Flush(NamedTuple):
    """A flush that moved the watermark."""

    watermark_ms: int
    written_s: float
    """When the sketch worker wrote it, within its transaction."""
    seen_s: float
    """When a consumer had it, its transaction committed."""


class Alert(NamedTuple):
    """A record of the alerts topic that notifies."""

    model: str
    title: str
    columns: frozenset[str]
    """What it says has changed."""
    end_ms: int
    """End of the pane that it follows from."""
    written_s: float
    seen_s: float


class Listener:
    """Reads both topics from their ends on until told otherwise.

    Parameters
    ----------
    bootstrap : str
    settings : Settings
        Of the workers.
    """

    def __init__(self, bootstrap: str, settings: Settings) -> None:
        self._panes, self._alerts = settings.kafka.topic("panes"), settings.kafka.topic("alerts")
        self._partitions = settings.kafka.panes_partitions
        self._reading = consumer_of(bootstrap, "time-to-alert")
        self._watermarks = Watermarks(with_labels=False)
        self.flushes: list[Flush] = []
        """By rising watermark."""
        self.alerts: list[Alert] = []

    def __enter__(self) -> Self:
        self._consumer = self._reading.__enter__()
        alerts = self._consumer.list_topics(self._alerts, timeout=20).topics[self._alerts].partitions
        # a flush writes to every partition of the panes topic in one transaction, so that one of them tells of all
        places = [TopicPartition(self._panes, 0, 0), *(TopicPartition(self._alerts, number, 0) for number in alerts)]
        self._consumer.assign(places)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reading.__exit__(kind, error, trace)

    def listen(self, goes_on: Callable[[], bool]) -> None:
        """Take in what comes as long as a condition holds."""
        while goes_on():
            message = self._consumer.poll(0.5)
            seen_s = time.time()
            if message is None or message.error() is not None or message.value() is None:
                continue
            written_s = message.timestamp()[1] / 1000
            if message.topic() == self._panes:
                self.take_flush(message.value() or b"", written_s, seen_s)
            else:
                self.take_alert(message.value() or b"", written_s, seen_s)

    def take_flush(self, value: bytes, written_s: float, seen_s: float) -> None:
        """Take in a record of the panes topic."""
        before = self._watermarks.predictions
        self._watermarks.update(decode(value, self._panes).watermarks)
        after = self._watermarks.predictions
        if after is not None and after != before:
            self.flushes.append(Flush(after, written_s, seen_s))

    def take_alert(self, value: bytes, written_s: float, seen_s: float) -> None:
        """Take in a record of the alerts topic."""
        alert = msgspec.json.decode(value, type=_Alert)
        if alert.notify:
            columns = frozenset(finding.column for finding in alert.findings if finding.column is not None)
            end_ms = epoch_ms(alert.window["end"])
            self.alerts.append(Alert(alert.model, alert.title, columns, end_ms, written_s, seen_s))

    def closing(self, end_ms: int) -> Flush:
        """Return the flush that closed the panes up to some time."""
        place = bisect_left(self.flushes, end_ms, key=lambda flush: flush.watermark_ms)
        return self.flushes[place]
