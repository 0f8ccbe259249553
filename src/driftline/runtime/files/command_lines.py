"""Commands of the control topic from a file, for a backtest: one JSON object a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.runtime.files.table_rows import METADATA_FIELD

if TYPE_CHECKING:
    from pathlib import Path


def command_lines(path: Path, topic: str) -> RecordBatch | None:
    """Return the commands of a file as records of a topic; None where it holds none.

    A line may give the Kafka timestamp of its record, as lines of events do; else a command has to say its time.
    """
    values: list[bytes | None] = []
    stamps: list[int] = []
    for line in path.read_bytes().splitlines():
        if line.strip():
            value, stamp_ms = _record(line)
            values.append(value)
            stamps.append(stamp_ms)
    return RecordBatch(Source("control", 0), topic, values, [*range(len(values))], stamps) if values else None


def _record(line: bytes) -> tuple[bytes, int]:
    try:
        document: Any = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return line, -1  # the pipeline says what is wrong with it
    if not isinstance(document, dict) or not isinstance(document.get(METADATA_FIELD), dict):
        return line, -1
    stamp = document.pop(METADATA_FIELD).get("timestamp")
    return msgspec.json.encode(document), stamp if isinstance(stamp, int) else -1
