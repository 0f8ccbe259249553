"""driftline's workers as processes of their own: started, waited for, asked for their figures, stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

T = TypeVar("T")

POLL_S = 0.2
START_S = 90.0
STOP_S = 90.0


def wait_until(condition: Callable[[], T], deadline_s: float, what: str | Callable[[], str]) -> T:
    """Return the first truthy value of a condition.

    Raises
    ------
    TimeoutError
        When the deadline has passed; says what was waited for.
    """
    end = time.monotonic() + deadline_s
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"Expected {what if isinstance(what, str) else what()} within {deadline_s:g} s")
        time.sleep(POLL_S)
    return value


class Worker:
    """One ``driftline run`` process.

    Parameters
    ----------
    name, role : str
    options : sequence of str
        Of ``driftline run``.
    folder : Path
        Where its log goes.
    """

    def __init__(self, name: str, role: str, options: Sequence[str], folder: Path) -> None:
        self.name = name
        self.role = role
        self.log = folder / f"{name}.log"
        self._port = 0
        command = [sys.executable, "-m", "driftline", "run", "--role", role, "--name", name, "--metrics-port", "0"]
        environment = os.environ | {"DRIFTLINE_TELEMETRY__LOG_FORMAT": "json"}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )

    def check(self) -> None:
        """Raise where the process has ended."""
        code = self.process.poll()
        if code is not None:
            raise RuntimeError(f"{self.name} ended with exit code {code}:\n{self.tail()}")

    def tail(self) -> str:
        """Return the last lines of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def is_ready(self) -> bool:
        """Whether it has partitions to work on."""
        self.check()
        if not self._port:
            self._port = self._metrics_port()
        return bool(self._port) and self._get("/readyz") is not None

    def _metrics_port(self) -> int:
        for line in self.log.read_text(errors="replace").splitlines():
            if '"metrics_port"' in line:
                return int(json.loads(line)["metrics_port"])
        return 0

    def _get(self, path: str) -> str | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except urllib.error.URLError:
            self.check()
            return None  # not ready yet

    def figure(self, name: str) -> float:
        """Return the sum of a Prometheus metric over its labels."""
        shown = self._get("/metrics") or ""
        lines = [line for line in shown.splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def stop(self) -> None:
        """End it in good order, as Ctrl-C would."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(STOP_S)
        assert code == 0, f"{self.name} ended with exit code {code}:\n{self.tail()}"


class Workers:
    """Two workers of each role; a context manager that leaves none behind.

    Parameters
    ----------
    options : sequence of str
        Of ``driftline run``.
    folder : Path
    """

    def __init__(self, options: Sequence[str], folder: Path) -> None:
        self._options = options
        self._folder = folder
        self.all: list[Worker] = []

    def __enter__(self) -> Self:
        for role in ("sketch", "detect"):
            self.all += [Worker(f"{role}-{i}", role, self._options, self._folder) for i in (1, 2)]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self.all:
            if worker.process.poll() is None:
                worker.process.kill()
                worker.process.wait()

    def wait_until_ready(self) -> None:
        """Return when each of them has partitions."""
        for worker in self.all:
            wait_until(worker.is_ready, START_S, f"{worker.name} to be ready; see {worker.log}")

    def check(self) -> None:
        """Raise where one has ended."""
        for worker in self.all:
            worker.check()

    def figure(self, role: str, name: str) -> list[float]:
        """Return a metric of each worker of a role."""
        return [worker.figure(name) for worker in self.all if worker.role == role]

    def stop(self) -> None:
        """Stop all of them."""
        for worker in self.all:
            worker.stop()
