"""Reference columns whose values are lists of numbers of one length: embeddings."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import narwhals as nw
import numpy as np

from driftline.sketches.columns import WRONG_TYPE
from driftline.sketches.derived_fields import as_vector
from driftline.sketches.embeddings import MAX_LENGTH, packed_vectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from driftline.config.model import ColumnKind

FEWEST_NUMBERS: Final = 8
"""Numbers of a vector from which lists are taken for embeddings if the configuration does not say so."""
FEWEST_CONFIGURED: Final = 2
"""Numbers of a vector at least, where it does."""
VECTOR_SHARE: Final = 0.9
"""Share of the values that have to be lists of numbers of one length; configured, any will do."""
_LISTS: Final = (list, tuple, np.ndarray)


@dataclass(frozen=True, eq=False)
class Vectors:
    """The n values of an embedding, of which m are vectors of d numbers."""

    matrix: NDArray[np.floating[Any]]
    """Shape (m, d)."""
    rows: NDArray[np.int64]
    """Which row has each of them, ascending, shape (m,)."""
    exceptions: list[tuple[int, int]]
    """Row and quality code of the other values, but for those that are missing."""
    n: int

    @property
    def length(self) -> int:
        """The numbers d of a vector."""
        return int(self.matrix.shape[1])

    @property
    def n_present(self) -> int:
        """Values that are not missing."""
        return self.rows.size + len(self.exceptions)

    def part(self, rows: slice) -> Vectors:
        """Return those of some rows, ``rows`` with a beginning and an end."""
        first, last = np.searchsorted(self.rows, (rows.start, rows.stop))
        exceptions = [(row - rows.start, code) for row, code in self.exceptions if rows.start <= row < rows.stop]
        return Vectors(self.matrix[first:last], self.rows[first:last] - rows.start, exceptions, rows.stop - rows.start)

    def is_embedding(self, kind: ColumnKind | None) -> bool:
        """Return whether a column of these values, of the configured kind, is watched as an embedding."""
        if kind == "embedding":
            return FEWEST_CONFIGURED <= self.length <= MAX_LENGTH
        if kind is not None or not FEWEST_NUMBERS <= self.length <= MAX_LENGTH:
            return False
        return self.rows.size >= VECTOR_SHARE * self.n_present


def vectors_of(values: Sequence[object]) -> Vectors | None:
    """Return values of any type as vectors of the length that most of them have; None where none is a list.

    Lists of other lengths and values of other types are of a wrong type.

    Examples
    --------
    >>> found = vectors_of([[1, 2], [3, 4.5], None, [1], "a"])
    >>> found.matrix.tolist(), found.rows.tolist(), found.exceptions
    ([[1.0, 2.0], [3.0, 4.5]], [0, 1], [(3, 3), (4, 3)])
    """
    if not any(isinstance(value, _LISTS) for value in values):
        return None
    read = [as_vector(value.tolist() if isinstance(value, np.ndarray) else value, None) for value in values]
    return _of_length(values, read, _usual_length(Counter(len(found) for found, _ in read if found is not None)))


def vectors_of_length(values: Sequence[object], length: int) -> Vectors:
    """Return values of any type as vectors of a length; others are of a wrong type."""
    return _of_length(values, [as_vector(value, length) for value in values], length)


def vectors_of_series(series: nw.Series[Any]) -> Vectors | None:
    """Return the vectors of a frame's column of lists of numbers; None where its type is another one.

    Vectors keep the precision in which the frame has them, float32 or float64.
    """
    if not _holds_numbers(series.dtype):
        return None
    import pyarrow as pa  # noqa: PLC0415  # half a second that no other column needs
    import pyarrow.compute as pc  # noqa: PLC0415

    lists = series.to_arrow()
    if isinstance(lists, pa.ChunkedArray):
        lists = lists.combine_chunks()
    present = np.asarray(pc.is_valid(lists).to_numpy(zero_copy_only=False), dtype=np.bool_)
    lengths = np.asarray(pc.fill_null(pc.list_value_length(lists), -1).to_numpy(zero_copy_only=False), dtype=np.int64)
    length = _usual_length(Counter(lengths[present].tolist()))
    rows = np.flatnonzero(present & (lengths == length))
    numbers = pc.list_flatten(lists.take(pa.array(rows)))
    kind = pa.float32() if pa.types.is_float32(numbers.type) else pa.float64()
    absent = np.asarray(pc.is_null(numbers).to_numpy(zero_copy_only=False), dtype=np.bool_).reshape(-1, length)
    matrix = np.asarray(numbers.cast(kind, safe=False).to_numpy(zero_copy_only=False)).reshape(-1, length)
    whole = ~absent.any(axis=1)
    kept = rows[whole]
    wrong = np.setdiff1d(np.flatnonzero(present), kept)
    exceptions = [(row, WRONG_TYPE) for row in wrong.tolist()]
    return Vectors(matrix[whole], kept, exceptions, len(series))


def _holds_numbers(dtype: nw.dtypes.DType) -> bool:
    """Whether values are lists of numbers."""
    if not isinstance(dtype, nw.List | nw.Array):
        return False
    inner = dtype.inner() if isinstance(dtype.inner, type) else dtype.inner
    return bool(inner.is_numeric())


def _of_length(values: Sequence[object], read: Sequence[tuple[list[float] | None, int | None]], length: int) -> Vectors:
    kept = [row for row, (found, _) in enumerate(read) if found is not None and len(found) == length]
    others = set(range(len(values))).difference(kept)
    exceptions = [
        (row, WRONG_TYPE if (code := as_vector(values[row], length)[1]) is None else code)
        for row in sorted(others)
        if values[row] is not None
    ]
    matrix = packed_vectors([found for row in kept if (found := read[row][0]) is not None], length)
    return Vectors(matrix, np.array(kept, dtype=np.int64), exceptions, len(values))


def _usual_length(lengths: Counter[int]) -> int:
    """Return the length that most lists have, of several the greatest; 0 where there are none."""
    return max(lengths, key=lambda length: (lengths[length], length), default=0)
