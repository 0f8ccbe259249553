"""The ends of the panes partitions, and what is said of a broker that does not answer."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from confluent_kafka import IsolationLevel
from structlog.testing import capture_logs

from driftline.config.kafka_settings import KafkaSettings
from driftline.config.secrets import Credentials
from driftline.errors import BrokerError
from driftline.runtime.detect import readable_ends
from driftline.runtime.detect.readable_ends import ReadableEnds

if TYPE_CHECKING:
    import pytest
    from confluent_kafka import TopicPartition


class Admin:
    def list_offsets(
        self, wanted: dict[TopicPartition, object], *, isolation_level: IsolationLevel, request_timeout: float
    ) -> dict[TopicPartition, Future[Any]]:
        assert isolation_level is IsolationLevel.READ_COMMITTED, "what is in an open transaction cannot be read"
        assert request_timeout > 0
        answers: dict[TopicPartition, Future[Any]] = {place: Future() for place in wanted}
        for place, answer in answers.items():
            answer.set_result(SimpleNamespace(offset=100 + place.partition))
        return answers


def test_a_broker_that_does_not_answer_is_logged_once_and_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    n_down = 2

    def connect(*_: object) -> Admin:
        nonlocal n_down
        if n_down:
            n_down -= 1
            raise BrokerError("no answer")
        return Admin()

    monkeypatch.setattr(readable_ends, "connect_admin", connect)
    ends = ReadableEnds(KafkaSettings(prefix="d"), Credentials())
    with capture_logs() as logs:
        assert [ends([0, 3]) for _ in range(3)] == [{}, {}, {0: 100, 3: 103}]
    assert [(line["log_level"], line["topic"], line["error"]) for line in logs] == [("warning", "d.panes", "no answer")]
