"""What identifies a model in the stream."""

from __future__ import annotations

from functools import lru_cache

import xxhash
from msgspec import Struct


class ModelKey(Struct, frozen=True, array_like=True, order=True):
    """A model and its version."""

    model: str
    version: str

    def __str__(self) -> str:
        return f"{self.model}@{self.version}" if self.version else self.model


@lru_cache(maxsize=65_536)
def panes_partition(key: ModelKey, n_partitions: int) -> int:
    """Return the partition of the panes topic that holds a model with all its versions; the same in every process.

    Examples
    --------
    >>> panes_partition(ModelKey("credit-risk", "3"), 4) == panes_partition(ModelKey("credit-risk", "4"), 4)
    True
    """
    return xxhash.xxh3_64_intdigest(key.model.encode()) % n_partitions
