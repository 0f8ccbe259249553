"""Publishes the status of the models that this process monitors as metrics and logs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from driftline.alerts.policy import worst
from driftline.config.durations import Duration
from driftline.runtime.detect.learning_progress import LearningProgress
from driftline.runtime.operations.logs import get_logger
from driftline.significance.dispersion import LEAST_WINDOWS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.config.settings import Settings
    from driftline.events.alert import AlertEvent
    from driftline.events.evidence import Severity
    from driftline.events.model_key import ModelKey
    from driftline.monitoring.monitor_status import ModelStatus, MonitorStatus
    from driftline.profiles.profiles import Profiles
    from driftline.runtime.operations.telemetry import Telemetry

_log = get_logger(__name__)


def _by_incident(alerts: Iterable[AlertEvent]) -> dict[str, Severity]:
    """Return the severity of each incident, the greatest of its open alerts: one problem counts once."""
    incidents: dict[str, Severity] = {}
    for alert in alerts:
        incidents[alert.incident] = worst((alert.severity, incidents.get(alert.incident, "info")))
    return incidents


class MonitorReporter:
    """Publishes the latest status of each owned partition of the panes topic.

    The settings say whether, and from how many events, a reference is learnt where none was published. A model that has
    a profile is not said to learn one: its first pane has only not closed yet.

    Notes
    -----
    *State*: the models of each partition, and what the log was told of each; both go with the partition.
    """

    def __init__(self, telemetry: Telemetry, settings: Settings, profiles: Profiles) -> None:
        self._telemetry = telemetry
        self._settings = settings
        self._profiles = profiles
        self._models: dict[int, set[ModelKey]] = {}
        self._calibrating: dict[ModelKey, tuple[int, ...]] = {}
        self._learning = LearningProgress(telemetry, settings)
        self._told_gathering: set[ModelKey] = set()
        self._told_error: dict[ModelKey, str] = {}

    def show(self, status: MonitorStatus) -> None:
        """Replace what is shown of a partition."""
        self._models[status.partition] = set(status.models)
        for key, model in status.models.items():
            for statistic in model.statistics:
                self._telemetry.check_statistic(
                    key.model, key.version, statistic.column or "", statistic.check, statistic.value
                )
            if model.coverage is not None:
                self._telemetry.coverage(key.model, key.version, model.coverage)
            self._telemetry.calibrating(key.model, key.version, len(model.calibrating_ms))
            self._tell_calibrating(key, model.calibrating_ms)
            self._telemetry.unprofiled(key.model, key.version, model.n_unprofiled)
            self._telemetry.expired_joins(key.model, key.version, model.n_expired)
            self._tell(key, model)
            self._learning.show(key, model.learning)
            severities = Counter(_by_incident(model.open_alerts).values())
            for severity in ("warning", "critical"):
                self._telemetry.open_alerts(key.model, key.version, severity, severities[severity])

    def _tell(self, key: ModelKey, model: ModelStatus) -> None:
        """Log once that a model has no reference yet, and each new reason why none could be learnt."""
        if model.profile_id is None and key not in self._told_gathering and not self._profiles.of(key):
            self._told_gathering.add(key)
            bootstrap = self._settings.model(key.model).bootstrap
            if bootstrap.enabled:
                _log.info(
                    "no reference published: collecting events to learn one",
                    model=str(key),
                    events_needed=bootstrap.sample + bootstrap.events,
                    events_of_sample=bootstrap.sample,
                    events_of_reference=bootstrap.events,
                )
            else:
                _log.warning(
                    "no reference published and bootstrap is disabled: the model is not checked until one is published",
                    model=str(key),
                )
        error = model.bootstrap_error
        if error is None:
            self._told_error.pop(key, None)
        elif self._told_error.get(key) != error:
            self._told_error[key] = error
            _log.warning("the collected events yield no reference: collecting again", model=str(key), reason=error)

    def _tell_calibrating(self, key: ModelKey, sizes: tuple[int, ...]) -> None:
        """Log when tests begin to learn how much unchanged data vary, and when windows of a size begin to notify."""
        before = self._calibrating.get(key, ())
        self._calibrating[key] = sizes
        needed = self._settings.model(key.model).checks.dispersion
        for size in sizes:
            if size not in before:
                _log.info(
                    "calibrating: windows of this size notify nobody until the normal variation is known",
                    model=str(key),
                    window=str(Duration(size)),
                    panes=needed.panes,
                    span=str(max(needed.span, Duration(LEAST_WINDOWS * size))),
                )
        for size in before:
            if size not in sizes:
                _log.info(
                    "calibrated: windows of this size notify from now on", model=str(key), window=str(Duration(size))
                )

    def forget(self, partition: int) -> None:
        """Remove what is shown of a partition that this process has given up."""
        self._telemetry.forget_partition(partition, "panes")
        for key in self._models.pop(partition, ()):
            self._telemetry.forget_model(key.model, key.version)
            self._learning.forget(key)
            self._calibrating.pop(key, None)
            self._told_gathering.discard(key)
            self._told_error.pop(key, None)
