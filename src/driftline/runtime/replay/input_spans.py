"""Which records a replay reads: from the oldest that is kept, or from a time on, to what the workers have read.

Commands are read from the oldest on in any case: a mute may have been set long before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from confluent_kafka import KafkaException, TopicPartition

from driftline.runtime.kafka.kafka_clients import ADMIN_TIMEOUT_S
from driftline.runtime.kafka.reading import assigned_consumer
from driftline.runtime.operations.logs import get_logger
from driftline.runtime.sketch.offset_metadata import from_metadata

if TYPE_CHECKING:
    from confluent_kafka import Consumer

    from driftline.config.secrets import Credentials
    from driftline.config.settings import Settings
    from driftline.events.source import Source
    from driftline.events.source_numbers import SourceNumbers

_SKETCH_GROUP: Final = "sketch"
_log = get_logger(__name__)


class InputSpan(NamedTuple):
    """The records of one source partition that are read again."""

    source: Source
    topic: str
    partition: int
    """Of the topic; the number of the source is another where there are several topics."""
    start: int
    stop: int
    """Exclusive."""
    is_cut: bool
    """Whether older records have been deleted, and the first that is read is the oldest that is kept."""

    @property
    def n(self) -> int:
        """Records at most: offsets, with those of transaction markers."""
        return max(0, self.stop - self.start)


def input_spans(
    settings: Settings, credentials: Credentials, numbers: SourceNumbers, from_ms: int | None
) -> list[InputSpan]:
    """Return what to read of each source partition.

    Parameters
    ----------
    settings, credentials : Settings, Credentials
    numbers : SourceNumbers
        Which partitions of which topics are read; those of the control topic are among them where there is one.
    from_ms : int or None
        Where given, records begin with the first whose Kafka timestamp is at least this; else with the oldest kept.

    Notes
    -----
    The end of a partition is what the workers' group has committed, as the alerts that stand say no more than that;
    its last record where the group has committed nothing, or may not be asked. Asking joins no group.

    Raises
    ------
    KafkaException
        When the broker does not tell the offsets.
    """
    every = [(numbers.source(*place), TopicPartition(*place)) for place in numbers.every()]
    places = [(source, place) for source, place in every if source.kind != "joins"]
    consumer = assigned_consumer(settings.kafka, credentials, _SKETCH_GROUP)
    try:
        committed = _committed(consumer, [place for _, place in places])
        starts = _starts(consumer, [place for _, place in places], from_ms)
        spans = []
        for (source, place), start, read in zip(places, starts, committed, strict=True):
            low, high = consumer.get_watermark_offsets(place, timeout=ADMIN_TIMEOUT_S)
            first = low if start is None or source.kind == "control" else high if start < 0 else max(low, start)
            stop = high if read is None else min(high, read)
            spans.append(InputSpan(source, place.topic, place.partition, first, stop, first == low > 0))
    finally:
        consumer.close()
    return spans


def _starts(consumer: Consumer, places: list[TopicPartition], from_ms: int | None) -> list[int | None]:
    if from_ms is None:
        return [None] * len(places)
    times = [TopicPartition(place.topic, place.partition, max(0, from_ms)) for place in places]
    found = consumer.offsets_for_times(times, timeout=ADMIN_TIMEOUT_S)
    by_place = {(each.topic, each.partition): each.offset for each in found}
    return [by_place[place.topic, place.partition] for place in places]


def _committed(consumer: Consumer, places: list[TopicPartition]) -> list[int | None]:
    """Return up to where the workers have read each partition; None where that is not known."""
    try:
        found = consumer.committed(places, timeout=ADMIN_TIMEOUT_S)
    except KafkaException as error:
        _log.warning("cannot ask how far the workers have read: reading to the end", error=str(error))
        return [None] * len(places)
    by_place = {(each.topic, each.partition): each for each in found}
    return [_next_offset(by_place[place.topic, place.partition]) for place in places]


def _next_offset(committed: TopicPartition) -> int | None:
    if committed.offset < 0:
        return None
    seen = from_metadata(committed.metadata).seen
    offset: int = committed.offset
    return offset if seen is None else seen.next_offset
