"""Prediction ids: sixteen hexadecimal digits, without order, and the partition that librdkafka's default gives them."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


def ids(numbers: Ints) -> list[str]:
    """Return the prediction id of each number.

    Examples
    --------
    >>> ids(np.array([0, 1]))
    ['e220a8397b1dcdaf', '6e789e6aa1b965f4']
    """
    with np.errstate(over="ignore"):  # splitmix64, Steele, Lea and Flood (2014): a bijection, so ids are distinct
        z = (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    text = z.byteswap().tobytes().hex()
    return [text[start : start + 16] for start in range(0, len(text), 16)]


def partitions(numbers: Ints, n_partitions: int) -> Ints:
    """Return the partition of each number's id."""
    crc = zlib.crc32
    found = [crc(name.encode()) for name in ids(numbers)]
    result: Ints = np.array(found, dtype=np.int64) % n_partitions
    return result
