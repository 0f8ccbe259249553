"""One notifier process: a worker for each sink, with metrics and health, until it is told to stop."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from driftline.notify.routing import Router
from driftline.runtime.kafka.broker_failures import broker_error
from driftline.runtime.kafka.topic_admin import topic_partitions
from driftline.runtime.notify.figures import Figures
from driftline.runtime.notify.senders import make_sender
from driftline.runtime.notify.sink_worker import SinkWorker
from driftline.runtime.operations.health import TelemetryServer
from driftline.runtime.operations.logs import get_logger
from driftline.runtime.operations.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from driftline.config.notify_secrets import SinkSecrets
    from driftline.config.secrets import Credentials
    from driftline.config.settings import Settings

_STOP_S: Final = 25.0
"""An attempt takes less by default; a worker that is still waiting then is left behind."""
_log = get_logger(__name__)


class Notifier:
    """Runs a worker for each sink that there are secrets of, each in a thread of its own.

    Raises
    ------
    ConfigurationError
        When a sink's optional dependency is missing.
    """

    def __init__(self, settings: Settings, credentials: Credentials, secrets: Mapping[str, SinkSecrets]) -> None:
        self._settings = settings
        self._credentials = credentials
        figures, router = Figures(), Router(settings.notify)
        self._server = TelemetryServer(figures, replace(settings.telemetry, port=settings.notify.port), "$.notify.port")
        self._workers = [
            SinkWorker(
                settings,
                credentials,
                name,
                router,
                make_sender(name, settings.notify, of_sink, router),
                figures.of_sink(name),
            )
            for name, of_sink in secrets.items()
        ]
        self._ending = threading.Event()
        self._errors: list[BaseException] = []

    def run(self) -> None:
        """Work until :meth:`stop`, or until a worker fails.

        Raises
        ------
        BrokerError
            When a topic is missing, or Kafka ended a worker; says what to do.
        Exception
            Whatever else ended a worker.
        """
        for topic in ("alerts", "dead-letters"):
            topic_partitions(self._settings.kafka, self._credentials, self._settings.kafka.topic(topic))
        self._server.add_health("workers", self._failure)
        for worker in self._workers:
            self._server.add_ready(f"sink {worker.name}", worker.problem)
        port = self._server.start()
        _log.info("started", sinks=[worker.name for worker in self._workers], metrics_port=port)
        threads = [
            threading.Thread(target=self._guard, args=(worker,), name=worker.name, daemon=True)
            for worker in self._workers
        ]
        try:
            for thread in threads:
                thread.start()
            wait_for(self._ending)
        finally:
            for worker in self._workers:
                worker.stop()
            deadline_s = time.monotonic() + _STOP_S
            for thread in threads:
                if thread.ident is not None:
                    thread.join(max(0.0, deadline_s - time.monotonic()))
            unfinished = [thread.name for thread in threads if thread.is_alive()]
            if unfinished:
                _log.error("workers did not stop in time; messages may be sent again", left_behind=unfinished)
            self._server.close()
        if self._errors:
            error = self._errors[0]
            raise broker_error(error, self._settings.kafka.brokers) or error
        _log.info("stopped")

    def stop(self) -> None:
        """Ask the workers to finish; may be called from any thread or signal handler."""
        self._ending.set()

    def _guard(self, worker: SinkWorker) -> None:
        """Run a worker; whatever ends it ends the process, with its reason, so that a supervisor starts it again."""
        try:
            worker.run()
        except BaseException as error:  # noqa: BLE001  # handed to the main thread
            _log.error("worker failed", sink=worker.name, error=str(error))  # shown by the main thread
            self._errors.append(error)
        finally:
            self._ending.set()

    def _failure(self) -> str | None:
        return f"a worker has ended: {self._errors[0]}" if self._errors else None
