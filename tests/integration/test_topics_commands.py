from __future__ import annotations

import json
import signal
import subprocess
from typing import TYPE_CHECKING

from confluent_kafka import Producer

from driftline.config.kafka_settings import KafkaSettings
from driftline.config.secrets import Credentials
from driftline.runtime.kafka.kafka_clients import producer_configuration
from tests.support.command import COMMAND, driftline, interruptible
from tests.support.real_broker import create_topics, patient

if TYPE_CHECKING:
    from collections.abc import Sequence


def send(broker: str, topic: str, alerts: Sequence[dict[str, object] | None]) -> None:
    producer = Producer(producer_configuration(KafkaSettings(brokers=broker), Credentials()))
    for alert in alerts:
        value = None if alert is None else json.dumps(alert).encode()
        producer.produce(topic, key=b"a1", value=value, headers={"ce_id": "e1", "content-type": "application/json"})
    assert producer.flush(patient(30)) == 0


def test_topics_are_made_and_checked_from_the_command_line(real_broker: str, topic_prefix: str) -> None:
    options = ("-b", real_broker, "--prefix", topic_prefix, "--predictions", f"{topic_prefix}-in")
    refused = driftline("topics", "create", *options)
    assert refused.returncode == 3
    assert f"Expected topic {topic_prefix}-in, got none" in refused.stderr
    assert "Traceback" not in refused.stderr

    create_topics(real_broker, {f"{topic_prefix}-in": 3})
    found = driftline("topics", "check", *options)
    assert found.returncode == 1
    assert found.stdout.count("Run `driftline topics create`") == 9

    made = driftline("topics", "create", *options)
    assert (made.returncode, made.stdout.count("created  ")) == (0, 9)
    again = driftline("topics", "create", *options)
    assert (again.returncode, again.stdout.count("exists   ")) == (0, 9)
    checked = driftline("topics", "check", *options)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_alerts_are_followed_until_nothing_comes_or_until_interrupted(real_broker: str, topic_prefix: str) -> None:
    topic = f"{topic_prefix}.alerts"
    options = ("alerts", "tail", "-b", real_broker, "--prefix", topic_prefix)
    absent = driftline(*options, "--until-idle", "0.5")
    assert absent.returncode == 3
    assert f"Expected topic {topic}, got none" in absent.stderr

    create_topics(real_broker, {topic: 1})
    alert: dict[str, object] = {
        "alert_id": "a1",
        "state": "open",
        "severity": "warning",
        "model": "m",
        "title": "age has drifted",
    }
    send(real_broker, topic, [alert, {**alert, "state": "resolved"}, None])
    opened = driftline(*options, "--until-idle", "0.5")
    assert [line.split()[1] for line in opened.stdout.splitlines()] == ["open"]
    updates = (*options, "--updates")
    lines = driftline(*updates, "--until-idle", "0.5")
    assert lines.returncode == 0, lines.stderr
    assert [line.split()[1] for line in lines.stdout.splitlines()] == ["open", "resolved", "forgotten"]
    as_json = driftline(*updates, "--until-idle", "0.5", "--json")
    records = [json.loads(line) for line in as_json.stdout.splitlines()]
    assert [record["alert"] and record["alert"]["state"] for record in records] == ["open", "resolved", None]
    assert records[0]["headers"] == {"ce_id": "e1"}
    assert driftline(*updates, "--until-idle", "0.5", "--from-now").stdout == ""

    command = [*COMMAND, *options]
    with (
        interruptible(),
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process,
    ):
        assert process.stdout is not None
        assert "age has drifted" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=patient(60)) == 130
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
