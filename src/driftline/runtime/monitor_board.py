"""What telemetry shows of the models that this process watches; nothing stays of those that another one took over."""

from __future__ import annotations

import weakref
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftline.events.model_key import ModelKey
    from driftline.pipeline.monitoring.monitor_status import MonitorStatus
    from driftline.pipeline.monitoring.partition_monitor import Checkpoint, PartitionMonitor
    from driftline.pipeline.outputs import OutputRecord
    from driftline.runtime.telemetry import Telemetry


class WatchedMonitor:
    """A partition's monitor that shows its status at each checkpoint."""

    def __init__(self, monitor: PartitionMonitor, board: MonitorBoard) -> None:
        self._monitor = monitor
        self._board = board

    def profiles_wanted(self, record: bytes) -> Mapping[str, ModelKey]:
        """Return the profiles that the record needs and the monitor has not got: id to model."""
        return self._monitor.profiles_wanted(record)

    def apply(self, record: bytes, offset: int) -> Sequence[OutputRecord]:
        """Take in one record, and return what it makes known."""
        return self._monitor.apply(record, offset)

    def checkpoint(self) -> Checkpoint:
        """Return what changed since the last checkpoint."""
        self._board.show(self._monitor.status())
        return self._monitor.checkpoint()


class MonitorBoard:
    """Shows the last status of each partition of the panes topic that this process owns.

    Parameters
    ----------
    telemetry : Telemetry
    """

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._models: dict[int, set[ModelKey]] = {}

    def watch(self, monitor: PartitionMonitor, partition: int) -> WatchedMonitor:
        """Return the monitor to be used; when it is dropped, its models are forgotten."""
        watched = WatchedMonitor(monitor, self)
        weakref.finalize(watched, self._forget, partition)
        return watched

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
            severities = Counter(alert.severity for alert in model.open_alerts)
            for severity in ("warning", "critical"):
                self._telemetry.open_alerts(key.model, key.version, severity, severities[severity])

    def _forget(self, partition: int) -> None:
        for key in self._models.pop(partition, ()):
            self._telemetry.forget_model(key.model, key.version)
