"""Both stages in this process, over the records of some scenarios: what the workers would say, without a broker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.incidents.encoding import labels, predictions
from benchmarks.incidents.reference import profiles
from benchmarks.incidents.settings import settings
from benchmarks.incidents.stream import N_PARTITIONS, make
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.profiles.profiles import Profiles
from driftline.runtime.in_process import InProcessStages

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.incidents.encoding import Record
    from benchmarks.incidents.scenario import Scenario
    from driftline.events.output_record import OutputRecord
    from driftline.events.source import Kind
    from driftline.profiles.profile import Profile

STEP_MS: Final = 6 * 3_600_000
"""Event time between two flushes; the result does not depend on it."""


def run(chosen: Sequence[Scenario], references: Sequence[Profile] | None = None) -> Iterator[OutputRecord]:
    """Yield what driftline says of the scenarios, side by side over the same topics."""
    streams = [make(scenario) for scenario in chosen]
    inputs: dict[Kind, list[Record]] = {"predictions": [], "labels": []}
    for stream in streams:
        inputs["predictions"] += predictions(stream)
        inputs["labels"] += labels(stream)
    of_models = profiles(chosen) if references is None else references
    configured = settings()
    counts: dict[Kind, int] = dict.fromkeys(inputs, N_PARTITIONS)
    stages = InProcessStages(configured, configured, Profiles([*of_models]), counts, "incidents")
    stages.start()
    try:
        for batches in _steps(inputs):
            for batch in batches:
                stages.sketcher.add(batch)
            flush = stages.flush()
            for _, outputs in stages.apply(flush) if flush is not None else ():
                yield from outputs
    finally:
        stages.close()


def _steps(inputs: dict[Kind, list[Record]]) -> Iterator[list[RecordBatch]]:
    """Yield batches of all partitions, of one stretch of time after the other."""
    parts: dict[int, dict[tuple[Kind, int], list[Record]]] = {}
    for kind, records in inputs.items():
        for record in sorted(records, key=lambda each: (each.sent_ms, each.key)):
            parts.setdefault(record.sent_ms // STEP_MS, {}).setdefault((kind, record.partition), []).append(record)
    offsets: dict[tuple[Kind, int], int] = {}
    for step in sorted(parts):
        batches = []
        for place, records in sorted(parts[step].items()):
            first = offsets.get(place, 0)
            offsets[place] = first + len(records)
            batches.append(
                RecordBatch(
                    Source(*place),
                    place[0],
                    [record.value for record in records],
                    [*range(first, first + len(records))],
                    [record.sent_ms for record in records],
                    keys=[record.key.encode() for record in records],
                )
            )
        yield batches
