"""Integer vectors on the wire: the cells that are not zero, in the narrowest words that hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.events.pane import NO_CELLS, Sparse

if TYPE_CHECKING:
    from numpy.typing import NDArray

_INDEX_TYPES: Final = ("<u1", "<u2", "<u4")
_VALUE_TYPES: Final = ("<i1", "<i2", "<i4", "<i8")
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
