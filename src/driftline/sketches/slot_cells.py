"""Cells of many vectors at once, of which most are empty."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class SlotCells(NamedTuple):
    """The cells of all slots that something was counted in, c of them, by slot and cell; arrays have the shape (c,)."""

    keys: NDArray[np.int64]
    """Slot times length, and cell; ascending."""
    values: NDArray[np.int64]
    length: int
    """Cells of one slot's vector."""
