"""Watermarks: how far event time has come, over all partitions of the input topics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from driftline.events.source import Kind, Watermark


class TopicState(Struct, array_like=True):
    """What is known of one input topic's partitions."""

    n_partitions: int = 0
    times_ms: dict[int, int | None] = {}
    """Greatest watermark of each partition heard of; None before its first event."""
    idle: set[int] = set()
    """Partitions that do not hold the others back at present."""
    reached_ms: int | None = None
    """The topic's watermark; None is minus infinity."""
    gone: set[int] = set()
    """Partitions of topics that are read no more."""
    quiet_ms: dict[int, int] = {}
    """For how long at least nothing has come of the idle partitions, by the clock."""

    def take(self, mark: Watermark) -> None:
        """Take in one partition's watermark; a partition never goes back, and a topic never loses partitions."""
        partition = mark.source.partition
        before = self.times_ms.get(partition)
        times = [time for time in (before, mark.time_ms) if time is not None]
        self.times_ms[partition] = max(times) if times else None
        self.n_partitions = max(self.n_partitions, mark.n_partitions)
        for partitions, holds in ((self.idle, mark.idle), (self.gone, mark.gone)):
            if holds:
                partitions.add(partition)
            else:
                partitions.discard(partition)
        if mark.idle:
            self.quiet_ms[partition] = mark.quiet_ms
        else:
            self.quiet_ms.pop(partition, None)

    def certain_ms(self) -> int | None:
        """Return the least watermark of all partitions, idle or not; None is minus infinity."""
        times = [self.times_ms.get(p) for p in range(self.n_partitions) if p not in self.gone]
        return min((time for time in times if time is not None), default=None) if None not in times else None

    def settle(self) -> None:
        """Move the topic's watermark to the least of its partitions' that are not idle."""
        times = [self.times_ms.get(p) for p in range(self.n_partitions) if p not in self.idle and p not in self.gone]
        if not times or None in times:
            return
        least = min(time for time in times if time is not None)
        if self.reached_ms is None or least > self.reached_ms:
            self.reached_ms = least


class WatermarkState(Struct, array_like=True):
    """Both topics, and the joins where they are repartitioned; what a checkpoint keeps."""

    predictions: TopicState
    labels: TopicState
    joins: TopicState = msgspec.field(default_factory=TopicState)
    certain_joins: TopicState = msgspec.field(default_factory=TopicState)
    """How far the joins would have come with no partition left out as idle."""
    routed: bool = False
    """Whether labels meet predictions on partitions of their own, which then say how far the joins have come."""


class Watermarks:
    """The watermarks of predictions, labels and joins.

    A topic's watermark is the minimum over all its partitions: one not yet heard of, or without an event, counts as
    minus infinity, an idle one is left out, and where all are idle it stays where it was. It never goes back.

    Parameters
    ----------
    with_labels : bool
        Whether a labels topic is configured; without one there are no joins.
    state : WatermarkState or None
        What :attr:`state` was at a checkpoint.
    routed : bool
        Whether the joins are routed from the start; otherwise they are from the first flush that says so.
    """

    def __init__(self, *, with_labels: bool, state: WatermarkState | None = None, routed: bool = False) -> None:
        self.state = WatermarkState(TopicState(), TopicState(), routed=routed) if state is None else state
        self._with_labels = with_labels

    def update(self, marks: Iterable[Watermark], *, routed: bool = False) -> None:
        """Take in the watermarks of one record, together, and whether its joins are routed."""
        if routed and not self.state.routed:
            self.state.joins.reached_ms = self.joins  # from here on it follows the partitions that join
            self.state.routed = True
        for mark in marks:
            self._topic(mark.source.kind).take(mark)
            if mark.source.kind == "joins":
                self.state.certain_joins.take(replace(mark, time_ms=mark.certain_ms))
        self.state.predictions.settle()
        self.state.labels.settle()
        self.state.joins.settle()

    def _topic(self, kind: Kind) -> TopicState:
        return {"predictions": self.state.predictions, "labels": self.state.labels, "joins": self.state.joins}[kind]

    @property
    def predictions(self) -> int | None:
        """Panes of predictions that end by this time are closed; None is minus infinity."""
        return self.state.predictions.reached_ms

    @property
    def labels(self) -> int | None:
        """How far the labels have come."""
        return self.state.labels.reached_ms

    @property
    def joins(self) -> int | None:
        """Panes of joins that end by this time are closed: the lesser of both topics', or what the joins say."""
        if self.state.routed:
            return self.state.joins.reached_ms
        if not self._with_labels or self.predictions is None or self.labels is None:
            return None
        return min(self.predictions, self.labels)

    @property
    def labels_idle(self) -> bool:
        """Whether every partition of the labels is idle at present: read to its end, and nothing came since."""
        topic = self.state.labels
        return topic.n_partitions > 0 and len(topic.idle | topic.gone) == topic.n_partitions

    @property
    def predictions_quiet_ms(self) -> int | None:
        """For how long at least no prediction has come at all, by the clock; None while any partition is not idle."""
        topic = self.state.predictions
        read = set(range(topic.n_partitions)) - topic.gone
        if not read or not read <= topic.idle:
            return None
        return min(topic.quiet_ms.get(partition, 0) for partition in read)

    @property
    def certain_predictions(self) -> int | None:
        """How far the predictions would have come with no partition left out as idle."""
        return self.state.predictions.certain_ms()

    @property
    def certain_joins(self) -> int | None:
        """How far the joins would have come with no partition left out as idle."""
        if self.state.routed:
            return self.state.certain_joins.certain_ms()
        predictions, labels = self.state.predictions.certain_ms(), self.state.labels.certain_ms()
        return None if predictions is None or labels is None else min(predictions, labels)
