"""Kafka's codecs: both stages read records that producers or brokers compress with any of them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from tests.support.expected import expected
from tests.support.real_broker import patient
from tests.support.stream import FOREVER, Input, Stream
from tests.support.traffic import CALIBRATED_MS, DRIFT_MS, HOUR

if TYPE_CHECKING:
    from pathlib import Path

CODECS = ("gzip", "snappy", "lz4", "zstd")


def compress_on_broker(bootstrap: str, topic: str, codec: str) -> None:
    """Let the broker store what is written to a topic from now on with a codec, whatever its producer's."""
    entry = ConfigEntry("compression.type", codec, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(patient(20))
    described = ConfigResource(ResourceType.TOPIC, topic)
    assert admin.describe_configs([described])[described].result(patient(20))["compression.type"].value == codec


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_codec_is_read_by_both_stages(real_broker: str, topic_prefix: str, tmp_path: Path) -> None:
    """The sketch stage reads the inputs by librdkafka, the detect stage the panes by aiokafka; both write zstd."""
    wanted = expected()
    kafka = {"client": {"compression.type": "zstd", "client.rack": "a"}, "aiokafka": {"fetch_max_bytes": 10_000_000}}
    stream = Stream(Input(real_broker, topic_prefix), topic_prefix, tmp_path, kafka=kafka)
    bounds = [0, CALIBRATED_MS - 3 * HOUR, CALIBRATED_MS, DRIFT_MS, FOREVER]
    assert sorted(bounds) == bounds
    with stream.workers() as workers:
        workers.start("all", "only")
        for codec, (since, until) in zip(CODECS, itertools.pairwise(bounds), strict=True):
            compress_on_broker(real_broker, f"{topic_prefix}.panes", codec)
            n_panes, n_before = sum(stream.ends("panes")), stream.n_input()
            stream.input.write(from_ms=since, until_ms=until, codec=codec)
            assert stream.n_input() > n_before
            stream.await_committed(workers, stream.n_input())
            assert sum(stream.ends("panes")) > n_panes, f"panes were stored with {codec}"
        stream.settle(workers, wanted)
    assert stream.expect(wanted) == 0
