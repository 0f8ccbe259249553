"""The detect stage with many models: what a pane, the display windows and a full hour of all of them cost.

Usage: ``python -m benchmarks.detect_stage [--models 1000] [--events 10] [--out FILE]``, or ``make bench-detect``. One
process, without Kafka: flush records go to the pure core of one panes partition
(:class:`~driftline.monitoring.partition_monitor.PartitionMonitor`), and each part that it yields is timed, as between
two parts the worker's event loop has its turn. Models have 50 features, a prediction and a score, a profile of their
own of 14 days with timestamps, and so many events in each pane of 10 seconds; settings are the defaults. Traffic does
not change. Panes of the first hour are closed one by one, so the windows for display and the hour's verdict windows
close where they do in production, and each is followed by a checkpoint. As in production the profiles come one after
the other, and memory that was freed is given back once a minute of event time.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchmarks.detection.budget import model_of
from benchmarks.detection.reference import built
from driftline.config.settings import Settings
from driftline.events.model_key import ModelKey
from driftline.events.source import SEGMENT_ALL, Source, Watermark
from driftline.monitoring.partition_monitor import PartitionMonitor
from driftline.panes.flush_record import VERSION, FlushRecord, PaneDelta, encode
from driftline.profiles.building.column_values import encode_values
from driftline.profiles.codec import decode_profile, encode_profile
from driftline.profiles.profiles import Profiles
from driftline.profiles.shelf import Shelf
from driftline.runtime.operations.memory_arenas import MemoryReturn, limit_arenas
from driftline.runtime.operations.shelf_file import ShelfFile
from driftline.sketches.encoding import EncodedColumns
from driftline.sketches.pane_sketch import count_each

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from driftline.sketches.pane_sketch import PackedSketch

STREAM, SEED = "independent", 2
"""Of the traffic; a reference of 14 days."""
N_SKETCHES: Final = 200
"""Panes that are drawn; models take turns with them."""
A_RECORD: Final = 50
"""Models of one flush record."""
N_PANES: Final = 361
"""Those of an hour, and the one after it, which shows that the hour is over."""
A_MINUTE: Final = 6
"""Panes of a minute."""
MB: Final = 1e6


class Pane(NamedTuple):
    """What one pane of all models cost.

    Attributes
    ----------
    seconds : float
        Processor time.
    longest : float
        Wall time of the longest part, s.
    n_outputs : int
    """

    seconds: float
    longest: float
    n_outputs: int
    checkpoint: tuple[int, float]
    resident: float


class Stage:
    """One panes partition with many models.

    Parameters
    ----------
    n_models, n_events : int
        Models, and events of each in a pane.
    """

    def __init__(self, n_models: int, n_events: int) -> None:
        model = model_of(STREAM, SEED)
        self._settings = Settings(defaults=model.settings())
        self.pane_ms = int(self._settings.time.pane)
        self._start_ms, self._n_events, self._offset = model.live_ms, n_events, 0
        with get_context("spawn").Pool(1) as pool:  # what it takes is given back
            self._sketches, records = pool.apply(drawn, (n_events,))
        self._memory = MemoryReturn()
        self._memory.now()
        self.before = resident()
        shelf = Shelf(ShelfFile())
        known = Profiles(shelf=shelf)
        self._keys = [ModelKey(f"m{i:05}", "1") for i in range(n_models)]
        for key in self._keys:  # each from a copy of the records, as a worker reads those of every model
            known.add(replace(decode_profile([bytes(bytearray(each)) for each in records], "profile"), key=key))
        self.profiles = [known.of(key)[0] for key in self._keys]
        self.profile_bytes = sum(map(len, records))
        self.monitor = PartitionMonitor(0, self._settings, known, shelf=shelf.another())

    def close(self, number: int) -> Pane:
        """Feed one pane of all models, and close it."""
        start_ms = self._start_ms + number * self.pane_ms
        deltas = [
            PaneDelta(
                profile.key,
                SEGMENT_ALL,
                start_ms,
                profile.profile_id,
                self._n_events,
                {},
                self._sketches[(7 * number + i) % N_SKETCHES],
                [],
            )
            for i, profile in enumerate(self.profiles)
        ]
        chunks = [deltas[first : first + A_RECORD] for first in range(0, len(deltas), A_RECORD)]
        mark = Watermark(Source("predictions", 0), 1, start_ms + self.pane_ms, idle=False)
        records = [FlushRecord(VERSION, chunk, [], []) for chunk in chunks]
        records.append(FlushRecord(VERSION, [], [], [mark]))
        encoded = [encode(record) for record in records]
        begin, longest, n_outputs = time.process_time(), 0.0, 0
        for seconds, n in self._parts(encoded):
            longest, n_outputs = max(longest, seconds), n_outputs + n
        seconds, checkpoint = time.process_time() - begin, self._checkpoint()
        if number % A_MINUTE == A_MINUTE - 1:
            self._memory.now()
        return Pane(seconds, longest, n_outputs, checkpoint, resident())

    def _parts(self, records: Sequence[bytes]) -> Iterator[tuple[float, int]]:
        for record in records:
            parts = self.monitor.evaluate(record, self._offset)
            self._offset += 1
            while True:
                begin = time.perf_counter()
                outputs = next(parts, None)
                yield time.perf_counter() - begin, len(outputs or ())
                if outputs is None:
                    break

    def _checkpoint(self) -> tuple[int, float]:
        begin = time.perf_counter()
        entries = self.monitor.checkpoint().entries
        return sum(len(key) + len(value or b"") for key, value in entries.items()), time.perf_counter() - begin


def drawn(n_events: int) -> tuple[list[PackedSketch], list[bytes]]:
    """Return sketches of panes, and the records of the profile."""
    model = model_of(STREAM, SEED)
    reference, days = model.traffic(1)
    profile = built(model, reference, model.settings())
    n = N_SKETCHES * n_events
    columns = zip(profile.columns, model.kinds, next(days).codes, strict=True)
    encoded = EncodedColumns.of([encode_values(column, kind.of(codes[:n])) for column, kind, codes in columns], n)
    sketches = count_each(profile.layout, encoded, np.arange(n) // n_events, N_SKETCHES)
    return [sketch.pack() for sketch in sketches], [value for _, value in encode_profile(profile)]


def resident() -> float:
    """Return the resident memory of this process, MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / MB


def measured(n_models: int, n_events: int) -> dict[str, float | int]:
    """Return the figures."""
    stage = Stage(n_models, n_events)
    first = stage.close(0)
    panes = [stage.close(number) for number in range(1, N_PANES)]
    hour_end = 3_600_000 // stage.pane_ms
    plain = sorted(pane.seconds for pane in panes if not pane.n_outputs)
    shown = [pane for pane in panes[: hour_end - 2] if pane.n_outputs]
    hour = panes[hour_end - 2]
    of_checkpoints = sorted(pane.checkpoint[1] for pane in panes)
    n_bytes = sorted(pane.checkpoint[0] for pane in panes)
    most = max(pane.resident for pane in panes)
    return {
        "models": n_models,
        "columns": len(stage.profiles[0].columns),
        "events_a_pane": n_events,
        "first_pane_s": first.seconds,
        "pane_s": plain[len(plain) // 2],
        "display_s": max((pane.seconds for pane in shown), default=0.0),
        "hour_s": hour.seconds,
        "hour_outputs": hour.n_outputs,
        "longest_part_s": max(pane.longest for pane in [first, *panes]),
        "cores": sum(pane.seconds + pane.checkpoint[1] for pane in panes) * 1000 / (len(panes) * stage.pane_ms),
        "resident_before_mb": stage.before,
        "resident_mb": panes[-1].resident,
        "resident_most_mb": most,
        "resident_a_model_mb": (most - stage.before) / n_models,
        "profile_mb": stage.profile_bytes / MB,
        "checkpoint_mb": n_bytes[len(n_bytes) // 2] / MB,
        "largest_checkpoint_mb": n_bytes[-1] / MB,
        "checkpoint_s": of_checkpoints[len(of_checkpoints) // 2],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=1_000)
    parser.add_argument("--events", type=int, default=10, help="of each model in a pane")
    parser.add_argument("--out", type=Path, help="JSON file of the figures")
    options = parser.parse_args()
    limit_arenas()
    figures = measured(options.models, options.events)
    for name, figure in figures.items():
        print(f"{name:22} {figure:,.4g}")
    if options.out is not None:
        options.out.write_text(json.dumps(figures) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
