"""Prometheus metrics: one method per metric, and removable label sets."""

from __future__ import annotations

import time
from typing import Final, Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

DURATION_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Flushes, transactions and checkpoints; 10 s is the transaction timeout."""

Metric = TypeVar("Metric", Counter, Gauge)


class LabelledMetric(Generic[Metric]):
    """One metric with labels, given in its order, whose label sets can be forgotten.

    The metric's children are kept here, since looking one up costs more than adding to it.
    """

    def __init__(self, metric: Metric, *labels: str) -> None:
        self._metric: Metric = metric
        self._labels = labels
        self._children: dict[tuple[str, ...], Metric] = {}

    def of(self, *values: str) -> Metric:
        """Return the child with these label values."""
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = self._metric.labels(*values)
        return child

    def forget(self, **labels: str) -> None:
        """Remove every child whose labels have these values, among others."""
        positions = [(self._labels.index(name), value) for name, value in labels.items()]
        for values in [each for each in self._children if all(each[i] == value for i, value in positions)]:
            del self._children[values]
            self._metric.remove(*values)


class Telemetry:
    """The metrics of one process, in a registry of its own.

    *Cost*: a dictionary look-up and an addition under a lock per call; workers call once per batch or flush, never per
    event. *State*: one entry per partition, and one per check of the models watched; :meth:`forget_partition` and
    :meth:`forget_model` remove what is no longer there.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        topic = ("topic_kind", "partition")
        model = ("model", "model_version")
        self._input = self._counter("input_records", "Records read from the input topics", *topic)
        self._lag = self._gauge(
            "consumer_lag_records", "Records between the position and the end of the partition", *topic
        )
        self._delay = self._gauge("watermark_delay_seconds", "Time from the watermark to now", *topic)
        self._held = self._gauge(
            "held_for_reference", "1 while a partition is not read on until a reference has been learnt", *topic
        )
        self._position = self._gauge(
            "panes_position_offset", "Offset of the panes topic from which a restart reads again", "partition"
        )
        self._lost = self._counter(
            "panes_lost_records", "Flush records that retention deleted before detection read them", "partition"
        )
        self._pending = self._gauge(
            "pending_predictions",
            "Predictions kept for the join with labels, until the label horizon has passed",
            "partition",
        )
        self._halves = self._gauge(
            "halves_waiting", "Requests and responses that wait for their other half", "partition"
        )
        self._joins = self._counter("joins", "Labels and predictions by their outcome in the join", "outcome")
        self._expired = self._counter(
            "pending_expired_entries",
            "Predictions and labels dropped after their label horizon or wait",
            "partition",
        )
        self._evicted = self._counter(
            "pending_evicted_entries",
            "Predictions and labels dropped early because the disk quota was reached",
            "partition",
        )
        self._dead = self._counter("dead_letters", "Records rejected, by reason", "reason")
        self._sent = self._counter("outputs_sent", "Events and alerts acknowledged by the broker", "channel")
        self._coverage = self._gauge(
            "label_coverage_ratio", "Fraction of the last performance window's predictions that have a label", *model
        )
        self._statistic = self._gauge("check_statistic", "Last value of a check's statistic", *model, "column", "check")
        self._alerts = self._gauge("open_alerts", "Open alerts, one an incident", "model", "model_version", "severity")
        self._unprofiled = self._gauge(
            "unprofiled_events", "Events not counted because no reference covered them", *model
        )
        self._learnt = self._gauge(
            "reference_learnt_events", "Events of a reference that is being learnt, so far", *model
        )
        self._wanted = self._gauge(
            "reference_wanted_events", "Events needed to learn a reference, while one is being learnt", *model
        )
        self._expired_joins = self._gauge(
            "expired_joins", "Labels' contributions to performance windows after their last revision", *model
        )
        self._calibrating = self._gauge(
            "calibrating_window_sizes",
            "Window sizes that do not notify yet because their dispersion is being learnt",
            *model,
        )
        self._late = Counter(
            "driftline_late_records", "Records that arrived behind their partition's watermark", registry=self.registry
        )
        self._applied = Counter(
            "driftline_records_applied", "Flush records applied by detection", registry=self.registry
        )
        self._flushed_events = Counter("driftline_flushed_events", "Events counted into panes", registry=self.registry)
        self._flush = self._histogram("flush_seconds", "Time to join, count and encode one flush")
        self._transaction = self._histogram("transaction_seconds", "Time from begin to commit of one transaction")
        self._checkpoint = self._histogram("checkpoint_seconds", "Time to write one checkpoint of detection's state")

    def _counter(self, name: str, documentation: str, *labels: str) -> LabelledMetric[Counter]:
        return LabelledMetric(Counter(f"driftline_{name}", documentation, labels, registry=self.registry), *labels)

    def _gauge(self, name: str, documentation: str, *labels: str) -> LabelledMetric[Gauge]:
        return LabelledMetric(Gauge(f"driftline_{name}", documentation, labels, registry=self.registry), *labels)

    def _histogram(self, name: str, documentation: str) -> Histogram:
        return Histogram(f"driftline_{name}", documentation, buckets=DURATION_BUCKETS_S, registry=self.registry)

    def input_records(self, kind: str, partition: int, n: int) -> None:
        """Count ``n`` records read; ``kind`` is ``predictions``, ``labels``, ``joins`` or ``panes``."""
        self._input.of(kind, str(partition)).inc(n)

    def lag(self, kind: str, partition: int, n: int) -> None:
        """Set how many records of a partition are not yet read."""
        self._lag.of(kind, str(partition)).set(n)

    def watermark_delay(self, kind: str, partition: int, seconds: float) -> None:
        """Set how far a partition's watermark is behind the clock; it falls further behind until it is set again."""
        watermark_s = time.time() - seconds
        self._delay.of(kind, str(partition)).set_function(lambda: time.time() - watermark_s)

    def held(self, kind: str, partition: int, *, held: bool) -> None:
        """Set whether a partition waits for a reference to be learnt from what was read of it."""
        self._held.of(kind, str(partition)).set(held)

    def position(self, partition: int, offset: int) -> None:
        """Set the offset of a panes partition from which a restart reads again."""
        self._position.of(str(partition)).set(offset)

    def panes_lost(self, partition: int, n: int) -> None:
        """Count ``n`` flush records of a panes partition that had expired before detection read them."""
        self._lost.of(str(partition)).inc(n)

    def pending(self, partition: int, n: int) -> None:
        """Set how many predictions of a partition wait for their labels."""
        self._pending.of(str(partition)).set(n)

    def halves(self, partition: int, n: int) -> None:
        """Report how many requests and responses of a partition wait for their other half."""
        self._halves.of(str(partition)).set(n)

    def joins(self, outcome: str, n: int) -> None:
        """Count ``n`` labels or predictions by what became of them: ``joined``, ``corrected``, ``orphaned``, ..."""
        self._joins.of(outcome).inc(n)

    def expired(self, partition: int, n: int) -> None:
        """Count ``n`` entries of a partition's pending store whose time was over."""
        self._expired.of(str(partition)).inc(n)

    def evicted(self, partition: int, n: int) -> None:
        """Count ``n`` entries of a partition's pending store that were dropped for want of room."""
        self._evicted.of(str(partition)).inc(n)

    def dead_letter(self, reason: str) -> None:
        """Count a record refused for a reason."""
        self._dead.of(reason).inc()

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

    def coverage(self, model: str, version: str, ratio: float) -> None:
        """Set the share of predictions with labels in the last performance window of a model."""
        self._coverage.of(model, version).set(ratio)

    def check_statistic(self, model: str, version: str, column: str, check: str, value: float) -> None:
        """Set the last value of a check's statistic."""
        self._statistic.of(model, version, column, check).set(value)

    def open_alerts(self, model: str, version: str, severity: str, n: int) -> None:
        """Set how many incidents of a model and severity are open."""
        self._alerts.of(model, version, severity).set(n)

    def unprofiled(self, model: str, version: str, n: int) -> None:
        """Set how many events of a model were not counted because no reference covered them."""
        self._unprofiled.of(model, version).set(n)

    def learning(self, model: str, version: str, n_learnt: int, n_wanted: int) -> None:
        """Set how many events of a model's reference have been learnt, and how many are needed."""
        self._learnt.of(model, version).set(n_learnt)
        self._wanted.of(model, version).set(n_wanted)

    def forget_learning(self, model: str, version: str) -> None:
        """Remove the figures of learning: a version of a model has its reference."""
        for metric in (self._learnt, self._wanted):
            metric.forget(model=model, model_version=version)

    def expired_joins(self, model: str, version: str, n: int) -> None:
        """Set how many contributions of labels came after the last revision of their performance window."""
        self._expired_joins.of(model, version).set(n)

    def calibrating(self, model: str, version: str, n: int) -> None:
        """Set how many window sizes of a model do not notify yet."""
        self._calibrating.of(model, version).set(n)

    def forget_partition(self, partition: int, kind: str) -> None:
        """Remove all figures of a partition that this process has given up; ``kind`` as for :meth:`input_records`."""
        number = str(partition)
        for metric in (self._lag, self._delay, self._input, self._held):
            metric.forget(topic_kind=kind, partition=number)
        if kind == "panes":
            self._position.forget(partition=number)
        if kind == "predictions":
            self._halves.forget(partition=number)
        if kind in {"predictions", "joins"}:
            self._pending.forget(partition=number)
            self._expired.forget(partition=number)
            self._evicted.forget(partition=number)

    def forget_model(self, model: str, version: str) -> None:
        """Remove all figures of a version of a model."""
        for metric in (
            self._coverage,
            self._statistic,
            self._alerts,
            self._unprofiled,
            self._learnt,
            self._wanted,
            self._expired_joins,
            self._calibrating,
        ):
            metric.forget(model=model, model_version=version)
