"""Where predictions and labels go that are joined on another partition than they came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.sketching.joins.waiting.digests import Digests

_HASH_BITS: Final = np.uint64(32)
"""The words' low bits are what the stores' filters look at."""


def destinations(digests: Digests, n_partitions: int) -> NDArray[np.int64]:
    """Return the partition on which each id is joined, shape (n,)."""
    return ((digests[:, 1] >> _HASH_BITS) % np.uint64(n_partitions)).astype(np.int64)
