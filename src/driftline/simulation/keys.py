"""The partition of each key, for many keys at once: murmur2, as Kafka's Java clients choose it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

KEY_BYTES: Final = 16
_SEED: Final = 0x9747B28C
_MULTIPLIER: Final = np.uint32(0x5BD1E995)


def partitions_of(ids: Sequence[str], n_partitions: int) -> NDArray[np.int64]:
    """Return the partition of each id of 16 ASCII characters, shape (n,).

    Notes
    -----
    *Source*: ``org.apache.kafka.common.utils.Utils.murmur2``. Deviations: keys of one length only, so there is no tail.

    *Oracle*: :func:`driftline.runtime.kafka.partitioning.partition_of`, and a broker's own answer.
    """
    words = np.frombuffer("".join(ids).encode(), dtype="<u4").reshape(len(ids), KEY_BYTES // 4)
    h = np.full(len(ids), _SEED ^ KEY_BYTES, dtype=np.uint32)
    for word in words.T:
        k = word * _MULTIPLIER
        k = (k ^ (k >> np.uint32(24))) * _MULTIPLIER
        h = h * _MULTIPLIER ^ k
    h = (h ^ (h >> np.uint32(13))) * _MULTIPLIER
    h ^= h >> np.uint32(15)
    return (h & np.uint32(0x7FFFFFFF)).astype(np.int64) % n_partitions
