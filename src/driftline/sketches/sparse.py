"""Integer vectors on the wire: the cells that are not zero, in the narrowest words that hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.sketches.packed import NO_CELLS, Sparse

if TYPE_CHECKING:
    from numpy.typing import NDArray

_INDEX_TYPES: Final = ("<u1", "<u2", "<u4")
_VALUE_TYPES: Final = ("<i1", "<i2", "<i4", "<i8")
_INDEX_BYTES: Final = (1, 2, 4)
_VALUE_BYTES: Final = (1, 2, 4, 8)
_INDEX_LIMITS: Final = tuple((int(np.iinfo(name).min), int(np.iinfo(name).max)) for name in _INDEX_TYPES)
_VALUE_LIMITS: Final = tuple((int(np.iinfo(name).min), int(np.iinfo(name).max)) for name in _VALUE_TYPES)


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
    index_type = _narrowest(_INDEX_LIMITS, 0, int(indices.max()))
    value_type = _narrowest(_VALUE_LIMITS, int(values.min()), int(values.max()))
    return Sparse(
        index_type,
        value_type,
        indices.astype(_INDEX_TYPES[index_type]).tobytes(),
        values.astype(_VALUE_TYPES[value_type]).tobytes(),
    )


def pack_groups(indices: NDArray[np.int64], values: NDArray[np.int64], ends: NDArray[np.int64]) -> list[Sparse]:
    """Return many sets of distinct cells, one behind the other, each as :func:`pack_cells` would.

    Parameters
    ----------
    indices, values : ndarray of int64, shape (k,)
        Indices ascend within a set.
    ends : ndarray of int64, shape (g,)
        Where each set ends; some may be empty.

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
    held = np.flatnonzero(ends > starts)
    if not held.size:
        return result
    starts, ends = starts[held], ends[held]
    low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    index_types = _narrowest_each(_INDEX_LIMITS, np.zeros_like(low), indices[ends - 1])
    value_types = _narrowest_each(_VALUE_LIMITS, low, high)
    index_bytes = {t: indices.astype(_INDEX_TYPES[t]).tobytes() for t in np.unique(index_types).tolist()}
    value_bytes = {t: values.astype(_VALUE_TYPES[t]).tobytes() for t in np.unique(value_types).tolist()}
    columns = (held, index_types, value_types, starts, ends)
    for place, i, v, start, end in zip(*(column.tolist() for column in columns), strict=True):
        n, m = _INDEX_BYTES[i], _VALUE_BYTES[v]
        result[place] = Sparse(i, v, index_bytes[i][start * n : end * n], value_bytes[v][start * m : end * m])
    return result


def _narrowest_each(
    limits: tuple[tuple[int, int], ...], low: NDArray[np.int64], high: NDArray[np.int64]
) -> NDArray[np.int64]:
    fits = np.stack([(least <= low) & (high <= greatest) for least, greatest in limits])
    first: NDArray[np.int64] = fits.argmax(axis=0)
    return first


def _narrowest(limits: tuple[tuple[int, int], ...], low: int, high: int) -> int:
    return next(i for i, (least, greatest) in enumerate(limits) if least <= low and high <= greatest)


def cells(packed: Sparse) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return indices and values, both of shape (k,)."""
    indices = np.frombuffer(packed.indices, dtype=_INDEX_TYPES[packed.index_type]).astype(np.int64)
    values = np.frombuffer(packed.values, dtype=_VALUE_TYPES[packed.value_type]).astype(np.int64)
    return indices, values


def unpack_into(packed: Sparse, vector: NDArray[np.int64]) -> None:
    """Add the packed cells to a vector."""
    indices, values = cells(packed)
    vector[indices] += values
