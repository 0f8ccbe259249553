"""The file of a shelf: an unnamed temporary one, which goes with the process."""

from __future__ import annotations

import os
import tempfile
import threading
from collections import deque
from pathlib import Path
from typing import Final
from weakref import finalize

from driftline.runtime.operations.logs import get_logger

_log = get_logger(__name__)

_LEAST: Final = 1_024
"""Bytes of the smallest place. There are four sizes between one and its double, so that what is freed fits others."""


class ShelfFile:
    """Keeps bytes in a temporary file; in memory, with a warning, where the disk does not take them.

    Parameters
    ----------
    directory : Path, optional
        Of the file; by default that for temporary files (``TMPDIR``).

    Notes
    -----
    *State*: 200 bytes a place. The file grows to what was kept at the same time, and a fifth more; a place that was
    freed is used again for what is about as large. Several threads may use it.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._file, name = tempfile.mkstemp(prefix="driftline-", dir=directory)
        Path(name).unlink()
        finalize(self, os.close, self._file)
        self._lock = threading.Lock()
        self._spans: dict[int, tuple[int, int]] = {}
        """Bytes of each place, and bytes that are reserved for it."""
        self._free: dict[int, list[int]] = {}
        """Places by how large they are."""
        self._freed: deque[int] = deque()
        self._end = 0
        self._in_memory: dict[int, bytes] = {}

    def put(self, data: bytes) -> int:
        """Keep bytes, and return their place."""
        with self._lock:
            self._take_back()
            reserved = size_of(len(data))
            place = self._reserve(reserved)
            self._spans[place] = len(data), reserved
            try:
                written = 0
                while written < len(data):
                    written += os.pwrite(self._file, memoryview(data)[written:], place + written)
            except OSError as error:
                if not self._in_memory:
                    _log.warning("models are kept in memory, as the disk does not take them", reason=str(error))
                self._in_memory[place] = data
            return place

    def _reserve(self, n_bytes: int) -> int:
        """Return a free place that is so large, or a new one."""
        free = self._free.get(n_bytes)
        if free:
            return free.pop()
        place, self._end = self._end, self._end + n_bytes
        return place

    def get(self, place: int) -> bytes:
        """Return the bytes of a place.

        Raises
        ------
        OSError
            When the disk does not give back what it took.
        """
        with self._lock:
            kept = self._in_memory.get(place)
            n_bytes, _ = self._spans[place]
        if kept is not None:
            return kept
        parts: list[bytes] = []
        while n_bytes:
            part = os.pread(self._file, n_bytes, place + sum(map(len, parts)))
            if not part:
                raise OSError(
                    f"Expected {n_bytes} more bytes, got the end of the file - at a temporary file of this worker"
                )
            parts.append(part)
            n_bytes -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def free(self, place: int) -> None:
        """Let go of a place."""
        self._freed.append(place)  # no lock: garbage collection may ask for it at any moment

    def _take_back(self) -> None:
        while self._freed:
            place = self._freed.popleft()
            self._in_memory.pop(place, None)
            _, reserved = self._spans.pop(place)
            self._free.setdefault(reserved, []).append(place)


def size_of(n_bytes: int) -> int:
    """Return how large a place for so many bytes is.

    Examples
    --------
    >>> [size_of(n) for n in (0, 1_024, 1_025, 2_100, 4_000, 9_000)]
    [1024, 1024, 1280, 2560, 4096, 10240]
    """
    if n_bytes <= _LEAST:
        return _LEAST
    unit = 1 << (n_bytes - 1).bit_length() - 3
    return -(-n_bytes // unit) * unit
