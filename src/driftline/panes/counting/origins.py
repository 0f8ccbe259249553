"""Which partition rows came from that are joined on another: their offsets say it.

Both fit in the 64 bits that records have for an offset.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

ROUTED: Final = -1
"""Stands for the partition of rows whose offsets tell their partitions."""
_OFFSET_BITS: Final = 48
"""Leaves 15 bits for the partition: enough for 32,768, and for a million records a second for nine years."""
_OFFSET: Final = (1 << _OFFSET_BITS) - 1


def places(partition: int, offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return offsets that tell their partition, in the order of partition and offset, shape (n,)."""
    return offsets | np.int64(partition << _OFFSET_BITS)


def by_origin(partition: int, offsets: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
    """Yield (partition, rows, their plain offsets) of what n offsets stand for.

    The partition is that of all of them, or ``ROUTED``.

    Examples
    --------
    >>> routed = np.append(places(2, np.array([7, 5])), places(0, np.array([9])))
    >>> [(origin, rows.tolist(), own.tolist()) for origin, rows, own in by_origin(ROUTED, routed)]
    [(0, [2], [9]), (2, [0, 1], [7, 5])]
    """
    if partition != ROUTED:
        if offsets.size:
            yield partition, np.arange(offsets.size), offsets
        return
    owners = offsets >> _OFFSET_BITS
    for owner in np.unique(owners).tolist():
        rows = np.flatnonzero(owners == owner)
        yield owner, rows, offsets[rows] & _OFFSET
