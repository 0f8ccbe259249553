"""Records of one source partition as they are consumed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from driftline.events.source import Source


class RecordBatch(NamedTuple):
    """Records of one source partition, in the order of their offsets.

    Attributes
    ----------
    source : Source
    topic : str
    values : list of bytes or None
    offsets, timestamps_ms : list of int
        Kafka's; a timestamp of -1 is not known.
    """

    source: Source
    topic: str
    values: list[bytes | None]
    offsets: list[int]
    timestamps_ms: list[int]
