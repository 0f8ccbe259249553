"""The notifier's Prometheus metrics."""

from __future__ import annotations

from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from driftline.runtime.operations.metric_families import Family

_SINK: Final = ("sink",)


class Figures:
    """The metrics of one notifier, in a registry of its own; *State*: a few numbers a sink.

    Attributes
    ----------
    families : list of Family
        For the documentation.
    """

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library gives this one no types
        self.registry = CollectorRegistry()
        self.families: list[Family] = []
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._sent = self._counter("messages", "Messages that a sink has taken")
        self._failed = self._counter("failed_attempts", "Attempts to deliver a message that a sink did not take")
        self._dead = self._counter("dead_letters", "Records that became dead letters as a sink did not take them")
        self._waiting = self._gauge("waiting_records", "Records that were read and that a sink has not taken yet")
        self._failing = self._gauge("failing_seconds", "Time since the first failure of the message that is next")
        self._open = self._gauge("open_alerts", "Open alerts that a sink has been told of")
        self._held = self._gauge("held_back_alerts", "Open alerts held back, as they are not in the fleet's set")

    def of_sink(self, sink: str) -> SinkFigures:
        """Return the metrics of one sink, all of which then exist."""
        metrics = (self._sent, self._failed, self._dead)
        gauges = (self._waiting, self._failing, self._open, self._held)
        return SinkFigures(tuple(each.labels(sink) for each in metrics), tuple(each.labels(sink) for each in gauges))

    def _counter(self, name: str, documentation: str) -> Counter:
        self.families.append(Family(f"driftline_notify_{name}_total", "counter", documentation, _SINK))
        return Counter(f"driftline_notify_{name}", documentation, _SINK, registry=self.registry)

    def _gauge(self, name: str, documentation: str) -> Gauge:
        self.families.append(Family(f"driftline_notify_{name}", "gauge", documentation, _SINK))
        return Gauge(f"driftline_notify_{name}", documentation, _SINK, registry=self.registry)


class SinkFigures:
    """The metrics of one sink."""

    def __init__(self, counters: tuple[Counter, ...], gauges: tuple[Gauge, ...]) -> None:
        self.sent, self.failed, self.dead_letters = counters
        self.waiting, self.failing, self.open_alerts, self.held_back = gauges
