"""Reads the alerts for one sink and delivers its messages, in a thread of its own: no sink waits for another.

The order of a round: read, attempt at most one delivery, commit what is done. A record is committed after the sink has
taken it, or after its dead letter was written; a process that is killed in between sends it again, with the same key.
"""

from __future__ import annotations

import threading
import time
from random import Random
from typing import TYPE_CHECKING, Final

from driftline.alerts.fleet import Fleet
from driftline.notify.fleet_gate import FleetGate
from driftline.notify.outbox import Outbox
from driftline.notify.progress import MAX_HELD
from driftline.runtime.encodings.event_decoder import EventDecoder
from driftline.runtime.notify.alert_consumer import AlertConsumer
from driftline.runtime.notify.dead_letters import DeadLetters
from driftline.runtime.notify.delivery import Delivery
from driftline.runtime.notify.http_senders import AlertmanagerSender
from driftline.runtime.notify.session import RawRecord, Session
from driftline.runtime.operations.logs import get_logger
from driftline.runtime.references.watched_models import watched_models

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from driftline.config.secrets import Credentials
    from driftline.config.settings import Settings
    from driftline.notify.message import Message
    from driftline.notify.progress import Progress
    from driftline.notify.routing import Router
    from driftline.runtime.notify.figures import SinkFigures
    from driftline.runtime.notify.outcome import Sender

_LONGEST_POLL_S: Final = 0.2
"""How long a signal to stop, or a message that becomes due, waits at most."""
_COMMIT_EVERY_S: Final = 1.0
"""For records that nothing is sent for; what was sent is committed at once."""
_log = get_logger(__name__)


class SinkWorker:
    """Works for one sink until it is stopped.

    Parameters
    ----------
    settings : Settings
    credentials : Credentials
    name : str
        The sink's.
    router : Router
    sender : Sender
    figures : SinkFigures
    """

    def __init__(
        self,
        settings: Settings,
        credentials: Credentials,
        name: str,
        router: Router,
        sender: Sender,
        figures: SinkFigures,
    ) -> None:
        self._settings = settings
        self._credentials = credentials
        self._sink = settings.notify.sinks[name]
        self.name = name
        self._router = router
        self._watched: Collection[tuple[str, str]] = ()
        self._held_back: frozenset[str] = frozenset()
        self._alertmanager = sender if isinstance(sender, AlertmanagerSender) else None
        self._figures = figures
        self._delivery = Delivery(sender, self._sink.retry, time.time, Random())
        self._dead_letters = DeadLetters(settings.kafka, credentials, name)
        self._decode = EventDecoder(settings.schema_registry, credentials)
        self._stopping = threading.Event()
        self._session: Session | None = None
        self._restate_s = 0.0
        self._restating: str | None = None
        self._commit_s = 0.0

    def run(self) -> None:
        """Work until :meth:`stop`.

        Raises
        ------
        BrokerError, KafkaException
            When Kafka cannot be worked with.
        """
        kafka, fleet = self._settings.kafka, self._settings.fleet
        if self._sink.fleet and fleet.models is None:
            self._watched = watched_models(kafka, self._credentials)
            _log.info("models with a published reference", sink=self.name, n=len(self._watched))
        consumer = AlertConsumer(kafka, self._credentials, self.name, self._assigned)
        try:
            while not self._stopping.is_set():
                self._read(consumer)
                if self._session is not None and self._session.is_new:
                    self._commit(consumer, at_once=True)
                    continue
                sent = self._deliver()
                self._restate()
                self._commit(consumer, at_once=sent)
                self._show()
            self._commit(consumer, at_once=True)
        finally:
            consumer.close()

    def stop(self) -> None:
        """Ask the worker to finish; may be called from any thread."""
        self._stopping.set()

    def problem(self) -> str | None:
        """Return why the sink is not told of alerts now; None while all is well. May be called from any thread."""
        if self._session is None:
            return f"the sink `{self.name}` has not joined its consumer group yet"
        problem = self._delivery.problem or self._restating
        return None if problem is None else f"the sink `{self.name}` does not take messages: {problem}"

    def _assigned(self, progress: Mapping[int, Progress]) -> None:
        self._delivery.forget()
        self._restate_s, self._restating = 0.0, None
        gate = FleetGate(Fleet(self._settings, self._watched)) if self._sink.fleet else None
        self._session = Session(Outbox(self.name, self._sink, self._router, gate), progress, self._decode)

    def _read(self, consumer: AlertConsumer) -> None:
        records = consumer.poll(self._poll_s())
        session = self._session  # a rebalance happens while polling
        if session is None:
            return
        for record in records:
            now_s = time.time()
            if not isinstance(record, RawRecord):
                session.at_end(*record, now_s)
                continue
            problem = session.read(record, now_s)
            if problem is not None:
                _log.error("an alert cannot be read", sink=self.name, offset=record.offset, problem=problem)
                self._bury([(record.partition, record.offset, record.value or b"")], problem)
                session.done([(record.partition, record.offset)])
        if not session.in_history:
            n_waiting = session.n_held - session.outbox.n_records_held_back
            full = n_waiting >= MAX_HELD
            if full or n_waiting < MAX_HELD // 2:
                consumer.pause(paused=full)

    def _poll_s(self) -> float:
        session, now_s = self._session, time.time()
        if session is None:
            return _LONGEST_POLL_S
        waiting = session.outbox.waiting
        due_s = waiting.wake_at(now_s) if waiting.current is None else self._delivery.not_before_s
        return min(_LONGEST_POLL_S, max(0.0, due_s - now_s))

    def _deliver(self) -> bool:
        """Attempt to deliver the next message; return whether one is done."""
        session = self._session
        message = None if session is None or session.in_history else session.outbox.next(time.time())
        if session is None or message is None:
            return False
        step = self._delivery.step(message)
        if step.result == "delivered":
            session.finished(time.time(), sent=True)
            self._figures.sent.inc()
            _log.info("message delivered", sink=self.name, key=message.key, n_alerts=len(message.entries))
            return True
        if step.result == "given up":
            self._give_up(message, step.problem)
            session.finished(time.time(), sent=False)
            return True
        if step.result == "failed":
            self._figures.failed.inc()
            _log.warning(
                "message not delivered",
                sink=self.name,
                key=message.key,
                problem=step.problem,
                next_attempt_in_s=round(step.wait_s, 1),
            )
        return False

    def _give_up(self, message: Message, problem: str) -> None:
        self._figures.failed.inc()
        records = [(entry.record.partition, entry.record.offset, entry.record.raw) for entry in message.entries]
        _log.error("message given up, its records are dead letters", sink=self.name, key=message.key, problem=problem)
        self._bury(records, f"The sink `{self.name}` did not take `{message.key}`: {problem}")

    def _bury(self, records: list[tuple[int, int, bytes]], message: str) -> None:
        self._figures.dead_letters.inc(self._dead_letters.write(records, message))

    def _restate(self) -> None:
        """Tell Alertmanager again what is open, at intervals."""
        session, sender, now_s = self._session, self._alertmanager, time.time()
        if session is None or sender is None or now_s < self._restate_s or not session.is_caught_up:
            return
        outcome = sender.restate(list(session.outbox.open_entries()), now_s)
        if outcome.problem is not None and self._restating is None:
            _log.warning("open alerts could not be sent again", sink=self.name, problem=outcome.problem)
        self._restating = outcome.problem
        self._restate_s = now_s + sender.interval_s

    def _commit(self, consumer: AlertConsumer, *, at_once: bool) -> None:
        session, now_s = self._session, time.monotonic()
        if session is None or (not at_once and now_s < self._commit_s):
            return
        self._commit_s = now_s + _COMMIT_EVERY_S
        changed = list(session.to_commit())
        if changed and consumer.commit(changed):
            for each in changed:
                session.committed(*each)

    def _show(self) -> None:
        session = self._session
        if session is not None:
            self._figures.waiting.set(session.n_held - session.outbox.n_records_held_back)
            self._show_held_back(session.outbox.held_back)
            self._figures.failing.set(self._delivery.failing_s)
            self._figures.open_alerts.set(sum(1 for _ in session.outbox.open_alerts()))

    def _show_held_back(self, alert_ids: frozenset[str]) -> None:
        self._figures.held_back.set(len(alert_ids))
        for alert_id in sorted(alert_ids - self._held_back):
            _log.info("alert held back, as it is not in the fleet's set", sink=self.name, alert=alert_id)
        for alert_id in sorted(self._held_back - alert_ids):
            _log.info("alert no longer held back", sink=self.name, alert=alert_id)
        self._held_back = alert_ids
