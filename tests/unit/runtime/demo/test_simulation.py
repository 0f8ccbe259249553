"""Where simulated traffic is sent: topics that are missing are named in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from driftline.config.kafka_settings import KafkaSettings
from driftline.config.secrets import resolve_credentials
from driftline.errors import BrokerError
from driftline.runtime.demo.simulation import Destination, Sender

if TYPE_CHECKING:
    from driftline.runtime.demo.embedded_broker import EmbeddedBroker


@pytest.mark.parametrize(("existing", "got"), [((), "neither"), (("sim-pp",), "only `sim-pp`")])
def test_missing_topics_are_named(embedded_broker: EmbeddedBroker, existing: tuple[str, ...], got: str) -> None:
    kafka = KafkaSettings(brokers=embedded_broker.bootstrap)
    for topic in existing:
        embedded_broker.create_topic(topic, 1)
    with pytest.raises(BrokerError) as refused:
        Sender(kafka, resolve_credentials(kafka.security, {}), Destination("sim-pp", "sim-ll"))
    message = f"Expected the topics `sim-pp` and `sim-ll` to exist, got {got} - at `{kafka.brokers}`. "
    assert str(refused.value) == message + "Give --create-topics to create them"
