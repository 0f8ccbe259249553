"""Partitions of several topics, read so that the one that is behind in event time is always the next.

A topic is fetched as it comes; what is ahead waits in a buffer of a bounded number of records, and its partition is
paused while that is full. So no partition runs ahead of the others by more than one chunk of records, whatever the
brokers send first.

Labels also wait until predictions are as new by their Kafka timestamps: labels that came after a long silence must not
end it before the predictions of that time have been read. Commands come when every input is read up to their Kafka
timestamps: that is what workers had read by then.
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

    from driftline.config.kafka_settings import KafkaSettings
    from driftline.config.secrets import Credentials
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
        self.buffers: dict[int, deque[Message]] = {span.partition: deque() for span in spans}
        self._max_records = max_records
        self._paused: set[int] = set()
        self._consumer = assigned_consumer(kafka, credentials, "replay", _FETCH)
        starts = {span.partition: span.start for span in spans}
        stops = {span.partition: span.stop for span in spans}
        self._reading = PartitionReading(self._consumer, kafka, self.name, starts, stops)

    def is_over(self, partition: int) -> bool:
        """Whether every record of a partition has been taken."""
        return partition not in self._reading.unfinished and not self.buffers[partition]

    def next_ms(self, partition: int) -> int | None:
        """Return the Kafka timestamp of the next record of a partition; None where there is none."""
        self._fetch(partition, 1)
        buffer = self.buffers[partition]
        return buffer[0].timestamp()[1] if buffer else None

    def take(self, partition: int, step_ms: int, before_ms: int | None = None) -> list[Message]:
        """Return the next records of a partition; none where it ends without another one.

        Those after the first are at most ``step_ms`` later by their Kafka timestamps, and before ``before_ms``.

        Raises
        ------
        BrokerError
            When the broker goes silent before the end.
        """
        self._fetch(partition, CHUNK)
        buffer = self.buffers[partition]
        taken: list[Message] = []
        while buffer and len(taken) < CHUNK:
            if before_ms is not None and buffer[0].timestamp()[1] >= before_ms:
                break
            if taken and buffer[0].timestamp()[1] > taken[0].timestamp()[1] + step_ms:
                break
            taken.append(buffer.popleft())
        return taken

    def _fetch(self, partition: int, n: int) -> None:
        """Wait for ``n`` records of a partition, or as many as there are or have room."""
        buffer = self.buffers[partition]
        silent_since = time.monotonic()
        while len(buffer) < n and partition in self._reading.unfinished:
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
    step_ms : int
        How much of the time of Kafka's timestamps one chunk may hold.

    Attributes
    ----------
    unfinished : dict of Source to InputSpan
        What has more to read.
    clock_ms : int or None
        The greatest Kafka timestamp of the records that were read; None before the first.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        credentials: Credentials,
        spans: Sequence[InputSpan],
        reached_ms: Callable[[Source], int | None],
        step_ms: int,
    ) -> None:
        self._reached_ms = reached_ms
        self._step_ms = step_ms
        self.clock_ms: int | None = None
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
            command_ms, command = self._next_command()
            inputs = [each for each in self.unfinished if each.kind != "control" and self._is_before(each, command_ms)]
            source = min(filter(self._is_due, inputs), key=self._rank, default=None)
            if source is None:  # no label is due, and no prediction is left that could be waited for
                source = min(inputs, key=self._rank, default=command)
            if source is None:
                return
            span = self.unfinished[source]
            if span.source.kind == "control":
                messages = self._topics[span.topic].take(span.partition, 0)
            else:
                messages = self._topics[span.topic].take(span.partition, self._step_ms, command_ms)
            self._drop_finished()
            if messages and span.source.kind == "control":
                yield span, messages
            elif messages:
                latest_ms = max(message.timestamp()[1] for message in messages)
                self.clock_ms = latest_ms if self.clock_ms is None else max(self.clock_ms, latest_ms)
                yield span, messages

    def next_ms(self, source: Source) -> int | None:
        """Return the Kafka timestamp of the next record of a partition; None where it is read to its end."""
        span = self.unfinished.get(source)
        return None if span is None else self._topics[span.topic].next_ms(span.partition)

    def _next_command(self) -> tuple[int | None, Source | None]:
        """Return the Kafka timestamp of the next command and its partition; None where there is none."""
        found = [
            (time_ms, source)
            for source in [each for each in self.unfinished if each.kind == "control"]
            if (time_ms := self.next_ms(source)) is not None
        ]
        self._drop_finished()
        return min(found, default=(None, None))

    def _is_before(self, source: Source, command_ms: int | None) -> bool:
        if command_ms is None:
            return True
        next_ms = self.next_ms(source)
        return next_ms is None or next_ms < command_ms

    def _is_due(self, source: Source) -> bool:
        if source.kind != "labels":
            return True
        next_ms = self.next_ms(source)
        return next_ms is None or (self.clock_ms is not None and next_ms <= self.clock_ms)

    def _rank(self, source: Source) -> tuple[bool, int, Source]:
        time_ms = self._reached_ms(source)
        return (time_ms is not None, time_ms or 0, source)

    def _drop_finished(self) -> None:
        self.unfinished = {
            source: span
            for source, span in self.unfinished.items()
            if not self._topics[span.topic].is_over(span.partition)
        }

    def close(self) -> None:
        """Close the consumers."""
        for topic in self._topics.values():
            topic.close()
