"""How often Python looks for reference cycles while records are read."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_ALLOCATIONS: Final = 100_000
"""Containers made before garbage is looked for, Python's own 700 being looked for in the middle of every batch: tens of
thousands of short-lived tuples and no cycles. Together the searches took as long as decoding."""


@contextmanager
def rare_collections() -> Iterator[None]:
    """Look for garbage seldom while the block runs."""
    thresholds = gc.get_threshold()
    gc.set_threshold(_ALLOCATIONS, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
