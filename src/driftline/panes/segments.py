"""Which of a model's configured slices of traffic an event belongs to, as a bit for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from driftline.errors import EventError
from driftline.events.documents import document_of
from driftline.sketches.columns import canonical_category

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import msgspec
    from numpy.typing import NDArray

MAX_KNOWN: Final = 10_000
"""Texts whose bits are remembered; more than that, and all are forgotten."""
MAX_KNOWN_BYTES: Final = 1_024
"""Of a text whose bits are remembered."""


def segment_names(configured: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return the names of slices, in the order of their bits.

    Examples
    --------
    >>> segment_names({"country": ["DE", "FR"], "channel": ["web"]})
    ('country=DE', 'country=FR', 'channel=web')
    """
    return tuple(f"{field}={value}" for field, values in configured.items() for value in values)


class SegmentBits:
    """Tells the slices of events, configured as values by field, from their segments objects."""

    def __init__(self, configured: Mapping[str, Sequence[str]]) -> None:
        self._bits = {tuple(name.split("=", 1)): 1 << bit for bit, name in enumerate(segment_names(configured))}
        self._bits_by_text: dict[bytes, int] = {}

    def __call__(self, objects: Sequence[bytes | msgspec.Raw]) -> NDArray[np.uint32]:
        """Return the bits of n events, shape (n,); what is no JSON object belongs to no slice."""
        if not self._bits:
            return np.zeros(len(objects), dtype=np.uint32)
        if len(self._bits_by_text) > MAX_KNOWN:
            self._bits_by_text.clear()
        return np.array([self._of(bytes(each)) for each in objects], dtype=np.uint32)

    def _of(self, data: bytes) -> int:
        bits = self._bits_by_text.get(data)
        if bits is None:
            segments = _object(data)
            bits = sum(self._bits.get((name, canonical_category(value) or ""), 0) for name, value in segments.items())
            if len(data) <= MAX_KNOWN_BYTES:
                self._bits_by_text[data] = bits
        return bits


def _object(data: bytes) -> dict[str, object]:
    """Return a segments object, which typed decoding has not looked into; an empty one where there is none."""
    if not data:
        return {}
    try:
        found = document_of(data)
    except EventError:  # such as half of a surrogate pair
        return {}
    return found if isinstance(found, dict) else {}
