"""Arrays in a temporary file, so that the memory in which a profile is built does not grow with the rows."""

from __future__ import annotations

import os
import tempfile
import weakref
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np

from driftline.profiles.building.array_store import ArrayPlace, MemoryStore

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

SMALL_BYTES: Final = 1 << 20
"""Arrays of at most so many bytes stay in memory."""


class FileStore:
    """Keeps arrays in a temporary file, which has no name and is gone when nothing refers to the store.

    Parameters
    ----------
    small_bytes : int
        Arrays of at most so many bytes stay in memory.

    Notes
    -----
    The environment variable ``TMPDIR`` says in which folder the file is made. It is made when it is needed.
    """

    def __init__(self, small_bytes: int = SMALL_BYTES) -> None:
        self._small_bytes = small_bytes
        self._small = MemoryStore()
        self._end = 0

    def reserve(self, size: int, dtype: DTypeLike) -> ArrayPlace:
        """Return room for an array, whose values are written later."""
        n_bytes = size * np.dtype(dtype).itemsize
        if n_bytes <= self._small_bytes:
            place = self._small.reserve(size, dtype)
            return place._replace(start=-1 - place.start)
        place = ArrayPlace(self._end, size, np.dtype(dtype))
        self._end += n_bytes
        return place

    def write(self, place: ArrayPlace, start: int, values: NDArray[Any]) -> None:
        """Write values of an array from number ``start`` on.

        Raises
        ------
        OSError
            When the disk is full.
        """
        if place.start < 0:
            self._small.write(place._replace(start=-1 - place.start), start, values)
            return
        data = np.ascontiguousarray(values, dtype=place.dtype).view(np.uint8).data
        at = place.start + start * place.dtype.itemsize
        while data:
            n_written = os.pwrite(self._file.fileno(), data, at)
            data, at = data[n_written:], at + n_written

    def read(self, place: ArrayPlace, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Return the values of an array from ``start`` up to ``stop``, or to its end; not to be changed."""
        if place.start < 0:
            return self._small.read(place._replace(start=-1 - place.start), start, stop)
        start, stop, _ = slice(start, stop).indices(place.size)
        values = np.empty(max(0, stop - start), dtype=place.dtype)
        data, at = values.view(np.uint8).data, place.start + start * place.dtype.itemsize
        while data:
            n_read = os.preadv(self._file.fileno(), [data], at)
            data, at = data[n_read:], at + n_read
        return values

    @cached_property
    def _file(self) -> IO[bytes]:
        file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # open for as long as the store lives
        weakref.finalize(self, file.close)
        return file
