"""Prometheus metrics of how models make their predictions: throughput, failures, latency, silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from driftline.events.model_key import ModelKey
    from driftline.events.operations import MeasureSummary
    from driftline.monitoring.monitor_status import OperationsStatus
    from driftline.runtime.operations.metric_families import MetricFamilies

_SECONDS = 1e-3
_WINDOW: Final = "window"


class OperationMetrics:
    """The figures of how models made the predictions of their last window."""

    def __init__(self, families: MetricFamilies) -> None:
        model = families.model_gauge
        self._rate = model("model_predictions_per_second", "Predictions per second of the last window", _WINDOW)
        self._failed = model("model_failed_ratio", "Fraction of the last window's predictions that failed", _WINDOW)
        self._uptime = model(
            "model_uptime_ratio", "Fraction of the last window in which the model was not silent for too long", _WINDOW
        )
        self._silent = model("model_silent", "1 while no version of the model makes predictions")
        self._latency = model("model_latency_seconds", "Latency of the last window's predictions", _WINDOW, "quantile")
        self._mean_latency = model("model_mean_latency_seconds", "Mean latency of the last window", _WINDOW)
        self._measure = model(
            "model_measure", "Further numbers of the last window's predictions", _WINDOW, "name", "quantile"
        )
        self._mean_measure = model("model_mean_measure", "Means of further numbers in the last window", _WINDOW, "name")
        self._of_window = (
            self._rate,
            self._failed,
            self._uptime,
            self._latency,
            self._mean_latency,
            self._measure,
            self._mean_measure,
        )

    def show(self, key: ModelKey, status: OperationsStatus | None, *, silent: bool | None) -> None:
        """Replace what is shown of a version of a model, and whether it is silent; None where nothing is known."""
        self._silent.set(key, silent)
        if status is None:
            for metric in self._of_window:
                metric.forget(key)
            return
        window, latency, measures = status.window, status.latency_ms, status.measures
        self._rate.show(key, {(window,): status.per_second})
        self._failed.show(key, {(window,): status.failed_share})
        self._uptime.show(key, {} if status.uptime_share is None else {(window,): status.uptime_share})
        self._mean_latency.show(key, {} if latency is None else {(window,): latency.mean * _SECONDS})
        in_seconds = {} if latency is None else _quantiles(latency)
        self._latency.show(key, {(window, quantile): value * _SECONDS for quantile, value in in_seconds.items()})
        self._mean_measure.show(key, {(window, name): measure.mean for name, measure in measures.items()})
        self._measure.show(
            key,
            {
                (window, name, quantile): value
                for name, measure in measures.items()
                for quantile, value in _quantiles(measure).items()
            },
        )

    def forget(self, key: ModelKey) -> None:
        """Remove what is shown of a version of a model."""
        for metric in (self._silent, *self._of_window):
            metric.forget(key)


def _quantiles(summary: MeasureSummary) -> dict[str, float]:
    return {"0.5": summary.p50, "0.95": summary.p95, "0.99": summary.p99}
