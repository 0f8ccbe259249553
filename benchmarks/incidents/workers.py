"""driftline's own processes over the written topics: what stands on its topics once all is read."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import yaml

from benchmarks.incidents.reference import encoded_reference, profiles
from benchmarks.incidents.settings import SECTIONS
from benchmarks.incidents.stream import N_PARTITIONS
from benchmarks.incidents.topics import create, records_of, write
from driftline.config.load import load_settings
from driftline.config.secrets import resolve_credentials
from driftline.profiles.codec import decode_profile
from driftline.runtime.kafka.kafka_clients import connect_admin
from driftline.runtime.kafka.topics import create as create_own
from driftline.runtime.kafka.topics import topic_specs
from driftline.runtime.references.reference_topic import publish
from tests.support.reading import committed_offsets, end_offsets, read_topic
from tests.support.workers import workers_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.incidents.encoding import Record
    from benchmarks.incidents.scenario import Scenario
    from benchmarks.incidents.topics import Input
    from driftline.config.settings import Settings
    from driftline.profiles.profile import Profile

STALL_S: Final = 300.0
"""Without any progress."""
POLL_S: Final = 0.2
NAMES: Final = ("sketch-0", "sketch-1", "detect-0", "detect-1", "detect-2")


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
        end, reached = 0.0, -1
        while True:
            committed, evaluated, n_panes = _progress(bootstrap, settings, topics)
            if committed >= n_records and 0 < n_panes <= evaluated:
                break
            for worker in workers.started:
                worker.expect_running()
            if committed + evaluated > reached:
                reached, end = committed + evaluated, time.monotonic() + STALL_S
            assert time.monotonic() < end, f"{committed} of {n_records} records\n{workers.logs()}"
            time.sleep(POLL_S)
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


def _progress(bootstrap: str, settings: Settings, topics: Input) -> tuple[int, int, int]:
    """Return how many input records are committed, how many records of panes, and how many of them there are."""
    panes, prefix = settings.kafka.topic("panes"), settings.kafka.prefix
    of_panes = [(panes, number) for number in range(settings.kafka.panes_partitions)]
    of_input = [(topic, number) for topic in (topics.predictions, topics.labels) for number in range(N_PARTITIONS)]
    committed = sum(max(0, each.offset) for each in committed_offsets(bootstrap, f"{prefix}-sketch", of_input))
    # Read before the ends: what is committed by then is no more than what stands there.
    evaluated = sum(max(0, each.offset) for each in committed_offsets(bootstrap, f"{prefix}-detect", of_panes))
    return committed, evaluated, sum(end_offsets(bootstrap, panes))


def _values(bootstrap: str, settings: Settings, name: str) -> list[bytes]:
    return [each.value for each in read_topic(bootstrap, settings.kafka.topic(name)) if each.value is not None]
