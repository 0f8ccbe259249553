"""The detect stage's worker: a Faust application in an event loop of its own, without Faust's command line."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from driftline.errors import BrokerError, describe
from driftline.runtime.detect.detect_agent import PanesAgent
from driftline.runtime.detect.faust_app import DetectApp
from driftline.runtime.detect.faust_credentials import faust_credentials
from driftline.runtime.detect.faust_table import StateTable, StateTableManager
from driftline.runtime.detect.faust_transport import Transport
from driftline.runtime.detect.heartbeat_guard import HeartbeatGuard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from driftline.runtime.detect.detect_agent import DetectTelemetry, PartitionMonitor, References
    from driftline.runtime.detect.detect_settings import DetectSettings

_STOP_TIMEOUT_S: Final = 20.0  # Faust's services; state and position are safe before they begin to stop
_ADMIN_TIMEOUT_S: Final = 30.0
_SHOWN_POLL_S: Final = 0.1
_STREAM_BUFFER: Final = 64  # records waiting for the agent; each may have 512 KB
_STATE_TOPIC_CONFIG: Final = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.1",  # the changelog is read whole at each start: keep it short
    "segment.ms": "3600000",
}

_LOG = logging.getLogger(__name__)


class DetectWorker:
    """One member of the detect group; :meth:`run` blocks, the other methods may be called from any thread.

    Parameters
    ----------
    settings : DetectSettings
        Kafka, topics, intervals.
    monitor_factory : callable
        From a panes partition and the entries of its last checkpoint to its monitor. The mapping holds the meta bytes
        under :data:`driftline.runtime.detect.state_table.META_KEY` and is empty for a partition without a checkpoint.
    references : References
        Where missing profiles are waited for.
    telemetry : DetectTelemetry
        Told what happens, from the worker's thread.
    """

    def __init__(
        self,
        settings: DetectSettings,
        monitor_factory: Callable[[int, Mapping[bytes, bytes]], PartitionMonitor],
        references: References,
        telemetry: DetectTelemetry,
    ) -> None:
        self._settings = settings
        self._monitor_factory = monitor_factory
        self._references = references
        self._telemetry = telemetry
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop_event = asyncio.Event()
        self._stop_requested = False
        self._agent: PanesAgent | None = None

    def run(self) -> None:
        """Work until :meth:`stop`, in an event loop of its own, without touching signals or logging.

        Raises
        ------
        BrokerError
            The topics do not fit: the panes topic is missing or has another number of partitions, or the state topic.
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

    def _new_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            self._loop = asyncio.new_event_loop()
            if self._stop_requested:
                self._stop_event.set()
            return self._loop

    async def _main(self) -> None:
        await asyncio.to_thread(check_topics, self._settings)
        if self._stop_event.is_set():
            return
        guard = HeartbeatGuard(self._settings.session_timeout_s)
        agent = PanesAgent(self._settings, self._monitor_factory, self._references, self._telemetry, guard)
        app = build_app(self._settings, agent, guard)
        self._agent = agent
        ends: set[asyncio.Future[Any]] = {
            asyncio.ensure_future(_start(app)),
            asyncio.ensure_future(app.wait_until_stopped()),
            asyncio.ensure_future(self._stop_event.wait()),
            agent.failure,
        }
        try:
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._agent = None
            await _shut_down(app, agent, ends)
        for future in done | {agent.failure}:
            if future.done() and not future.cancelled():
                future.result()
        if app.crash_reason is not None:
            raise app.crash_reason


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
        _LOG.warning("Expected Faust to stop within %.0f s, it did not; state and position are safe", _STOP_TIMEOUT_S)


def build_app(settings: DetectSettings, agent: PanesAgent, guard: HeartbeatGuard) -> DetectApp:
    """Return the Faust application of a worker: one agent on the panes topic and its table."""
    app = DetectApp(
        settings.group_id,
        guard=guard,
        panes_reader=agent,
        transport=Transport,
        TableManager=StateTableManager,
        broker=[f"kafka://{address.strip()}" for address in settings.bootstrap.split(",")],
        broker_credentials=faust_credentials(settings.security),
        broker_client_id=f"{settings.group_id}-{socket.gethostname()}",
        broker_commit_interval=settings.commit_interval_s,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.heartbeat_interval_s,
        broker_rebalance_timeout=settings.rebalance_timeout_s,
        broker_request_timeout=settings.request_timeout_s,
        broker_check_crcs=settings.check_crcs,
        producer_request_timeout=settings.request_timeout_s,
        producer_linger=0.005,  # seconds; outputs of one record travel together
        processing_guarantee="at_least_once",
        store="memory://",
        datadir=settings.data_dir,
        table_standby_replicas=0,
        topic_allow_declare=False,  # check_topics() creates the one topic that is ours to create
        topic_disable_leader=True,
        topic_partitions=settings.panes_partitions,
        stream_buffer_maxsize=_STREAM_BUFFER,
        stream_wait_empty=False,  # the agent itself finishes before a revocation
        stream_recovery_delay=0.0,
        web_enabled=False,
        canonical_url=f"http://{uuid.uuid4().hex}.driftline.invalid:6066",  # Faust tells workers apart by it
        autodiscover=False,
    )
    table = StateTable(app, name="detect-state", changelog=settings.state_topic, partitions=settings.panes_partitions)
    app.tables.add(table)
    agent.attach(app, table)
    panes = app.topic(
        settings.panes_topic,
        partitions=settings.panes_partitions,
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


def check_topics(settings: DetectSettings) -> None:
    """Make sure that the panes topic and the state topic have the partitions the settings say.

    Raises
    ------
    BrokerError
        A topic is missing or has another number of partitions.
    """
    properties: dict[str, Any] = {"logger": logging.getLogger("driftline.kafka"), **settings.security}
    admin = AdminClient({**properties, "bootstrap.servers": settings.bootstrap})
    _expect_partitions(settings, settings.panes_topic, _partitions_of(admin, settings.panes_topic))
    found = _partitions_of(admin, settings.state_topic)
    if found == 0 and settings.manage_state_topic:
        _create_state_topic(admin, settings)
        found = _partitions_once_shown(admin, settings.state_topic)
    _expect_partitions(settings, settings.state_topic, found)


def _partitions_of(admin: AdminClient, topic: str) -> int:
    try:
        # asking for one topic by its name creates it, where the broker creates topics by itself
        described = admin.list_topics(timeout=_ADMIN_TIMEOUT_S).topics.get(topic)
    except KafkaException as error:
        raise BrokerError(f"Cannot ask the broker about topic {topic}: {error.args[0]}") from error
    return 0 if described is None or described.error is not None else len(described.partitions)


def _partitions_once_shown(admin: AdminClient, topic: str) -> int:
    """Return the partitions of a topic that exists: this worker or another has made it only just now."""
    end_s = time.monotonic() + _ADMIN_TIMEOUT_S
    while not (found := _partitions_of(admin, topic)) and time.monotonic() < end_s:
        time.sleep(_SHOWN_POLL_S)
    return found


def _create_state_topic(admin: AdminClient, settings: DetectSettings) -> None:
    topic = NewTopic(
        settings.state_topic,
        num_partitions=settings.panes_partitions,
        replication_factor=settings.replication_factor,
        config=_STATE_TOPIC_CONFIG,
    )
    creation = admin.create_topics([topic], operation_timeout=_ADMIN_TIMEOUT_S)[settings.state_topic]
    try:
        creation.result()
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise BrokerError(f"Cannot create topic {settings.state_topic}: {error.args[0]}") from error


def _expect_partitions(settings: DetectSettings, topic: str, found: int) -> None:
    if found != settings.panes_partitions:
        advice = "; run `driftline topics create`" if not found else "; partitions of panes and state must be equal"
        raise BrokerError(describe(f"{settings.panes_partitions} partitions", found, f"topic {topic}") + advice)
