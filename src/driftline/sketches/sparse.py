"""Integer vectors on the wire: the cells that are not zero, in the narrowest words that hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from driftline.sketches.packed import NO_CELLS, PackedEstimates, Sparse
from driftline.sketches.word_types import INDICES, SIGNED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def pack(vector: NDArray[np.int64]) -> Sparse:
    """Return the non-zero cells of a vector.

    Examples
    --------
    >>> out = np.zeros(4, dtype=np.int64)
    >>> unpack_into(pack(np.array([0, 7, 0, -300])), out)
    >>> out.tolist()
    [0, 7, 0, -300]
    """
    indices = np.flatnonzero(vector)
    return pack_cells(indices, vector[indices])


def pack_cells(indices: NDArray[np.int64], values: NDArray[np.int64]) -> Sparse:
    """Return distinct cells given by index and value, both of shape (k,)."""
    if indices.size == 0:
        return NO_CELLS
    index_type = INDICES.narrowest(0, int(indices.max()))
    value_type = SIGNED.narrowest(int(values.min()), int(values.max()))
    return Sparse(index_type, value_type, INDICES.bytes_of(indices, index_type), SIGNED.bytes_of(values, value_type))


def cell_of(packed: Sparse, cell: int) -> int:
    """Return one cell of a packed vector.

    Notes
    -----
    *Cost*: a search among the cells that are not zero.

    Examples
    --------
    >>> cell_of(pack(np.array([0, 7, 0, -300])), 3), cell_of(NO_CELLS, 3)
    (-300, 0)
    """
    indices = INDICES.unpack(packed.index_type, packed.indices)
    place = int(np.searchsorted(indices, cell))
    if place == indices.size or int(indices[place]) != cell:
        return 0
    n_bytes = SIGNED.n_bytes[packed.value_type]
    return int(SIGNED.unpack(packed.value_type, packed.values[place * n_bytes : (place + 1) * n_bytes])[0])


def pack_groups(indices: NDArray[np.int64], values: NDArray[np.int64], ends: NDArray[np.int64]) -> list[Sparse]:
    """Return many sets of distinct cells, one behind the other, each as :func:`pack_cells` would.

    ``ends``, shape (g,), says where each set ends; some may be empty, and indices ascend within a set.

    Notes
    -----
    *Cost*: O(k), and a few look-ups a set.

    Examples
    --------
    >>> sets = pack_groups(np.array([0, 300, 5]), np.array([1, -1, 999]), np.array([2, 2, 3]))
    >>> sets[0] == pack_cells(np.array([0, 300]), np.array([1, -1])), sets[1] == NO_CELLS, sets[2].value_type
    (True, True, 1)
    """
    result = [NO_CELLS] * ends.size
    starts = np.append(0, ends[:-1])
    filled = np.flatnonzero(ends > starts)
    if not filled.size:
        return result
    starts, ends = starts[filled], ends[filled]
    low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    index_types = INDICES.narrowest_each(np.zeros_like(low), indices[ends - 1])
    value_types = SIGNED.narrowest_each(low, high)
    index_bytes = {t: INDICES.bytes_of(indices, t) for t in np.unique(index_types).tolist()}
    value_bytes = {t: SIGNED.bytes_of(values, t) for t in np.unique(value_types).tolist()}
    columns = (filled, index_types, value_types, starts, ends)
    for place, i, v, start, end in zip(*(column.tolist() for column in columns), strict=True):
        n, m = INDICES.n_bytes[i], SIGNED.n_bytes[v]
        result[place] = Sparse(i, v, index_bytes[i][start * n : end * n], value_bytes[v][start * m : end * m])
    return result


def cells(packed: Sparse) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return indices and values, both of shape (k,)."""
    return INDICES.unpack(packed.index_type, packed.indices), SIGNED.unpack(packed.value_type, packed.values)


def unpack_into(packed: Sparse, vector: NDArray[np.int64]) -> None:
    """Add the packed cells to a vector."""
    indices, values = cells(packed)
    vector[indices] += values


def combine(pieces: Sequence[Sparse], both: np.ufunc, nothing: int) -> Sparse:
    """Return sparse vectors combined cell by cell, without knowing their length.

    ``both``, ``np.add`` or ``np.maximum``, combines two values of one cell; cells left out have the value ``nothing``.

    Examples
    --------
    >>> pieces = [pack_cells(np.array([1, 5]), np.array([2, 3])), pack_cells(np.array([5]), np.array([-3]))]
    >>> [part.tolist() for part in cells(combine(pieces, np.add, 0))]
    [[1], [2]]
    >>> [part.tolist() for part in cells(combine(pieces, np.maximum, -(2**63)))]
    [[1, 5], [2, 3]]
    """
    unpacked = [cells(piece) for piece in pieces]
    indices = np.concatenate([index for index, _ in unpacked])
    if not indices.size:
        return NO_CELLS
    order = np.argsort(indices, kind="stable")
    indices = indices[order]
    starts = np.flatnonzero(np.append(True, indices[1:] != indices[:-1]))  # the first cell is a new one
    combined = both.reduceat(np.concatenate([value for _, value in unpacked])[order], starts)
    present = np.flatnonzero(combined != nothing)
    return pack_cells(indices[starts[present]], combined[present])


def runs(packed: Sparse, n_bytes: int) -> list[Sparse]:
    """Return the cells in successive runs of at most about ``n_bytes`` each; at least one run."""
    index_bytes, value_bytes = INDICES.n_bytes[packed.index_type], SIGNED.n_bytes[packed.value_type]
    step = n_bytes // (index_bytes + value_bytes)
    n_cells = len(packed.indices) // index_bytes
    return [
        replace(
            packed,
            indices=packed.indices[start * index_bytes : (start + step) * index_bytes],
            values=packed.values[start * value_bytes : (start + step) * value_bytes],
        )
        for start in range(0, max(n_cells, 1), step)
    ]


def merge_sparse(pieces: Sequence[Sparse]) -> Sparse:
    """Return the sum of sparse vectors, without knowing their length."""
    return combine(pieces, np.add, 0)


def merge_estimates(one: PackedEstimates | None, other: PackedEstimates) -> PackedEstimates:
    """Return the sum of packed estimates of one estimator."""
    if one is None:
        return other
    return PackedEstimates(merge_sparse([one.sums, other.sums]), merge_sparse([one.counts, other.counts]))
