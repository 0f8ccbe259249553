"""Bottom-k samples: keep the k entries with the smallest hashes, the same ones in whatever order entries come.

Each entry is kept under the hash of what it is about (a name, a prediction id), and of equal hashes a rule that does
not depend on the order decides. So samples merge like sums do: the k smallest of a union are among those of its parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from driftline.sketches.packed import SampleRow

SAMPLE_ROWS: Final = 300
"""Rows that a sketch keeps at most."""

SampledRows = dict[int, bytes]
"""Hash of the id to z, int16 little-endian of shape (p,), in units of 2⁻⁸."""


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


def smallest_places(rows: Sequence[SampleRow], k: int | None = None) -> list[int]:
    """Return where the k rows with the smallest hashes stand, in the order of :func:`smallest`."""
    return sorted(range(len(rows)), key=lambda place: _row_order(rows[place]))[:k]


def _row_order(row: SampleRow) -> tuple[int, bytes, bytes]:
    return row.hash, row.features, msgspec.msgpack.encode(row)


def merge_rows(into: SampledRows, other: SampledRows) -> None:
    """Add rows, keeping those with the smallest hashes; of two with one hash the one whose bytes come first.

    Examples
    --------
    >>> rows = {3: b"a"}
    >>> merge_rows(rows, {1: b"b", 3: b"c"})
    >>> sorted(rows.items())
    [(1, b'b'), (3, b'a')]
    """
    for key, row in other.items():
        into[key] = min(into.get(key, row), row)
    keep_smallest(into, SAMPLE_ROWS)


def sample_rows(
    z: NDArray[np.float64], hashes: NDArray[np.uint64], slots: NDArray[np.int64]
) -> Iterator[tuple[int, SampledRows]]:
    """Yield slot and its rows with the smallest hashes, slots ascending.

    ``z``, shape (p, n), are whole numbers of 2⁻⁸.
    """
    order = np.lexsort((hashes, slots))
    present, starts = np.unique(slots[order], return_index=True)
    packed = z.astype("<i2").T
    for slot, start, stop in zip(present.tolist(), starts.tolist(), [*starts[1:].tolist(), order.size], strict=True):
        rows: SampledRows = {}
        for row in order[start:stop].tolist():
            if len(rows) == SAMPLE_ROWS and int(hashes[row]) not in rows:
                break
            merge_rows(rows, {int(hashes[row]): packed[row].tobytes()})
        yield slot, rows


def rows_of(rows: SampledRows, n_columns: int) -> NDArray[np.float64]:
    """Return z of the rows in the order of their hashes, shape (k, n_columns), in units of 2⁻⁸."""
    joined = b"".join(row for _, row in sorted(rows.items()))
    return np.frombuffer(joined, dtype="<i2").reshape(-1, max(n_columns, 1)).astype(np.float64)
