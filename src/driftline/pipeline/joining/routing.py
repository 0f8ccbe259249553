"""Where predictions and labels go that are joined on another partition than they came from.

A row's offset then says its partition as well: both fit in the 64 bits that records have for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from driftline.pipeline.joining.digests import Digests

ROUTED: Final = -1
"""Stands for the partition of rows whose offsets tell their partitions."""
_OFFSET_BITS: Final = 48
"""Leaves 15 bits for the partition: enough for 32,768, and for a million records a second for nine years."""
_OFFSET: Final = (1 << _OFFSET_BITS) - 1
_HASH_BITS: Final = np.uint64(32)
"""The words' low bits are what the stores' filters look at."""


def places(partition: int, offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return offsets that tell their partition, in the order of partition and offset, shape (n,)."""
    return offsets | np.int64(partition << _OFFSET_BITS)


def spans(partition: int, offsets: NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
    """Yield (partition, smallest, largest offset) of what n offsets stand for.

    Parameters
    ----------
    partition : int
        Of all of them, or ``ROUTED``.
    offsets : ndarray of int64, shape (n,), n > 0

    Examples
    --------
    >>> routed = np.append(places(2, np.array([7, 5])), places(0, np.array([9])))
    >>> list(spans(ROUTED, routed)), list(spans(3, np.array([7, 5])))
    ([(0, 9, 9), (2, 5, 7)], [(3, 5, 7)])
    """
    if partition != ROUTED:
        yield partition, int(offsets.min()), int(offsets.max())
        return
    owners = offsets >> _OFFSET_BITS
    for owner in np.unique(owners).tolist():
        mine = offsets[owners == owner] & _OFFSET
        yield owner, int(mine.min()), int(mine.max())


def destinations(digests: Digests, n_partitions: int) -> NDArray[np.int64]:
    """Return the partition on which each id is joined, shape (n,)."""
    return ((digests[:, 1] >> _HASH_BITS) % np.uint64(n_partitions)).astype(np.int64)
