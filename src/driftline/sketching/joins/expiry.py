"""How finely records expire: in buckets of time, which go as a whole."""

from __future__ import annotations

from typing import Final

EXPIRY_BUCKETS: Final = 16
"""Records go in so many parts of the horizon or the wait: they stay at most a sixteenth longer than they are needed."""
SHORTEST_BUCKET_MS: Final = 1_000
"""Of expiry, however short the horizon or the wait."""


def bucket_ms(needed_ms: int) -> int:
    """Return the length of the buckets of records that are needed for a time."""
    return max(SHORTEST_BUCKET_MS, needed_ms // EXPIRY_BUCKETS)
