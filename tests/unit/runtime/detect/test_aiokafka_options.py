"""What the detect stage's clients take from the settings of the clients, checked before a run."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import aiokafka
import pytest

from driftline.config.kafka_settings import KafkaSettings
from driftline.config.settings import Settings
from driftline.runtime.detect.aiokafka_options import SAME, aiokafka_problems, client_options, sketch_stage_only
from driftline.runtime.kafka.client_properties import CONSUMER_ONLY, PRODUCER_ONLY

if TYPE_CHECKING:
    from driftline.config.kafka_settings import ClientValue


def test_properties_that_mean_the_same_reach_the_detect_stage() -> None:
    client: dict[str, ClientValue] = {
        "client.id": "mine",
        "client.rack": "a",
        "connections.max.idle.ms": 0,
        "metadata.max.age.ms": "60000",
        "check.crcs": "true",
        "compression.type": "zstd",
        "linger.ms": 2.5,
        "request.timeout.ms": 70_000,
        "socket.keepalive.enable": True,
    }
    options = client_options(KafkaSettings(client=client))
    both = {"client_id": "mine", "connections_max_idle_ms": None, "metadata_max_age_ms": 60_000}
    assert options.consumer == both | {"client_rack": "a", "check_crcs": True}
    assert options.producer == both | {"compression_type": "zstd", "linger_ms": 2.5, "request_timeout_ms": 70_000}
    assert sketch_stage_only(KafkaSettings(client=client)) == ["socket.keepalive.enable"]


def test_arguments_of_aiokafka_are_stronger_and_reach_the_client_that_has_them() -> None:
    aiokafka_: dict[str, ClientValue] = {"fetch_max_bytes": 10, "linger_ms": 7, "retry_backoff_ms": 5}
    options = client_options(KafkaSettings(client={"linger.ms": 1, "compression.type": "none"}, aiokafka=aiokafka_))
    assert options.consumer == {"fetch_max_bytes": 10, "retry_backoff_ms": 5}
    assert options.producer == {"linger_ms": 7, "retry_backoff_ms": 5, "compression_type": None}


def test_the_table_names_arguments_that_aiokafka_has() -> None:
    for name, same in SAME.items():
        for wanted, client in ((same.consumer, aiokafka.AIOKafkaConsumer), (same.producer, aiokafka.AIOKafkaProducer)):
            if wanted:
                assert same.argument in inspect.signature(client).parameters, name
        assert same.consumer == (name not in PRODUCER_ONLY), name
        assert same.producer == (name not in CONSUMER_ONLY | {"client.rack"}), name


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"fetch_max_byts": 3}, "have no argument `fetch_max_byts`: did you mean `fetch_max_bytes`?"),
        ({"fetch.max.bytes": 3}, "have no argument `fetch.max.bytes`: did you mean `fetch_max_bytes`?"),
        ({"something_else": 3}, "have no argument `something_else`, or has another name for it"),
        ({"fetch_max_bytes": "many"}, "Expected a whole number of at least 0, got 'many'"),
        ({"fetch_max_bytes": True}, "Expected a whole number of at least 0, got True"),
        ({"metadata_max_age_ms": -1}, "Expected a whole number of at least 0, got -1"),
        ({"check_crcs": 1}, "Expected `true` or `false`, got 1"),
        ({"client_rack": 1}, "Expected a string, got 1"),
        ({"compression_type": "brotli"}, "Expected one of `gzip`, `snappy`, `lz4`, `zstd`, got 'brotli'"),
        ({"request_timeout_ms": 500}, "Expected at least 60000, the time that joining the group may take, got 500"),
    ],
)
def test_a_wrong_argument_is_refused_in_words(given: dict[str, ClientValue], expected: str) -> None:
    ((message, path, _),) = aiokafka_problems(Settings(kafka=KafkaSettings(aiokafka=given)))
    assert expected in message
    assert path.startswith("$.kafka.aiokafka")


def test_right_arguments_and_those_refused_elsewhere_draw_no_problem() -> None:
    given: dict[str, ClientValue] = {
        "fetch_max_bytes": 10,
        "linger_ms": 2.5,
        "check_crcs": False,
        "client_rack": "a",
        "compression_type": "lz4",
        "request_timeout_ms": 60_000,
        "max_poll_records": 10,
        "isolation_level": "x",
    }
    assert list(aiokafka_problems(Settings(kafka=KafkaSettings(aiokafka=given)))) == []
