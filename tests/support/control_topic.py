"""A broker's boundary for the commands that write to the control topic: what they read is given, what they write is
kept.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from driftline.cli import main
from driftline.errors import EventError
from driftline.events.control import ControlCommand, command_of
from driftline.runtime.control import answer_topic, control_writer, standing_mutes
from driftline.runtime.control.answer_topic import Answer
from driftline.runtime.kafka import tail
from driftline.runtime.kafka.tail import TailedRecord
from driftline.runtime.kafka.topics import missing_topic
from driftline.runtime.references import reference_topic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pytest
    from confluent_kafka import KafkaError

    from driftline.config.kafka_settings import KafkaSettings
    from driftline.config.secrets import Credentials
    from driftline.config.settings import Settings
    from driftline.profiles.profile import Profile

    Deliver = Callable[[KafkaError | None, "Message"], None]


def alert(alert_id: str, **more: object) -> dict[str, object]:
    """Return an open alert on a column of the model ``credit``."""
    return {
        "alert_id": alert_id,
        "state": "open",
        "severity": "warning",
        "model": "credit",
        "model_version": "3",
        "cause": "data drift",
        "causes": ["data drift"],
        "title": "income: mean 52,000 → 70,200",
        "opened_at": "2026-03-01T12:00:00.000Z",
        "since": "2026-03-01T11:00:00.000Z",
        "n_findings": 1,
        "findings": [{"check": "distribution.pearson", "column": "income", "message": "income: PSI 0.31"}],
        **more,
    }


class Message:
    """What the broker answers of a record."""

    def partition(self) -> int:
        """Return the only partition."""
        return 0

    def offset(self) -> int:
        """Return an offset."""
        return 17

    def timestamp(self) -> tuple[int, int]:
        """Return when the broker got it."""
        return (1, 1_772_366_400_000)


class ControlTopic:
    """The topics of a driftline, and what the command line wrote."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.alerts: list[dict[str, object]] = [alert("abc1"), alert("abd2", state="resolved"), alert("xyz3")]
        self.profiles: list[Profile] = []
        self.records: list[tuple[bytes | None, bytes]] = []
        self.published: list[Profile] = []
        self.exists = True
        self.answer: KafkaError | None = None
        """What the broker answers to a record."""
        self.answers = True
        self.said: list[Answer] = []
        """The workers' answers on the events topic before a command is given."""
        self.unreadable: Exception | None = None
        """Why the events topic cannot be read."""
        self.status = "accepted"
        """What the workers answer to each command; nothing if it is empty."""
        self.n_closed = 0
        self._capsys = capsys
        topic = self

        class Producer:
            """Takes records as a producer does."""

            def __init__(self, configuration: dict[str, object]) -> None:
                assert configuration["acks"] == "all"
                self._waiting: list[Deliver] = []

            def produce(
                self, name: str, value: bytes, key: bytes | None, *, partition: int, on_delivery: Deliver
            ) -> None:
                """Take a record."""
                assert (name, partition) == ("driftline.control", 0)
                topic.records.append((key, value))
                self._waiting.append(on_delivery)

            def flush(self, _timeout_s: float) -> int:
                """Answer the records."""
                for deliver in self._waiting if topic.answers else ():
                    deliver(topic.answer, Message())
                return 0

        class AnswerReader:
            """Reads the answers of workers that answer at once."""

            def __init__(self, _settings: Settings, _credentials: Credentials, _from_ms: int | None = None) -> None:
                if topic.unreadable is not None:
                    raise topic.unreadable

            def given(self) -> list[Answer]:
                """Return what was answered earlier."""
                return topic.said

            def wait(self, command_id: str, _patience_s: float) -> Answer | None:
                """Return the answer to a command."""
                answer = Answer(command_id, "note", "ada", topic.status, "So it is.", "2026-03-01T12:00:00.000Z")
                return answer if topic.status else None

            def close(self) -> None:
                """Take note."""
                topic.n_closed += 1

        monkeypatch.setattr(answer_topic, "AnswerReader", AnswerReader)
        monkeypatch.setattr(control_writer, "Producer", Producer)
        monkeypatch.setattr(control_writer, "topic_partitions", self._require)
        monkeypatch.setattr(tail, "follow", self._follow)
        monkeypatch.setattr(standing_mutes, "follow", self._follow)
        monkeypatch.setattr(reference_topic, "published_profiles", lambda *_: self.profiles)
        monkeypatch.setattr(reference_topic, "publish", lambda *given: self.published.append(given[-1]))

    def _require(self, kafka: KafkaSettings, _credentials: object, topic: str) -> int:
        if not self.exists:
            raise missing_topic(kafka, topic)
        return 1

    def _follow(self, _kafka: object, _credentials: object, topic: str, **_: object) -> Iterable[TailedRecord]:
        if topic.endswith(".control"):
            return [TailedRecord(0, i, 0, key, value, {}) for i, (key, value) in enumerate(self.records)]
        return [
            TailedRecord(0, i, 0, str(each["alert_id"]).encode(), json.dumps(each).encode(), {})
            for i, each in enumerate(self.alerts)
        ]

    @property
    def commands(self) -> list[ControlCommand]:
        """What was written, as the stages read it."""
        return [command_of(value) for _, value in self.records]

    def commands_readable(self) -> list[ControlCommand]:
        """Return those of the records that are commands."""
        found = []
        for _, value in self.records:
            with suppress(EventError):
                found.append(command_of(value))
        return found

    def run(self, *arguments: object) -> tuple[int, str, str]:
        """Run the command line; return exit code, output and errors."""
        try:
            main([*map(str, arguments)])
        except SystemExit as left:
            printed = self._capsys.readouterr()
            return int(left.code or 0), printed.out, printed.err
        raise AssertionError("the command line returned")
