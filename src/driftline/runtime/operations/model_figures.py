"""The figures of how models make their predictions: throughput, failures, latency, silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import Gauge

    from driftline.runtime.operations.labelled_metric import LabelledMetric


class Distribution(NamedTuple):
    """A quantity over the predictions of a window."""

    mean: float
    quantiles: dict[str, float]
    """By the quantile as text: ``0.5``, ``0.95``, ``0.99``."""


class OperationFigures(NamedTuple):
    """How a model made its predictions in a window."""

    per_second: float
    failed_ratio: float
    uptime_ratio: float | None
    latency_seconds: Distribution | None
    measures: dict[str, Distribution]
    """Further numbers that events have, by name."""


class ModelFigures:
    """The figures of how models make their predictions, of their last window."""

    def __init__(self, gauge: Callable[..., LabelledMetric[Gauge]], model: tuple[str, str]) -> None:
        self._rate = gauge("model_predictions_per_second", "Predictions per second of the last window", *model)
        self._failed = gauge("model_failed_ratio", "Fraction of the last window's predictions that failed", *model)
        self._uptime = gauge(
            "model_uptime_ratio", "Fraction of the last window in which the model was not silent for too long", *model
        )
        self._silent = gauge("model_silent", "1 while no version of the model makes predictions", *model)
        self._latency = gauge(
            "model_latency_seconds", "Latency of the last window's predictions by quantile", *model, "quantile"
        )
        self._mean_latency = gauge("model_mean_latency_seconds", "Mean latency of the last window", *model)
        self._measure = gauge(
            "model_measure", "Further numbers of the last window's predictions by quantile", *model, "name", "quantile"
        )
        self._mean_measure = gauge("model_mean_measure", "Means of further numbers in the last window", *model, "name")
        self.metrics = (
            self._rate,
            self._failed,
            self._uptime,
            self._silent,
            self._latency,
            self._mean_latency,
            self._measure,
            self._mean_measure,
        )

    def show(self, model: str, version: str, figures: OperationFigures | None, *, silent: bool | None) -> None:
        """Replace what is shown of a version of a model."""
        if silent is not None:
            self._silent.of(model, version).set(silent)
        for metric in (self._latency, self._mean_latency, self._measure, self._mean_measure):
            metric.forget(model=model, model_version=version)
        if figures is None:
            return
        self._rate.of(model, version).set(figures.per_second)
        self._failed.of(model, version).set(figures.failed_ratio)
        if figures.uptime_ratio is not None:
            self._uptime.of(model, version).set(figures.uptime_ratio)
        if figures.latency_seconds is not None:
            self._mean_latency.of(model, version).set(figures.latency_seconds.mean)
            for quantile, value in figures.latency_seconds.quantiles.items():
                self._latency.of(model, version, quantile).set(value)
        for name, measure in figures.measures.items():
            self._mean_measure.of(model, version, name).set(measure.mean)
            for quantile, value in measure.quantiles.items():
                self._measure.of(model, version, name, quantile).set(value)
