"""Where arrays stand while a profile is built: in memory, or wherever whoever reads the rows keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import DTypeLike, NDArray

Kind = TypeVar("Kind", bound=np.generic)


class ArrayPlace(NamedTuple):
    """Where an array of one dimension stands in a store."""

    start: int
    """Whatever the store finds it by."""
    size: int
    dtype: np.dtype[Any]


class ArrayStore(Protocol):
    """Keeps arrays of one dimension for as long as it lives."""

    def reserve(self, size: int, dtype: DTypeLike) -> ArrayPlace:
        """Return room for an array, whose values are written later."""

    def write(self, place: ArrayPlace, start: int, values: NDArray[Any]) -> None:
        """Write values of an array from number ``start`` on."""

    def read(self, place: ArrayPlace, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Return the values of an array from ``start`` up to ``stop``, or to its end; not to be changed."""


class MemoryStore:
    """Keeps arrays in memory.

    Examples
    --------
    >>> store = MemoryStore()
    >>> place = store.reserve(3, np.int8)
    >>> store.write(place, 1, np.array([5, 6]))
    >>> store.read(place, 1).tolist()
    [5, 6]
    """

    def __init__(self) -> None:
        self._arrays: list[NDArray[Any]] = []

    def reserve(self, size: int, dtype: DTypeLike) -> ArrayPlace:
        """Return room for an array, whose values are written later."""
        self._arrays.append(np.empty(size, dtype=dtype))
        return ArrayPlace(len(self._arrays) - 1, size, np.dtype(dtype))

    def write(self, place: ArrayPlace, start: int, values: NDArray[Any]) -> None:
        """Write values of an array from number ``start`` on."""
        self._arrays[place.start][start : start + values.size] = values

    def read(self, place: ArrayPlace, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Return the values of an array from ``start`` up to ``stop``, or to its end; not to be changed."""
        return self._arrays[place.start][start:stop]


class RowMatrix(Generic[Kind]):
    """Numbers of k columns and n rows, written by runs of rows and read by columns, or by runs of rows again.

    Parameters
    ----------
    n_columns, n_most : int
        How much room there is.
    dtype : type
    store : ArrayStore

    Attributes
    ----------
    n : int
        Rows that were written.

    Examples
    --------
    >>> matrix = RowMatrix(2, 3, np.int16, MemoryStore())
    >>> matrix.add(np.array([[1, 2], [3, 4]]))
    >>> matrix.n, matrix[1].tolist()
    (2, [3, 4])
    """

    def __init__(self, n_columns: int, n_most: int, dtype: type[Kind], store: ArrayStore) -> None:
        self.n = 0
        self._store = store
        self._places = [store.reserve(n_most, dtype) for _ in range(n_columns)]

    def add(self, rows: NDArray[Any]) -> None:
        """Write the next m rows, shape (k, m)."""
        for place, values in zip(self._places, rows, strict=True):
            self._store.write(place, self.n, values)
        self.n += rows.shape[1]

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, column: int) -> NDArray[Kind]:
        """Return a column of all rows that were written, shape (n,)."""
        return self._store.read(self._places[column], 0, self.n)

    def __iter__(self) -> Iterator[NDArray[Kind]]:
        return (self[column] for column in range(len(self)))

    def rows(self, start: int, stop: int) -> NDArray[Kind]:
        """Return the rows from ``start`` up to ``stop``, shape (k, stop - start)."""
        return np.stack([self._store.read(place, start, stop) for place in self._places])

    def take(self, rows: NDArray[np.int64]) -> NDArray[Kind]:
        """Return some rows, shape (k, m)."""
        return np.stack([column[rows] for column in self])
