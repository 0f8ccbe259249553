"""Limits the memory that the C library keeps: when many threads allocate, and when much was freed."""

from __future__ import annotations

import ctypes
import os
import platform
import time
from typing import Final

_M_ARENA_MAX: Final = -8
_GIVE_BACK_S: Final = 60.0
"""How often memory is given back: often enough for what a window's end took, and 20 ms with a thousand models."""
_ARENAS: Final = 2
"""One for the thread that sketches and one for the others: restoring 11 million entries then takes 430 MB, not 650."""


def limit_arenas() -> None:
    """Let glibc keep few arenas, before threads are started; ``MALLOC_ARENA_MAX`` in the environment goes first.

    Each thread gets an arena of its own, up to eight a core, and gives little of it back: what Kafka's threads allocate
    and another one frees stays with the process.

    *Source*: ``mallopt(3)``, "Linux man-pages", on ``M_ARENA_MAX``.
    """
    if platform.libc_ver()[0] == "glibc" and "MALLOC_ARENA_MAX" not in os.environ:
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)


class MemoryReturn:
    """Gives memory that was freed back to the system, once a minute at most.

    What a model needs when its windows end lies between what stays, and glibc by itself gives back the end of its heap
    alone.

    *Source*: ``malloc_trim(3)``, "Linux man-pages". *Cost*: 2 ms for 50 MB.
    """

    def __init__(self) -> None:
        self._trim = ctypes.CDLL(None).malloc_trim if platform.libc_ver()[0] == "glibc" else None
        self._at_s = time.monotonic()

    def when_due(self) -> bool:
        """Give memory back if that was not done for a minute; return whether it was done."""
        if self._trim is None or time.monotonic() - self._at_s < _GIVE_BACK_S:
            return False
        self.now()
        self._at_s = time.monotonic()
        return True

    def now(self) -> None:
        """Give memory back."""
        if self._trim is not None:
            self._trim(0)
