"""The demo: simulated traffic, a drift at a known moment, and the whole of driftline on the embedded broker."""

from __future__ import annotations

import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson
from confluent_kafka import Consumer, Producer, TopicPartition
from msgspec import Struct

from driftline.config.durations import Duration
from driftline.config.input_settings import LabelInput, PredictionInput
from driftline.config.kafka_settings import KafkaSettings
from driftline.config.model import CheckSettings, DispersionSettings, LabelSettings, ModelSettings, WindowSettings
from driftline.config.secrets import Credentials
from driftline.config.settings import Settings, TelemetrySettings, TimeSettings
from driftline.errors import BrokerError
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import TimeOptions, build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.profiles.effective import BEGINNING_MS
from driftline.runtime.demo.embedded_broker import EmbeddedBroker
from driftline.runtime.kafka.kafka_clients import consumer_configuration, producer_configuration
from driftline.runtime.kafka.topics import topic_specs
from driftline.runtime.node import Node, NodeOptions
from driftline.runtime.references.reference_topic import publish
from driftline.simulation.scenario import Scenario
from driftline.simulation.traffic import reference_columns, reference_times, slices

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from confluent_kafka import Message

    from driftline.profiles.profile import Profile

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
PARTITIONS: Final = 3
REFERENCE_ROWS: Final = 20_000
_ORDER: Final = ("window", "performance", "estimate", "label_arrival", "label_stream", "operations", "finding", "alert")
_STARTUP_S: Final = 60.0
_DRAIN_S: Final = 60.0
_OPEN: Final = Credentials()


class DemoPlan(Struct, frozen=True, kw_only=True):
    """What happens in the demo; the embedded broker holds 5 MiB a partition, which bounds it."""

    scenario: Scenario
    """Traffic and drift, in event time."""
    speed: float
    """Seconds of event time a second."""

    @classmethod
    def of(cls, seed: int, speed: float) -> DemoPlan:
        """Return six hours of traffic; income and concept drift in the fourth, for an hour and a half."""
        start_ms = int(time.time() * 1000) // (15 * MINUTE_MS) * 15 * MINUTE_MS - 6 * HOUR_MS
        scenario = Scenario(
            start_ms=start_ms,
            duration_ms=6 * HOUR_MS,
            rate=1.5,
            seed=seed,
            label_delay_ms=4 * MINUTE_MS,
            drift=("income-shift", "concept"),
            drift_at_ms=start_ms + 3 * HOUR_MS,
            drift_until_ms=start_ms + 3 * HOUR_MS + 90 * MINUTE_MS,
        )
        return cls(scenario=scenario, speed=speed)

    def settings(self, brokers: str) -> Settings:
        """Return the demo's configuration: the defaults with shorter times."""
        quarter = Duration(15 * MINUTE_MS)
        return Settings(
            kafka=KafkaSettings(brokers=brokers, panes_partitions=2),
            predictions=PredictionInput(),
            labels=LabelInput(),
            time=TimeSettings(pane=Duration(MINUTE_MS), lateness=Duration(MINUTE_MS)),
            telemetry=TelemetrySettings(port=0),
            defaults=ModelSettings(
                windows=WindowSettings(
                    verdict=(quarter,), display=quarter, hop=Duration(5 * MINUTE_MS), performance=quarter
                ),
                checks=CheckSettings(dispersion=DispersionSettings(span=Duration(3 * HOUR_MS))),
                labels=LabelSettings(horizon=Duration(30 * MINUTE_MS), revisions=(Duration(10 * MINUTE_MS),)),
            ),
        )

    @property
    def last_window_end_ms(self) -> int:
        """End of the last window that the traffic can close."""
        reached = self.scenario.end_ms - 2 * MINUTE_MS
        return reached - reached % (15 * MINUTE_MS)


class DemoResult(Struct, kw_only=True):
    """What went in and what came out."""

    n_predictions: int = 0
    n_labels: int = 0
    events: Counter[str] = Counter()
    n_informative: int = 0
    """Findings that open no alert."""
    drift_at_ms: int
    first_alerts: dict[str, dict[str, Any]] = {}
    """The first state of each alert, by its id, in the order of opening."""
    last_states: dict[str, dict[str, Any]] = {}
    """The last state of each alert, by its id."""
    seconds: float = 0.0


def run_demo(plan: DemoPlan, tell: Callable[[str, dict[str, Any]], None]) -> DemoResult:
    """Run the demo to its end; ``tell`` receives type and data of each event that is read from the output topics.

    Raises
    ------
    BrokerError
        When the workers do not start, or do not come to the end.
    """
    result = DemoResult(drift_at_ms=plan.scenario.drift_at_ms or 0, events=Counter())
    started = time.monotonic()
    bare = plan.settings("")
    topics = {spec.name: spec.partitions for spec in topic_specs(bare, PARTITIONS)}
    topics |= {bare.predictions.topics[0]: PARTITIONS, "labels": PARTITIONS}
    with EmbeddedBroker(topics) as broker, tempfile.TemporaryDirectory(prefix="driftline-demo-") as folder:
        settings = plan.settings(broker.bootstrap)
        publish(settings.kafka, _OPEN, _reference(plan.scenario, settings))
        node = Node(settings, _OPEN, "all", name="demo", data_dir=Path(folder), options=NodeOptions(embedded=True))
        failure: list[BaseException] = []
        worker = threading.Thread(target=_guarded, args=(node, failure), name="node")
        worker.start()
        try:
            _until(lambda: node.is_ready() or bool(failure), _STARTUP_S, "the workers to be ready")
            sender = threading.Thread(target=_send, args=(plan, settings, result), name="traffic", daemon=True)
            sender.start()
            _listen(plan, settings, result, tell, failure)
        finally:
            node.stop()
            worker.join()
    if failure:
        raise failure[0]
    result.seconds = time.monotonic() - started
    return result


def _guarded(node: Node, failure: list[BaseException]) -> None:
    try:
        node.run()
    except BaseException as error:  # noqa: BLE001  # handed to the main thread, which raises it
        failure.append(error)


def _reference(scenario: Scenario, settings: Settings) -> Profile:
    columns = reference_columns(scenario, REFERENCE_ROWS)
    outcome = {name: columns.pop(name) for name in ("prediction", "score", "label")}
    features: dict[str, Any] = dict(columns)
    times = reference_times(scenario, REFERENCE_ROWS)
    table = ReferenceTable(REFERENCE_ROWS, features, outcome["prediction"], outcome["score"], outcome["label"], times)
    key = ModelKey(scenario.model, scenario.version)
    in_time = TimeOptions(pane_ms=int(settings.time.pane))
    return build_profile(key, table, settings.defaults, BEGINNING_MS, "training", in_time=in_time)


def _send(plan: DemoPlan, settings: Settings, result: DemoResult) -> None:
    """Produce the traffic at the plan's speed."""
    producer = Producer(producer_configuration(settings.kafka, _OPEN, more={"partitioner": "murmur2_random"}))
    begun, pace = time.monotonic(), threading.Event()
    for part in _minutes(plan.scenario):
        due = begun + (part[0][0] - plan.scenario.start_ms) / 1000 / plan.speed
        pace.wait(max(0.0, due - time.monotonic()))
        for _, topic, key, value in part:
            producer.produce(topic, value, key=key)
            producer.poll(0)
        result.n_predictions += sum(topic == "predictions" for _, topic, _, _ in part)
        result.n_labels += sum(topic == "labels" for _, topic, _, _ in part)
    producer.flush()


def _minutes(scenario: Scenario) -> Iterator[list[tuple[int, str, str, bytes]]]:
    """Yield the records of both topics, minute by minute of event time."""
    minute: list[tuple[int, str, str, bytes]] = []
    for piece in slices(scenario):
        merged = sorted(
            (time_ms, topic, key, value)
            for topic, records in (("predictions", piece.predictions), ("labels", piece.labels))
            for time_ms, key, value in zip(records.times_ms.tolist(), records.ids, records.values, strict=True)
        )
        for record in merged:
            if minute and record[0] // MINUTE_MS != minute[0][0] // MINUTE_MS:
                yield minute
                minute = []
            minute.append(record)
    if minute:
        yield minute


def _listen(
    plan: DemoPlan,
    settings: Settings,
    result: DemoResult,
    tell: Callable[[str, dict[str, Any]], None],
    failure: list[BaseException],
) -> None:
    """Read the output topics until the event of the last window arrives."""
    kafka = settings.kafka
    consumer = Consumer(consumer_configuration(kafka, _OPEN, "demo-reader"))
    events = [TopicPartition(kafka.topic("events"), partition, 0) for partition in range(kafka.panes_partitions)]
    consumer.assign([*events, TopicPartition(kafka.topic("alerts"), 0, 0)])
    deadline = time.monotonic() + plan.scenario.duration_ms / 1000 / plan.speed + _DRAIN_S
    finished = False
    try:
        while not finished and not failure:
            if time.monotonic() > deadline:
                raise BrokerError(
                    f"Expected the last window's event within {_DRAIN_S:.0f} s of the last record, got none"
                )
            for name, data in _in_order(consumer.consume(100, 0.2)):
                _note(result, name, data)
                tell(name, data)
                finished = finished or _is_last(plan, name, data)
    finally:
        consumer.close()


def _in_order(records: list[Message]) -> list[tuple[str, dict[str, Any]]]:
    """Return type and data of the output events, ordered by time and then by kind: windows before findings before
    alerts.
    """
    events = []
    for record in records:
        value = record.value()
        if record.error() is None and value is not None:
            headers: dict[str, Any] = dict(record.headers() or [])
            name = headers["ce_type"].decode().split(".")[2]
            events.append((headers["ce_time"], _ORDER.index(name), name, orjson.loads(value)))
    events.sort(key=lambda event: event[:2])
    return [(name, data) for _, _, name, data in events]


def _note(result: DemoResult, name: str, data: dict[str, Any]) -> None:
    result.events[name] += 1
    result.n_informative += name == "finding" and data["severity"] == "info"
    if name == "alert":
        result.first_alerts.setdefault(data["alert_id"], data)
        result.last_states[data["alert_id"]] = data


def _is_last(plan: DemoPlan, name: str, data: dict[str, Any]) -> bool:
    from driftline.events.cloudevents import epoch_ms  # noqa: PLC0415

    window = data["window"]
    return name == "window" and window["kind"] == "tumbling" and epoch_ms(window["end"]) >= plan.last_window_end_ms


def _until(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Wait for a condition."""
    waiting = threading.Event()
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise BrokerError(f"Expected {what} within {timeout_s:.0f} s, got a timeout")
        waiting.wait(0.02)
