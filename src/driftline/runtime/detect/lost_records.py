"""Finds records that the consumer fetched and that never reached the agent.

Between the fetcher and the agent records can be dropped: around a rebalance, by whoever cancels a fetch or clears a
queue. The next record of the partition shows it, by the offset that it follows. Where none comes, as at the end of a
stream or of a quiet model, nothing would show it, and the last records would stay unread for good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from faust.types import TP

LOOK_S: Final = 1.0
"""Between two looks. What was fetched before the first and is on its way has been taken by the second: the agent takes
whatever waits whenever it has nothing in hand. A worker that is too slow for that only reads some records twice."""


class LostRecords:
    """Compares two looks: where the agent took nothing between them, nothing is on its way.

    *State*: an offset a partition.

    Examples
    --------
    >>> lost = LostRecords()
    >>> lost.look(7, {"panes-0": 12})
    []
    >>> lost.look(7, {"panes-0": 12, "panes-1": 5})
    ['panes-0']
    >>> lost.look(8, {"panes-0": 12, "panes-1": 5})
    []
    """

    def __init__(self) -> None:
        self._n_taken = -1
        self._fetched_to: dict[TP, int] = {}

    def look(self, n_taken: int, fetched_to: Mapping[TP, int]) -> list[TP]:
        """Return the partitions whose fetched records must have arrived by now.

        Parameters
        ----------
        n_taken : int
            How many records the agent has been given so far, of all partitions.
        fetched_to : mapping of partition to int
            The offset behind the last record fetched of each.
        """
        quiet = n_taken == self._n_taken
        due = [tp for tp, offset in fetched_to.items() if quiet and self._fetched_to.get(tp) == offset]
        self._n_taken, self._fetched_to = n_taken, dict(fetched_to)
        return due
