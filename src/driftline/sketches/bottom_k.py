"""Bottom-k samples: keep the k entries with the smallest hashes, the same ones in whatever order entries come.

Each entry is kept under the hash of what it is about (a name, a prediction id), and of equal hashes a rule that does
not depend on the order decides. So samples merge like sums do: the k smallest of a union are among those of its parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.sketches.packed import SampleRow


def keep_smallest(sample: dict[int, Any], k: int) -> None:
    """Drop all entries but the k with the smallest hashes, in place.

    Examples
    --------
    >>> sample = {9: "c", 3: "a", 4: "b"}
    >>> keep_smallest(sample, 2)
    >>> sample
    {3: 'a', 4: 'b'}
    """
    if len(sample) > k:
        for key in sorted(sample)[k:]:
            del sample[key]


def smallest(rows: Iterable[SampleRow], k: int | None = None) -> list[SampleRow]:
    """Return the k rows with the smallest hashes (all, without a k) in their order, whatever order they came in."""
    return sorted(rows, key=_row_order)[:k]


def _row_order(row: SampleRow) -> tuple[int, bytes, bytes]:
    return row.hash, row.features, msgspec.msgpack.encode(row)
