"""The first and the last lines of a file of events, as the sample of a topic with one partition."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from driftline.errors import FormatError
from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.inspection.sample import TopicSample
from driftline.runtime.files.event_files import lines, metadata_of
from driftline.runtime.inspect.sampling import RECORDS

if TYPE_CHECKING:
    from pathlib import Path

    from driftline.events.source import Kind


def sample_file(path: Path, topic: str, kind: Kind, n: int = RECORDS) -> TopicSample:
    """Return the ``n`` first and the ``n`` last lines of a file of one JSON object a line.

    Raises
    ------
    FormatError
        When the file cannot be read.
    """
    first: list[tuple[int, bytes]] = []
    last: deque[tuple[int, bytes]] = deque(maxlen=n)
    count = 0
    try:
        for line in lines(path):
            (first if count < n else last).append((count, line))
            count += 1
    except OSError as error:
        message = f"Expected a readable file, got {error.strerror or error} - at `{path}`"
        raise FormatError(message) from error
    kept = [*first, *last]
    values: list[bytes | None] = [line for _, line in kept]
    stamps = [metadata_of(line, f"{path}:{number + 1}").timestamp for number, line in kept]
    batch = RecordBatch(
        Source(kind, 0),
        topic,
        values,
        [number for number, _ in kept],
        stamps,
        keys=[None] * len(kept),
        headers=[{} for _ in kept],
    )
    return TopicSample(kind, topic, [batch] if kept else [], count)
