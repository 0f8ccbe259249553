"""What a flush says of the records of one source partition as such: how many were read, and how many were refused.

A refused record has no event time. It is counted in the span in which its partition stood when it was read, by a clock
that refused records move too: the greatest Kafka timestamp so far. So the spans are a function of the partition's
records alone, and they go on where nothing can be used.
"""

from __future__ import annotations

from msgspec import Struct

from driftline.events.source import Source, Watermark


class FirstRefused(Struct, frozen=True, array_like=True, order=True):
    """The first record of a span that was refused."""

    offset: int
    message: str
    """Of its dead letter, cut where it is very long."""


class OriginRecords(Struct, frozen=True, array_like=True):
    """Records of one origin, such as a producer."""

    n_read: int
    n_refused: int = 0
    first: int | None = None
    """Offset of the first refused one."""


class IntakeSpan(Struct, frozen=True, array_like=True):
    """What a flush adds to one span of one source partition."""

    start_ms: int
    n_read: int
    """All records, refused or not."""
    refused: dict[str, int]
    """By reason code."""
    offsets: tuple[int, int]
    """Smallest and largest."""
    first: FirstRefused | None = None
    """Of this flush."""
    origins: dict[str, dict[str, OriginRecords]] = {}
    """The records by where they come from: dimension, then value; see :mod:`driftline.sketches.origin_table`."""


class SeenId(Struct, frozen=True, array_like=True):
    """The prediction id of a partition's first event since a worker took it over, as an example of its ids."""

    offset: int
    effective_ms: int
    """Effective time of the event."""
    id: str
    """Cut where it is very long."""


class IntakeMark(Struct, frozen=True, array_like=True):
    """What a flush says of one source partition."""

    source: Source
    n_partitions: int
    """Of the source's topic."""
    reached_ms: int | None
    """The clock of its records; None before the first record that has a time."""
    idle: bool
    spans: list[IntakeSpan]
    seen: SeenId | None = None
    """Once, where labels are joined."""
    gone: bool = False
    """Of a topic that is read no more."""

    @property
    def watermark(self) -> Watermark:
        """How far the partition has come by the clock of its records."""
        return Watermark(self.source, self.n_partitions, self.reached_ms, self.idle, gone=self.gone)
