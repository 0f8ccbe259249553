"""Prometheus metrics of the models that this process watches, each family in one unit and by window."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import product
from typing import TYPE_CHECKING, Final, get_args

from driftline import distances
from driftline.alerts.policy import worst
from driftline.config.durations import Duration
from driftline.config.settings import TelemetrySettings
from driftline.events.alert import Cause
from driftline.runtime.operations.logs import get_logger
from driftline.runtime.operations.operation_metrics import OperationMetrics
from driftline.runtime.operations.retraining_metrics import RetrainingMetrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from driftline.events.alert import AlertEvent
    from driftline.events.evidence import Severity
    from driftline.events.model_key import ModelKey
    from driftline.monitoring.monitor_status import WindowFigures
    from driftline.runtime.operations.metric_families import MetricFamilies

_PAGED: Final = ("warning", "critical")
_ALERT_KINDS: Final = tuple(product(get_args(Cause), _PAGED))
_NORMED: Final = "wasserstein_normed"
_log = get_logger(__name__)

Values = dict[tuple[str, ...], float]


def incidents(alerts: Iterable[AlertEvent]) -> dict[str, tuple[str, Severity]]:
    """Return the cause and the severity of each incident: the cause of what explains it, the worst of its alerts."""
    found: dict[str, tuple[str, Severity]] = {}
    for alert in alerts:
        cause, severity = found.get(alert.incident, (alert.cause, alert.severity))
        is_own = alert.alert_id == alert.incident
        found[alert.incident] = (alert.cause if is_own else cause, worst((alert.severity, severity)))
    return found


class ModelMetrics:
    """The figures of models; those beyond ``telemetry.max_models`` are counted and have none.

    ``operations`` are those of how predictions are made, ``retraining`` those of the loop back to the model.

    *State*: at detail ``model`` about 30 series a model, and one for each performance metric and age; ``column`` adds,
    for each column and window size, one a distance and two more. :meth:`forget` removes what is no longer there.
    """

    def __init__(self, families: MetricFamilies, settings: TelemetrySettings | None = None) -> None:
        self._settings = settings or TelemetrySettings()
        self.operations = OperationMetrics(families)
        self.retraining = RetrainingMetrics(families)
        self._admitted: set[ModelKey] = set()
        self._refused: set[ModelKey] = set()
        self._warned = False
        self._shown: dict[ModelKey, tuple[WindowFigures, ...]] = {}
        model = families.model_gauge
        self._models = families.gauge("models", "Models and versions with figures in this process").of()
        self._not_shown = families.gauge(
            "models_not_shown", "Models and versions without figures, because there are more than telemetry.max_models"
        ).of()
        self._alerts = model(
            "open_alerts", "Open incidents; 0 for each cause and severity without one", "cause", "severity"
        )
        self._notifications = model(
            "month_notifications", "Notifications in the present calendar month of event time (UTC)", "severity"
        )
        self._last_prediction = model(
            "last_prediction_timestamp_seconds", "Event time of the newest predictions, to the pane"
        )
        self._last_label = model(
            "last_label_timestamp_seconds", "Time of the newest labels that joined a prediction, to the pane"
        )
        self._window_end = model(
            "window_end_timestamp_seconds", "End of the last evaluated window, in event time", "window"
        )
        self._window_predictions = model("window_predictions", "Predictions in the last evaluated window", "window")
        self._largest_distance = model(
            "largest_distance", "Largest distance of any column in the last window", "window", "distance"
        )
        self._largest_unusable = model(
            "largest_unusable_ratio", "Largest fraction of unusable values of any column in the last window", "window"
        )
        column = ("window", "role", "column")
        self._distance = model(
            "distance", "Distance of a column from its reference in the last window", *column, "distance"
        )
        self._unusable = model(
            "unusable_ratio", "Fraction of a column's values that are absent or unusable in the last window", *column
        )
        self._p_value = model(
            "distribution_p_value", "P-value of the test of a column's distribution in the last window", *column
        )
        self._multivariate = model(
            "multivariate_effect", "Effect of a check of several columns together in the last window", "window", "check"
        )
        self._performance = model(
            "performance", "Metric of the last performance window evaluated at an age", "window", "age", "metric"
        )
        self._coverage = model(
            "label_coverage_ratio",
            "Fraction of predictions with a label, of the last performance window evaluated at an age",
            "window",
            "age",
        )
        self._estimate = model(
            "performance_estimate",
            "Metric of the last performance window, as estimated without labels",
            "window",
            "metric",
        )
        self._unprofiled = families.model_counter(
            "unprofiled_events", "Events not counted because no reference covered them"
        )
        self._expired_joins = families.model_counter(
            "expired_joins", "Labels' contributions to performance windows after their last revision"
        )
        self._learnt = model("reference_learnt_events", "Events of a reference that is being learnt, so far")
        self._wanted = model("reference_wanted_events", "Events needed to learn a reference, while one is being learnt")
        self._calibrating = model(
            "calibrating_window_sizes",
            "Window sizes that do not notify yet because their dispersion is being learnt",
        )
        self._all = [each for each in vars(self).values() if hasattr(each, "forget")]

    def admit(self, key: ModelKey) -> bool:
        """Return whether a model may have figures; logs once when there is no room for one.

        What stands for an input topic, which has no name of a model, always may.
        """
        if key in self._admitted or not key.model:
            return True
        if len(self._admitted) < self._settings.max_models:
            self._admitted.add(key)
            self._refused.discard(key)
        else:
            self._refused.add(key)
        self._models.set(len(self._admitted))
        self._not_shown.set(len(self._refused))
        if key in self._admitted:
            return True
        if not self._warned:
            self._warned = True
            _log.warning(
                "more models than telemetry.max_models: the others have no metrics; their events and alerts go on. "
                "Raise the setting, or run more detect workers",
                max_models=self._settings.max_models,
                first_without_metrics=str(key),
            )
        return False

    def forget(self, key: ModelKey) -> None:
        """Remove all figures of a version of a model, and give its place to others."""
        for metric in (*self._all, self.operations, self.retraining):
            metric.forget(key)
        self._shown.pop(key, None)
        self._admitted.discard(key)
        self._refused.discard(key)
        self._models.set(len(self._admitted))
        self._not_shown.set(len(self._refused))

    def open_alerts(self, key: ModelKey, alerts: Iterable[AlertEvent]) -> None:
        """Set how many incidents of each cause and severity are open."""
        counts = Counter[tuple[str, str]](incidents(alerts).values())
        self._alerts.show(key, {kind: counts[kind] for kind in _ALERT_KINDS})

    def month_notifications(self, key: ModelKey, by_severity: Mapping[str, int]) -> None:
        """Set how many notifications a model made in the present month."""
        self._notifications.show(key, {(severity,): by_severity.get(severity, 0) for severity in _PAGED})

    def last_seen(self, key: ModelKey, prediction_ms: int | None, label_ms: int | None) -> None:
        """Set the times of the newest predictions and labels; None where none is known."""
        self._last_prediction.set(key, None if prediction_ms is None else prediction_ms / 1000)
        self._last_label.set(key, None if label_ms is None else label_ms / 1000)

    def windows(self, key: ModelKey, windows: tuple[WindowFigures, ...]) -> None:
        """Replace what is shown of the last window of each size; the same windows again cost nothing."""
        if self._shown.get(key) == windows:
            return
        self._shown[key] = windows
        self._window_end.show(key, {(_text(each.size_ms),): each.end_ms / 1000 for each in windows})
        self._window_predictions.show(key, {(_text(each.size_ms),): each.n for each in windows})
        quantities: dict[str, Values] = defaultdict(dict)
        largest_distance: Values = {}
        largest_unusable: Values = {}
        for window in windows:
            size = _text(window.size_ms)
            for each in window.statistics:
                place = (size, each.role, each.column)
                if each.quantity == "distance":
                    quantities["distance"][*place, each.check] = each.value
                    if _has_no_unit(each.check):
                        _raise(largest_distance, (size, each.check), each.value)
                elif each.quantity == "unusable ratio":
                    quantities["unusable ratio"][place] = each.value
                    _raise(largest_unusable, (size,), each.value)
                elif each.quantity == "distribution" and each.p_value is not None:
                    quantities["distribution"][place] = each.p_value
                elif each.quantity == "multivariate":
                    quantities["multivariate"][size, each.check] = each.value
        self._largest_distance.show(key, largest_distance)
        self._largest_unusable.show(key, largest_unusable)
        self._multivariate.show(key, quantities["multivariate"])
        if self._settings.detail == "column":
            self._distance.show(key, quantities["distance"])
            self._unusable.show(key, quantities["unusable ratio"])
            self._p_value.show(key, quantities["distribution"])

    def performance(
        self, key: ModelKey, windows: tuple[WindowFigures, ...], estimate: WindowFigures | None = None
    ) -> None:
        """Replace what is shown of the last performance window of each age, and of the last estimate."""
        ages = [(_text(each.size_ms), _text(each.age_ms or 0), each) for each in windows]
        self._coverage.show(key, {(size, age): each.coverage for size, age, each in ages if each.coverage is not None})
        self._performance.show(
            key, {(size, age, metric.check): metric.value for size, age, each in ages for metric in each.statistics}
        )
        estimates = () if estimate is None else estimate.statistics
        size = "" if estimate is None else _text(estimate.size_ms)
        self._estimate.show(key, {(size, metric.check): metric.value for metric in estimates})

    def unprofiled(self, key: ModelKey, n: int) -> None:
        """Set how many events of a model were not counted because no reference covered them."""
        self._unprofiled.follow(key, n)

    def expired_joins(self, key: ModelKey, n: int) -> None:
        """Set how many contributions of labels came after the last revision of their performance window."""
        self._expired_joins.follow(key, n)

    def learning(self, key: ModelKey, n_learnt: int | None, n_wanted: int | None) -> None:
        """Set how many events of a reference have been learnt, and are needed; None once there is a reference."""
        if n_learnt is not None and not self.admit(key):
            return
        self._learnt.set(key, n_learnt)
        self._wanted.set(key, n_wanted)

    def calibrating(self, key: ModelKey, n: int) -> None:
        """Set how many window sizes of a model do not notify yet."""
        self._calibrating.set(key, n)


def _text(duration_ms: int) -> str:
    return str(Duration(duration_ms))


def _has_no_unit(name: str) -> bool:
    """Return whether a distance of one column can be compared with that of another."""
    return name == _NORMED or not distances.get(name).needs_values


def _raise(largest: Values, labels: tuple[str, ...], value: float) -> None:
    largest[labels] = max(value, largest.get(labels, value))
