from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.real_broker import ROOT, kafka, patient

if TYPE_CHECKING:
    from pathlib import Path

WITH_KAFKA = ROOT / "scripts" / "with-kafka"
SHOW_BOOTSTRAP = ["bash", "-c", 'echo "bootstrap=${KAFKA_BOOTSTRAP-none}"; exit 7']


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """Environment of a machine with a shell and Python, and nothing else."""
    for program in ("bash", "dirname"):
        found = shutil.which(program)
        assert found
        (tmp_path / program).symlink_to(found)
    return {"PATH": str(tmp_path), "PYTHON": sys.executable, "KAFKA_DIR": str(tmp_path / "kafka")}


def with_kafka(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [str(tool) for tool in (shutil.which("bash"), WITH_KAFKA, *SHOW_BOOTSTRAP)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=patient(180))


def test_a_broker_that_is_named_is_used(bare: dict[str, str]) -> None:
    done = with_kafka({**bare, "KAFKA_BOOTSTRAP": "kafka.example:9092"})
    assert (done.returncode, done.stdout) == (7, "bootstrap=kafka.example:9092\n")


def test_without_java_the_command_runs_without_a_broker(bare: dict[str, str]) -> None:
    done = with_kafka(bare)
    assert (done.returncode, done.stdout) == (7, "bootstrap=none\n")
    assert "the tests that need one will not run" in done.stderr


@pytest.mark.parametrize("required", ["CI=true", "REQUIRE_KAFKA=1"])
def test_without_java_it_fails_where_a_broker_is_required(bare: dict[str, str], required: str) -> None:
    name, value = required.split("=")
    done = with_kafka({**bare, name: value})
    assert (done.returncode, done.stdout) == (1, "")
    assert "a real Kafka is required here" in done.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("can_start_kafka")
def test_the_broker_it_starts_is_stopped_when_the_command_fails(tmp_path: Path) -> None:
    shared = ROOT / "build" / "kafka" / "libs"
    if shared.exists():
        (tmp_path / "libs").symlink_to(shared)
    environment = {name: value for name, value in os.environ.items() if name != "KAFKA_BOOTSTRAP"}
    done = with_kafka({**environment, "PYTHON": sys.executable, "KAFKA_DIR": str(tmp_path)})
    assert done.returncode == 7, done.stderr
    assert done.stdout.startswith("bootstrap=127.0.0.1:")
    assert kafka("--dir", str(tmp_path), "status").stdout == "stopped\n"
