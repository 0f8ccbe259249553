"""driftline's own processes over the written topics: what stands on its topics once all is read."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import yaml
from confluent_kafka import TopicPartition
from msgspec import Struct

from benchmarks.incidents.reference import encoded_reference, profiles
from benchmarks.incidents.scenario import DAY_MS
from benchmarks.incidents.scenarios import END_MS, STEADY
from benchmarks.incidents.settings import SECTIONS
from benchmarks.incidents.stream import N_PARTITIONS
from benchmarks.incidents.topics import create, records_of, write
from driftline.config.load import load_settings
from driftline.config.secrets import resolve_credentials
from driftline.events.cloudevents import epoch_ms
from driftline.profiles.codec import decode_profile
from driftline.runtime.kafka.kafka_clients import connect_admin
from driftline.runtime.kafka.topics import create as create_own
from driftline.runtime.kafka.topics import topic_specs
from driftline.runtime.references.reference_topic import publish
from tests.support.reading import consumer_of, read_topic
from tests.support.real_broker import patient
from tests.support.workers import workers_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.incidents.encoding import Record
    from benchmarks.incidents.scenario import Scenario
    from benchmarks.incidents.topics import Input
    from driftline.config.settings import Settings
    from driftline.profiles.profile import Profile
    from tests.support.workers import Workers

STALL_S: Final = 300.0
"""Without any progress."""
_REVISION: Final = b'"coverage":'
"""Only reports on performance have it."""
NAMES: Final = ("sketch-0", "sketch-1", "detect-0", "detect-1", "detect-2")


class _Revision(Struct):
    """What is read of a report on performance."""

    model: str
    age_ms: int
    window: dict[str, Any]


class Said(NamedTuple):
    """What the workers wrote."""

    alerts: list[bytes]
    """All records of the alerts topic, also those that later ones replace."""
    events: list[bytes]
    seconds: float
    """From the start of the processes until all was evaluated."""
    n_records: int
    """Records of both topics that were read."""


def run(bootstrap: str, chosen: Sequence[Scenario], prefix: str, folder: Path) -> Said:
    """Let two sketch workers and detect workers read all streams as they are written; return what they say."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "driftline.yaml"
    topics = create(bootstrap, prefix)
    config.write_text(yaml.safe_dump(_sections(bootstrap, topics, prefix, folder)), encoding="utf-8")
    settings = load_settings(config, {})
    credentials = resolve_credentials(settings.kafka.security, {})
    create_own(connect_admin(settings.kafka, credentials), topic_specs(settings, N_PARTITIONS))
    made, parts = _prepared(chosen)
    for profile in profiles(chosen, made):
        publish(settings.kafka, credentials, profile)
    started = time.monotonic()
    with workers_of(config, folder) as workers:
        for name in NAMES:
            workers.start("sketch" if name.startswith("sketch") else "detect", name)
        n_records = write(bootstrap, topics, parts)
        print(f"{n_records:,} records written after {time.monotonic() - started:,.0f} s", file=sys.stderr, flush=True)
        _await_last_windows(bootstrap, settings, chosen, workers)
        seconds = time.monotonic() - started
        for worker in workers.started:
            worker.stop()
    alerts, events = (_values(bootstrap, settings, name) for name in ("alerts", "events"))
    return Said(alerts, events, seconds, n_records)


def _prepared(chosen: Sequence[Scenario]) -> tuple[dict[bool, Profile], list[list[Record]]]:
    """Return the references, by whether they are seasonal, and the records of all streams."""
    kinds = sorted({each.seasonal for each in chosen})
    with ProcessPoolExecutor(4, get_context("spawn")) as pool:
        references = [pool.submit(encoded_reference, seasonal=seasonal) for seasonal in kinds]
        streams = [pool.submit(records_of, each) for each in chosen]
        parts = [part for stream in streams for part in stream.result()]
        made = {kind: decode_profile(each.result(), "reference") for kind, each in zip(kinds, references, strict=True)}
    return made, parts


def _sections(bootstrap: str, topics: Input, prefix: str, folder: Path) -> dict[str, Any]:
    return {
        **SECTIONS,
        "kafka": {"brokers": bootstrap, "prefix": prefix, "panes_partitions": 8},
        "predictions": {"topic": topics.predictions},
        "labels": {"topic": topics.labels},
        "sketch": {"max_skew": "6h"},
        "join": {"directory": str(folder / "state")},
        "telemetry": {"log_format": "json"},
    }


def _await_last_windows(bootstrap: str, settings: Settings, chosen: Sequence[Scenario], workers: Workers) -> None:
    """Wait until event time has passed the last window of each model by a day: its performance has been reported."""
    left = {each.model: each.end_ms for each in chosen if each is not STEADY}
    topic = settings.kafka.topic("events")
    with consumer_of(bootstrap) as consumer:
        numbers = consumer.list_topics(topic, timeout=patient(20)).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, 0) for number in numbers])
        end = time.monotonic() + STALL_S
        while left:
            for message in consumer.consume(1_000, 1.0):
                value = message.value()
                if message.error() is not None or value is None:
                    continue
                end = time.monotonic() + STALL_S
                if _REVISION in value:
                    event = msgspec.json.decode(value, type=_Revision)
                    passed = event.age_ms >= DAY_MS and epoch_ms(event.window["end"]) >= left.get(event.model, END_MS)
                    left = {name: end_ms for name, end_ms in left.items() if not passed or name != event.model}
            for worker in workers.started:
                worker.expect_running()
            assert time.monotonic() < end, f"no event in {STALL_S:g} s, {sorted(left)} are not done\n{workers.logs()}"


def _values(bootstrap: str, settings: Settings, name: str) -> list[bytes]:
    return [each.value for each in read_topic(bootstrap, settings.kafka.topic(name)) if each.value is not None]
