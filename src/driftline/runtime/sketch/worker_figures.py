"""The figures that a sketch worker publishes: what each flush held, and how far each partition has come."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from driftline.events.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from driftline.events.source_numbers import Place
    from driftline.runtime.operations.telemetry import Telemetry
    from driftline.runtime.pending.pending_folder import PendingFolder
    from driftline.sketching.flush import Flush
    from driftline.sketching.sketcher import Sketcher


class WorkerFigures:
    """Publishes figures of a worker's sketcher and of what awaits labels on its disk.

    ``place`` returns the topic and the partition that a source is.
    """

    def __init__(
        self, telemetry: Telemetry, sketcher: Sketcher, pending: PendingFolder, place: Callable[[Source], Place]
    ) -> None:
        self._place = place
        self._telemetry = telemetry
        self._sketcher = sketcher
        self._pending = pending

    def read(self, source: Source, n: int) -> None:
        """Publish that records of a partition were read."""
        self._telemetry.input_records(source.kind, self._place(source), n)

    def forget(self, source: Source) -> None:
        """Remove the figures of a partition that this worker has given up."""
        self._telemetry.forget_partition(source.kind, self._place(source), source.partition)

    def flushed(self, flush: Flush, packing_s: float, transaction_s: float) -> None:
        """Publish what a committed flush held."""
        self._telemetry.flushed(packing_s, flush.n_events)
        self._telemetry.transaction(transaction_s)
        self._telemetry.late(flush.n_late)
        for letter in flush.dead_letters:
            self._telemetry.dead_letter(letter.topic, letter.reason)
        for number, joiner in self._sketcher.joins.joiners.items():
            for outcome, n in joiner.take_totals()._asdict().items():
                if n:
                    self._telemetry.joins(outcome, n)
            self._telemetry.expired(number, joiner.take_expired())
        for number, database in self._pending.databases.items():
            self._telemetry.evicted(
                number, database.take_evicted()
            )  # 0 as well: Prometheus must see what it rises from

    def measure(self, watermarks_ms: Mapping[Source, int | None], lag_of: Callable[[Source], int | None]) -> None:
        """Publish each partition's lag, watermark and what waits in it, also while it is paused, idle or empty.

        ``lag_of`` returns how many records a partition is behind its end; None before that is known.
        """
        for source, watermark_ms in watermarks_ms.items():
            if watermark_ms is not None:
                self._telemetry.watermark_delay(source.kind, self._place(source), time.time() - watermark_ms / 1000)
            lag = lag_of(source)
            if lag is not None:
                self._telemetry.lag(source.kind, self._place(source), lag)
        for number, joiner in self._sketcher.joins.joiners.items():
            self._telemetry.pending(number, len(joiner.predictions))
        for number, n in self._sketcher.halves_waiting().items():
            self._telemetry.halves(self._place(Source("predictions", number)), n)
