"""Publishes the status of the models that this process monitors as metrics and logs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from driftline.checks.references.learning_remarks import burn_in_ms
from driftline.config.durations import Duration
from driftline.events.source_numbers import Place
from driftline.runtime.detect.learning_progress import LearningProgress
from driftline.runtime.operations.logs import get_logger

if TYPE_CHECKING:
    from driftline.config.settings import Settings
    from driftline.events.model_key import ModelKey
    from driftline.monitoring.monitor_status import ModelStatus, MonitorStatus
    from driftline.profiles.profiles import Profiles
    from driftline.runtime.operations.telemetry import Telemetry

_log = get_logger(__name__)


class MonitorReporter:
    """Publishes the latest status of each owned partition of the panes topic.

    The settings say whether, and from how many events, a reference is learnt where none was published. A model that has
    a profile is not said to learn one: its first pane has only not closed yet.

    Notes
    -----
    *State*: the models of each partition, and what the log was told of each; both go with the partition. A version that
    had neither predictions nor labels for its label horizon has no figures, unless it has open alerts.
    """

    def __init__(self, telemetry: Telemetry, settings: Settings, profiles: Profiles) -> None:
        self._telemetry = telemetry
        self._settings = settings
        self._profiles = profiles
        self._models: dict[int, set[ModelKey]] = {}
        self._calibrating: dict[ModelKey, tuple[int, ...]] = {}
        self._figures = telemetry.models
        self._learning = LearningProgress(self._figures, settings)
        self._told_gathering: set[ModelKey] = set()
        self._told_error: dict[ModelKey, str] = {}
        self._told_waiting: dict[ModelKey, tuple[str, str | None]] = {}
        self._told_missing: dict[ModelKey, dict[str, str]] = {}

    def show(self, status: MonitorStatus) -> None:
        """Replace what is shown of a partition."""
        if status.predictions_ms is not None:
            place = Place(self._settings.kafka.topic("panes"), status.partition)
            self._telemetry.panes_delay(place, time.time() - status.predictions_ms / 1000)
        for key in self._models.get(status.partition, set()) - status.models.keys():
            self._forget_model(key)
        self._models[status.partition] = set(status.models)
        gone = {key for key, model in status.models.items() if self._is_gone(key, model, status.predictions_ms)}
        for key in gone:
            self._forget_model(key)
        for key, model in status.models.items():
            if key in gone:
                continue
            if self._figures.admit(key):
                self._publish(key, model)
            if key.model:
                self._tell_calibrating(key, model.calibrating_ms)
                self._tell(key, model)
                self._tell_loop_back(key, model)
                self._learning.show(key, model.learning)

    def _is_gone(self, key: ModelKey, model: ModelStatus, now_ms: int | None) -> bool:
        """Return whether a version is used no more: its figures would stay as they are for ever."""
        seen = [each for each in (model.last_prediction_ms, model.last_label_ms) if each is not None]
        if now_ms is None or not seen or model.open_alerts:
            return False
        return now_ms - max(seen) > int(self._settings.model(key.model).labels.horizon)

    def _publish(self, key: ModelKey, model: ModelStatus) -> None:
        figures = self._figures
        figures.open_alerts(key, model.open_alerts)
        if not key.model:
            return  # an input topic as such
        figures.last_seen(key, model.last_prediction_ms, model.last_label_ms)
        figures.month_notifications(key, model.month_notifications)
        figures.windows(key, model.windows)
        figures.performance(key, model.performance, model.estimate)
        figures.calibrating(key, len(model.calibrating_ms))
        figures.unprofiled(key, model.n_unprofiled)
        figures.expired_joins(key, model.n_expired)
        figures.operations.show(key, model.operations, silent=model.silent)
        figures.retraining.show(key, model.retraining, model.proposals)

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

    def _tell_loop_back(self, key: ModelKey, model: ModelStatus) -> None:
        """Log what a retraining policy waits for, and why nothing is proposed, whenever that changes."""
        waiting = model.retraining
        if waiting is not None and waiting.since_ms is not None:
            now = (waiting.waiting_for, waiting.incident)
            if self._told_waiting.get(key, ("alert", None)) != now:
                _log.info(
                    "retraining waits",
                    model=str(key),
                    waiting_for=waiting.waiting_for,
                    incident=waiting.incident,
                    labelled=waiting.n_labelled,
                    wanted=waiting.n_wanted,
                )
            self._told_waiting[key] = now
        told = self._told_missing.setdefault(key, {}) if model.proposals else {}
        for kind, missing in model.proposals.items():
            if told.get(kind) != missing.reason:
                told[kind] = missing.reason
                _log.info("no proposal", model=str(key), kind=kind, reason=missing.words)

    def _tell_calibrating(self, key: ModelKey, sizes: tuple[int, ...]) -> None:
        """Log when tests begin to learn how much unchanged data vary, and when windows of a size begin to notify."""
        before = self._calibrating.get(key, ())
        self._calibrating[key] = sizes
        settings = self._settings.model(key.model)
        for size in sizes:
            if size not in before:
                _log.info(
                    "calibrating: windows of this size notify nobody until the normal variation is known",
                    model=str(key),
                    window=str(Duration(size)),
                    panes=settings.checks.dispersion.panes,
                    span=str(Duration(burn_in_ms(settings, size))),
                )
        for size in before:
            if size not in sizes:
                _log.info(
                    "calibrated: windows of this size notify from now on", model=str(key), window=str(Duration(size))
                )

    def forget(self, partition: int) -> None:
        """Remove what is shown of a partition that this process has given up."""
        self._telemetry.forget_panes(partition)
        for key in self._models.pop(partition, ()):
            self._forget_model(key)

    def _forget_model(self, key: ModelKey) -> None:
        self._learning.forget(key)
        self._telemetry.forget_model(key)
        self._calibrating.pop(key, None)
        self._told_gathering.discard(key)
        self._told_error.pop(key, None)
        self._told_waiting.pop(key, None)
        self._told_missing.pop(key, None)
