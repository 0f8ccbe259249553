"""Families of Prometheus metrics whose label sets can be removed, and a list of all families."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.events.model_key import ModelKey

DURATION_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Flushes, transactions and checkpoints; 10 s is the transaction timeout."""
MODEL: Final = ("model", "model_version")
"""The first labels of all figures of models."""

Metric = TypeVar("Metric", Counter, Gauge)


class Family(NamedTuple):
    """What the documentation says of a family."""

    name: str
    """As a scrape shows it; of a histogram, without the endings of its three kinds of series."""
    kind: str
    documentation: str
    labels: tuple[str, ...]


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
            child = self._children[values] = self._metric.labels(*values) if values else self._metric
        return child

    def forget(self, **labels: str) -> None:
        """Remove every child whose labels have these values, among others."""
        positions = [(self._labels.index(name), value) for name, value in labels.items()]
        for values in [each for each in self._children if all(each[i] == value for i, value in positions)]:
            del self._children[values]
            self._metric.remove(*values)


class ModelGauge:
    """A gauge of models, each with any number of series that are replaced and removed together.

    *Cost*: of an update, one assignment a series of this model; other models' series are not looked at.
    """

    def __init__(self, metric: Gauge) -> None:
        self._metric = metric
        self._children: dict[ModelKey, dict[tuple[str, ...], Gauge]] = {}

    def show(self, key: ModelKey, values: Mapping[tuple[str, ...], float]) -> None:
        """Replace all series of a model; the keys are the values of the labels after :data:`MODEL`."""
        if not values:
            self.forget(key)
            return
        children = self._children.setdefault(key, {})
        for labels in children.keys() - values.keys():
            del children[labels]
            self._metric.remove(key.model, key.version, *labels)
        for labels, value in values.items():
            child = children.get(labels)
            if child is None:
                child = children[labels] = self._metric.labels(key.model, key.version, *labels)
            child.set(value)

    def set(self, key: ModelKey, value: float | None) -> None:
        """Set the only series of a model; None removes it."""
        self.show(key, {} if value is None else {(): value})

    def forget(self, key: ModelKey) -> None:
        """Remove all series of a model."""
        for labels in self._children.pop(key, ()):
            self._metric.remove(key.model, key.version, *labels)


class ModelCounter:
    """A counter of models that follows a total kept elsewhere."""

    def __init__(self, metric: Counter) -> None:
        self._metric = metric
        self._totals: dict[ModelKey, int] = {}

    def follow(self, key: ModelKey, total: int) -> None:
        """Raise a model's counter to the total; one that restarted lower counts on from there."""
        before = self._totals.get(key, 0)
        self._totals[key] = total
        self._metric.labels(key.model, key.version).inc(max(0, total - before))

    def forget(self, key: ModelKey) -> None:
        """Remove the series of a model."""
        if self._totals.pop(key, None) is not None:
            self._metric.remove(key.model, key.version)


class MetricFamilies:
    """Makes the families of one registry, and lists them in ``families``."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.families: list[Family] = []

    def counter(self, name: str, documentation: str, *labels: str) -> LabelledMetric[Counter]:
        """Make a counter; ``_total`` is added to its name."""
        return LabelledMetric(self._counter(name, documentation, labels), *labels)

    def gauge(self, name: str, documentation: str, *labels: str) -> LabelledMetric[Gauge]:
        """Make a gauge."""
        return LabelledMetric(self._gauge(name, documentation, labels), *labels)

    def histogram(self, name: str, documentation: str) -> Histogram:
        """Make a histogram of seconds, without labels."""
        self.families.append(Family(f"driftline_{name}", "histogram", documentation, ()))
        return Histogram(f"driftline_{name}", documentation, buckets=DURATION_BUCKETS_S, registry=self.registry)

    def model_gauge(self, name: str, documentation: str, *labels: str) -> ModelGauge:
        """Make a gauge of models; ``labels`` stand after :data:`MODEL`."""
        return ModelGauge(self._gauge(name, documentation, (*MODEL, *labels)))

    def model_counter(self, name: str, documentation: str) -> ModelCounter:
        """Make a counter of models; ``_total`` is added to its name."""
        return ModelCounter(self._counter(name, documentation, MODEL))

    def _counter(self, name: str, documentation: str, labels: tuple[str, ...]) -> Counter:
        self.families.append(Family(f"driftline_{name}_total", "counter", documentation, labels))
        return Counter(f"driftline_{name}", documentation, labels, registry=self.registry)

    def _gauge(self, name: str, documentation: str, labels: tuple[str, ...]) -> Gauge:
        self.families.append(Family(f"driftline_{name}", "gauge", documentation, labels))
        return Gauge(f"driftline_{name}", documentation, labels, registry=self.registry)
