"""``join.repartition: auto``: labels are joined in place until records show that they would not meet their predictions.

The offset that the sketch group has committed in the pending topic says that joins are routed, for all workers and all
later starts. Whoever finds the reason commits it and starts again; the others learn of it with the rebalance that
follows.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from confluent_kafka import Consumer
from msgspec.structs import replace

from driftline.runtime.kafka.input_partitions import pending_partitions
from driftline.runtime.kafka.kafka_clients import connect_admin, consumer_configuration
from driftline.runtime.kafka.topic_choice import read_topics
from driftline.runtime.kafka.topics import partition_counts
from driftline.runtime.operations.logs import get_logger
from driftline.runtime.sketch.routing_mark import RoutingNeeded
from driftline.runtime.sketch.source_topics import TopicsChanged

if TYPE_CHECKING:
    from collections.abc import Callable

    from driftline.config.secrets import Credentials
    from driftline.config.settings import Settings
    from driftline.runtime.sketch.sketch_worker import SketchWorker

_REQUEST_S: Final = 30.0
_log = get_logger(__name__)


def with_routing(settings: Settings) -> Settings:
    """Return the settings with joins routed through the pending topic."""
    return replace(settings, join=replace(settings.join, repartition=True))


def routing_reason(settings: Settings, credentials: Credentials) -> str | None:
    """Return why joins are routed from the start of a worker on; None where nothing says so yet.

    Raises
    ------
    BrokerError
        When no broker answers.
    KafkaException
        When the broker does not tell the group's offsets.
    """
    if settings.labels is None or settings.join.repartition != "auto":
        return None
    if settings.has_several_topics:
        return "a label may be of a prediction in any of several topics"
    topics = [topic for topics in read_topics(settings).values() for topic in topics]
    counts = partition_counts(connect_admin(settings.kafka, credentials), topics)
    if len(set(counts.values()) - {None}) > 1:
        shown = ", ".join(f"{topic} has {count}" for topic, count in counts.items())
        return f"the topics differ in their numbers of partitions: {shown}"
    places = pending_partitions(settings, credentials)
    consumer = Consumer(consumer_configuration(settings.kafka, credentials, f"{settings.kafka.prefix}-sketch"))
    try:
        committed = consumer.committed(places, timeout=_REQUEST_S) if places else []
    finally:
        consumer.close()
    return "it was found out before" if any(place.offset >= 0 for place in committed) else None


class AdaptiveSketchWorker:
    """A sketch worker that starts again with routed joins where ``join.repartition`` is ``auto`` and needs it.

    It also starts again where there are other topics to read than at its start.

    ``make`` returns a worker for settings.
    """

    def __init__(self, settings: Settings, credentials: Credentials, make: Callable[[Settings], SketchWorker]) -> None:
        self._make = make
        self._settings = settings
        reason = routing_reason(settings, credentials)
        if reason is not None:
            self._route(reason)
        self._worker = make(self._settings)
        self._lock = threading.Lock()
        self._stopping = False

    def _route(self, reason: str) -> None:
        _log.warning(
            "labels are joined by way of the pending topic, as predictions and labels of an id are not in partitions "
            "of the same number",
            reason=reason,
        )
        self._settings = with_routing(self._settings)

    def run(self) -> None:
        """Work until :meth:`stop`; raises what :meth:`SketchWorker.run` raises."""
        while True:
            try:
                self._worker.run()
            except RoutingNeeded as needed:
                self._route(str(needed))
            except TopicsChanged as changed:
                _log.info("starting again: there are other topics to read", changes=str(changed))
            else:
                return
            worker = self._make(self._settings)
            with self._lock:
                self._worker = worker
                if self._stopping:
                    worker.stop()

    def stop(self) -> None:
        """Ask the worker to finish: it flushes and leaves the group."""
        with self._lock:
            self._stopping = True
            self._worker.stop()

    def is_ready(self) -> bool:
        """Whether partitions have been assigned."""
        return self._worker.is_ready()

    def all_refused(self) -> str | None:
        """Return that every record of a topic is refused, and why; None while some can be used."""
        return self._worker.all_refused()

    def schema_problem(self) -> str | None:
        """Return why schemas of records cannot be had; None while they can, or are not needed."""
        return self._worker.schema_problem()
