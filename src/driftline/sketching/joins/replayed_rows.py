"""Rows of the changelog on their way back into a join, which costs less a row the more of them come at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from driftline.sketching.joins.join_batch import JoinRows

if TYPE_CHECKING:
    from driftline.sketching.joins.joiner import Joiner
    from driftline.sketching.joins.reorder_buffer import Side

AT_ONCE: Final = 32_768
"""JoinRows, 3 MB, from which on they are given."""


class ReplayedRows:
    """Gives a join what its changelog holds, neighbours of one side together, without counting it again.

    Parameters
    ----------
    joiner : Joiner
    """

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
