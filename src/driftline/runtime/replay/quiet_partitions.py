"""Which partitions a worker would have declared idle, by the timestamps of the records that came later elsewhere.

A worker declares a partition idle that it has read to its end and that gives nothing for ``time.idle_timeout``. In a
replay the clock is that of the records: a partition that is read to its end is quiet once others have a record that is
later than its last one by so much. One without any record is quiet from the beginning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from driftline.events.source import Source
    from driftline.runtime.replay.input_spans import InputSpan


class QuietPartitions:
    """Follows the timestamps of the records that are read."""

    def __init__(self, spans: Sequence[InputSpan], idle_timeout_ms: int) -> None:
        self._idle_timeout_ms = idle_timeout_ms
        self._last_ms: dict[Source, int | None] = {span.source: None for span in spans}
        self._clock_ms = -1
        self._quiet: set[Source] = set()

    def read(self, source: Source, timestamp_ms: int) -> None:
        """Note records of a partition, the latest of which has this Kafka timestamp."""
        before = self._last_ms[source]
        self._last_ms[source] = timestamp_ms if before is None else max(before, timestamp_ms)
        self._clock_ms = max(self._clock_ms, timestamp_ms)

    def new(self, unfinished: Container[Source]) -> Iterator[Source]:
        """Yield the partitions that have become quiet, in that order, given those that have more to read."""
        ended = [each for each in self._last_ms if each not in unfinished and each not in self._quiet]
        for source in sorted(ended, key=lambda each: (self._last_ms[each] or 0, each)):
            last_ms = self._last_ms[source]
            if last_ms is None or self._clock_ms - last_ms >= self._idle_timeout_ms:
                self._quiet.add(source)
                yield source

    def is_quiet(self, source: Source) -> bool:
        """Whether a partition is quiet."""
        return source in self._quiet
