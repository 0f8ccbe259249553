"""The sums of a column's panes as a profile keeps them: packed, for several lengths of windows."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from driftline.sketches.dispersion_sums import ColumnSums
from driftline.sketches.word_types import UNSIGNED_FIRST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class PackedWords(Struct, frozen=True, array_like=True):
    """A packed array; equal numbers give equal bytes."""

    type: int
    """How many bytes a word has, and whether it has a sign."""
    data: bytes

    @classmethod
    def of(cls, numbers: NDArray[np.int64]) -> PackedWords:
        """Pack whole numbers of any shape.

        Examples
        --------
        >>> import numpy as np
        >>> packed = PackedWords.of(np.array([1, -300]))
        >>> len(packed.data), packed.unpacked().tolist()
        (4, [1, -300])
        """
        return cls(*UNSIGNED_FIRST.pack(numbers))

    def unpacked(self) -> NDArray[np.int64]:
        """Return the numbers, shape (n,)."""
        return UNSIGNED_FIRST.unpack(self.type, self.data)


class WindowSums(Struct, frozen=True, array_like=True):
    """Second moments of blocks of one length."""

    between: PackedWords
    """Lower triangle of W."""
    events: PackedWords
    n_windows: int


class SeriesSums(Struct, frozen=True, array_like=True):
    """Packed :class:`ColumnSums` of one column, for each length of a window."""

    between_panes: PackedWords
    lagged: PackedWords
    """Lower triangles of symmetric matrices, as are those of ``between_panes``."""
    events: PackedWords
    n_panes: int
    span: int
    windows: tuple[WindowSums, ...]
    """In the order of the history's sizes."""

    @classmethod
    def of(cls, sums: Sequence[ColumnSums]) -> SeriesSums:
        """Pack the sums of one column, which differ in their windows alone; at least one."""
        first = sums[0]
        windows = (
            WindowSums(_lower(each.between_windows), PackedWords.of(each.events_in_windows), each.n_windows)
            for each in sums
        )
        return cls(
            _lower(first.between_panes),
            _lower(first.lagged),
            PackedWords.of(first.events),
            first.n_panes,
            first.span,
            tuple(windows),
        )

    def unpacked(self, window: int) -> ColumnSums:
        """Return the sums for the window of this index."""
        chosen, events = self.windows[window], self.events.unpacked()
        return ColumnSums(
            between_panes=_symmetric(self.between_panes, events.size),
            lagged=_symmetric(self.lagged, events.size),
            between_windows=_symmetric(chosen.between, events.size),
            events=events,
            events_in_windows=chosen.events.unpacked(),
            n_panes=self.n_panes,
            n_windows=chosen.n_windows,
            span=self.span,
        )

    @property
    def n_bytes(self) -> int:
        """About how many bytes it takes."""
        words = (self.between_panes, self.lagged, *(window.between for window in self.windows))
        return sum(len(each.data) for each in words)


@lru_cache(maxsize=256)
def _triangle(n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows and columns of the lower triangle; columns of a model have few different numbers of groups."""
    return np.tril_indices(n)


def _lower(matrix: NDArray[np.int64]) -> PackedWords:
    return PackedWords.of(matrix[_triangle(len(matrix))])


def _symmetric(packed: PackedWords, n: int) -> NDArray[np.int64]:
    matrix = np.zeros((n, n), dtype=np.int64)
    rows, columns = _triangle(n)
    matrix[rows, columns] = matrix[columns, rows] = packed.unpacked()
    return matrix
