"""The changelog on its way back into a join: which blocks are read, and their rows, of which many are given at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.sketching.joins.join_entry import JoinRows

if TYPE_CHECKING:
    from driftline.events.source import Source
    from driftline.profiles.profiles import Profiles
    from driftline.sketching.joins.joiner import Joiner
    from driftline.sketching.joins.pending_block import PendingBlock
    from driftline.sketching.joins.profile_table import ProfileTable
    from driftline.sketching.joins.reorder_buffer import Side

AT_ONCE: Final = 32_768
"""Rows, 3 MB, from which on they are given: a row costs less the more of them are joined at once."""


class Replay(NamedTuple):
    """Blocks of one partition of the pending topic that a join has to be given again before it can go on."""

    partition: int
    first_offset: int
    """Of the first block that it needs."""
    next_offset: int
    """Of the first block that its stores hold nothing of; those before it are needed for rows not joined yet."""
    end_offset: int | None
    """Behind the last block that was counted; None where that is the end of the partition."""
    sources: tuple[Source, ...]
    """Partitions that were read before, if there is any block."""


class ReplayedRows:
    """Gives a join what its changelog holds, neighbours of one side together, without counting it again."""

    def __init__(self, joiner: Joiner) -> None:
        self._joiner = joiner
        self._side: Side = "predictions"
        self._rows: list[JoinRows] = []
        self._n_rows = 0

    def add(self, side: Side, rows: JoinRows) -> None:
        """Take rows that come next in the changelog."""
        if not rows.records.size:
            return
        if side != self._side:
            self.give()
            self._side = side
        self._rows.append(rows)
        self._n_rows += rows.records.size
        if self._n_rows >= AT_ONCE:
            self.give()

    def give(self) -> None:
        """Give the join what it does not have yet."""
        if not self._rows:
            return
        every = JoinRows.together(self._rows)
        self._rows, self._n_rows = [], 0
        with self._joiner.uncounted():
            if self._side == "predictions":
                self._joiner.add_predictions(every)
            else:
                self._joiner.add_labels(every)


def predictions_of(block: PendingBlock, profiles: Profiles, table: ProfileTable) -> JoinRows:
    """Return a block's predictions with profiles as the table numbers them, without those made under unknown ones."""
    rows = block.prediction_rows()
    if not rows.records.size:
        return rows
    numbers = [table.named(name, profiles.get) for name in block.profile_ids]
    rows.records["profile"] = np.array(numbers, dtype=np.int32)[rows.records["profile"]]
    return rows.chosen(rows.records["profile"] >= 0)
