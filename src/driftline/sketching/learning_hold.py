"""Which source partitions wait for a profile that is being learnt, so that a backlog waits for it in Kafka.

A model without a profile has all its events sent on as they are, and what is sent waits in the memory of the detect
stage until its pane closes. A partition is held once it alone has given a model's whole sample in panes that have ended
under its own watermark. Then the profile is certain to come without anything more of it: of all partitions that are
held let it be the one whose watermark is lowest; those that are not held read on, become idle, or pass it, and as soon
as they have, those panes close, with at least the sample in them.

Only where the sample makes no profile does none come. So holding ends after a while, and does not begin again for the
model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from driftline.events.source import Source

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from driftline.config.settings import Settings
    from driftline.events.model_key import ModelKey
    from driftline.profiles.profiles import Profiles
    from driftline.sketching.source_clock import Arrivals

SLACK_MS: Final = 60_000
"""How long a profile may take beyond the idle timeout, by the clock: others catch up, and it is published and read."""


class Hold(NamedTuple):
    """A partition that waits."""

    source: Source
    key: ModelKey
    """The first model, by name, that it waits for."""
    n_events: int
    """Of the model, in panes that have ended, since it was assigned or a hold was given up."""


class _Count:
    """One model's events from one partition."""

    __slots__ = ("n_ended", "open")

    def __init__(self) -> None:
        self.n_ended = 0
        self.open: dict[int, int] = {}

    def add(self, panes: NDArray[np.int64], ended_ms: int) -> None:
        """Add events by pane; panes that start before ``ended_ms`` have ended, so the lateness bounds the open ones."""
        for pane_ms, n in zip(*(column.tolist() for column in np.unique(panes, return_counts=True)), strict=True):
            self.open[pane_ms] = self.open.get(pane_ms, 0) + n
        for pane_ms in [pane for pane in self.open if pane < ended_ms]:
            self.n_ended += self.open.pop(pane_ms)


class LearningHold:
    """Counts the events of models without a profile, and says which partitions wait for one.

    It forgets what it has counted when a flush is aborted or partitions are given up: they are held later then, after
    another sample.
    """

    def __init__(self, settings: Settings, profiles: Profiles) -> None:
        self._settings = settings
        self._profiles = profiles
        self._pane_ms = int(settings.time.pane)
        self._patience_ms = int(settings.time.idle_timeout) + SLACK_MS
        self._counts: dict[tuple[int, ModelKey], _Count] = {}
        self._since_ms: dict[ModelKey, int] = {}
        self._given_up: set[ModelKey] = set()

    def counts(self, key: ModelKey) -> bool:
        """Whether a model's events count: it has no profile, and one may be learnt."""
        if self._profiles.of(key) or key in self._given_up:
            return False
        return self._settings.model(key.model).bootstrap.enabled

    def add(self, partition: int, key: ModelKey, arrivals: Arrivals, watermark_ms: int | None) -> None:
        """Count a model's events that are not late, given the partition's watermark behind them."""
        if not self.counts(key):
            return
        count = self._counts.get((partition, key))
        if count is None:
            count = self._counts[partition, key] = _Count()
        panes = arrivals.pane_ms[~arrivals.late]
        count.add(panes, -(1 << 62) if watermark_ms is None else watermark_ms - self._pane_ms + 1)

    def clear(self) -> None:
        """Forget what was counted."""
        self._counts.clear()
        self._since_ms.clear()

    def holds(self) -> list[Hold]:
        """Return the partitions of predictions that wait, each once."""
        if not self._counts:
            return []
        for at in [at for at in self._counts if self._profiles.of(at[1])]:
            del self._counts[at]
        held: dict[int, Hold] = {}
        for (partition, key), count in sorted(self._counts.items()):
            if count.n_ended >= self._settings.model(key.model).bootstrap.sample:
                held.setdefault(partition, Hold(Source("predictions", partition), key, count.n_ended))
        return [*held.values()]

    def give_up(self, now_ms: int) -> list[ModelKey]:
        """Hold no longer for models that have kept partitions waiting for too long, by a clock; return these."""
        waiting = {hold.key for hold in self.holds()}
        self._since_ms = {key: self._since_ms.get(key, now_ms) for key in waiting}
        late = sorted(key for key, since_ms in self._since_ms.items() if now_ms - since_ms > self._patience_ms)
        for key in late:
            self._given_up.add(key)
            del self._since_ms[key]
        if late:
            self._counts = {at: count for at, count in self._counts.items() if at[1] not in self._given_up}
        return late
