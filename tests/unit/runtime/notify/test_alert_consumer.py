"""The consumer of a sink while its broker is away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driftline.config.durations import Duration
from driftline.config.kafka_settings import KafkaSettings
from driftline.config.secrets import Credentials
from driftline.runtime.notify.alert_consumer import AlertConsumer
from tests.support.real_broker import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.notify.progress import Progress
    from driftline.runtime.demo.embedded_broker import EmbeddedBroker


def test_a_commit_while_the_broker_is_away_for_longer_than_a_session_is_none_and_no_error(
    embedded_broker: EmbeddedBroker,
) -> None:
    embedded_broker.create_topic("dl.alerts", 1)
    kafka = KafkaSettings(brokers=embedded_broker.bootstrap, prefix="dl", session_timeout=Duration(1_000))
    assigned: list[Mapping[int, Progress]] = []
    consumer = AlertConsumer(kafka, Credentials(), "hook", assigned.append)
    try:
        wait_until(lambda: consumer.poll(0.1) or assigned, 30, "an assignment")
        assert consumer.commit([(0, 0, "before")])
        embedded_broker.stop()
        assert not consumer.commit([(0, 0, "in vain")])
        consumer.poll(0.1)
    finally:
        consumer.close()
