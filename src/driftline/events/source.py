"""Where events come from: partitions of input topics, their offsets and watermarks."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from driftline.events.model_key import ModelKey

SEGMENT_ALL: Final = "all"
"""The slice that every model has: all of its traffic."""


LABEL_STREAM: Final = ModelKey("", "labels")
"""Stands for the labels topic as a whole, where what is counted belongs to no model."""


INTAKE: Final = ModelKey("", "intake")
"""Stands for the intake of all topics, where state is kept of it."""


SILENCE: Final = ModelKey("", "silence")
"""Stands for the silence of all models, where state is kept of it."""


PAGES: Final = ModelKey("", "pages")
"""Stands for the accounts of pages of all models, where state is kept of them."""


CONTROL: Final = ModelKey("", "control")
"""Stands for the commands of the control topic, where state is kept of them."""


Kind = Literal["predictions", "labels", "joins", "control"]
"""Which of the two input topics; or the pending topic, where labels meet predictions after they were repartitioned; or
the control topic, whose commands have no watermark and hold nothing back."""


def intake_key(kind: Kind) -> ModelKey:
    """Return what stands for the records of an input topic as such, in events of what is refused of them.

    Examples
    --------
    >>> intake_key("predictions")
    ModelKey(model='', version='intake.predictions')
    """
    return ModelKey("", f"intake.{kind}")


class Source(Struct, frozen=True, array_like=True, order=True):
    """A partition of an input topic."""

    kind: Kind
    partition: int

    def __str__(self) -> str:
        return f"{self.kind}-{self.partition}"


class Watermark(Struct, frozen=True, array_like=True):
    """How far one source partition has come in event time."""

    source: Source
    n_partitions: int
    """Partitions of the source's topic: that many must be heard of before anything closes."""
    time_ms: int | None
    """No event before this will be counted any more; None before the first event."""
    idle: bool
    """Read to its end for the idle timeout: does not hold the others back."""
    certain_ms: int | None = None
    """Of joins: how far they would have come with no partition left out as idle."""
    gone: bool = False
    """Of a topic that is read no more: it counts no longer, until it is read again."""
    quiet_ms: int = 0
    """For how long at least nothing has come, by the clock, where it is idle."""


Offsets = dict[int, tuple[int, int]]
"""Source partition to the (smallest, largest) offset that contributed."""


def merge_offsets(into: Offsets, other: Offsets) -> None:
    """Widen offset ranges by others."""
    for partition, (low, high) in other.items():
        known = into.get(partition)
        into[partition] = (low, high) if known is None else (min(low, known[0]), max(high, known[1]))
