"""One run: topics, references, a sketch worker and a detect worker, events in real time, and what came of them."""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import yaml

from benchmarks.time_to_alert.listener import Listener
from benchmarks.time_to_alert.population import EVENTS_AN_HOUR, profiles, reference
from benchmarks.time_to_alert.reactions import Outcome, outcome
from benchmarks.time_to_alert.schedule import schedule
from benchmarks.time_to_alert.sender import N_PARTITIONS, Sent, send
from driftline.config.load import load_settings
from driftline.config.secrets import resolve_credentials
from driftline.runtime.kafka.kafka_clients import connect_admin
from driftline.runtime.kafka.topics import create, topic_specs
from driftline.runtime.references.reference_topic import publish
from tests.support.real_broker import create_topics, wait_until
from tests.support.workers import workers_of

if TYPE_CHECKING:
    from tests.support.workers import WorkerProcess


class Plan(NamedTuple):
    """What is run."""

    n_models: int
    at_once: int
    rate: float
    """Events a second of each model."""
    pane: str
    lateness: str


class Done(NamedTuple):
    """What came of a run."""

    plan: Plan
    outcome: Outcome
    sent: Sent
    cores: dict[str, float]
    """Processor time of each worker, per second of the run."""
    loads: tuple[float, float]
    """Load average of a minute, before the run and at its end."""


def run(bootstrap: str, plan: Plan, name: str, folder: Path, *, per_hour: int = EVENTS_AN_HOUR) -> Done:
    """Let one sketch worker and one detect worker read events as they are made; return what they say, and when.

    The reference has ``per_hour`` events an hour.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "driftline.yaml"
    config.write_text(yaml.safe_dump(sections(bootstrap, plan, name, folder)), encoding="utf-8")
    settings = load_settings(config, {})
    create_topics(bootstrap, {settings.predictions.topics[0]: N_PARTITIONS})
    credentials = resolve_credentials(settings.kafka.security, {})
    create(connect_admin(settings.kafka, credentials), topic_specs(settings, N_PARTITIONS))
    pane_ms, lateness_ms = int(settings.time.pane), int(settings.time.lateness)
    lives = schedule(np.random.default_rng(14), plan.n_models, plan.at_once, pane_ms / 1000)
    made = reference(round(time.time() * 1000), pane_ms, per_hour=per_hour)
    for profile in profiles(made, [life.model for life in lives]):
        publish(settings.kafka, credentials, profile)
    print(f"references of {made.n_events:,} events published; logs in {folder}", file=sys.stderr, flush=True)
    with workers_of(config, folder) as workers, Listener(bootstrap, settings) as listener:
        both = [workers.start("sketch", "sketch-0"), workers.start("detect", "detect-0")]
        wait_until(lambda: all("metrics_port" in worker.log() for worker in both), 60, "both workers to start")
        used, before, began_s = [_processor_s(worker) for worker in both], os.getloadavg()[0], time.time()
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            topic = settings.predictions.topics[0]
            sending = pool.submit(send, bootstrap, topic, lives, began_s + 5.0, plan.rate)
            listener.listen(lambda: not sending.done() and all(worker.is_running() for worker in both))
            for worker in both:
                worker.expect_running()
            sent = sending.result()
        seconds = time.time() - began_s
        cores: dict[str, float] = {
            worker.role: (_processor_s(worker) - start_s) / seconds for worker, start_s in zip(both, used, strict=True)
        }
        found = outcome(sent.onsets, listener.alerts, listener.closing, pane_ms, lateness_ms)
        for worker in both:
            worker.stop()
    return Done(plan, found, sent, cores, (before, os.getloadavg()[0]))


def sections(bootstrap: str, plan: Plan, name: str, folder: Path) -> dict[str, Any]:
    return {
        "kafka": {"brokers": bootstrap, "prefix": name},
        "predictions": {"topic": f"{name}-predictions"},
        "time": {"pane": plan.pane, "lateness": plan.lateness},
        "defaults": {"task": "binary", "positive_class": "1"},
        "join": {"directory": str(folder / "state")},
        "telemetry": {"log_format": "json"},
    }


def _processor_s(worker: WorkerProcess) -> float:
    """Return the processor time that a process has used so far."""
    fields = Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
