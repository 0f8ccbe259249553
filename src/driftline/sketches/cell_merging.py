"""How the cells of a sketch's arrays merge, weigh and take their one canonical form."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from driftline.sketches.fixed_point import carry, join, split_exact
from driftline.sketches.tails import NO_EXTREME

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


class CellMerging(ABC):
    """What two cells merge to.

    Attributes
    ----------
    nothing : int
        A cell that nothing was counted in: merging it changes nothing.
    both : ufunc
        What two cells merge to; commutative and associative, without rounding.
    """

    nothing: ClassVar[int] = 0
    both: ClassVar[np.ufunc] = np.add

    def canonical(self, cells: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the one form of cells that stand for the same."""
        return cells

    @abstractmethod
    def weighed(self, cells: NDArray[np.int64], weight: int) -> NDArray[np.int64]:
        """Return the cells of events that each weigh ``weight``, at least 1 and at most 2¹⁶."""

    @abstractmethod
    def scaled(self, cells: NDArray[np.int64], scale: Callable[[int], int]) -> NDArray[np.int64]:
        """Return the cells with each sum passed through ``scale``."""


class Counts(CellMerging):
    """Cells that add up."""

    def weighed(self, cells: NDArray[np.int64], weight: int) -> NDArray[np.int64]:
        """Return each count times the weight."""
        return cells * weight

    def scaled(self, cells: NDArray[np.int64], scale: Callable[[int], int]) -> NDArray[np.int64]:
        """Return each count scaled."""
        return np.array([scale(value) for value in cells.ravel().tolist()], dtype=np.int64).reshape(cells.shape)


class WordSums(CellMerging):
    """Sums in two words of 32 bits, shape (2, ...); see :func:`driftline.sketches.fixed_point.split`."""

    def canonical(self, cells: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the words with the low ones below 2³²."""
        return carry(cells)

    def weighed(self, cells: NDArray[np.int64], weight: int) -> NDArray[np.int64]:
        """Return the words of the sums times the weight; exact for sums below 2⁷⁸."""
        return carry(cells) * weight

    def scaled(self, cells: NDArray[np.int64], scale: Callable[[int], int]) -> NDArray[np.int64]:
        """Return the words of the scaled sums."""
        return split_exact([scale(value) for value in join(cells.reshape(2, -1))]).reshape(cells.shape)


class Extremes(CellMerging):
    """The greatest value of each cell; ``NO_EXTREME`` where there was none. Weights do not move it."""

    nothing: ClassVar[int] = NO_EXTREME
    both: ClassVar[np.ufunc] = np.maximum

    def weighed(self, cells: NDArray[np.int64], _weight: int) -> NDArray[np.int64]:
        """Return the cells as they are."""
        return cells

    def scaled(self, cells: NDArray[np.int64], _scale: Callable[[int], int]) -> NDArray[np.int64]:
        """Return the cells as they are."""
        return cells


COUNTS: Final = Counts()
WORD_SUMS: Final = WordSums()
EXTREMES: Final = Extremes()
