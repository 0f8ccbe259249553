"""Categories that a reference has and its profile does not list: known by the hashes of their names alone.

A profile lists the :data:`~driftline.sketches.columns.MAX_CATEGORIES` most frequent categories, and the others share
the unlisted bin. With the others' hashes, a category of a window that is not listed is known or new all the same. A
hash has 64 bits: that any of a million new names is taken for one of 8,192 known ones has a probability of 4 × 10⁻¹⁰.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.sketches.kept_names import name_hash

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_RARE: Final = 8_192
"""Rare categories whose hashes a profile keeps: 64 KB a column. Of a column with more, none are kept."""
FIRST_KNOWN: Final = 1 << 63
"""Keys of names that the reference has begin here, and those of new ones are below, so that bottom-k samples of names
keep new ones first."""


def packed_hashes(names: Iterable[str]) -> bytes:
    """Return the hashes of names, sorted, uint64 little-endian; empty where there are too many."""
    hashes = sorted(map(name_hash, names))
    return b"" if len(hashes) > MAX_RARE else np.array(hashes, dtype="<u8").tobytes()


class RareCategories:
    """The rare categories of one column of a reference.

    Parameters
    ----------
    data : bytes
        As :func:`packed_hashes` returns them.

    Examples
    --------
    >>> rare = RareCategories(packed_hashes(["oslo", "bergen"]))
    >>> rare.key(name_hash("oslo")) >= FIRST_KNOWN, rare.key(name_hash("rome")) >= FIRST_KNOWN, len(rare)
    (True, False, 2)
    """

    def __init__(self, data: bytes) -> None:
        self._hashes = np.frombuffer(data, dtype="<u8").astype(np.uint64)
        self._sorted = self._hashes.data

    def __len__(self) -> int:
        return self._hashes.size

    def __contains__(self, digest: int) -> bool:
        at = bisect_left(self._sorted, digest)
        return at < len(self) and self._sorted[at] == digest

    def key(self, digest: int) -> int:
        """Return the key of a name in samples, by its hash: half of it, in the upper half if the reference has it."""
        return digest >> 1 | (FIRST_KNOWN if digest in self else 0)

    def n_up_to(self, key: int) -> int:
        """Return how many of these names have a hash of which half is at most a key, as new names have it."""
        return int(np.searchsorted(self._hashes, np.uint64(min(2 * key + 1, (1 << 64) - 1)), side="right"))
