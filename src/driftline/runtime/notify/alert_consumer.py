"""The Kafka consumer of one sink: a group of its own, whose committed offsets say what the sink has taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from driftline.events.cloudevents import CONTENT_TYPE_HEADER
from driftline.notify.progress import Progress
from driftline.runtime.kafka.callbacks import assigning, revoking
from driftline.runtime.kafka.kafka_clients import consumer_configuration
from driftline.runtime.kafka.reading import END_OF_PARTITION
from driftline.runtime.notify.session import RawRecord
from driftline.runtime.operations.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from confluent_kafka import Message

    from driftline.config.kafka_settings import KafkaSettings
    from driftline.config.secrets import Credentials

_REQUEST_S: Final = 30.0
_RECORDS: Final = 100
"""Records that are taken in at once."""
_READ_AHEAD_KBYTES: Final = 4 << 10
"""Of each partition; by default 64 MB for each sink."""
_PASSING: Final = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001  # librdkafka's own names of local events
        KafkaError._TRANSPORT,  # noqa: SLF001
        KafkaError._RESOLVE,  # noqa: SLF001
        KafkaError._TIMED_OUT,  # noqa: SLF001
        KafkaError._TIMED_OUT_QUEUE,  # noqa: SLF001
        KafkaError._WAIT_COORD,  # noqa: SLF001  # what a commit gets while the brokers are away for longer than a session
        KafkaError._MAX_POLL_EXCEEDED,  # noqa: SLF001
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
    }
)
_OUT_OF_GROUP: Final = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError._NO_OFFSET,  # noqa: SLF001
        KafkaError._STATE,  # noqa: SLF001
    }
)
_log = get_logger(__name__)


def group_of(prefix: str, sink: str) -> str:
    """Return the name of a sink's consumer group."""
    return f"{prefix}-notify-{sink}"


class AlertConsumer:
    """Reads the alerts topic as a member of a sink's group, each partition from its beginning.

    Parameters
    ----------
    kafka : KafkaSettings
    credentials : Credentials
    sink : str
    on_assigned : callable
        Called with the progress of the partitions that this process has from now on, by number; none when they are
        taken away.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        credentials: Credentials,
        sink: str,
        on_assigned: Callable[[Mapping[int, Progress]], None],
    ) -> None:
        self._topic = kafka.topic("alerts")
        self._sink = sink
        self._on_assigned = on_assigned
        self._paused = False
        more = {"enable.partition.eof": True, "queued.max.messages.kbytes": _READ_AHEAD_KBYTES}
        self._consumer = Consumer(consumer_configuration(kafka, credentials, group_of(kafka.prefix, sink), more))
        self._consumer.subscribe(
            [self._topic],
            on_assign=assigning(self._assigned),
            on_revoke=revoking(self._revoked),
            on_lost=revoking(self._revoked),
        )

    def poll(self, timeout_s: float) -> list[RawRecord | tuple[int, int]]:
        """Return records, and partition and offset where a partition has no more, in their order.

        Raises
        ------
        KafkaException
            When reading is not allowed, or the client cannot go on.
        """
        found: list[RawRecord | tuple[int, int]] = []
        for message in self._consumer.consume(_RECORDS, timeout_s):
            error = message.error()
            if error is None:
                found.append(_raw(message))
            elif error.code() == END_OF_PARTITION:
                found.append((message.partition() or 0, message.offset() or 0))
            elif error.code() in _PASSING and not error.fatal():
                _log.warning("error while reading", sink=self._sink, error=str(error))
            else:
                raise KafkaException(error)
        return found

    def commit(self, positions: Iterable[tuple[int, int, str]]) -> bool:
        """Commit offsets with their metadata; return whether the brokers have them.

        What cannot be committed now, as the broker is away or the partition has gone to another process, is sent again
        at worst.
        """
        offsets = [TopicPartition(self._topic, number, offset, text) for number, offset, text in positions]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            reason = error.args[0]
            if reason.fatal() or reason.code() not in _PASSING | _OUT_OF_GROUP:
                raise
            _log.warning("offsets could not be committed", sink=self._sink, error=reason.str())
            return False
        return True

    def pause(self, *, paused: bool) -> None:
        """Read no further for now, or read on; the consumer stays in its group."""
        if paused != self._paused:
            change = self._consumer.pause if paused else self._consumer.resume
            change(self._consumer.assignment())
            self._paused = paused

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        progress = {}
        for committed in consumer.committed(partitions, timeout=_REQUEST_S) if partitions else []:
            if committed.error is not None:
                raise KafkaException(committed.error)
            _, end = consumer.get_watermark_offsets(committed, timeout=_REQUEST_S)
            progress[committed.partition] = self._start(committed, end)
        self._paused = False
        self._on_assigned(progress)
        consumer.assign([TopicPartition(self._topic, each.partition, OFFSET_BEGINNING) for each in partitions])
        _log.info("reading alerts", sink=self._sink, partitions=sorted(progress))

    def _start(self, committed: TopicPartition, end: int) -> Progress:
        if committed.offset < 0:
            _log.info("first start of a sink: it is told of the alerts that are open now", sink=self._sink)
            return Progress(0, end, is_new=True)
        restored = Progress.restored(committed.offset, committed.metadata)
        if restored.position > end:
            _log.warning(
                "the alerts topic is shorter than what was read of it; taken as a new one",
                sink=self._sink,
                read_to=restored.position,
                end=end,
            )
            return Progress(0, end, is_new=True)
        return restored

    def _revoked(self, _consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        self._on_assigned({})


def _raw(message: Message) -> RawRecord:
    headers = message.headers() or []
    pairs = dict(headers)
    content_type = pairs.get(CONTENT_TYPE_HEADER)
    return RawRecord(
        message.partition() or 0,
        message.offset() or 0,
        message.key(),
        message.value(),
        message.timestamp()[1] / 1000,
        content_type.decode(errors="replace") if isinstance(content_type, bytes) else content_type,
    )
