"""Runs of the detect stage over given records, whole or with crashes in between."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from driftline.monitoring.partition_monitor import META_KEY, PartitionMonitor
from driftline.profiles.codec import ProfileAssembler, decode_block
from driftline.profiles.profiles import Profiles

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from driftline.config.settings import Settings
    from driftline.events.output_record import OutputRecord
    from driftline.profiles.profile import Profile


@dataclass
class Run:
    """A monitor, the outputs it made, and the state that was kept of it.

    Attributes
    ----------
    outputs : set of OutputRecord
    profiles : Profiles
    """

    settings: Settings
    published: Sequence[Profile]
    outputs: set[OutputRecord] = field(default_factory=set)
    store: dict[bytes, bytes] = field(default_factory=dict)
    position: int = 0
    largest_entry: int = 0

    def __post_init__(self) -> None:
        self.profiles = Profiles(self.published)
        self.monitor = PartitionMonitor(0, self.settings, self.profiles)

    def feed(self, records: Sequence[bytes], start: int, stop: int, stride: int = 3) -> None:
        """Apply records; offsets have gaps, as transactions leave them."""
        for index in range(start, stop):
            self.outputs.update(self.monitor.apply(records[index], index * stride))

    def checkpoint(self) -> None:
        """Keep the state."""
        kept = self.monitor.checkpoint()
        for key, value in kept.entries.items():
            if value is None:
                self.store.pop(key, None)
            else:
                self.store[key] = value
                self.largest_entry = max(self.largest_entry, len(key) + len(value))
        self.store[META_KEY] = kept.meta
        self.position = kept.position

    def crash(self) -> None:
        """Lose everything but the state and the published profiles, bootstrap profiles among them."""
        assembler = ProfileAssembler()
        self.profiles = Profiles(self.published)
        for record in self.outputs:
            if record.channel == "references" and record.value is not None:
                profile = assembler.add(decode_block(record.value, "references"))
                if profile is not None:
                    self.profiles.add(profile)
        self.monitor = PartitionMonitor.restore(0, self.settings, self.profiles, self.store)


def run(records: Sequence[bytes], settings: Settings, published: Sequence[Profile]) -> Run:
    """Return an undisturbed run."""
    result = Run(settings, published)
    result.feed(records, 0, len(records))
    return result


def run_with_crashes(
    records: Sequence[bytes], settings: Settings, published: Sequence[Profile], rng: random.Random, n_crashes: int
) -> Run:
    """Return a run that keeps its state now and then and loses its memory a few times."""
    result = Run(settings, published)
    result.checkpoint()
    crashes = sorted(rng.randrange(len(records) + 1) for _ in range(n_crashes))
    reached = 0
    for end in [*crashes, len(records)]:
        while reached < end:
            stop = min(end, reached + rng.randint(1, 8))
            result.feed(records, reached, stop)
            reached = stop
            if rng.random() < 0.4:
                result.checkpoint()
        if end < len(records) or rng.random() < 0.5:
            result.crash()
            reached = -(-result.position // 3)
    result.feed(records, reached, len(records))
    return result
