"""What a committed offset says beside itself: the times that were reached, and which records wait for another half.

Brokers take 4,096 bytes (``offset.metadata.max.bytes``). A bit for each of ``MAX_WAITING_RECORDS`` records takes 2,732
at most; deflated it is mostly a few dozen.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import Final, NamedTuple

import numpy as np

from driftline.sketching.halves import SeenHalves

_N_TIMES: Final = {"v1": 1, "v2": 2, "v3": 2}
_WITH_HALVES: Final = "v3"
_N_HALVES: Final = 3
"""Parts behind the times: offset of the first half, offset behind the last record, and bits."""


class CommittedTimes(NamedTuple):
    """How far a source partition had come before a committed offset; None before the first time."""

    running_max_ms: int | None = None
    """In event time."""
    recorded_ms: int | None = None
    """By the clock of its records, refused or not."""
    seen: SeenHalves | None = None
    """How far the records had been looked at, where two records are one event; its ``start`` is the offset."""


def to_metadata(times: CommittedTimes) -> str:
    """Return the metadata of a committed offset."""
    reached = ["" if time is None else str(time) for time in times[:2]]
    seen = times.seen
    if seen is None:
        return ":".join(["v2", *reached])
    bits = np.zeros(seen.next_offset - seen.start, dtype=np.uint8)
    bits[np.array(seen.waiting, dtype=np.int64) - seen.start] = 1
    packed = base64.b64encode(zlib.compress(np.packbits(bits).tobytes(), 9)).decode()
    return ":".join([_WITH_HALVES, *reached, str(seen.start), str(seen.next_offset), packed])


def from_metadata(metadata: str | None) -> CommittedTimes:
    """Return what a committed offset's metadata say; nothing where they are none of ours.

    Metadata of the first version have no time of records.

    Examples
    --------
    >>> from_metadata(to_metadata(CommittedTimes(1_000, 2_000)))
    CommittedTimes(running_max_ms=1000, recorded_ms=2000, seen=None)
    >>> from_metadata("v1:1000").running_max_ms
    1000
    >>> from_metadata(to_metadata(CommittedTimes(5, 5, SeenHalves(9, (5, 7))))).seen
    SeenHalves(next_offset=9, waiting=(5, 7))
    """
    version, *texts = (metadata or "").split(":")
    n_times = _N_TIMES.get(version)
    n_halves = _N_HALVES if version == _WITH_HALVES else 0
    if n_times is None or len(texts) != n_times + n_halves:
        return CommittedTimes()
    times = [int(text) if text.removeprefix("-").isdigit() else None for text in texts[:n_times]]
    running_max_ms, recorded_ms = [*times, None][:2]
    return CommittedTimes(running_max_ms, recorded_ms, _seen(texts[n_times:]) if n_halves else None)


def _seen(texts: list[str]) -> SeenHalves | None:
    try:
        start, next_offset = map(int, texts[:2])
        bits = np.unpackbits(np.frombuffer(zlib.decompress(base64.b64decode(texts[2])), dtype=np.uint8))
    except (ValueError, binascii.Error, zlib.error):
        return None
    return SeenHalves(next_offset, tuple((start + np.flatnonzero(bits)).tolist()))
