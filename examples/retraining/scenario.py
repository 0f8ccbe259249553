"""The whole story: serve, drift, be asked to retrain, retrain, deploy, go on."""

from __future__ import annotations

import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from driftline.config.load import load_settings
from driftline.config.secrets import Credentials
from driftline.events.cloudevents import epoch_ms, rfc3339
from driftline.runtime.demo.embedded_broker import EmbeddedBroker
from driftline.runtime.kafka.kafka_clients import connect_admin
from driftline.runtime.kafka.topics import create, topic_specs
from driftline.runtime.node import Node, NodeOptions
from driftline.runtime.references.reference_topic import publish
from examples.retraining.applicants import DRIFT_HOUR, HOUR_MS, START_MS, applicants
from examples.retraining.model import CreditModel, Example
from examples.retraining.retrainer import Retrainer, reference
from examples.retraining.server import LABELS, PREDICTIONS, Server
from examples.retraining.training_data import LabelledPrediction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from driftline.config.settings import Settings
    from examples.retraining.retrainer import Deployment

    Json = dict[str, Any]

CONFIGURATION = Path(__file__).with_name("driftline.yaml")
PARTITIONS = 3
TRAINING_HOURS = 5
LEAD_HOURS = 3
"""How far the server may be ahead of what driftline has evaluated: in real time it would not be at all."""
LAST_HOURS = 4
"""Hours served by the new version before the story ends."""
PATIENCE_S = 120.0


@dataclass
class Outcome:
    """What happened."""

    requests: list[Json] = field(default_factory=list)
    waits: list[Json] = field(default_factory=list)
    """What the policy waited for."""
    deployment: Deployment | None = None
    alerts: dict[str, Json] = field(default_factory=dict)
    """Latest state of each alert."""
    performance: list[Json] = field(default_factory=list)
    """Performance events, in their order."""
    evaluated_ms: int = START_MS
    """End of the last window whose columns were checked."""

    def accuracy(self, version: str) -> dict[str, float]:
        """Return the accuracy by window of a version, at the latest revision with labels."""
        return {
            event["window"]["start"]: event["metrics"]["accuracy"]
            for event in self.performance
            if event["model_version"] == version and event["metrics"]["accuracy"] is not None
        }


def run(brokers: str | None, prefix: str, say: Callable[[str], None]) -> Outcome:
    """Run the story on a broker, whose topics must be new; None is the embedded one."""
    with ExitStack() as stack:
        if brokers is None:
            bare = _settings("", prefix)
            topics = {spec.name: spec.partitions for spec in topic_specs(bare, PARTITIONS)}
            topics |= dict.fromkeys((*bare.predictions.topics, f"{prefix}.{LABELS}"), PARTITIONS)
            settings = _settings(stack.enter_context(EmbeddedBroker(topics)).bootstrap, prefix)
        else:
            settings = _settings(brokers, prefix)
            _create_topics(settings, prefix)
        model = _original(settings)
        server = Server(settings.kafka.brokers, prefix, model)
        check = stack.enter_context(_working(settings, embedded=brokers is None))
        return _tell(settings, server, check, say)


def _settings(brokers: str, prefix: str) -> Settings:
    given = {
        "kafka.prefix": prefix,
        "predictions.topic": f"{prefix}.{PREDICTIONS}",
        "labels.topic": f"{prefix}.{LABELS}",
    }
    return load_settings(CONFIGURATION, {}, given | ({"kafka.brokers": brokers} if brokers else {}))


def _create_topics(settings: Settings, prefix: str) -> None:
    admin = AdminClient({"bootstrap.servers": settings.kafka.brokers})
    # The story's times are months old: with a retention the broker would soon delete its records.
    counts = {PREDICTIONS: PARTITIONS, LABELS: PARTITIONS, "control": 1}
    wanted = [NewTopic(f"{prefix}.{name}", n, 1, config={"retention.ms": "-1"}) for name, n in counts.items()]
    for made in admin.create_topics(wanted).values():
        made.result(30)
    create(connect_admin(settings.kafka, Credentials()), topic_specs(settings, PARTITIONS))


def _original(settings: Settings) -> CreditModel:
    """Train version 1 on hours before the start, and publish its reference, of later ones."""
    hours = [applicants(hour) for hour in range(-TRAINING_HOURS, 0)]
    model = CreditModel("1", [Example(each.features, each.label) for hour in hours[:-2] for each in hour])
    rows = [each for hour in hours[-2:] for each in hour]
    scores = [model.score(each.features) for each in rows]
    table = [
        LabelledPrediction(each.time_ms, each.features, model.decide(score), score, each.label)
        for each, score in zip(rows, scores, strict=True)
    ]
    publish(settings.kafka, Credentials(), reference(settings, model, table, scores))
    return model


@contextmanager
def _working(settings: Settings, *, embedded: bool) -> Iterator[Callable[[], None]]:
    """Run driftline's workers in this process; yields a function that raises what ended them."""
    failure: list[BaseException] = []
    with tempfile.TemporaryDirectory(prefix="driftline-retraining-") as folder:
        node = Node(
            settings,
            Credentials(),
            "all",
            name="retraining",
            data_dir=Path(folder),
            options=NodeOptions(embedded=embedded),
        )

        def work() -> None:
            try:
                node.run()
            except BaseException as error:  # noqa: BLE001  # handed to the main thread, which raises it
                failure.append(error)

        def check() -> None:
            if failure:
                raise failure[0]

        worker = threading.Thread(target=work, name="driftline")
        worker.start()
        try:
            yield check
        finally:
            node.stop()
            worker.join()


def _tell(settings: Settings, server: Server, check: Callable[[], None], say: Callable[[str], None]) -> Outcome:
    """Serve hours while driftline keeps up, and act on its events."""
    outcome, retrainer = Outcome(), Retrainer(settings, server)
    kafka = settings.kafka
    consumer = Consumer({"bootstrap.servers": kafka.brokers, "group.id": f"{kafka.prefix}-story"})
    consumer.assign([TopicPartition(kafka.topic("events"), 0, 0), TopicPartition(kafka.topic("alerts"), 0, 0)])
    last_hour: int | None = None
    deadline = time.monotonic() + PATIENCE_S
    try:
        while not _is_over(outcome, last_hour):
            check()
            ahead = server.time_ms < outcome.evaluated_ms + LEAD_HOURS * HOUR_MS
            if ahead and (last_hour is None or server.hour < last_hour):
                say(f"{rfc3339(server.time_ms)[11:16]}  {'' if server.hour < DRIFT_HOUR else 'drifted '}applicants")
                server.serve_hour()
                deadline = time.monotonic() + PATIENCE_S
            for message in consumer.consume(200, 0.05):
                value = message.value()
                headers: dict[str, Any] = dict(message.headers() or [])
                if message.error() is None and value is not None:
                    kind = headers["ce_type"].decode().split(".")[2]
                    _note(outcome, kind, orjson.loads(value), say)
            if outcome.requests and last_hour is None:
                outcome.deployment = retrainer.handle(outcome.requests[0])
                if outcome.deployment is None:
                    raise RuntimeError("Expected a new version that is better than the present one, got a worse one")
                last_hour = server.hour + LAST_HOURS
                command = outcome.deployment.command
                say(f"       version {command.model_version} deployed from {command.at}: {command.comment}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"Expected driftline to go on within {PATIENCE_S:g} s, got no event")
    finally:
        consumer.close()
    return outcome


def _note(outcome: Outcome, kind: str, event: Json, say: Callable[[str], None]) -> None:
    if kind == "window" and event["window"]["kind"] == "tumbling":
        outcome.evaluated_ms = max(outcome.evaluated_ms, epoch_ms(event["window"]["end"]))
    elif kind == "performance":
        outcome.performance.append(event)
    elif kind == "retrain_requested":
        outcome.requests.append(event)
        say(f"       {event['message']}")
    elif kind == "retraining_waiting":
        outcome.waits.append(event)
        say(f"       {event['message']}")
    elif kind == "alert":
        before = outcome.alerts.get(event["alert_id"])
        outcome.alerts[event["alert_id"]] = event
        if before is None or before["state"] != event["state"]:
            say(f"       alert {event['state']}, version {event['model_version']}: {event['title']}")


def _is_over(outcome: Outcome, last_hour: int | None) -> bool:
    """Whether the new version has been measured for two hours, and the deploy has resolved the old one's alerts."""
    if last_hour is None or outcome.deployment is None:
        return False
    if any(alert["state"] == "open" for alert in outcome.alerts.values()):
        return False
    return len(outcome.accuracy(outcome.deployment.command.model_version)) >= 2  # two of four hours
