"""The whole run: train, publish the reference, start the workers, send, wait until all is read, collect."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from confluent_kafka import Consumer, TopicPartition

from driftline.config.load import load_settings
from driftline.config.secrets import Credentials
from driftline.events.cloudevents import rfc3339
from driftline.events.model_key import ModelKey
from driftline.profiles.building.build import TimeOptions, build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.runtime.kafka.topic_admin import TopicAdmin
from driftline.runtime.references.reference_topic import publish
from examples.electricity.account import Account, Written, read_panes, settle
from examples.electricity.claims import Measured, Opening, Season, measured, opening_page, openings, seasons
from examples.electricity.market import FEATURES, TRAINING_ROWS, data_file, read, time_ms, train_and_answer
from examples.electricity.outputs import Events, Reader, read_alerts, read_dead_letters, read_events
from examples.electricity.traffic import (
    LABEL_DELAY_MS,
    MODEL,
    VERSION,
    Topics,
    create_topics,
    send,
    stream,
)
from examples.electricity.workers import Workers, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from driftline.config.settings import Settings
    from driftline.profiles.profile import Profile
    from examples.electricity.market import Answers, Market
    from examples.electricity.traffic import Sent

CONFIGURATION = Path(__file__).with_name("driftline.yaml")
READ_S = 300.0


@dataclass(frozen=True)
class Marks:
    """The last things that can be known once all is read; epoch-aligned windows below the watermarks."""

    verdict_end: str
    sliding_end: str
    performance_end: str


@dataclass(frozen=True)
class Outcome:
    """What the run showed."""

    window_ms: int
    openings: list[Opening]
    page: dict[str, Any] | None
    """The alert as it was when it told of the opening."""
    seasons: list[Season]
    measured: list[Measured]
    account: Account
    events: Events
    alerts: list[dict[str, Any]]
    marks: Marks
    records_by_worker: list[float]
    """Input records that each sketch worker read."""
    panes_by_worker: list[float]
    """Flush records that each detect worker applied."""


def run(brokers: str, prefix: str, say: Callable[[str], None]) -> Outcome:
    """Run the example; all topics are made by it, and must not exist before."""
    market = read(data_file())
    say(f"{len(market.labels):,} rows; training on the first {TRAINING_ROWS:,}")
    answers = train_and_answer(market)
    topics = Topics(f"{prefix}.predictions", f"{prefix}.labels")
    create_topics(brokers, topics)
    given = {
        "kafka.brokers": brokers,
        "kafka.prefix": prefix,
        "predictions.topic": topics.predictions,
        "labels.topic": topics.labels,
    }
    settings = load_settings(CONFIGURATION, {}, given)
    profile = reference(market, answers, settings)
    publish_reference(settings, profile)
    say(f"reference of {profile.n_events:,} rows published, holds from {rfc3339(profile.effective_from_ms)}")
    options = ["--config", str(CONFIGURATION), "--brokers", brokers, "--prefix", prefix]
    options += ["--predictions", topics.predictions, "--labels", topics.labels]
    with tempfile.TemporaryDirectory() as folder, Workers(options, Path(folder)) as workers:
        workers.wait_until_ready()
        say("two sketch workers and two detect workers are ready")
        sent = send(brokers, stream(market, answers, topics))
        say(f"{len(sent.records):,} records sent")
        marks = last_marks(sent, topics, settings)
        await_end(workers, sent, topics, settings, marks)
        say(f"all read, and judged up to {marks.verdict_end}")
        records, panes_applied = (
            workers.figure("sketch", "driftline_input_records_total"),
            workers.figure("detect", "driftline_records_applied_total"),
        )
        workers.stop()
    written = Written(
        read_panes(brokers, settings.kafka.topic("panes"), profile),
        read_events(brokers, settings.kafka.topic("events")),
        read_dead_letters(brokers, settings.kafka.topic("dead-letters")),
    )
    late_rows = sent.late_rows(topics.predictions, int(settings.time.pane), int(settings.time.lateness))
    window_ms = int(settings.model(MODEL).windows.verdict[0])
    alerts = read_alerts(brokers, settings.kafka.topic("alerts"))
    return Outcome(
        window_ms=window_ms,
        openings=openings(market, written.events),
        page=opening_page(market, alerts, window_ms),
        seasons=seasons(written.events),
        measured=measured(market, answers, written.events),
        account=settle(sent, topics, written, len(late_rows)),
        events=written.events,
        alerts=alerts,
        marks=marks,
        records_by_worker=records,
        panes_by_worker=panes_applied,
    )


def reference(market: Market, answers: Answers, settings: Settings, n: int = TRAINING_ROWS) -> Profile:
    """Return the profile of the first rows and their times; it holds from the first row that is sent."""
    rows = range(n)
    table = ReferenceTable(
        n=n,
        features={name: [market.features[row][name] for row in rows] for name in FEATURES},
        prediction=answers.predictions[:n],
        score=answers.scores[:n],
        label=market.labels[:n],
        times_ms=np.array([time_ms(row) for row in rows]),
    )
    key, in_time = ModelKey(MODEL, VERSION), TimeOptions(int(settings.time.pane))
    return build_profile(key, table, settings.model(MODEL), time_ms(TRAINING_ROWS), "training", in_time=in_time)


def publish_reference(settings: Settings, profile: Profile) -> None:
    """Make driftline's topics and publish the profile, before any worker reads."""
    TopicAdmin(settings, Credentials()).create()
    publish(settings.kafka, Credentials(), profile)


def last_marks(sent: Sent, topics: Topics, settings: Settings) -> Marks:
    """Return the ends of the last windows that the watermarks can close."""
    model, lateness = settings.model(MODEL), int(settings.time.lateness)
    predictions = sent.watermark_ms(topics.predictions, 0, lateness)
    joined = min(predictions, sent.watermark_ms(topics.labels, LABEL_DELAY_MS, lateness))
    verdict, hop = int(model.windows.verdict[0]), int(model.windows.hop)
    size = int(model.windows.performance)
    final = joined - int(model.labels.horizon)
    return Marks(
        rfc3339(predictions - predictions % verdict),
        rfc3339(predictions - predictions % hop),
        rfc3339(final - final % size),
    )


def await_end(workers: Workers, sent: Sent, topics: Topics, settings: Settings, marks: Marks) -> None:
    """Return when every record is read and committed, and the last windows that can close have been reported."""
    brokers = settings.kafka.brokers
    wanted = {(topic, partition): end for topic in topics for partition, end in sent.ends(topic).items()}
    group = Consumer({"bootstrap.servers": brokers, "group.id": f"{settings.kafka.prefix}-sketch"})
    reader = Reader(brokers, settings.kafka.topic("events"))
    events = Events()

    def committed() -> bool:
        workers.check()
        answer = group.committed([TopicPartition(*at) for at in wanted], timeout=30)
        return {(each.topic, each.partition): each.offset for each in answer} == wanted

    def judged() -> bool:
        workers.check()
        for message in reader.new():
            events.add(message)
        final = events.final_performance()
        return (
            events.latest_end("tumbling") >= marks.verdict_end
            and events.latest_end("sliding") >= marks.sliding_end
            and bool(final)
            and final[-1]["window"]["end"] >= marks.performance_end
        )

    def got() -> str:
        return f"{marks}, got {events.latest_end('tumbling')}, {events.latest_end('sliding')}"

    wait_until(committed, READ_S, "all records to be read and committed")
    wait_until(judged, READ_S, got)
    reader.close()
    group.close()
