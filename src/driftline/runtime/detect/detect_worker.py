"""The detect stage's worker: a Faust application in an event loop of its own, without Faust's command line."""

from __future__ import annotations

import asyncio
import socket
import threading
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from driftline.errors import BrokerError
from driftline.monitoring.partition_monitor import PartitionMonitor
from driftline.runtime.detect.aiokafka_options import client_options
from driftline.runtime.detect.detect_agent import PanesAgent
from driftline.runtime.detect.faust_app import DetectApp
from driftline.runtime.detect.faust_credentials import faust_credentials
from driftline.runtime.detect.faust_table import StateTable, StateTableManager
from driftline.runtime.detect.faust_transport import Transport
from driftline.runtime.detect.heartbeat_guard import HeartbeatGuard
from driftline.runtime.detect.monitor_reporter import MonitorReporter
from driftline.runtime.detect.readable_ends import ReadableEnds
from driftline.runtime.detect.stall_watch import Consumption, StallWatch
from driftline.runtime.encodings.schema_problems import RegistryUnavailableError
from driftline.runtime.kafka.kafka_clients import connect_admin
from driftline.runtime.kafka.topics import missing_topic, partition_counts
from driftline.runtime.operations.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from driftline.config.secrets import Credentials
    from driftline.config.settings import Settings
    from driftline.profiles.profiles import Profiles
    from driftline.runtime.encodings.event_encoder import EventEncoder
    from driftline.runtime.operations.telemetry import Telemetry
    from driftline.runtime.references.reference_topic import ReferenceReader

_COMMIT_INTERVAL_S: Final = 1.0
"""How often a new position is committed; each is safe before, in a checkpoint."""
_HEARTBEAT_S: Final = 1.0
_REBALANCE_S: Final = 60.0
"""How long the group waits for a member that finishes its record and its last checkpoint."""
_REQUEST_S: Final = 60.0
"""A record that the broker does not take within this ends the worker; no session timeout is longer."""
_STOP_TIMEOUT_S: Final = 20.0
"""For Faust's services; state and position are safe before they begin to stop."""
_STREAM_BUFFER: Final = 64
"""Records waiting for the agent; each may have 512 KB."""

_log = get_logger(__name__)


class DetectWorker:
    """One member of the detect group; :meth:`run` blocks, the other methods may be called from any thread.

    The reader of references keeps the profiles up to date. Faust makes its folders in ``data_dir``, where driftline
    keeps nothing. Without ``check_crcs`` checksums are not checked: those of transactional batches do not hold on the
    embedded broker.
    """

    def __init__(
        self,
        settings: Settings,
        credentials: Credentials,
        profiles: Profiles,
        references: ReferenceReader,
        telemetry: Telemetry,
        *,
        data_dir: Path,
        check_crcs: bool = True,
    ) -> None:
        self._settings = settings
        self._credentials = credentials
        self._profiles = profiles
        self._references = references
        self._telemetry = telemetry
        self._data_dir = data_dir
        self._shelf = None if profiles.shelf is None else profiles.shelf.another()
        self._check_crcs = check_crcs
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop_event = asyncio.Event()
        self._stop_requested = False
        self._agent: PanesAgent | None = None
        self._watch: StallWatch | None = None
        self._encoder = _encoder(settings, credentials)

    def restore(self, partition: int, entries: Mapping[bytes, bytes]) -> PartitionMonitor:
        """Return the monitor of a partition from the entries of its last checkpoint; without any, a new one."""
        return PartitionMonitor.restore(partition, self._settings, self._profiles, entries, shelf=self._shelf)

    def run(self) -> None:
        """Work until :meth:`stop`, in an event loop of its own, without touching signals or logging.

        Raises
        ------
        BrokerError
            The panes topic or the state topic is missing or has another number of partitions than the settings say.
        Exception
            Whatever ended the worker: an error of the monitor, of its stored state, of Kafka. State and committed
            position are then those of the last checkpoint.
        """
        with asyncio.Runner(loop_factory=self._new_loop) as runner:
            runner.run(self._main())

    def stop(self) -> None:
        """Ask the worker to finish; a last checkpoint is written where the group still knows this worker."""
        with self._lock:
            self._stop_requested = True
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._stop_event.set)

    def is_ready(self) -> bool:
        """True while the worker is in the group with its state read back, also where it owns no partition."""
        return self._agent is not None and self._agent.is_ready()

    def stall(self) -> str | None:
        """Return which partitions have unread records and make no progress; None while all go on."""
        return None if self._watch is None else self._watch.problem()

    def schema_problem(self) -> str | None:
        """Return why the schemas of events cannot be registered yet, so that the worker waits; None otherwise."""
        return None if self._encoder is None else self._encoder.client.problem

    def _new_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            self._loop = asyncio.new_event_loop()
            if self._stop_requested:
                self._stop_event.set()
            return self._loop

    async def _main(self) -> None:
        await asyncio.to_thread(check_topics, self._settings, self._credentials)
        await self._register_schemas()
        if self._stop_event.is_set():
            return
        guard = HeartbeatGuard(self._settings.detect.session_timeout / 1000)
        reporter = MonitorReporter(self._telemetry, self._settings, self._profiles)
        agent = PanesAgent(self._settings, self.restore, self._references, self._telemetry, reporter, guard)
        app = self._build_app(agent, guard)
        self._agent = agent
        over = self._watch_progress(agent)
        ends: set[asyncio.Future[Any]] = {
            asyncio.ensure_future(_start(app)),
            asyncio.ensure_future(app.wait_until_stopped()),
            asyncio.ensure_future(self._stop_event.wait()),
            agent.failure,
        }
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.set()
            self._agent = self._watch = None
            await _shut_down(app, agent, ends)
        for future in done | {agent.failure}:
            if future.done() and not future.cancelled():
                future.result()
        if app.crash_reason is not None:
            raise app.crash_reason

    def _watch_progress(self, agent: PanesAgent) -> threading.Event:
        """Watch the agent from a thread of its own, which sees also an event loop that stands still, until the event
        that is returned.
        """
        kafka, loop, over = self._settings.kafka, asyncio.get_running_loop(), threading.Event()
        ends = ReadableEnds(kafka, self._credentials)
        asked = Consumption(agent.reached, ends, agent.is_computing)
        watch = StallWatch(kafka.topic("panes"), self._settings.detect.stall_timeout, asked, self._telemetry)

        def fail(error: Exception) -> None:
            if not over.is_set():
                loop.call_soon_threadsafe(agent.fail, error)

        threading.Thread(target=watch.run, args=(over, fail), name="stall-watch", daemon=True).start()
        self._watch = watch
        return over

    async def _register_schemas(self) -> None:
        """Wait until the registry has given the schemas of events their ids, or until the worker shall stop."""
        encoder = self._encoder
        while encoder is not None and not self._stop_event.is_set():
            try:
                await asyncio.to_thread(encoder.register)
            except RegistryUnavailableError:  # the client has logged it, and `/readyz` shows it
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stop_event.wait(), encoder.client.wait_s)
            else:
                break

    def _build_app(self, agent: PanesAgent, guard: HeartbeatGuard) -> DetectApp:
        """Return the Faust application: one agent on the panes topic, and its table."""
        kafka, session_timeout_s = self._settings.kafka, self._settings.detect.session_timeout / 1000
        group = f"{kafka.prefix}-detect"
        app = DetectApp(
            group,
            guard=guard,
            panes_reader=agent,
            client_options=client_options(kafka),
            transport=Transport,
            TableManager=StateTableManager,
            broker=[f"kafka://{address.strip()}" for address in kafka.brokers.split(",")],
            broker_credentials=faust_credentials(kafka, self._credentials),
            broker_client_id=f"{group}-{socket.gethostname()}",
            broker_commit_interval=_COMMIT_INTERVAL_S,
            broker_session_timeout=session_timeout_s,
            broker_heartbeat_interval=_HEARTBEAT_S,
            broker_rebalance_timeout=_REBALANCE_S,
            broker_request_timeout=_REQUEST_S,
            broker_check_crcs=self._check_crcs,
            producer_request_timeout=_REQUEST_S,
            producer_linger=0.005,  # seconds; outputs of one record travel together
            processing_guarantee="at_least_once",
            store="memory://",
            datadir=str(self._data_dir),
            table_standby_replicas=0,
            topic_allow_declare=False,  # `driftline topics create` makes them
            topic_disable_leader=True,
            topic_partitions=kafka.panes_partitions,
            stream_buffer_maxsize=_STREAM_BUFFER,
            stream_wait_empty=False,  # the agent itself finishes before a revocation
            stream_recovery_delay=0.0,
            web_enabled=False,
            canonical_url=f"http://{uuid.uuid4().hex}.driftline.invalid:6066",  # Faust tells workers apart by it
            autodiscover=False,
        )
        changelog = kafka.topic("detect-state")
        table = StateTable(app, name="detect-state", changelog=changelog, partitions=kafka.panes_partitions)
        app.tables.add(table)
        agent.attach(app, table, self._encoder)
        panes = app.topic(
            kafka.topic("panes"),
            partitions=kafka.panes_partitions,
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",  # without these two, Faust reads bytes as JSON, and stops at what is none
            value_serializer="raw",
            allow_empty=True,
        )

        async def detect(stream: Any) -> None:  # noqa: ANN401 - Faust and aiokafka leave it untyped
            await agent.run(stream.events())

        app.agent(panes, name="detect", concurrency=1)(detect)
        return app


def _encoder(settings: Settings, credentials: Credentials) -> EventEncoder | None:
    """Return what turns events into the configured encoding; None where they stay JSON."""
    registry = settings.schema_registry
    if settings.output.encoding == "json" or registry is None:
        return None
    from driftline.runtime.encodings.event_encoder import EventEncoder  # noqa: PLC0415  # 50 ms for who needs it
    from driftline.runtime.encodings.registry_client import RegistryClient  # noqa: PLC0415  # as above

    return EventEncoder(RegistryClient(registry, credentials), settings.kafka, registry.id_bytes)


async def _start(app: DetectApp) -> None:
    """Start the application; end only with an error."""
    await app.start()
    await asyncio.Event().wait()


async def _shut_down(app: DetectApp, agent: PanesAgent, tasks: set[asyncio.Future[Any]]) -> None:
    await agent.before_revocation()
    pending = [task for task in tasks if not task.done()]
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    try:
        await asyncio.wait_for(app.stop(), _STOP_TIMEOUT_S)
    except TimeoutError:
        _log.warning("Faust did not stop in time; state and position are safe", timeout_s=_STOP_TIMEOUT_S)


def check_topics(settings: Settings, credentials: Credentials) -> None:
    """Make sure that the panes topic and the state topic have the partitions that the settings say.

    Raises
    ------
    BrokerError
        A topic is missing or has another number of partitions.
    """
    kafka = settings.kafka
    topics = [kafka.topic(name) for name in ("panes", "detect-state")]
    for topic, n_partitions in partition_counts(connect_admin(kafka, credentials), topics).items():
        if n_partitions is None:
            raise missing_topic(kafka, topic)
        if n_partitions != kafka.panes_partitions:
            raise BrokerError(
                f"Expected {kafka.panes_partitions} partitions, got {n_partitions} - at topic `{topic}`. The panes "
                "topic and the state topic have as many partitions as `kafka.panes_partitions` says: run "
                "`driftline topics check`"
            )
