"""``driftline replay`` against what real workers have said: nothing changes without a change of the configuration."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from confluent_kafka.admin import AdminClient

from tests.support.command import driftline
from tests.support.expected import alerts_of, expected
from tests.support.reading import committed_offsets
from tests.support.real_broker import topics_on
from tests.support.stream import Input, Stream
from tests.support.traffic import DRIFT_MS, PARTITIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from subprocess import CompletedProcess

pytestmark = pytest.mark.slow
SPAN = ("--from", "2026-03-01T00:00:00Z", "--to", "2026-03-05T00:00:00Z")


@pytest.fixture(scope="module")
def worked(real_broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stream]:
    """Give a stream that workers have watched to its end, with drift in the middle, and with labels."""
    name = "replay"
    topics = [topic for topic in topics_on(real_broker) if topic.startswith(f"{name}.") or topic.startswith(f"{name}-")]
    for future in AdminClient({"bootstrap.servers": real_broker}).delete_topics(topics).values() if topics else ():
        future.result()
    given = Input(real_broker, name)
    given.write()
    stream = Stream(given, name, tmp_path_factory.mktemp("replay"), {"flush_interval": "500ms"})
    with stream.workers() as workers:
        workers.start("all", "only")
        stream.settle(workers, expected())
    yield stream


def replay(stream: Stream, *options: object, **changes: Any) -> CompletedProcess[str]:
    """Replay the stream, with changed settings of all models where there are some."""
    config = yaml.safe_load(stream.config.read_text())
    for name, section in changes.items():
        config["defaults"][name] = config["defaults"].get(name, {}) | section
    path = stream.folder / "changed.yaml"
    path.write_text(yaml.safe_dump(config))
    return driftline("replay", "--config", path, *options)


def differences(done: CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_same_configuration_gives_no_difference(worked: Stream) -> None:
    done = replay(worked, *SPAN, "--check")
    assert done.returncode == 0, done.stdout + done.stderr
    opened = {alert["alert_id"] for alert in alerts_of(expected()) if alert["opened_at"] < "2026-03-05"}
    assert done.stdout.startswith(f"no difference: {len(opened)} alerts, "), done.stdout
