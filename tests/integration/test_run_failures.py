"""``driftline run`` when Kafka ends it: a message that says what to do and exit code 3, never a traceback."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import msgspec
import yaml
from confluent_kafka import Producer

from driftline.cli.exit_codes import ExitCode
from driftline.profiles.codec import VERSION
from tests.support.real_broker import SESSION_TIMEOUT_S, create_topics, patient, wait_until
from tests.support.workers import WorkerProcess, workers_of

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def configuration(bootstrap: str, prefix: str, folder: Path, **more: object) -> Path:
    """Write a configuration whose input topics exist."""
    create_topics(bootstrap, {f"{prefix}-predictions": 2})
    file = folder / "driftline.yaml"
    content = {
        "kafka": {
            "brokers": bootstrap,
            "prefix": prefix,
            "panes_partitions": 2,
            "session_timeout": f"{SESSION_TIMEOUT_S:g}s",
        },
        "predictions": {"topic": f"{prefix}-predictions"},
        "sketch": {"flush_interval": "100ms"},
        "telemetry": {"log_format": "json"},
        **more,
    }
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


def wait_assigned(worker: WorkerProcess) -> None:
    def assigned() -> bool:
        worker.expect_running()
        return '"event": "assigned"' in worker.log() or '"assigned"' in worker.log()

    wait_until(assigned, 60, lambda: f"{worker.name} to have partitions:\n{worker.log()[-3000:]}")


def message_of(worker: WorkerProcess) -> str:
    """Return the last thing it printed, on one line."""
    return re.sub(r"\s+", " ", worker.log().rpartition("error:")[2])


def test_a_fenced_worker_says_that_names_must_differ(real_broker: str, topic_prefix: str, tmp_path: Path) -> None:
    with workers_of(configuration(real_broker, topic_prefix, tmp_path), tmp_path / "logs") as workers:
        first = workers.start("sketch", "same")
        wait_assigned(first)
        second = workers.start("sketch", "same")
        wait_until(lambda: not first.is_running(), 60, lambda: f"the first worker to end\n{workers.logs()}")
        assert first.process.returncode == ExitCode.BROKER, first.log()
        assert "Expected to be the only worker named `same`, got fenced by another one" in message_of(first)
        assert "give each worker its own `--name`" in message_of(first)
        assert "Traceback" not in first.log()
        wait_assigned(second)
        second.stop()


def test_workers_of_one_host_that_nobody_named_do_not_fence_each_other(
    real_broker: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with workers_of(configuration(real_broker, topic_prefix, tmp_path), tmp_path / "logs") as workers:
        first = workers.start("sketch", None)
        wait_assigned(first)
        second = workers.start("sketch", None)
        wait_assigned(second)
        assert name_of(first) != name_of(second)
        first.kill()
        again = workers.start("sketch", None)
        wait_assigned(again)
        assert name_of(again) == name_of(first)
        second.stop()
        again.stop()


def test_a_profile_of_a_newer_version_ends_the_worker_and_garbage_does_not(
    real_broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    producer = Producer({"bootstrap.servers": real_broker})
    topic = f"{topic_prefix}.references"
    with workers_of(configuration(real_broker, topic_prefix, tmp_path), tmp_path / "logs") as workers:
        worker = workers.start("sketch", "w1")
        wait_assigned(worker)
        producer.produce(topic, b'{"not": "ours"}', key=b"foreign", partition=0)
        assert producer.flush(patient(30)) == 0
        wait_until(
            lambda: "skipped a record that is not a profile" in worker.log(),
            30,
            lambda: f"garbage to be skipped\n{worker.log()}",
        )
        worker.expect_running()
        newer = msgspec.msgpack.encode([VERSION + 1, ["risk", "3"], "an-id", "what only the next version knows"])
        producer.produce(topic, newer, key=b"newer", partition=0)
        assert producer.flush(patient(30)) == 0
        wait_until(lambda: not worker.is_running(), 60, lambda: f"the worker to end\n{worker.log()}")
        assert worker.process.returncode == ExitCode.DATA, worker.log()
        says = f"Expected a profile block of version {VERSION}, got version {VERSION + 1}"
        assert says in message_of(worker)
        assert "Upgrade this worker" in message_of(worker)


def name_of(worker: WorkerProcess) -> str:
    """Return the name that a process gave itself."""
    started = (json.loads(line) for line in worker.log().splitlines() if '"started"' in line)
    return str(next(started)["name"])
