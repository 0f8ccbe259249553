"""A small HTTP server for operators and orchestrators: ``/metrics``, ``/healthz`` and ``/readyz``."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET6
from typing import TYPE_CHECKING, Final, Protocol

from prometheus_client.exposition import choose_encoder

from driftline.errors import ConfigurationError, describe
from driftline.runtime.operations.logs import get_logger

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from driftline.config.settings import TelemetrySettings

Probe = Callable[[], str | None]
"""Returns None while all is well, else the reason why not. Called from the server's threads; it must not block."""


class Measured(Protocol):
    """Whatever has metrics to serve."""

    registry: CollectorRegistry


_REQUEST_TIMEOUT_S: Final = 10
"""A client that sends nothing for this long is dropped; a thread each would otherwise stay for ever."""
_log = get_logger(__name__)


class TelemetryServer:
    """Serves the metrics and the results of the probes until it is closed; port 0 takes a free one.

    Raises
    ------
    ConfigurationError
        By :meth:`start`, when the port is taken or the host is not one of this machine's.
    """

    def __init__(
        self, telemetry: Measured, settings: TelemetrySettings, port_setting: str = "$.telemetry.port"
    ) -> None:
        self._telemetry = telemetry
        self._port_setting = port_setting
        self._settings = settings
        self._healthy: dict[str, Probe] = {}
        self._ready: dict[str, Probe] = {}
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def add_health(self, name: str, probe: Probe) -> None:
        """Let ``/healthz`` answer 503 while this probe has a reason: the process should be restarted."""
        self._healthy[name] = probe

    def add_ready(self, name: str, probe: Probe) -> None:
        """Let ``/readyz`` answer 503 while this probe has a reason: the process does no work yet, or none now."""
        self._ready[name] = probe

    def start(self) -> int:
        """Start to serve, in a thread of its own; return the port."""
        host, port = self._settings.host, self._settings.port
        try:
            self._server = _Server(host, port, self._answer)
        except OSError as error:
            message = describe("an address of this machine with a free port", f"{host}:{port}", self._port_setting)
            advice = "choose another one with `--metrics-port`; 0 picks a free one"
            raise ConfigurationError((f"{message} ({error.strerror}); {advice}",), "The telemetry endpoint") from error
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="telemetry", daemon=True)
        self._thread.start()
        bound = int(self._server.server_address[1])
        name = f"[{host}]" if ":" in host else host
        _log.info("serving metrics and health", url=f"http://{name}:{bound}/metrics")
        return bound

    def close(self) -> None:
        """Stop serving and free the port; does nothing when it is not running."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
        self._server = self._thread = None

    def _answer(self, path: str, accept: str) -> tuple[HTTPStatus, str, bytes]:
        if path == "/metrics":
            encode, content_type = choose_encoder(accept)
            return HTTPStatus.OK, content_type, encode(self._telemetry.registry)
        if path in ("/healthz", "/readyz"):
            return self._probe(self._healthy if path == "/healthz" else self._ready)
        body = {"error": "there is nothing here; ask for /metrics, /healthz or /readyz", "path": path}
        return HTTPStatus.NOT_FOUND, "application/json", json.dumps(body).encode()

    def _probe(self, probes: dict[str, Probe]) -> tuple[HTTPStatus, str, bytes]:
        reasons = {name: reason for name, probe in list(probes.items()) if (reason := _ask(probe)) is not None}
        status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
        body = {"status": "unavailable" if reasons else "ok", "reasons": reasons, "checked": sorted(probes)}
        return status, "application/json", json.dumps(body).encode()


def _ask(probe: Probe) -> str | None:
    try:
        return probe()
    except Exception as error:  # noqa: BLE001  # whatever a probe cannot do is the reason why the process is not well
        _log.exception("a probe failed")
        return f"the probe failed: {type(error).__name__}: {error}"


Answer = Callable[[str, str], tuple[HTTPStatus, str, bytes]]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host: str, port: int, answer: Answer) -> None:
        self.answer = answer
        if ":" in host:
            self.address_family = AF_INET6
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """Bind without asking a name server for this machine's name, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "driftline", int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _REQUEST_TIMEOUT_S
    server_version = "driftline"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer one request."""
        status, content_type, body = self.server.answer(self.path.partition("?")[0], self.headers.get("Accept", ""))
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815  # the name that http.server calls

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it so
        """Log requests for debugging only: a scrape every few seconds is no news."""
        _log.debug("request", line=format % args)
