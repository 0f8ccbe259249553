"""Both stages in one process, without topics between them: for backtests and replays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from driftline.events.record_batch import RecordBatch
from driftline.events.source import Source
from driftline.monitoring.partition_monitor import PartitionMonitor
from driftline.runtime.kafka.topic_choice import read_topics
from driftline.runtime.pending.pending_folder import PendingFolder
from driftline.sketching.sketcher import Sketcher

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from driftline.config.settings import Settings
    from driftline.events.output_record import OutputRecord
    from driftline.events.source import Kind
    from driftline.events.source_numbers import SourceNumbers
    from driftline.profiles.profiles import Profiles
    from driftline.sketching.flush import Flush


class InProcessStages:
    """The sketch stage, and the detect stage that takes in what each of its flushes says.

    Parameters
    ----------
    settings : Settings
    routed : Settings
        The same, with joins routed where they are to be.
    profiles : Profiles
        Those of bootstraps are added to it.
    n_partitions : mapping of Kind to int
        Of predictions and labels.
    name : str
        Of whoever runs them; names the temporary folder of the predictions that await labels.
    not_features : frozenset of str
    numbers : SourceNumbers, optional
        Both as the sketcher has them.

    Attributes
    ----------
    sketcher : Sketcher
        Records are added to it.
    sources : list of Source
        All source partitions that are read.
    """

    def __init__(
        self,
        settings: Settings,
        routed: Settings,
        profiles: Profiles,
        n_partitions: Mapping[Kind, int],
        name: str,
        *,
        not_features: frozenset[str] = frozenset(),
        numbers: SourceNumbers | None = None,
    ) -> None:
        counts: dict[Kind, int] = {**n_partitions, "joins": max(n_partitions.values())}
        gone = set(() if numbers is None else numbers.absent)
        every = (Source(kind, number) for kind in read_topics(routed) for number in range(counts[kind]))
        self.sources = [source for source in every if source not in gone]
        self._blocks: list[RecordBatch] = []
        self._next_block = [0] * counts["joins"]
        self._pending = PendingFolder(replace(settings.join, directory=None), profiles, name, name)
        self.sketcher = Sketcher(
            routed, profiles, counts, self._pending.open, not_features=not_features, numbers=numbers
        )
        self.monitors = [
            PartitionMonitor(partition, settings, profiles, not_features=not_features)
            for partition in range(settings.kafka.panes_partitions)
        ]
        self._offsets = [0] * len(self.monitors)

    def start(self) -> None:
        """Begin with all partitions at their first records."""
        for source in self.sources:
            self.sketcher.assign(source, None)

    def flush(self) -> Flush | None:
        """Return what has come since the last flush, committed; None where there is nothing to say."""
        for blocks in self._blocks:
            self.sketcher.add(blocks)
        self._blocks = []
        flush = self.sketcher.flush()
        if flush is None:
            return None
        self.sketcher.committed()
        self._blocks = [
            self._as_records(partition, blocks)
            for partition, blocks in flush.pending.items()
            if Source("joins", partition) in self.sources
        ]
        return flush

    @property
    def has_blocks(self) -> bool:
        """Whether joins are on their way to the partition of their id: they come with the next flush."""
        return bool(self._blocks)

    def apply(self, flush: Flush) -> Iterator[tuple[bytes, list[OutputRecord]]]:
        """Yield each record of a flush for the panes topic, with what the detect stage makes known by it."""
        for partition, records in flush.panes.items():
            for record in records:
                yield record, self.monitors[partition].apply(record, self._offsets[partition])
                self._offsets[partition] += 1
            self.monitors[partition].checkpoint()  # not kept; without it, what has changed piles up

    def _as_records(self, partition: int, blocks: list[bytes]) -> RecordBatch:
        """Return what a flush wrote to a partition of the pending topic, as it would be read from there."""
        start = self._next_block[partition]
        self._next_block[partition] += len(blocks)
        offsets = [*range(start, start + len(blocks))]
        return RecordBatch(Source("joins", partition), "pending", [*blocks], offsets, [-1] * len(blocks))

    def close(self) -> None:
        """Give all partitions up, and remove the temporary folder."""
        self.sketcher.revoke()
        self._pending.close()
