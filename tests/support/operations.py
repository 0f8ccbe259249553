"""How predictions were made, for the tests of what is said of it."""

from __future__ import annotations

import json
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import special

from driftline.checks.operations.case import latency_of
from driftline.config.durations import Duration
from driftline.config.input_settings import PredictionFields, PredictionInput
from driftline.config.kafka_settings import KafkaSettings
from driftline.config.model import (
    BootstrapSettings,
    CheckSettings,
    DispersionSettings,
    ModelSettings,
    OperationsSettings,
    WindowSettings,
)
from driftline.config.settings import Settings, TimeSettings
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.monitoring.partition_monitor import META_KEY, PartitionMonitor
from driftline.profiles.profiles import Profiles
from driftline.sketching.operation_counts import OperationCounter
from driftline.sketching.sketcher import Sketcher
from tests.support.pending import MemoryStores

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from driftline.sketches.operations import Measure, Operations


class Made(NamedTuple):
    """Predictions, and their latency by itself."""

    operations: Operations
    latency: Measure


def latencies(n: int, factor: float = 1.0) -> list[float]:
    """Return n latencies of the same distribution, log-normal with a median of 20 ms, times a factor."""
    points = (np.arange(n) + 0.5) / n
    scaled: list[float] = (factor * 20 * np.exp(0.4 * special.ndtri(points))).round(3).tolist()
    return scaled


def made_operations(
    n_failed: int, factor: float = 1.0, n: int = 1_000, usage: Mapping[str, float] = MappingProxyType({})
) -> Made:
    """Return what n predictions say, of which some failed; ``usage`` are medians of further numbers."""
    return _made_operations(n_failed, factor, n, tuple(usage.items()))


@cache
def _made_operations(n_failed: int, factor: float, n: int, usage: tuple[tuple[str, float], ...]) -> Made:
    shape = [each / 20 for each in latencies(n)]
    rows = [
        (latency, "timeout" if i < n_failed else None, *(median * shape[i] for _, median in usage))
        for i, latency in enumerate(latencies(n, factor))
    ]
    ((_, operations),) = OperationCounter(tuple(name for name, _ in usage))(rows, np.zeros(n, dtype=np.int64), 1)
    return Made(operations, latency_of(operations.measures))


MINUTE_MS = 60_000
START_MS = 1_772_366_400_000
LATENESS_MS = 15_000


def settings_of(measures: dict[str, str] | None = None, **operations: object) -> Settings:
    """Return settings with windows of a minute, of which ten minutes are enough to compare with."""
    minute = Duration(MINUTE_MS)
    model = ModelSettings(
        windows=WindowSettings(verdict=(minute,), display=minute, hop=minute, performance=minute),
        checks=CheckSettings(dispersion=DispersionSettings(span=Duration(10 * MINUTE_MS))),
        bootstrap=BootstrapSettings(enabled=False),
        operations=OperationsSettings(**operations),  # type: ignore[arg-type]  # its fields
    )
    return Settings(
        kafka=KafkaSettings(panes_partitions=1),
        time=TimeSettings(pane=Duration(10_000), lateness=Duration(LATENESS_MS)),
        predictions=PredictionInput(fields=PredictionFields(operations=measures or {})),
        defaults=model,
    )


def event(time_ms: int, number: int, *, model: str = "loan", version: str = "1", **more: object) -> bytes:
    """Return a prediction event."""
    said = {"prediction_id": f"p{number}", "model": model, "model_version": version, "ts": time_ms, "prediction": 1}
    return json.dumps({**said, **more}).encode()


class Pipeline:
    """Both stages over predictions alone, flushed and restored whenever a test likes.

    Attributes
    ----------
    outputs : set of (str, bytes)
        Type and value of everything that was written; the same record twice counts once.
    """

    def __init__(self, settings: Settings, n_partitions: int = 1) -> None:
        self.settings, self.n_partitions = settings, n_partitions
        self.sketcher = Sketcher(settings, Profiles(), n_partitions, lambda _partition, _table: MemoryStores())
        self.offsets = [0] * n_partitions
        self.n_commands = 0
        for partition in range(n_partitions):
            self.sketcher.assign(Source("predictions", partition), None)
        self.monitor = PartitionMonitor(0, settings, Profiles())
        self.panes: list[bytes] = []
        self.entries: dict[bytes, bytes] = {}
        self.outputs: set[tuple[str, bytes]] = set()

    def read(self, partition: int, values: Sequence[bytes], *, wakes: bool = True) -> None:
        """Read records of a partition, which is then no longer idle, or which nobody has said yet."""
        if not values:
            return
        start = self.offsets[partition]
        self.offsets[partition] += len(values)
        source, offsets = Source("predictions", partition), [*range(start, start + len(values))]
        if wakes:
            self.sketcher.mark_idle(source, idle=False)
        self.sketcher.add(RecordBatch(source, "predictions", [*values], offsets, [-1] * len(values)))

    def flush(self) -> None:
        """Flush, and apply what it wrote."""
        flush = self.sketcher.flush()
        if flush is None:
            return
        self.sketcher.committed()
        self.panes += flush.panes[0]
        for offset in range(len(self.panes) - len(flush.panes[0]), len(self.panes)):
            self._apply(offset)

    def _apply(self, offset: int) -> None:
        for output in self.monitor.apply(self.panes[offset], offset):
            if output.value is not None:
                kind = dict(output.headers)["ce_type"].decode().split(".")[2]
                self.outputs.add((kind, output.value))

    def restart(self) -> None:
        """Take a checkpoint, and go on from it in another process."""
        checkpoint = self.monitor.checkpoint()
        for key, value in checkpoint.entries.items():
            if value is None:
                self.entries.pop(key, None)
            else:
                self.entries[key] = value
        self.entries[META_KEY] = checkpoint.meta
        self.monitor = PartitionMonitor.restore(0, self.settings, Profiles(), self.entries)
        for offset in range(checkpoint.position, len(self.panes)):
            self._apply(offset)

    def idle(self, quiet_ms: int) -> None:
        """Let nothing come of any partition for a time by the clock."""
        for partition in range(self.n_partitions):
            self.sketcher.mark_idle(Source("predictions", partition), idle=True, quiet_ms=quiet_ms)
        self.flush()

    def said(self, kind: str) -> list[dict[str, Any]]:
        """Return the events of a type, in the order of their windows, then of their revisions."""
        found = [json.loads(value) for each, value in self.outputs if each == kind]
        return sorted(found, key=lambda each: (each["window"]["end"], each.get("revision", 0), each["model_version"]))
