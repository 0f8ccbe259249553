"""One driftline process: the sketch worker, the detect worker or both, with telemetry, until it is told to stop."""

from __future__ import annotations

import socket
import sys
import threading
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from confluent_kafka import KafkaException

from driftline.native.library import description, problem
from driftline.profiles.profiles import Profiles
from driftline.profiles.shelf import Shelf
from driftline.runtime.kafka.broker_failures import broker_error
from driftline.runtime.kafka.input_partitions import input_topics
from driftline.runtime.kafka.topic_admin import TopicAdmin
from driftline.runtime.operations.health import TelemetryServer
from driftline.runtime.operations.logs import get_logger
from driftline.runtime.operations.shelf_file import ShelfFile
from driftline.runtime.operations.telemetry import Telemetry
from driftline.runtime.operations.waiting import wait_for
from driftline.runtime.operations.worker_slot import worker_slot
from driftline.runtime.references.reference_topic import ReferenceReader
from driftline.runtime.sketch.join_routing import AdaptiveSketchWorker
from driftline.runtime.sketch.sketch_worker import SketchWorker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from driftline.config.secrets import Credentials
    from driftline.config.settings import Settings
    from driftline.runtime.detect.detect_worker import DetectWorker

Role = Literal["all", "sketch", "detect"]
_STOP_S: Final = 25.0
"""A flush and a checkpoint take far less where there is a broker; where there is none, waiting is in vain."""
_log = get_logger(__name__)


class NodeOptions(NamedTuple):
    """Options of one process, beyond the shared configuration."""

    create_topics: bool = True
    """Create the topics of ours that are missing."""
    accept_recount: bool = False
    """See :class:`driftline.runtime.sketch.sketch_worker.SketchWorker`."""
    embedded: bool = False
    """The broker is the embedded one: it creates no topics, keeps no offsets of transactions, and its transactional
    batches have no valid checksum."""


class Node:
    """Runs the workers of one process, each in a thread of its own.

    ``name`` is that of the sketch worker: stable over restarts, unique among the workers; by default made of the host's
    name and a slot of this host (:func:`driftline.runtime.operations.worker_slot.worker_slot`). Faust makes its folders
    in ``data_dir``, and what is seldom needed of profiles is in a file there, which goes with the process.
    """

    def __init__(
        self,
        settings: Settings,
        credentials: Credentials,
        role: Role,
        *,
        name: str | None = None,
        data_dir: Path,
        options: NodeOptions | None = None,
    ) -> None:
        options = options or NodeOptions()
        self._settings = settings
        self._credentials = credentials
        self._role = role
        self._name = name
        self._data_dir = data_dir
        self._create_topics = options.create_topics and not options.embedded
        self._accept_recount = options.accept_recount or options.embedded
        self._embedded = options.embedded
        self._telemetry = Telemetry(settings.telemetry)
        self._server = TelemetryServer(self._telemetry, settings.telemetry)
        self._ending = threading.Event()
        self._errors: list[BaseException] = []
        self._running: tuple[AdaptiveSketchWorker | DetectWorker, ...] = ()
        self.left_behind: tuple[str, ...] = ()
        """Threads that had not finished when :meth:`run` ended: the process must not wait for them."""

    def run(self) -> None:
        """Work until :meth:`stop`, or until a worker fails.

        Raises
        ------
        BrokerError
            When Kafka ended the first worker that failed: fenced by another of its name, the outcome of a commit not
            known, a right that is missing; says what to do.
        Exception
            Whatever else ended the first worker that failed.
        ConfigurationError
            When the native library is required and cannot be used.
        """
        given_name = nullcontext(self._name or socket.gethostname())
        try:
            with worker_slot(self._settings.kafka.prefix) if self._needs_slot else given_name as self._name:
                self._run(self._name)
        except Exception as error:
            failure = broker_error(error, self._settings.kafka.brokers, self._name)
            if failure is None:
                raise
            raise failure from error

    @property
    def _needs_slot(self) -> bool:
        return self._name is None and self._role != "detect"

    def _run(self, name: str) -> None:
        runs = description()
        unused = problem()
        if unused is not None:
            _log.warning("the native library is not used", reason=unused)
        if self._create_topics:
            self._make_topics()
        profiles = Profiles(shelf=Shelf(ShelfFile(self._data_dir)))
        references = ReferenceReader(self._settings.kafka, self._credentials, profiles, self._fail)
        references.start()
        workers = self._workers(profiles, references, name)
        self._server.add_health("references", references.healthy)
        self._server.add_health("workers", self._failure)
        port = self._server.start()
        _log.info(
            "started",
            role=self._role,
            name=name,
            metrics_port=port,
            profiles=len(profiles),
            runs=runs,
        )
        threads = [
            threading.Thread(target=self._guard, args=(worker.run,), name=kind, daemon=True)
            for kind, worker in workers.items()
        ]
        try:
            for thread in threads:
                thread.start()
            self._running = tuple(workers.values())
            wait_for(self._ending)
        finally:
            for worker in workers.values():
                worker.stop()
            unfinished = self._join(threads)
            if not references.stop():
                unfinished.append("references")
            self.left_behind = tuple(unfinished)
            if unfinished:
                _log.error(
                    "workers did not stop in time; uncommitted records will be read again", left_behind=unfinished
                )
            self._server.close()
        if self._errors:
            raise self._errors[0]
        _log.info("stopped", role=self._role, name=name)

    @staticmethod
    def _join(threads: list[threading.Thread]) -> list[str]:
        """Wait for the workers; return those that did not finish, as they wait for a broker that is gone."""
        deadline = time.monotonic() + _STOP_S
        for thread in threads:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - time.monotonic()))
        return [thread.name for thread in threads if thread.is_alive()]

    def is_ready(self) -> bool:
        """Whether every worker of this process has its partitions."""
        return bool(self._running) and all(worker.is_ready() for worker in self._running)

    def stop(self) -> None:
        """Ask the workers to finish; may be called from any thread or signal handler."""
        self._ending.set()

    def _guard(self, run: Callable[[], None]) -> None:
        """Run a worker; whatever ends it ends the process, with its reason."""
        try:
            run()
        except:  # noqa: E722  # handed to the main thread; C extensions can raise what is no exception
            error = sys.exc_info()[1]
            if not isinstance(error, BaseException):
                error = KafkaException(error)
            _log.error("worker failed", worker=threading.current_thread().name, error=str(error))
            self._fail(error)
        finally:
            self._ending.set()

    def _fail(self, error: BaseException) -> None:
        """End the process with an error; the first one counts. Called from the threads of workers and readers."""
        self._errors.append(error)
        self._ending.set()

    def _failure(self) -> str | None:
        return f"a worker has ended: {self._errors[0]}" if self._errors else None

    def _workers(
        self, profiles: Profiles, references: ReferenceReader, name: str
    ) -> dict[str, AdaptiveSketchWorker | DetectWorker]:
        workers: dict[str, AdaptiveSketchWorker | DetectWorker] = {}
        if self._role in {"all", "sketch"}:

            def make(settings: Settings) -> SketchWorker:
                recount = self._accept_recount
                return SketchWorker(
                    settings, self._credentials, profiles, self._telemetry, name, accept_recount=recount
                )

            sketch = workers["sketch"] = AdaptiveSketchWorker(self._settings, self._credentials, make)
            self._server.add_ready("input", sketch.all_refused)
        if self._role in {"all", "detect"}:
            from driftline.runtime.detect.detect_worker import DetectWorker  # noqa: PLC0415  # 90 MB that sketching saves

            workers["detect"] = DetectWorker(
                self._settings,
                self._credentials,
                profiles,
                references,
                self._telemetry,
                data_dir=self._data_dir,
                check_crcs=not self._embedded,
            )
        for kind, worker in workers.items():
            self._server.add_ready(kind, _probe(worker.is_ready, f"the {kind} worker has no partitions yet"))
            if isinstance(worker, AdaptiveSketchWorker):
                self._server.add_ready("schema_registry", worker.schema_problem)
            else:
                self._server.add_ready("output_schemas", worker.schema_problem)
                self._server.add_ready("progress", worker.stall)
        return workers

    def _make_topics(self) -> None:
        input_topics(self._settings, self._credentials)
        created = TopicAdmin(self._settings, self._credentials).create()
        if created:
            _log.info("topics created", topics=list(created))


def _probe(ready: Callable[[], bool], reason: str) -> Callable[[], str | None]:
    return lambda: None if ready() else reason
