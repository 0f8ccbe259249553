"""The contract of the joins, which a sketcher and its worker know nothing more of."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from driftline.events.label import LabelColumns
    from driftline.events.record_batch import RecordBatch
    from driftline.events.source import Source, Watermark
    from driftline.panes.flush_record import JoinDelta
    from driftline.sketching.intake import Intake
    from driftline.sketching.joins.joiner import Joiner
    from driftline.sketching.joins.replayed_rows import Replay
    from driftline.sketching.rows import ModelEvents


class Joins:
    """Where the labels of a sketch worker's partitions meet their predictions.

    This class itself is the joins where no labels are configured: predictions are not remembered, and nothing is added.

    What is added between two flushes is provisional: it MUST be in the stores after :meth:`committed` and gone after
    :meth:`aborted`, and what the joins add to performance windows MUST NOT depend on where flushes fall. The blocks of
    committed flushes MUST suffice to make the joins anew: given to :meth:`restore`, they bring empty stores to the same
    state, without being counted again.
    """

    by_partition = False
    """Whether labels meet the predictions of the partition with their number."""

    @property
    def joiners(self) -> Mapping[int, Joiner]:
        """The join of each partition, by its number: of the input partitions, or of the pending topic."""
        return MappingProxyType({})

    # --- assignment ---------------------------------------------------------------------------------------------------

    def assign(self, source: Source) -> None:
        """Start on a source partition; its stores are opened where it is one that is joined on."""

    def revoke(self) -> None:
        """Give all partitions up, after :meth:`aborted`, and close their stores."""

    def replays(self, _offsets: Mapping[Source, int]) -> list[Replay]:
        """Return what has to be restored before the assigned partitions are read from these offsets on."""
        return []

    def restore(self, _partition: int, _block: bytes, _offset: int, _at: str) -> int:
        """Take in one block of the pending topic that was counted before, oldest first; return its number of rows.

        Raises
        ------
        FormatError
            When the block is of another version or of another kind of joins; ``at`` says where it stands.
        """
        return 0

    def restored(self, partition: int, next_offset: int, *, whole: bool) -> None:
        """Keep what was restored up to an offset; ``whole`` where nothing is missing any more."""

    # --- rows ---------------------------------------------------------------------------------------------------------

    def add_predictions(self, partition: int, batch: Sequence[ModelEvents]) -> None:
        """Take in the predictions of one batch of an input partition, by model key."""

    def add_labels(self, partition: int, batch: Intake[LabelColumns], effective_ms: NDArray[np.int64]) -> None:
        """Take in the n labels of one batch of an input partition, with their effective times, shape (n,)."""

    def profiles_wanted(self, _batch: RecordBatch) -> set[str]:
        """Return the ids of profiles that must be known before :meth:`add_blocks` takes a batch."""
        return set()

    def add_blocks(self, _batch: RecordBatch) -> int:
        """Take in records of an assigned partition of the pending topic; return their number of rows."""
        return 0

    # --- flush --------------------------------------------------------------------------------------------------------

    def join(self) -> list[JoinDelta]:
        """Join what came since the last flush; return what that adds to performance windows, with new orphans."""
        return []

    def blocks(self, _marks: Sequence[Watermark]) -> dict[int, list[bytes]]:
        """Return what the flush writes to each partition of the pending topic; ``marks`` are those of all inputs."""
        return {}

    def watermarks(self) -> list[Watermark]:
        """Return how far the joins have come, where that does not follow from the inputs' watermarks."""
        return []

    def committed(self, changelog: Mapping[int, int]) -> None:
        """Make the last flush final; ``changelog`` has the offsets behind its blocks in the pending topic."""

    def aborted(self) -> None:
        """Forget everything since the last committed flush; its records will be read again."""

    def hold_back(self, _watermarks_ms: Mapping[Source, int | None]) -> dict[Source, Source | None]:
        """Return the input partitions that are too far ahead, each with the partition that it waits for.

        It is given the watermarks of all assigned partitions. None stands for all partitions that are behind.
        """
        return {}
