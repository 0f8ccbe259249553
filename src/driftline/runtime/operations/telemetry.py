"""Prometheus metrics: one method per metric, and removable label sets."""

from __future__ import annotations

import platform
import time
from importlib.metadata import version
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from driftline.native.library import description
from driftline.runtime.operations.metric_families import MetricFamilies
from driftline.runtime.operations.model_metrics import ModelMetrics

if TYPE_CHECKING:
    from prometheus_client import Gauge

    from driftline.config.settings import TelemetrySettings
    from driftline.events.model_key import ModelKey
    from driftline.events.source import Kind
    from driftline.events.source_numbers import Place


def build_labels() -> dict[str, str]:
    """Return what is running, by label of ``driftline_build_info``."""
    return {"version": version("driftline"), "python": platform.python_version(), "code": description()}


class Telemetry:
    """The metrics of one process, in a registry of its own.

    Attributes
    ----------
    models : ModelMetrics
        The figures of models, which the detect stage publishes.
    families : list of Family
        All families of driftline's own, in the order of the documentation.

    Notes
    -----
    *Cost*: a dictionary look-up and an addition under a lock per call; workers call once per batch or flush, never per
    event. *State*: one entry per partition; :meth:`forget_partition` removes what is no longer there.
    """

    def __init__(self, settings: TelemetrySettings | None = None) -> None:
        # A series beside each counter and histogram that nobody asks for.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library gives this one no types
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        figures = MetricFamilies(self.registry)
        self.families = figures.families
        topic = ("topic_kind", "topic", "partition")
        build = build_labels()
        figures.gauge("build_info", "Always 1; the labels say what is running", *build).of(*build.values()).set(1)
        self._input = figures.counter("input_records", "Records read from the input topics", *topic)
        self._lag = figures.gauge(
            "consumer_lag_records", "Records between the position and the end of the partition", *topic
        )
        self._delay = figures.gauge("watermark_delay_seconds", "Time from the watermark to now", *topic)
        self._held = figures.gauge(
            "held_for_reference", "1 while a partition is not read on until a reference has been learnt", *topic
        )
        self._position = figures.gauge(
            "panes_position_offset", "Offset of the panes topic from which a restart reads again", "partition"
        )
        self._stalled = figures.gauge(
            "panes_stalled",
            "1 while flush records of a partition can be read and none was applied for `detect.stall_timeout`",
            "partition",
        )
        self._lost = figures.counter(
            "panes_lost_records", "Flush records that retention deleted before detection read them", "partition"
        )
        self._pending = figures.gauge(
            "pending_predictions",
            "Predictions kept for the join with labels, until the label horizon and the wait have passed",
            "partition",
        )
        self._halves = figures.gauge(
            "halves_waiting", "Requests and responses that wait for their other half", "topic", "partition"
        )
        self._joins = figures.counter("joins", "Labels and predictions by their outcome in the join", "outcome")
        self._expired = figures.counter(
            "pending_expired_entries",
            "Predictions dropped after the label horizon and the wait, and labels dropped after the wait",
            "partition",
        )
        self._evicted = figures.counter(
            "pending_evicted_entries",
            "Predictions and labels dropped early because the disk quota was reached",
            "partition",
        )
        self._dead = figures.counter("dead_letters", "Records rejected, by input topic and reason", "topic", "reason")
        self._sent = figures.counter("outputs_sent", "Events and alerts acknowledged by the broker", "channel")
        self._late = figures.counter("late_records", "Records that arrived behind their partition's watermark").of()
        self._applied = figures.counter("records_applied", "Flush records applied by detection").of()
        self._flushed_events = figures.counter("flushed_events", "Events counted into panes").of()
        self._flush = figures.histogram("flush_seconds", "Time to join, count and encode one flush")
        self._transaction = figures.histogram("transaction_seconds", "Time from begin to commit of one transaction")
        self._checkpoint = figures.histogram("checkpoint_seconds", "Time to write one checkpoint of detection's state")
        self.models = ModelMetrics(figures, settings)

    def input_records(self, kind: Kind, place: Place, n: int) -> None:
        """Count ``n`` records read of a partition of a topic."""
        self._input.of(*_labels(kind, place)).inc(n)

    def lag(self, kind: Kind, place: Place, n: int) -> None:
        """Set how many records of a partition are not yet read."""
        self._lag.of(*_labels(kind, place)).set(n)

    def watermark_delay(self, kind: Kind, place: Place, seconds: float) -> None:
        """Set how far a partition's watermark is behind the clock; it falls further behind until it is set again."""
        _grow(self._delay.of(*_labels(kind, place)), seconds)

    def panes_delay(self, place: Place, seconds: float) -> None:
        """Set how far detection is behind the clock on a panes partition, as :meth:`watermark_delay`."""
        _grow(self._delay.of("panes", place.topic, str(place.partition)), seconds)

    def held(self, kind: Kind, place: Place, *, held: bool) -> None:
        """Set whether a partition waits for a reference to be learnt from what was read of it."""
        self._held.of(*_labels(kind, place)).set(held)

    def position(self, partition: int, offset: int) -> None:
        """Set the offset of a panes partition from which a restart reads again."""
        self._position.of(str(partition)).set(offset)

    def panes_stalled(self, partition: int, *, stalled: bool | None) -> None:
        """Set whether detection stands still on a panes partition; None where it is no longer this process's."""
        if stalled is None:
            self._stalled.forget(partition=str(partition))
        else:
            self._stalled.of(str(partition)).set(stalled)

    def panes_lost(self, partition: int, n: int) -> None:
        """Count ``n`` flush records of a panes partition that had expired before detection read them."""
        self._lost.of(str(partition)).inc(n)

    def pending(self, partition: int, n: int) -> None:
        """Set how many predictions of a partition wait for their labels."""
        self._pending.of(str(partition)).set(n)

    def halves(self, place: Place, n: int) -> None:
        """Report how many requests and responses of a partition wait for their other half."""
        self._halves.of(place.topic, str(place.partition)).set(n)

    def joins(self, outcome: str, n: int) -> None:
        """Count ``n`` labels or predictions by what became of them: ``joined``, ``corrected``, ``orphaned``, ..."""
        self._joins.of(outcome).inc(n)

    def expired(self, partition: int, n: int) -> None:
        """Count ``n`` entries of a partition's pending store whose time was over."""
        self._expired.of(str(partition)).inc(n)

    def evicted(self, partition: int, n: int) -> None:
        """Count ``n`` entries of a partition's pending store that were dropped for want of room."""
        self._evicted.of(str(partition)).inc(n)

    def dead_letter(self, topic: str, reason: str) -> None:
        """Count a record of an input topic that was refused for a reason."""
        self._dead.of(topic, reason).inc()

    def late(self, n: int) -> None:
        """Count ``n`` late records."""
        self._late.inc(n)

    def flushed(self, seconds: float, events: int) -> None:
        """Record one flush: how long it took, and how many events it held."""
        self._flush.observe(seconds)
        self._flushed_events.inc(events)

    def transaction(self, seconds: float) -> None:
        """Record how long one transaction took."""
        self._transaction.observe(seconds)

    def checkpoint_written(self, seconds: float) -> None:
        """Record how long one checkpoint took."""
        self._checkpoint.observe(seconds)

    def records_applied(self, n: int) -> None:
        """Count ``n`` flush records applied by detection."""
        self._applied.inc(n)

    def outputs_sent(self, channel: str, n: int) -> None:
        """Count ``n`` outputs acknowledged on ``events`` or ``alerts``."""
        self._sent.of(channel).inc(n)

    def forget_panes(self, partition: int) -> None:
        """Remove all figures of a panes partition that this process has given up."""
        self._position.forget(partition=str(partition))
        self._stalled.forget(partition=str(partition))
        self._delay.forget(topic_kind="panes", partition=str(partition))

    def forget_partition(self, kind: Kind, place: Place, number: int) -> None:
        """Remove all figures of a partition of a topic that this process has given up.

        ``number`` is the one by which it is joined, that of a partition of the pending topic.
        """
        topic, partition = place.topic, str(place.partition)
        for metric in (self._lag, self._delay, self._input, self._held):
            metric.forget(topic_kind=kind, topic=topic, partition=partition)
        if kind == "predictions":
            self._halves.forget(topic=topic, partition=partition)
        if kind in {"predictions", "joins"}:
            for joined in (self._pending, self._expired, self._evicted):
                joined.forget(partition=str(number))

    def forget_model(self, key: ModelKey) -> None:
        """Remove all figures of a version of a model."""
        self.models.forget(key)


def _grow(figure: Gauge, seconds: float) -> None:
    """Let a figure be so many seconds now, and grow with the clock."""
    began_s = time.time() - seconds
    figure.set_function(lambda: time.time() - began_s)


def _labels(kind: Kind, place: Place) -> tuple[str, str, str]:
    return kind, place.topic, str(place.partition)
