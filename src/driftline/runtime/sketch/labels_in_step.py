"""Keeps labels in step with their predictions in event time, as far as they are joined partition by partition.

Label records are small, so in a backlog they come several times as fast. A label that comes before its prediction has
to wait on its own, and one that comes long before it on disk. So labels that are ahead are held here, as records,
until the predictions of their partition have come as far, or have come to their end. What is held is not read yet, as
far as offsets are concerned: whoever reads a partition from another place forgets it.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from driftline.events.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from driftline.events.record_batch import RecordBatch
    from driftline.runtime.sketch.source_progress import SourceProgress
    from driftline.sketching.sketcher import Sketcher

LEAD_MS: Final = 5_000
"""How far ahead of predictions labels are read, and the last of them by as much again."""
MOST_HELD: Final = 100_000
"""Records, about 25 MB, that a worker holds: beyond its part a partition is not fetched until half of it has gone. Each
time that throws away what the client has fetched ahead."""
_FEWEST: Final = 100
"""Records that are taken at once: less work each than one by one, and too few to run ahead with."""


class LabelsInStep:
    """Labels that were fetched and may not be read yet."""

    def __init__(self, sketcher: Sketcher, progress: SourceProgress) -> None:
        self._sketcher = sketcher
        self._progress = progress
        self._held: dict[Source, deque[RecordBatch]] = {}
        self._ends: dict[Source, int] = {}
        self._records_a_ms: dict[Source, float] = {}
        self._full: set[Source] = set()

    # --- what comes ---------------------------------------------------------------------------------------------------

    def hold(self, source: Source, parts: Sequence[RecordBatch]) -> bool:
        """Take labels that were fetched, if they are to be kept in step; return whether they are."""
        if source.kind != "labels" or not self._sketcher.joins.by_partition:
            return False
        self._held.setdefault(source, deque()).extend(parts)
        self._ends.pop(source, None)
        return True

    def at_end(self, source: Source, end: int) -> bool:
        """Note that all of a partition is fetched; return whether some of it is held, so that it is not at its end."""
        if not self._held.get(source):
            return False
        self._ends[source] = end
        return True

    def forget(self, source: Source) -> None:
        """Forget what is held of a partition, which is read again."""
        for kept in (self._held, self._ends, self._records_a_ms):
            kept.pop(source, None)
        self._full.discard(source)

    def clear(self) -> None:
        """Forget all that is held."""
        for source in [*self._held]:
            self.forget(source)

    # --- what is due --------------------------------------------------------------------------------------------------

    def due(self) -> Iterator[RecordBatch]:
        """Yield what is to be read now, of each partition in the order of its offsets.

        Each part is to be given to the sketcher, and noted as read, before the next is asked for.
        """
        for source, held in self._held.items():
            while held and (n := self._n_due(source)):
                batch = held.popleft()
                if len(batch.offsets) > n:
                    held.appendleft(batch.part(slice(n, None)))
                    batch = batch.part(slice(0, n))
                before_ms = self._sketcher.watermark_ms(source)
                yield batch
                self._note_pace(source, len(batch.offsets), before_ms)
            if not held and source in self._ends:
                self._progress.at_end(source, self._ends.pop(source))

    def rest(self, source: Source) -> Iterator[RecordBatch]:
        """Yield all that is held of a partition, ahead or not: there is a gap behind it."""
        held = self._held.get(source)
        while held:
            yield held.popleft()

    def _n_due(self, source: Source) -> int:
        """Return how many records may be read: about as many as bring labels to their lead."""
        predictions = Source("predictions", source.partition)
        if not self._progress.has_more(predictions):
            return MOST_HELD
        labels_ms, until_ms = self._sketcher.watermark_ms(source), self._sketcher.watermark_ms(predictions)
        if labels_ms is None:
            return _FEWEST
        if until_ms is None or labels_ms >= until_ms + LEAD_MS:
            return 0
        return max(_FEWEST, round((until_ms + LEAD_MS - labels_ms) * self._records_a_ms.get(source, 0.0)))

    def _note_pace(self, source: Source, n: int, before_ms: int | None) -> None:
        now_ms = self._sketcher.watermark_ms(source)
        if before_ms is not None and now_ms is not None:
            self._records_a_ms[source] = n / max(1, now_ms - before_ms)

    # --- bounds -------------------------------------------------------------------------------------------------------

    @property
    def full(self) -> frozenset[Source]:
        """The partitions of which nothing more is to be fetched for now."""
        return frozenset(self._full)

    def fills_or_empties(self) -> bool:
        """Look how much is held; return whether :attr:`full` has changed."""
        before = self.full
        most = MOST_HELD // max(1, len(self._held))
        for source, held in self._held.items():
            n = sum(len(batch.offsets) for batch in held)
            if n > most:
                self._full.add(source)
            elif n <= most // 2:
                self._full.discard(source)
        return self.full != before
