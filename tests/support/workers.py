"""driftline's own processes, started with a configuration file and ended one by one, whatever becomes of the test."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from tests.support.real_broker import ROOT, patient, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Role = Literal["all", "sketch", "detect"]
_PORT = re.compile(r'"metrics_port":\s*(\d+)')


class WorkerProcess:
    """One ``driftline run``.

    Parameters
    ----------
    config : Path
        Its configuration file.
    role : {"all", "sketch", "detect"}
    name : str or None
        Stable over restarts: the transactional id is made of it. None lets the process choose.
    log : Path
        Takes what it prints.
    *more : str
        Further options.
    """

    def __init__(self, config: Path, role: Role, name: str | None, log: Path, *more: str) -> None:
        self.role = role
        self.name = name
        self._log = log
        options = ["--config", str(config), "--role", role, "--metrics-port", "0", *more]
        options += [] if name is None else ["--name", name]
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "driftline", "run", *options],
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def log(self) -> str:
        """Return what it printed so far."""
        return self._log.read_text(errors="replace")

    def is_running(self) -> bool:
        """Return whether it has not ended; a stopped process counts as running."""
        return self.process.poll() is None

    def expect_running(self) -> None:
        """Fail with its log where it has ended."""
        assert self.is_running(), f"{self.name} ended with code {self.process.returncode}:\n{self.log()[-6000:]}"

    def metrics(self) -> str:
        """Return its Prometheus page; empty before it is served."""
        port = _PORT.search(self.log())
        if port is None:
            return ""
        with urllib.request.urlopen(f"http://127.0.0.1:{port[1]}/metrics", timeout=patient(10)) as page:  # loopback
            text: bytes = page.read()
        return text.decode()

    def metric(self, name: str) -> float:
        """Return the value of a metric without labels; 0 before it is served."""
        lines = (line.split() for line in self.metrics().splitlines() if line.startswith(f"{name} "))
        return next((float(value) for _name, value in lines), 0.0)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """End it as a crash would; no-op where it has ended."""
        if self.is_running():
            self.process.kill()
        self.process.wait(patient(30))

    def freeze(self) -> None:
        """Stop it in the middle of whatever it does, and wait until it has stopped."""
        self.signal(signal.SIGSTOP)
        wait_until(self._is_stopped, 10, f"{self.name} to be stopped")

    def _is_stopped(self) -> bool:
        pid, status = os.waitpid(self.process.pid, os.WUNTRACED | os.WNOHANG)
        assert not pid or os.WIFSTOPPED(status), f"{self.name} ended before it could be stopped:\n{self.log()[-6000:]}"
        return pid != 0

    def wake(self) -> None:
        """Let it go on."""
        self.signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it in good order."""
        self.expect_running()
        self.signal(signal.SIGTERM)
        assert self.process.wait(patient(60)) == 0, f"{self.name}:\n{self.log()[-6000:]}"


class Workers:
    """Starts workers of one configuration.

    Parameters
    ----------
    config : Path
    folder : Path
        For their logs.
    """

    def __init__(self, config: Path, folder: Path) -> None:
        self._config = config
        self._folder = folder
        self.started: list[WorkerProcess] = []

    def start(self, role: Role, name: str | None, *more: str) -> WorkerProcess:
        """Start one, or start one of that name again."""
        log = self._folder / f"{len(self.started)}-{role}-{name}.log"
        worker = WorkerProcess(self._config, role, name, log, *more)
        self.started.append(worker)
        return worker

    def running(self, role: Role) -> list[WorkerProcess]:
        """Return those of a role that have not ended."""
        return [worker for worker in self.started if worker.role == role and worker.is_running()]

    def logs(self) -> str:
        """Return the end of each worker's log."""
        return "\n".join(f"--- {w.role} {w.name} ({w.process.poll()})\n{w.log()[-3000:]}" for w in self.started)


@contextmanager
def workers_of(config: Path, folder: Path) -> Iterator[Workers]:
    """Give workers, none of which outlives the block."""
    folder.mkdir(parents=True, exist_ok=True)
    workers = Workers(config, folder)
    try:
        yield workers
    finally:
        for worker in workers.started:
            worker.kill()
