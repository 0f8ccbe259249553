"""The loop back to a model on a real broker: drift, request, retraining, deploy command, a better version."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Consumer, TopicPartition

from driftline.events.cloudevents import epoch_ms
from driftline.events.control import Deploy, command_of
from examples.retraining.applicants import DRIFT_HOUR, HOUR_MS, START_MS
from examples.retraining.scenario import run

if TYPE_CHECKING:
    from examples.retraining.scenario import Outcome

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
DRIFT_MS = START_MS + DRIFT_HOUR * HOUR_MS


@pytest.fixture(scope="module")
def prefix() -> str:
    return f"retraining-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def outcome(real_broker: str, prefix: str) -> Outcome:
    return run(real_broker, prefix, print)


def test_the_drift_leads_to_one_request_for_data_made_since(outcome: Outcome) -> None:
    (request,) = outcome.requests
    assert (request["model"], request["model_version"], request["baseline_version"]) == ("credit-risk", "1", "1")
    assert epoch_ms(request["window"]["start"]) >= DRIFT_MS
    assert epoch_ms(request["window"]["end"]) <= epoch_ms(request["requested_at"])
    assert request["n"] >= 2_000
    assert request["incident"] in outcome.alerts
    assert [wait["waiting_for"] for wait in outcome.waits][:1] == ["time"]
    (loss,) = [each for each in request["losses"] if (each["metric"], each["basis"]) == ("accuracy", "realised")]
    assert 0.1 < loss["lower"] < loss["loss"] < loss["upper"]
    assert "income" in {column["name"] for column in request["columns"]}


def test_the_new_version_wins_back_what_was_lost(outcome: Outcome) -> None:
    original, retrained = (list(outcome.accuracy(version).values()) for version in ("1", "2"))
    before, drifted = original[:DRIFT_HOUR], original[DRIFT_HOUR:]
    assert max(drifted) < min(before) - 0.1
    assert min(retrained) > max(drifted) + 0.1
    assert min(retrained) > min(before) - 0.05


def test_the_deploy_command_is_on_the_control_topic(outcome: Outcome, real_broker: str, prefix: str) -> None:
    consumer = Consumer({"bootstrap.servers": real_broker, "group.id": f"{prefix}-test", "enable.auto.commit": False})
    consumer.assign([TopicPartition(f"{prefix}.control", 0, 0)])
    (message,) = consumer.consume(1, 30)
    consumer.close()
    command = command_of(message.value())
    assert message.key() == b"credit-risk"
    assert isinstance(command, Deploy)
    assert outcome.deployment is not None
    assert command == outcome.deployment.command
    assert (command.model_version, command.replaces) == ("2", "1")


def test_the_deploy_resolves_the_alerts_of_the_version_that_it_replaces(outcome: Outcome) -> None:
    assert {alert["state"] for alert in outcome.alerts.values()} == {"resolved"}
    deployed = [alert for alert in outcome.alerts.values() if "was replaced by version 2" in alert["sentence"]]
    assert "data drift" in {cause for alert in deployed for cause in alert["causes"]}


def test_the_new_version_opens_no_alert(outcome: Outcome) -> None:
    assert {alert["model_version"] for alert in outcome.alerts.values()} == {"1"}
