"""``driftline notify`` in a process of its own, HTTP sinks for it, and the alerts that it reads."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import urllib.request
from typing import TYPE_CHECKING, Any, Self
from urllib.error import HTTPError

import yaml
from confluent_kafka import Producer

from driftline.config.kafka_settings import KafkaSettings
from driftline.config.secrets import Credentials
from driftline.runtime.kafka.kafka_clients import producer_configuration
from tests.support.command import COMMAND
from tests.support.http_server import Answer, HttpServer, Request
from tests.support.real_broker import ROOT, SESSION_TIMEOUT_S, create_topics, patient, wait_until

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

QUICK = {"first": "100ms", "longest": "400ms", "give_up_after": "10m"}
"""A retry that a test can await."""


class Notified:
    """The topics of a notifier, and its configuration."""

    def __init__(self, bootstrap: str, prefix: str, folder: Path) -> None:
        self.bootstrap = bootstrap
        self.prefix = prefix
        self._folder = folder
        self.alerts = f"{prefix}.alerts"
        create_topics(bootstrap, {self.alerts: 1}, {"cleanup.policy": "compact"})
        create_topics(bootstrap, {f"{prefix}.dead-letters": 1})

    def write(self, *values: dict[str, Any] | bytes | None) -> None:
        """Write alerts, or any other values, as detection does."""
        producer = Producer(producer_configuration(KafkaSettings(brokers=self.bootstrap), Credentials()))
        for value in values:
            key = value["alert_id"] if isinstance(value, dict) else "other"
            content = json.dumps(value).encode() if isinstance(value, dict) else value
            producer.produce(self.alerts, content, key=key, headers={"content-type": "application/json"})
        assert producer.flush(patient(30)) == 0

    def configuration(self, sinks: dict[str, Any], **notify: Any) -> Path:  # noqa: ANN401  # settings of the section
        """Write a configuration file; openings do not wait for others, unless routes say so."""
        routes = [{"sinks": list(sinks), "group_wait": "0s"}]
        content = {
            "kafka": {"brokers": self.bootstrap, "prefix": self.prefix, "session_timeout": f"{SESSION_TIMEOUT_S:g}s"},
            "telemetry": {"log_format": "json"},
            "notify": {"port": 0, "sinks": sinks, "routes": routes, **notify},
        }
        file = self._folder / "driftline.yaml"
        file.write_text(yaml.safe_dump(content), encoding="utf-8")
        return file


class NotifierProcess:
    """Runs while the context lasts, and is killed then unless it has ended."""

    def __init__(self, config: Path, *options: str, environment: dict[str, str] | None = None) -> None:
        self.log: list[dict[str, Any]] = []
        self.process = subprocess.Popen(
            [*COMMAND, "notify", "--config", str(config), *options],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            try:
                self.log.append(json.loads(line))
            except ValueError:
                self.log.append({"message": line.rstrip()})

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()

    def terminate(self) -> int:
        """Ask it to finish; return its exit code."""
        self.process.terminate()
        return self.process.wait(patient(40))

    @property
    def has_ended(self) -> bool:
        """Whether the process is over; then its log is whole."""
        if self.process.poll() is None:
            return False
        self._reader.join()
        return True

    def logged(self, message: str) -> list[dict[str, Any]]:
        """Return the lines of the log with a message."""
        return [line for line in self.log if line["message"] == message]

    def ask(self, path: str) -> tuple[int, str]:
        """Return status and text of an answer of the process's own server."""
        wait_until(lambda: self.logged("started") or self.has_ended, 40, lambda: f"a start, got {self.log}")
        started = self.logged("started")
        assert started, f"the process has ended: {self.log}"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{started[0]['metrics_port']}{path}") as response:
                return response.status, response.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def ready(self) -> None:
        """Wait until every sink has its partition."""
        wait_until(lambda: self.ask("/readyz")[0] == 200, 60, lambda: f"readiness, got {self.log}")

    def metric(self, name: str, sink: str) -> float:
        """Return the value of a metric of one sink."""
        start = f'driftline_notify_{name}{{sink="{sink}"}} '
        return next(
            float(line[len(start) :]) for line in self.ask("/metrics")[1].splitlines() if line.startswith(start)
        )


class HttpSink:
    """An HTTP server that keeps what it is told, on a free port by default.

    Attributes
    ----------
    answer : Answer
        What it answers.
    holding : threading.Event
        While it is clear, requests are kept but not answered, at most to the end of the context.
    """

    def __init__(self, port: int = 0) -> None:
        self.requests: list[Request] = []
        self.answer = Answer(202, b"{}")
        self.holding = threading.Event()
        self.holding.set()
        self._server = HttpServer(self._respond, port=port)
        self.url = self._server.url

    def _respond(self, request: Request) -> Answer:
        self.requests.append(request)
        self.holding.wait()
        return self.answer

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.holding.set()
        self._server.__exit__(kind, error, trace)

    @property
    def bodies(self) -> list[Any]:
        """What it was told, as JSON."""
        return [json.loads(request.body) for request in self.requests]

    @property
    def keys(self) -> list[str]:
        """The idempotency keys."""
        return [request.headers["Idempotency-Key"] for request in self.requests]
