"""The detect worker of a process, made from the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.monitoring.partition_monitor import PartitionMonitor
from driftline.runtime.detect.detect_settings import DetectSettings
from driftline.runtime.detect.detect_worker import DetectWorker
from driftline.runtime.detect.monitor_reporter import MonitorReporter, ReportingMonitor
from driftline.runtime.kafka.kafka_clients import admin_configuration

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from driftline.config.secrets import Credentials
    from driftline.config.settings import Settings
    from driftline.profiles.profiles import Profiles
    from driftline.runtime.operations.telemetry import Telemetry
    from driftline.runtime.references.reference_topic import ReferenceReader


def detection(
    settings: Settings,
    credentials: Credentials,
    book: Profiles,
    references: ReferenceReader,
    telemetry: Telemetry,
    *,
    data_dir: Path,
    embedded: bool,
) -> DetectWorker:
    """Return a detect worker.

    Parameters
    ----------
    settings : Settings
    credentials : Credentials
    book : Profiles
        Kept up to date by the reader.
    references : ReferenceReader
    telemetry : Telemetry
    data_dir : Path
        For what Faust keeps on disk.
    embedded : bool
        Whether the broker is the embedded one.
    """
    kafka = settings.kafka
    security = admin_configuration(kafka, credentials)
    own = DetectSettings(
        bootstrap=kafka.brokers,
        group_id=f"{kafka.prefix}-detect",
        panes_partitions=kafka.panes_partitions,
        prefix=kafka.prefix,
        security={name: value for name, value in security.items() if name.startswith(("security", "sasl", "ssl"))},
        data_dir=str(data_dir),
        checkpoint_interval_s=settings.detect.checkpoint_interval / 1000,
        session_timeout_s=settings.detect.session_timeout / 1000,
        replication_factor=kafka.replication,
        manage_state_topic=not embedded,
        check_crcs=not embedded,
    )
    board = MonitorReporter(telemetry, settings, book)

    def monitor(partition: int, entries: Mapping[bytes, bytes]) -> ReportingMonitor:
        return board.watch(PartitionMonitor.restore(partition, settings, book, entries), partition)

    return DetectWorker(own, monitor, references, telemetry)
