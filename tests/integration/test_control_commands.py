"""One of each control command, written by the command line to a real broker, as the stages read them."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer

from driftline.cli import main
from driftline.config.kafka_settings import KafkaSettings
from driftline.config.secrets import Credentials
from driftline.config.settings import Settings
from driftline.events.cloudevents import CONTROL_ANSWER
from driftline.events.control import COMMANDS, Rebaseline, Unmute, command_of
from driftline.runtime.control.answer_topic import AnswerReader
from driftline.runtime.kafka.kafka_clients import producer_configuration
from driftline.runtime.kafka.tail import follow
from driftline.runtime.references.reference_topic import published_profiles
from tests.support.control_topic import alert
from tests.support.real_broker import create_topics, patient

if TYPE_CHECKING:
    from pathlib import Path


def send(kafka: KafkaSettings) -> None:
    """Write an alert, and half an hour of predictions."""
    producer = Producer(producer_configuration(kafka, Credentials()))
    producer.produce(kafka.topic("alerts"), json.dumps(alert("abc1")).encode(), b"abc1")
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    for i in range(600):
        event = {"prediction_id": f"p{i}", "ts": now_ms - 1_800_000 + i * 3_000, "prediction": i % 2}
        event |= {"model": "credit", "model_version": "3", "features": {"income": i % 50}}
        producer.produce(f"{kafka.prefix}-in", json.dumps(event).encode(), f"p{i}".encode())
    assert producer.flush(patient(30)) == 0


def answer(kafka: KafkaSettings, command_id: str, partition: int, ce_type: str = CONTROL_ANSWER) -> None:
    """Write an event as the detect stage does: an answer to a command, or something else."""
    producer = Producer(producer_configuration(kafka, Credentials()))
    said = {"command_id": command_id, "command": "note", "by": "ada", "status": "accepted", "message": "So it is."}
    value = json.dumps(said | {"at": "2026-03-01T12:00:00.000Z", "model": "credit", "more": 1}).encode()
    producer.produce(kafka.topic("events"), value, b"k", partition, headers={"ce_type": ce_type.encode()})
    assert producer.flush(patient(30)) == 0


def test_answers_are_found_among_the_events(real_broker: str, topic_prefix: str) -> None:
    settings = Settings(kafka=KafkaSettings(brokers=real_broker, prefix=topic_prefix))
    create_topics(real_broker, {settings.kafka.topic("events"): 3})
    for number, name in enumerate(("first", "second", "third")):
        answer(settings.kafka, name, 2 - number)
    answer(settings.kafka, "no answer", 0, "io.driftline.window.v1")
    with closing(AnswerReader(settings, Credentials(), 0)) as reader:
        assert [each.command_id for each in reader.given()] == ["first", "second", "third"]
    with closing(AnswerReader(settings, Credentials())) as reader:
        answer(settings.kafka, "another", 0)
        answer(settings.kafka, "mine", 1)
        found = reader.wait("mine", patient(30))
        assert found is not None
        assert (found.command_id, found.status, found.model) == ("mine", "accepted", "credit")
        assert reader.wait("second", 0.3) is None, "it was given before"


def test_each_command_of_the_command_line_stands_on_the_topic(
    real_broker: str, topic_prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kafka = KafkaSettings(brokers=real_broker, prefix=topic_prefix)
    broker = ("-b", real_broker, "--prefix", topic_prefix)
    file = tmp_path / "c.yaml"
    file.write_text(f"predictions: {{topic: {topic_prefix}-in}}\nmodels: {{credit: {{}}}}\n", encoding="utf-8")

    def run(*arguments: str) -> str:
        with pytest.raises(SystemExit) as left:
            main([*arguments, *broker, "--config", str(file)])
        printed = capsys.readouterr()
        return printed.err if left.value.code else printed.out

    create_topics(real_broker, {f"{topic_prefix}.alerts": 1})
    assert f"Run `driftline topics create --prefix {topic_prefix}`" in run("alerts", "ack", "abc1")
    names = ("control", "references")
    create_topics(real_broker, {f"{topic_prefix}-in": 2} | {f"{topic_prefix}.{name}": 1 for name in names})
    send(kafka)
    said = [
        run("alerts", "ack", "a", "--useful", "--by", "bot"),
        run("alerts", "mute", "abc1", "--for", "4h", "--id", "mute-1"),
        run("alerts", "unmute", "mute"),
        run("alerts", "note", "abc1", "they know"),
        run("deploy", "--model", "credit", "--version", "4"),
        run("rollback", "--model", "credit", "--version", "3"),
        run("rebaseline", "--model", "credit", "--version", "3", "--from", "-1h", "--to", "now"),
        run("maintenance", "--from", "now", "--until", "2h", "--kind", "holiday"),
    ]
    records = [*follow(kafka, Credentials(), kafka.topic("control"), from_beginning=True, until_idle_s=0.0)]
    commands = [command_of(record.value) for record in records]
    assert {type(command) for command in commands} == set(COMMANDS)
    assert [record.key for record in records] == [b"credit"] * 2 + [None] + [b"credit"] * 4 + [None]
    for offset, (line, command) in enumerate(zip(said, commands, strict=True)):
        assert f"command {command.id} by {command.by}, {topic_prefix}.control-0@{offset})" in line
    assert commands[0].by == "bot"
    assert isinstance(commands[2], Unmute)
    assert commands[2].mute == "mute-1"
    [published] = published_profiles(kafka, Credentials())
    assert isinstance(commands[6], Rebaseline)
    assert (commands[6].profile_id, published.n_events) == (published.profile_id, 600)
