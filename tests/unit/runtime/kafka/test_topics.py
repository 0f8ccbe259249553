from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from driftline.config.durations import Duration
from driftline.config.kafka_settings import KafkaSettings, SecuritySettings
from driftline.config.model import LabelSettings, ModelSettings, days
from driftline.config.secrets import Credentials, Secret
from driftline.config.settings import Settings
from driftline.errors import BrokerError
from driftline.runtime.kafka.kafka_clients import (
    admin_configuration,
    connect_admin,
    consumer_configuration,
    producer_configuration,
)
from driftline.runtime.kafka.topics import PENDING_SLACK, Sources, topic_specs

if TYPE_CHECKING:
    from pathlib import Path


def test_the_topics_are_those_of_the_design() -> None:
    settings = Settings(kafka=KafkaSettings(prefix="risk", panes_partitions=8, replication=3))
    specs = {spec.name: spec for spec in topic_specs(settings, 12, source_max_bytes=2_000_000)}
    assert {name: spec.partitions for name, spec in specs.items()} == {
        "risk.control": 1,
        "risk.input-partitions": 1,
        "risk.panes": 8,
        "risk.detect-state": 8,
        "risk.pending": 12,
        "risk.references": 1,
        "risk.events": 8,
        "risk.alerts": 1,
        "risk.dead-letters": 1,
    }
    compacted = {name for name, spec in specs.items() if spec.config["cleanup.policy"] == "compact"}
    assert compacted == {"risk.references", "risk.alerts", "risk.detect-state"}
    assert specs["risk.detect-state"].config["segment.ms"] == "3600000", "it is read whole at each start"
    assert specs["risk.panes"].config["retention.ms"] == str(days(7) + 0)
    assert specs["risk.events"].config["retention.ms"] == str(days(30) + 0)
    assert specs["risk.control"].config["retention.ms"] == str(30 * 86_400_000)
    assert specs["risk.input-partitions"].config["retention.ms"] == "-1", "numbers of partitions are never forgotten"
    assert specs["risk.dead-letters"].config["max.message.bytes"] == "4000000"
    assert all(spec.replication == 3 for spec in specs.values())


def test_pending_predictions_are_kept_for_the_longest_horizon_of_all() -> None:
    slow = ModelSettings(labels=LabelSettings(horizon=days(90), wait=Duration(1)))
    specs = topic_specs(Settings(models={"slow": slow}), 1)
    retention = next(spec.config["retention.ms"] for spec in specs if spec.name.endswith("pending"))
    assert int(retention) == days(90) + 1 + PENDING_SLACK


def test_the_widest_source_counts() -> None:
    assert Sources({"predictions": 3, "labels": None}).greatest == 3
    assert Sources({"predictions": None}).greatest == 1
    several: dict[str, int | None] = {"a": 3, "b": 2, "x": 3, "y": 2}
    assert Sources(several).greatest == 3
    in_place = Sources(several, pairs=(("a", "x"), ("b", "y")))
    assert in_place.greatest == 5, "labels that are joined in place need a partition of the changelog for each"


def test_secrets_reach_librdkafka_and_no_print() -> None:
    kafka = KafkaSettings(
        brokers="a:1",
        security=SecuritySettings(protocol="SASL_SSL", mechanism="SCRAM-SHA-512", ca_file="/ca.pem"),
    )
    credentials = Credentials(username=Secret("user-1"), password=Secret("hunter2"))
    for configuration in (
        admin_configuration(kafka, credentials),
        consumer_configuration(kafka, credentials, "driftline-sketch"),
        producer_configuration(kafka, credentials, "driftline-sketch-0"),
    ):
        assert configuration["sasl.password"] == "hunter2"
        assert configuration["sasl.username"] == "user-1"
        assert configuration["sasl.mechanisms"] == "SCRAM-SHA-512"
        assert configuration["ssl.ca.location"] == "/ca.pem"
        assert "ssl.key.password" not in configuration
        assert not {"hunter2", "user-1"} & set(f"{configuration} {configuration!r}".replace("'", " ").split())


def test_clients_follow_the_rules_of_the_design() -> None:
    consumer = consumer_configuration(KafkaSettings(), Credentials(), "g", {"auto.offset.reset": "error"})
    assert consumer["isolation.level"] == "read_committed"
    assert consumer["partition.assignment.strategy"] == "range"
    assert consumer["enable.auto.commit"] is False
    assert consumer["auto.offset.reset"] == "error"
    producer = producer_configuration(KafkaSettings(), Credentials(), "t")
    assert (producer["transactional.id"], producer["transaction.timeout.ms"]) == ("t", 10_000)
    assert "transactional.id" not in producer_configuration(KafkaSettings(), Credentials())


def test_a_certificate_that_is_none_is_said_so(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("no certificate", encoding="utf-8")
    kafka = KafkaSettings(brokers="127.0.0.1:1", security=SecuritySettings(protocol="SSL", ca_file=str(file)))
    with pytest.raises(BrokerError, match=r"Expected usable Kafka settings, got .* - at `\$\.kafka\.security`"):
        connect_admin(kafka, Credentials(), timeout_s=0.1)
