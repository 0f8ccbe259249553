"""A metric of Prometheus whose label sets can be forgotten."""

from __future__ import annotations

from typing import Generic, TypeVar

from prometheus_client import Counter, Gauge

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
