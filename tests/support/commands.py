"""Commands of the control topic for tests: as entries of flush records, put among others in time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.panes.flush_record import VERSION, FlushRecord, decode, encode
from driftline.panes.watermarks import Watermarks
from driftline.sketching.control_intake import ControlIntake

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from driftline.panes.control_entry import ControlEntry

CONTROL = Source("control", 0)


def batch(*commands: dict[str, Any] | bytes, offset: int = 0, stamp_ms: int = -1) -> RecordBatch:
    """Return records of the control topic."""
    values: list[bytes | None] = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in commands]
    return RecordBatch(CONTROL, "c", values, [*range(offset, offset + len(values))], [stamp_ms] * len(values))


def entries(commands: Sequence[dict[str, Any]]) -> list[ControlEntry]:
    """Return commands as flush records hold them, where there is one panes partition; each says its time."""
    intake = ControlIntake(1)
    assert intake.add(batch(*commands)) == []
    return intake.entries.get(0, [])


def flush_of(given: Sequence[ControlEntry]) -> bytes:
    """Return a flush record of commands alone."""
    return encode(FlushRecord(VERSION, [], [], [], control=[*given]))


def in_time(records: Sequence[bytes], given: Sequence[ControlEntry], rng: random.Random, pane_ms: int) -> list[bytes]:
    """Return records with commands somewhere before the watermark of predictions has passed their time."""
    marks = Watermarks(with_labels=True)
    reached: list[int] = []
    for record in records:
        reached.append(-(1 << 62) if marks.predictions is None else marks.predictions - marks.predictions % pane_ms)
        flush = decode(record, "panes")
        marks.update(flush.watermarks, routed=flush.routed)
    places: dict[int, list[ControlEntry]] = {}
    least = 0
    for entry in given:
        latest = max(place for place, time_ms in enumerate(reached) if time_ms <= entry.at_ms)
        least = rng.randint(min(least, latest), latest)
        places.setdefault(least, []).append(entry)
    merged: list[bytes] = []
    for place, record in enumerate(records):
        merged += [flush_of(places[place])] if place in places else []
        merged.append(record)
    return merged
