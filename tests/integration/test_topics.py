from __future__ import annotations

import pytest
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, ResourceType
from msgspec.structs import replace

from driftline.config.input_settings import LabelInput, PredictionInput
from driftline.config.kafka_settings import KafkaSettings
from driftline.config.secrets import Credentials
from driftline.config.settings import JoinSettings, Settings
from driftline.errors import BrokerError
from driftline.runtime.kafka.kafka_clients import connect_admin
from driftline.runtime.kafka.topic_check import Difference, check
from driftline.runtime.kafka.topics import TopicSpec, create, sources, topic_specs
from tests.support.real_broker import create_topics, patient, wait_until


def settings_for(broker: str, prefix: str) -> Settings:
    return Settings(
        kafka=KafkaSettings(brokers=broker, prefix=prefix),
        predictions=PredictionInput(topic=f"{prefix}-predictions"),
        labels=LabelInput(topic=f"{prefix}-labels"),
    )


def test_topics_are_created_once_and_what_differs_is_said(real_broker: str, topic_prefix: str) -> None:
    settings = settings_for(real_broker, topic_prefix)
    assert settings.labels is not None
    admin = connect_admin(settings.kafka, Credentials())
    create_topics(
        real_broker, {settings.predictions.shown: 3, settings.labels.shown: 3}, {"max.message.bytes": "3000000"}
    )
    found = sources(admin, settings)
    assert found.partitions == {settings.predictions.shown: 3, settings.labels.shown: 3}
    specs = topic_specs(settings, found.greatest, found.max_message_bytes)

    before = check(admin, specs, found)
    assert {(difference.topic, difference.setting) for difference in before} == {
        (spec.name, "existence") for spec in specs
    }
    assert set(create(admin, specs)) == {spec.name for spec in specs}
    assert create(admin, specs) == ()
    wait_until(lambda: not check(admin, specs, found), 30, "no difference after the creation")

    panes, alerts = f"{topic_prefix}.panes", f"{topic_prefix}.alerts"
    changes = [
        ConfigResource(
            ResourceType.TOPIC,
            panes,
            incremental_configs=[
                ConfigEntry("retention.ms", "1000", incremental_operation=AlterConfigOpType.SET),
                ConfigEntry("max.message.bytes", "5000", incremental_operation=AlterConfigOpType.SET),
            ],
        ),
        ConfigResource(
            ResourceType.TOPIC,
            alerts,
            incremental_configs=[
                ConfigEntry("cleanup.policy", "delete", incremental_operation=AlterConfigOpType.SET),
            ],
        ),
    ]
    for future in admin.incremental_alter_configs(changes).values():
        future.result(timeout=patient(30))
    for future in admin.create_partitions([NewPartitions(panes, 5)]).values():
        future.result(timeout=patient(30))

    def all_changes() -> list[Difference]:
        seen = check(admin, specs, found)
        return seen if len(seen) == 4 else []

    after = wait_until(all_changes, 30, "the four changes to be seen")
    assert {(difference.topic, difference.setting) for difference in after} == {
        (panes, "partitions"),
        (panes, "retention.ms"),
        (panes, "max.message.bytes"),
        (alerts, "cleanup.policy"),
    }
    shown = next(str(difference) for difference in after if difference.setting == "retention.ms")
    assert shown.startswith(
        f"Expected at least 604800000 (1w), got 1000 (1s) - at `{panes}` (retention.ms). kafka-configs"
    )


def test_labels_on_other_partitions_than_their_predictions_are_said_with_the_way_out(
    real_broker: str, topic_prefix: str
) -> None:
    settings = settings_for(real_broker, topic_prefix)
    assert settings.labels is not None
    admin = connect_admin(settings.kafka, Credentials())
    missing = check(admin, (), sources(admin, settings))
    assert {(each.topic, each.setting) for each in missing} == {
        (settings.predictions.topic, "existence"),
        (settings.labels.topic, "existence"),
    }
    create_topics(real_broker, {settings.predictions.shown: 3, settings.labels.shown: 2})
    assert check(admin, (), sources(admin, settings)) == [], "labels are repartitioned"
    in_place = replace(settings, join=JoinSettings(repartition=False))
    (difference,) = check(admin, (), sources(admin, in_place))
    assert (difference.topic, difference.setting, difference.got) == (settings.labels.topic, "partitions", "2")
    assert "prediction id as the key" in difference.remedy


def test_a_topic_that_the_broker_refuses_is_named_with_the_reason(real_broker: str, topic_prefix: str) -> None:
    admin = connect_admin(KafkaSettings(brokers=real_broker), Credentials())
    with pytest.raises(BrokerError, match=rf"`{topic_prefix}\.panes` \(.*[Rr]eplication factor"):
        create(admin, [TopicSpec(f"{topic_prefix}.panes", 1, 99, {})])


def test_a_broker_that_does_not_answer_is_said_so() -> None:
    with pytest.raises(BrokerError, match=r"Expected an answer from Kafka within 0\.5 s.* - at `127\.0\.0\.1:1`"):
        connect_admin(KafkaSettings(brokers="127.0.0.1:1"), Credentials(), timeout_s=0.5)
