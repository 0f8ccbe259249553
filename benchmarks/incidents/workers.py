"""driftline's own processes over the written topics: what stands on its topics once all is read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import yaml

from benchmarks.incidents.reference import profiles
from benchmarks.incidents.settings import SECTIONS
from benchmarks.incidents.stream import N_PARTITIONS
from driftline.config.load import load_settings
from driftline.config.secrets import resolve_credentials
from driftline.runtime.kafka.kafka_clients import connect_admin
from driftline.runtime.kafka.topics import create, topic_specs
from driftline.runtime.references.reference_topic import publish
from tests.support.reading import committed_offsets, end_offsets, read_topic
from tests.support.workers import workers_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.incidents.scenario import Scenario
    from benchmarks.incidents.topics import Written
    from driftline.config.settings import Settings

STALL_S: Final = 300.0
"""Without any progress."""
POLL_S: Final = 0.2
NAMES: Final = ("sketch-0", "sketch-1", "detect-0")


class Said(NamedTuple):
    """What the workers wrote."""

    alerts: list[bytes]
    """All records of the alerts topic, also those that later ones replace."""
    events: list[bytes]
    seconds: float
    """From the start of the processes until all was evaluated."""
    n_records: int
    """Records of both topics that were read."""


def run(bootstrap: str, written: Written, chosen: Sequence[Scenario], prefix: str, folder: Path) -> Said:
    """Let two sketch workers and a detect worker read all that was written; return what they say."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "driftline.yaml"
    config.write_text(yaml.safe_dump(_sections(bootstrap, written, prefix, folder)), encoding="utf-8")
    settings = load_settings(config, {})
    credentials = resolve_credentials(settings.kafka.security, {})
    create(connect_admin(settings.kafka, credentials), topic_specs(settings, N_PARTITIONS))
    for profile in profiles(chosen):
        publish(settings.kafka, credentials, profile)
    started = time.monotonic()
    with workers_of(config, folder) as workers:
        for name in NAMES:
            workers.start("sketch" if name.startswith("sketch") else "detect", name)
        end, reached = 0.0, -1
        while True:
            committed, evaluated, n_panes = _progress(bootstrap, settings, written)
            if committed >= written.n_records and 0 < n_panes <= evaluated:
                break
            for worker in workers.started:
                worker.expect_running()
            if committed + evaluated > reached:
                reached, end = committed + evaluated, time.monotonic() + STALL_S
            assert time.monotonic() < end, f"{committed} of {written.n_records} records\n{workers.logs()}"
            time.sleep(POLL_S)
        seconds = time.monotonic() - started
        for worker in workers.started:
            worker.stop()
    alerts, events = (_values(bootstrap, settings, name) for name in ("alerts", "events"))
    return Said(alerts, events, seconds, written.n_records)


def _sections(bootstrap: str, written: Written, prefix: str, folder: Path) -> dict[str, Any]:
    return {
        **SECTIONS,
        "kafka": {"brokers": bootstrap, "prefix": prefix, "panes_partitions": 2},
        "predictions": {"topic": written.predictions},
        "labels": {"topic": written.labels},
        "sketch": {"max_skew": "6h"},
        "join": {"directory": str(folder / "state")},
        "telemetry": {"log_format": "json"},
    }


def _progress(bootstrap: str, settings: Settings, written: Written) -> tuple[int, int, int]:
    """Return how many input records are committed, how many records of panes, and how many of them there are."""
    panes, prefix = settings.kafka.topic("panes"), settings.kafka.prefix
    of_panes = [(panes, number) for number in range(settings.kafka.panes_partitions)]
    of_input = [(topic, number) for topic in (written.predictions, written.labels) for number in range(N_PARTITIONS)]
    committed = sum(max(0, each.offset) for each in committed_offsets(bootstrap, f"{prefix}-sketch", of_input))
    # Read before the ends: what is committed by then is no more than what stands there.
    evaluated = sum(max(0, each.offset) for each in committed_offsets(bootstrap, f"{prefix}-detect", of_panes))
    return committed, evaluated, sum(end_offsets(bootstrap, panes))


def _values(bootstrap: str, settings: Settings, name: str) -> list[bytes]:
    return [each.value for each in read_topic(bootstrap, settings.kafka.topic(name)) if each.value is not None]
