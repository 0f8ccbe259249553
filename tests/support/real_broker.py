"""What tests share: waiting for conditions, topics, and real brokers that can be started, stopped and killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from confluent_kafka.admin import AdminClient, NewTopic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from confluent_kafka.admin import TopicMetadata

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
KAFKA_SCRIPT = ROOT / "scripts" / "kafka"
EXIT_UNAVAILABLE = 4  # of scripts/kafka: no Java, or no Maven
POLL_S = 0.05
PATIENCE = float(os.environ.get("DRIFTLINE_TEST_PATIENCE") or 1)
"""Factor of every deadline in the tests; a busy machine needs a larger one."""
SESSION_TIMEOUT_S = min(6.0, 4 * PATIENCE)
"""How long a killed worker keeps its partitions from the others: each kill in a test costs as much."""


def patient(seconds: float) -> float:
    """Return a deadline for this machine: the seconds that a quiet one needs at most, times ``PATIENCE``."""
    return seconds * PATIENCE


def wait_until(condition: Callable[[], T], deadline_s: float, message: str | Callable[[], str]) -> T:
    """Return the first truthy value of a condition.

    Parameters
    ----------
    condition : callable
    deadline_s : float
        On a quiet machine; :func:`patient` is applied here.
    message : str or callable
        What was awaited. A callable is called only after the deadline.

    Raises
    ------
    AssertionError
        The deadline has passed.
    """
    allowed_s = patient(deadline_s)
    end = time.monotonic() + allowed_s
    while not (value := condition()):
        if time.monotonic() > end:
            text = message if isinstance(message, str) else message()
            raise AssertionError(f"Expected {text} within {allowed_s:g} s, got {value!r}")
        time.sleep(POLL_S)
    return value


def in_ci() -> bool:
    """Return whether this run must not skip."""
    return os.environ.get("CI", "").lower() in {"1", "true"}


def kafka(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run scripts/kafka; its exit code is for the caller to judge."""
    return subprocess.run(
        [sys.executable, str(KAFKA_SCRIPT), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=None if environment is None else dict(environment),
    )


def create_topics(bootstrap: str, topics: Mapping[str, int], settings: Mapping[str, str] | None = None) -> None:
    """Create topics (name to partitions) on a real broker, and wait until they are there."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    wanted = [NewTopic(name, count, 1, config=dict(settings or {})) for name, count in topics.items()]
    for future in admin.create_topics(wanted).values():
        future.result(timeout=patient(30))
    wait_until(lambda: topics.keys() <= topics_on(bootstrap).keys(), 30, f"the topics {sorted(topics)} to exist")


def topics_on(bootstrap: str) -> dict[str, TopicMetadata]:
    """Return the topics of a broker by name."""
    return AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=patient(20)).topics


class RealBroker:
    """A real broker of a test's own, which the test may stop, kill and start again.

    Parameters
    ----------
    name : str
        Name of the instance of scripts/kafka.
    oauth : bool
        Whether it listens for OAUTHBEARER too, on :attr:`oauth_bootstrap`.
    """

    def __init__(self, name: str, *, oauth: bool = False) -> None:
        self.name = name
        self.bootstrap = ""
        self.oauth_bootstrap = ""
        self._oauth = oauth

    def start(self) -> None:
        """Start it, on the address it had before; no-op while it runs."""
        self.bootstrap = self._do("up", *(["--oauth"] if self._oauth else [])).strip()
        if self._oauth:
            self.oauth_bootstrap = self._do("bootstrap", "--oauth").strip()

    def stop(self) -> None:
        """Stop it in good order."""
        self._do("down")

    def kill(self) -> None:
        """End it as a crash would."""
        self._do("down", "--kill")

    def purge(self) -> None:
        """Stop it and delete all that it holds."""
        self._do("down", "--kill", "--purge")

    def _do(self, *arguments: str) -> str:
        done = kafka("--name", self.name, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout
