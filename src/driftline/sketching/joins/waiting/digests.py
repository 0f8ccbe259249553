"""Ids as digests: 16 bytes each whatever an id looks like, so that the join works on arrays.

Two different ids of n pending ones share a digest with probability n² / 2¹²⁹: 10⁻²⁵ for ten million.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import numpy as np
import xxhash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

DIGEST_BYTES: Final = 16

Digests: TypeAlias = "NDArray[np.uint64]"
"""Shape (n, 2): the high and the low word of the 128-bit xxh3 of each id as UTF-8."""


def digests_of(ids: Sequence[str]) -> Digests:
    """Return the digests of n ids.

    Examples
    --------
    >>> digests_of(["a", "b", "a"]).shape
    (3, 2)
    """
    return digests_from(b"".join(map(xxhash.xxh3_128_digest, map(str.encode, ids))))


def digests_from(data: bytes) -> Digests:
    """Return digests from their bytes."""
    return np.frombuffer(data, dtype=">u8").reshape(-1, 2).astype(np.uint64)


def bytes_of(digests: Digests) -> bytes:
    """Return the bytes of digests, from which :func:`digests_from` makes them again."""
    return digests.astype(">u8").tobytes()


def differ(one: Digests, other: Digests) -> NDArray[np.bool_]:
    """Return which of n pairs of digests are not the same, shape (n,)."""
    unlike: NDArray[np.bool_] = (one[:, 0] != other[:, 0]) | (one[:, 1] != other[:, 1])
    return unlike


def sorting(digests: Digests) -> NDArray[np.int64]:
    """Return the order that sorts digests; the same ones stay in theirs."""
    order = np.argsort(digests[:, 0], kind="stable")
    ordered = digests.take(order, axis=0)
    tied = ordered[1:, 0] == ordered[:-1, 0]
    if (ordered[1:, 1][tied] != ordered[:-1, 1][tied]).any():  # of different ones one pair in 10¹⁹
        return np.lexsort((digests[:, 1], digests[:, 0]))
    return order


def places_in(ordered: Digests, digests: Digests, highs: NDArray[np.uint64] | None = None) -> NDArray[np.int64]:
    """Return where n digests stand among m different ones in their order, -1 where one does not; shape (n,).

    ``highs`` are the first words of the m, behind each other in memory, where they are kept: they are copied otherwise.
    Digests that are in their order themselves are found several times as fast.

    Examples
    --------
    >>> every = digests_of(["a", "b", "c"])
    >>> places_in(every.take(sorting(every), axis=0), digests_of(["d"])).tolist()
    [-1]
    """
    if not len(ordered):
        return np.full(len(digests), -1)
    place = np.searchsorted(ordered[:, 0] if highs is None else highs, digests[:, 0])
    place = np.minimum(place, len(ordered) - 1)
    found = ordered.take(place, axis=0)
    same = ~differ(found, digests)
    tied = np.flatnonzero(~same & (found[:, 0] == digests[:, 0]))
    for row in tied.tolist():  # two digests that share their first half: one pair in 10¹⁹
        equal = np.flatnonzero((ordered == digests[row]).all(axis=1))
        place[row], same[row] = (equal[0], True) if equal.size else (0, False)
    return np.where(same, place, -1)


class UniqueDigests(NamedTuple):
    """The m different ones of n digests."""

    digests: Digests
    place: NDArray[np.int64]
    """Which of them each one is, shape (n,)."""


def unique_digests(digests: Digests) -> UniqueDigests:
    """Tell digests apart; where none is repeated they keep their order."""
    order = sorting(digests)
    ordered = digests.take(order, axis=0)
    new = np.append(True, differ(ordered[1:], ordered[:-1]))[: len(order)]  # a value, no switch
    if new.all():
        return UniqueDigests(digests, np.arange(len(order)))
    index = np.empty(len(order), dtype=np.int64)
    index[order] = np.cumsum(new) - 1
    return UniqueDigests(ordered.compress(new, axis=0), index)


def sampled(digests: Digests, ratio: float) -> NDArray[np.bool_]:
    """Return which ids belong to a share of all, in (0, 1], that is the same for everybody; shape (n,)."""
    if ratio >= 1:
        return np.ones(len(digests), dtype=np.bool_)
    inside: NDArray[np.bool_] = digests[:, 0] < np.uint64(int(ratio * 2.0**64))
    return inside
