"""Events per second through the sketch worker on a real Kafka, beside reading alone and the pipeline written first.

Usage: ``KAFKA_BOOTSTRAP=HOST:PORT python -m benchmarks [--messages N] [--rounds N] [--faust-messages N]``, or
``make bench``. Every measurement is a process of its own; they take turns, round by round, on the same messages.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from confluent_kafka.admin import AdminClient, NewTopic

import driftline
from benchmarks import messages
from benchmarks.messages import N_PARTITIONS
from driftline.config.input_settings import LabelInput, PredictionInput
from driftline.config.kafka_settings import KafkaSettings
from driftline.config.secrets import Credentials
from driftline.config.settings import Settings
from driftline.runtime.kafka.topics import create, topic_specs
from driftline.runtime.references.reference_topic import publish

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEADLINE_S: Final = 180.0
READING: Final = "(a) consume and decode, nothing else"
WORKER: Final = "driftline sketch worker"
JOINING: Final = "driftline sketch worker, labels joined"
REPARTITIONING: Final = "driftline sketch worker, repartitioned"
FAUST: Final = "(b) one Faust agent, river per feature"


class Traffic(NamedTuple):
    """The topics that all measurements read."""

    bootstrap: str
    predictions: str
    labels: str
    n_messages: int


def prepare(bootstrap: str, n_messages: int) -> tuple[Traffic, float]:
    """Write the messages; return where they are, and the mean size of a prediction."""
    run = f"bench-{uuid.uuid4().hex[:8]}"
    traffic = Traffic(bootstrap, f"{run}.predictions", f"{run}.labels", n_messages)
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topics = [NewTopic(topic, N_PARTITIONS, 1) for topic in (traffic.predictions, traffic.labels)]
    for future in admin.create_topics(topics).values():
        future.result(timeout=30)
    rows = messages.table()
    n_records, n_bytes = messages.send(bootstrap, traffic.predictions, messages.predictions(rows, n_messages))
    messages.send(bootstrap, traffic.labels, messages.labels(rows, n_messages))
    return traffic, n_bytes / n_records


def new_prefix(traffic: Traffic) -> str:
    """Return a prefix with topics of its own and the profile published: no measurement meets another's output."""
    prefix = f"bench-{uuid.uuid4().hex[:8]}"
    settings = Settings(
        kafka=KafkaSettings(brokers=traffic.bootstrap, prefix=prefix),
        predictions=PredictionInput(topic=traffic.predictions),
        labels=LabelInput(topic=traffic.labels),
    )
    admin = AdminClient({"bootstrap.servers": traffic.bootstrap})
    create(admin, topic_specs(settings, N_PARTITIONS, 1 << 20))
    publish(settings.kafka, Credentials(), messages.profile(messages.table()))
    return prefix


def measure(kind: str, traffic: Traffic, *, labels: bool = False) -> float:
    """Return predictions per second of a measurement in a process of its own."""
    arguments = [kind, traffic.bootstrap, new_prefix(traffic), traffic.predictions, traffic.labels if labels else ""]
    n_records = traffic.n_messages * (2 if labels else 1)
    command = [sys.executable, "-m", "benchmarks.throughput", *arguments, str(n_records)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE_S)
    assert done.returncode == 0, done.stderr[-2000:]
    return traffic.n_messages / float(json.loads(done.stdout.splitlines()[-1])["seconds"])


def measure_faust(traffic: Traffic, n_messages: int) -> float:
    """Return predictions per second of the naive pipeline."""
    group = f"bench-{uuid.uuid4().hex[:8]}"
    with tempfile.TemporaryDirectory() as folder, faust_process(traffic, group, n_messages, folder) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith('{"n_records"'):
                return n_messages / float(json.loads(line)["seconds"])
    raise AssertionError(f"the Faust agent ended with exit code {process.returncode}")


@contextlib.contextmanager
def faust_process(traffic: Traffic, group: str, n_messages: int, folder: str) -> Iterator[subprocess.Popen[str]]:
    arguments = [traffic.bootstrap, traffic.predictions, group, str(n_messages), folder]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.naive_faust", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def machine() -> str:
    """Return what the numbers were measured on."""
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError), Path("/proc/cpuinfo").open(encoding="utf-8") as cpus:
        name = next((line.split(":")[1].strip() for line in cpus if line.startswith("model name")), name)
    packages = ("confluent-kafka", "msgspec", "numpy", "faust-streaming", "river")
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    where = f"{name}, {os.cpu_count()} cores, load {load}"
    return f"{where}; Python {platform.python_version()}, driftline {driftline.__version__}, {versions}"


def show(rates: dict[str, list[float]]) -> None:
    """Print medians and ranges, and ratios within each round."""
    print(f"| {'':40} | events/s: median (range) | times (a): median (range) | times (b) |")
    print(f"| {'-' * 40} | {'-' * 24} | {'-' * 25} | {'-' * 9} |")
    for name, found in rates.items():
        to_reading = [mine / other for mine, other in zip(found, rates[READING], strict=True)]
        to_faust = statistics.median(mine / other for mine, other in zip(found, rates[FAUST], strict=True))
        rate = f"{statistics.median(found):,.0f} ({min(found):,.0f}-{max(found):,.0f})"
        ratio = f"{statistics.median(to_reading):.3f} ({min(to_reading):.3f}-{max(to_reading):.3f})"
        print(f"| {name:40} | {rate:24} | {ratio:25} | {to_faust:9.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=300_000)
    parser.add_argument("--faust-messages", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    bootstrap = os.environ.get("KAFKA_BOOTSTRAP")
    if not bootstrap:
        parser.exit(2, "Expected the address of a Kafka in KAFKA_BOOTSTRAP, got none; `make bench` starts one\n")
    print(f"{time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}: {machine()}", flush=True)
    traffic, size = prepare(bootstrap, options.messages)
    print(f"{options.messages:,} predictions of {size:.0f} bytes over {N_PARTITIONS} partitions", flush=True)
    cases: dict[str, Callable[[], float]] = {
        READING: lambda: measure("decode", traffic),
        WORKER: lambda: measure("sketch", traffic),
        JOINING: lambda: measure("sketch", traffic, labels=True),
        REPARTITIONING: lambda: measure("repartition", traffic, labels=True),
        FAUST: lambda: measure_faust(traffic, min(options.faust_messages, options.messages)),
    }
    rates: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(options.rounds):
        for name, case in cases.items():
            rates[name].append(case())
            print(f"round {number + 1}: {name}: {rates[name][-1]:,.0f}/s", file=sys.stderr, flush=True)
    show(rates)


if __name__ == "__main__":
    main()
