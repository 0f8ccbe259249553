"""What a committed offset says beside itself: the event time that was reached, and which records wait for another half.

Brokers take 4,096 bytes (``offset.metadata.max.bytes``). A bit for each of ``MAX_WAITING_RECORDS`` records takes 2,732
at most; deflated it is mostly a few dozen.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.sketching.halves import SeenHalves

if TYPE_CHECKING:
    from confluent_kafka import TopicPartition

_VERSION: Final = "v1"


class OffsetMetadata(NamedTuple):
    """What was committed with an offset."""

    running_max_ms: int | None = None
    """Running maximum of event time before the offset."""
    seen: SeenHalves | None = None
    """How far the records had been looked at, where two records are one event."""


def to_metadata(running_max_ms: int | None, seen: SeenHalves | None = None) -> str:
    """Return the metadata of a committed offset, which is ``seen.start`` where halves of events wait."""
    text = f"{_VERSION}:{'' if running_max_ms is None else running_max_ms}"
    if seen is None:
        return text
    bits = np.zeros(seen.next_offset - seen.start, dtype=np.uint8)
    bits[np.array(seen.waiting, dtype=np.int64) - seen.start] = 1
    packed = zlib.compress(np.packbits(bits).tobytes(), 9)
    return f"{text}:{seen.next_offset}:{base64.b64encode(packed).decode()}"


def from_metadata(committed: TopicPartition) -> OffsetMetadata:
    """Return what a committed offset says; nothing where its metadata are none of ours.

    Examples
    --------
    >>> from confluent_kafka import TopicPartition
    >>> from_metadata(TopicPartition("t", 0, 5, metadata=to_metadata(1_000, SeenHalves(9, (5, 7)))))
    OffsetMetadata(running_max_ms=1000, seen=SeenHalves(next_offset=9, waiting=(5, 7)))
    >>> from_metadata(TopicPartition("t", 0, 5))
    OffsetMetadata(running_max_ms=None, seen=None)
    """
    version, *parts = (committed.metadata or "").split(":")
    if version != _VERSION or not parts:
        return OffsetMetadata()
    running_max_ms = int(parts[0]) if parts[0].lstrip("-").isdigit() else None
    if len(parts) != 3:  # noqa: PLR2004  # version, maximum, next offset, bits
        return OffsetMetadata(running_max_ms)
    try:
        bits = np.unpackbits(np.frombuffer(zlib.decompress(base64.b64decode(parts[2])), dtype=np.uint8))
        next_offset = int(parts[1])
    except (ValueError, binascii.Error, zlib.error):
        return OffsetMetadata(running_max_ms)
    waiting = committed.offset + np.flatnonzero(bits)
    return OffsetMetadata(running_max_ms, SeenHalves(next_offset, tuple(waiting.tolist())))
