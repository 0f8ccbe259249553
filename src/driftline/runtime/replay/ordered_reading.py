"""Partitions of several topics, read so that the one that is behind in event time is always the next.

A topic is fetched as it comes; what is ahead waits in a buffer of a bounded number of records, and its partition is
paused while that is full. So no partition runs ahead of the others by more than one chunk of records, whatever the
brokers send first.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Final

from confluent_kafka import TopicPartition

from driftline.runtime.kafka.reading import PartitionReading, assigned_consumer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from confluent_kafka import Message

    from driftline.config.secrets import Credentials
    from driftline.config.settings import KafkaSettings
    from driftline.events.source import Source
    from driftline.runtime.replay.input_spans import InputSpan

CHUNK: Final = 2_000
"""Records of a partition that are given at once."""
MAX_BUFFERED: Final = 200_000
"""Records that wait for their turn, over all partitions."""
_PATIENCE_S: Final = 30.0
"""Time without any record, short of the end, after which the broker counts as gone."""
_POLL_S: Final = 0.1
_FETCH: Final = {"queued.max.messages.kbytes": 16 << 10, "fetch.wait.max.ms": 50}


class _Topic:
    """One topic's partitions, and what has been fetched of them."""

    def __init__(
        self, kafka: KafkaSettings, credentials: Credentials, spans: Sequence[InputSpan], max_records: int
    ) -> None:
        self.name = spans[0].topic
        self.buffers: dict[int, deque[Message]] = {span.source.partition: deque() for span in spans}
        self._max_records = max_records
        self._paused: set[int] = set()
        self._consumer = assigned_consumer(kafka, credentials, "replay", _FETCH)
        starts = {span.source.partition: span.start for span in spans}
        stops = {span.source.partition: span.stop for span in spans}
        self._reading = PartitionReading(self._consumer, kafka, self.name, starts, stops)

    def is_over(self, partition: int) -> bool:
        """Whether every record of a partition has been taken."""
        return partition not in self._reading.unfinished and not self.buffers[partition]

    def take(self, partition: int) -> list[Message]:
        """Return the next records of a partition; none where it ends without another one.

        Raises
        ------
        BrokerError
            When the broker goes silent before the end.
        """
        buffer = self.buffers[partition]
        silent_since = time.monotonic()
        while len(buffer) < CHUNK and partition in self._reading.unfinished:
            self._hold_back()
            if buffer and partition in self._paused:
                break
            messages = self._reading.poll(CHUNK, _POLL_S)
            for message in messages:
                self.buffers[message.partition() or 0].append(message)
            now = time.monotonic()
            silent_since = now if messages else silent_since
            if now - silent_since > _PATIENCE_S and partition in self._reading.unfinished:
                raise self._reading.overdue(_PATIENCE_S)
        return [buffer.popleft() for _ in range(min(CHUNK, len(buffer)))]

    def _hold_back(self) -> None:
        """Pause partitions whose buffers are full, and resume those that are half empty."""
        full = {number for number, buffer in self.buffers.items() if len(buffer) >= self._max_records}
        pause = (full & self._reading.unfinished) - self._paused
        resume = {number for number in self._paused if len(self.buffers[number]) <= self._max_records // 2}
        if pause:
            self._consumer.pause([TopicPartition(self.name, number) for number in sorted(pause)])
        if resume:
            self._consumer.resume([TopicPartition(self.name, number) for number in sorted(resume)])
        self._paused = (self._paused | pause) - resume

    def close(self) -> None:
        self._consumer.close()


class OrderedReading:
    """Reads spans of several topics in step, with consumers that join no group and commit nothing.

    Parameters
    ----------
    kafka, credentials : KafkaSettings, Credentials
    spans : sequence of InputSpan
    reached_ms : callable
        Returns how far a source partition has come in event time; None before its first event, which counts as the
        furthest behind.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        credentials: Credentials,
        spans: Sequence[InputSpan],
        reached_ms: Callable[[Source], int | None],
    ) -> None:
        self._reached_ms = reached_ms
        max_records = max(CHUNK // 4, MAX_BUFFERED // max(1, len(spans)))
        by_topic: dict[str, list[InputSpan]] = {}
        for span in spans:
            by_topic.setdefault(span.topic, []).append(span)
        self._topics = {name: _Topic(kafka, credentials, each, max_records) for name, each in by_topic.items()}
        self.unfinished = {span.source: span for span in spans}
        self._drop_finished()

    def chunks(self) -> Iterator[tuple[InputSpan, list[Message]]]:
        """Yield records of one partition at a time, in the order of their offsets.

        Raises
        ------
        BrokerError
            When the broker goes silent before the end, or a topic is gone.
        """
        while self.unfinished:
            source = min(self.unfinished, key=self._rank)
            span = self.unfinished[source]
            messages = self._topics[span.topic].take(source.partition)
            self._drop_finished()
            if messages:
                yield span, messages

    def _rank(self, source: Source) -> tuple[bool, int, Source]:
        time_ms = self._reached_ms(source)
        return (time_ms is not None, time_ms or 0, source)

    def _drop_finished(self) -> None:
        self.unfinished = {
            source: span
            for source, span in self.unfinished.items()
            if not self._topics[span.topic].is_over(source.partition)
        }

    def close(self) -> None:
        """Close the consumers."""
        for topic in self._topics.values():
            topic.close()
