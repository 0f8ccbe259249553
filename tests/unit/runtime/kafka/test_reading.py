"""Reading to the end of partitions, over what a consumer says on the way."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from structlog.testing import capture_logs

from driftline.config.kafka_settings import KafkaSettings
from driftline.errors import BrokerError
from driftline.runtime.kafka import reading
from driftline.runtime.kafka.reading import END_OF_PARTITION, PartitionReading

if TYPE_CHECKING:
    from collections.abc import Mapping

KAFKA = KafkaSettings(brokers="a:1")
TOPIC = "driftline.pending"


class Said:
    """One message of a consumer."""

    def __init__(self, partition: int, offset: int | None, error: KafkaError | None = None) -> None:
        self._said = (partition, offset, error)

    def partition(self) -> int:
        return self._said[0]

    def offset(self) -> int | None:
        return self._said[1]

    def error(self) -> KafkaError | None:
        return self._said[2]


def record(offset: int, partition: int = 0) -> Said:
    return Said(partition, offset)


def failure(code: int, offset: int | None = None, partition: int = 0) -> Said:
    return Said(partition, offset, KafkaError(code))


def end(offset: int, partition: int = 0) -> Said:
    return failure(END_OF_PARTITION, offset, partition)


class Script:
    """A consumer that says one thing after the other, and then nothing more while the clock goes on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *messages: Said) -> None:
        self.messages = list(messages)
        self.assigned: list[tuple[str, int, int]] = []
        self.now_s = 0.0
        monkeypatch.setattr(reading, "time", SimpleNamespace(monotonic=lambda: self.now_s))

    def assign(self, places: list[TopicPartition]) -> None:
        self.assigned = [(place.topic, place.partition, place.offset) for place in places]

    def consume(self, n: int, timeout_s: float) -> list[Said]:
        said, self.messages = self.messages[:n], self.messages[n:]
        self.now_s += 0.0 if said else timeout_s
        return said


def opened(script: Script, starts: Mapping[int, int], stops: Mapping[int, int] | None = None) -> PartitionReading:
    consumer: Any = script
    return PartitionReading(consumer, KAFKA, TOPIC, starts, stops)


def offsets(read: PartitionReading, patience_s: float = 5.0) -> list[tuple[int, int]]:
    return [(m.partition() or 0, m.offset() or 0) for part in read.to_end(patience_s, n=2) for m in part]


def test_every_partition_is_read_from_its_start_to_where_the_broker_says_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = Script(monkeypatch, record(3), end(8, 1), record(4), end(5), record(9))
    read = opened(script, {1: 8, 0: 3})
    assert offsets(read) == [(0, 3), (0, 4)]
    assert script.assigned == [(TOPIC, 0, 3), (TOPIC, 1, 8)]
    assert [message.offset() for message in read.poll()] == [9], "what comes later is read too"


def test_records_from_the_stop_on_are_left_out_and_markers_before_it_are_no_gap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    later = [record(4, 1), record(5, 1)]
    script = Script(monkeypatch, record(0), *later, record(1), end(4), record(5), record(6, 1))
    read = opened(script, {0: 0, 1: 4, 2: 7}, {0: 4, 1: 5, 2: 7})
    assert script.assigned == [(TOPIC, 0, 0), (TOPIC, 1, 4)], "there is nothing to read in partition 2"
    assert offsets(read) == [(0, 0), (1, 4), (0, 1)]


def test_an_end_before_the_stop_is_an_open_transaction_that_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(monkeypatch, record(0), end(1), record(2), end(3))
    assert offsets(opened(script, {0: 0}, {0: 3})) == [(0, 0), (0, 2)]
    stuck = opened(Script(monkeypatch, record(0), end(1)), {0: 0}, {0: 3})
    message = r"up to offset 3 within 5 s, got an open transaction before it - at `driftline.pending-0` .*find-hanging"
    with pytest.raises(BrokerError, match=message):
        offsets(stuck)


def test_silence_before_the_end_is_an_error_that_says_what_was_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(monkeypatch, record(0))
    with pytest.raises(BrokerError, match=r"up to its end, got no record for 5 s - at `driftline.pending-0` \(`a:1`\)"):
        offsets(opened(script, {0: 0}))
    assert 5 < script.now_s < 6
    mute = Script(monkeypatch)
    with pytest.raises(BrokerError):
        offsets(opened(mute, {0: 0}))
    assert mute.now_s > 29, "connecting takes time"


def test_what_passes_is_logged_and_read_past(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(monkeypatch, failure(KafkaError._ALL_BROKERS_DOWN), record(0), end(1))
    with capture_logs() as logs:
        assert offsets(opened(script, {0: 0})) == [(0, 0)]
    assert [line["log_level"] for line in logs] == ["warning"]


@pytest.mark.parametrize("code", [KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_PARTITION])
def test_a_missing_topic_is_named_with_the_command_that_creates_it(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    with pytest.raises(BrokerError, match=r"topic driftline\.pending, got none .*`driftline topics create`"):
        offsets(opened(Script(monkeypatch, failure(code)), {0: 0}))


@pytest.mark.parametrize("code", [KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError._AUTHENTICATION])
def test_what_is_not_allowed_is_raised_at_once(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    with pytest.raises(KafkaException):
        offsets(opened(Script(monkeypatch, failure(code)), {0: 0}))
