"""What is remembered of a prediction while labels may come: one fixed-size record per prediction of an id."""

from __future__ import annotations

from struct import Struct as Packing
from typing import Final, NamedTuple

import numpy as np

PREDICTION: Final = np.dtype(
    [
        ("time_ms", "<i8"),
        ("effective_ms", "<i8"),
        ("offset", "<i8"),
        ("profile", "<i4"),
        ("predicted", "<f8"),
        ("score", "<f8"),
        ("joined_ms", "<i8"),
        ("actual", "<f8"),
        ("n_labels", "<i4"),
    ]
)
"""Packed, 64 bytes. ``profile`` is an index into the joiner's table; ``predicted`` and ``actual`` are class codes or
standardised values; ``actual`` is not-a-number while no label counts; ``joined_ms`` is the effective time of the last
join, at first the prediction's own."""

_PACKING: Final = Packing("<qqqiddqdi")


class Entry(NamedTuple):
    """One prediction, and the label that counts for it now."""

    time_ms: int
    effective_ms: int
    offset: int
    profile: int
    predicted: float
    score: float
    joined_ms: int
    actual: float
    n_labels: int

    def pack(self) -> bytes:
        """Return the record's bytes."""
        return _PACKING.pack(*self)


def unpack(value: bytes) -> list[Entry]:
    """Return the predictions of an id, oldest first; more than one only where an id was used again."""
    return [Entry(*fields) for fields in _PACKING.iter_unpack(value)]
