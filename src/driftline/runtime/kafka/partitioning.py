"""The partition that Kafka's Java clients choose for a key: murmur2, as our own producers are told to use."""

from __future__ import annotations

from typing import Final

_SEED: Final = 0x9747B28C
_MULTIPLIER: Final = 0x5BD1E995
_WORD: Final = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """Return the 32-bit murmur2 hash that Kafka partitions by, in [0, 2³²).

    Notes
    -----
    *Source*: A. Appleby's MurmurHash2, with the seed of ``org.apache.kafka.common.utils.Utils.murmur2``.
    *Oracle*: the vectors of Kafka's own ``UtilsTest``.

    Examples
    --------
    >>> murmur2(b"21") - (1 << 32)
    -973932308
    """
    h = _SEED ^ len(data)
    whole = len(data) - len(data) % 4
    for start in range(0, whole, 4):
        k = int.from_bytes(data[start : start + 4], "little") * _MULTIPLIER & _WORD
        k = (k ^ k >> 24) * _MULTIPLIER & _WORD
        h = (h * _MULTIPLIER & _WORD) ^ k
    if whole < len(data):
        h = (h ^ int.from_bytes(data[whole:], "little")) * _MULTIPLIER & _WORD
    h = (h ^ h >> 13) * _MULTIPLIER & _WORD
    return h ^ h >> 15


def partition_of(key: bytes, n_partitions: int) -> int:
    """Return the partition of a key, as Java's default partitioner and librdkafka's ``murmur2`` choose it."""
    return (murmur2(key) & 0x7FFFFFFF) % n_partitions
