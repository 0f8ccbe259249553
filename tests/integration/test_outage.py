"""``driftline run`` when its only broker dies under load: it ends by itself, in bounded time, and says why."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

import orjson
from confluent_kafka import Producer

from driftline.cli.exit_codes import ExitCode
from tests.integration.test_run_failures import configuration, message_of
from tests.support.real_broker import ROOT, patient, wait_until
from tests.support.workers import workers_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.real_broker import RealBroker
    from tests.support.workers import WorkerProcess

END_DEADLINE_S = 45.0
"""A transaction times out after ten seconds, and the other worker has 25 to stop."""
MAX_LINES = 150
"""Without their filter the libraries write ten times as many in that time."""


@contextmanager
def traffic(bootstrap: str, topic: str) -> Iterator[None]:
    """Write predictions all the while, so that there is always something to commit."""
    topics = ["--predictions", topic, "--labels", f"{topic}-labels", "--create-topics", "--partitions", "2"]
    options = ["--brokers", bootstrap, *topics, "--duration", "1h", "--rate", "1000", "--speed", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "driftline", "simulate", *options],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.kill()
        process.wait(patient(30))


def write_and_count(bootstrap: str, topic: str, n: int = 100) -> int:
    """Write predictions, once; return how many."""
    producer = Producer({"bootstrap.servers": bootstrap})
    for i in range(n):
        event = {"prediction_id": f"p{i}", "model": "m", "ts": 1_767_225_600_000 + i, "features": {"x": i}}
        producer.produce(topic, orjson.dumps(event))
    assert producer.flush(patient(30)) == 0
    return n


def health(worker: WorkerProcess) -> int:
    """Return the status of its health endpoint, 0 where nobody answers."""
    port = re.search(r'"metrics_port":\s*(\d+)', worker.log())
    assert port is not None
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port[1]}/healthz", timeout=patient(10)) as page:  # loopback
            return int(page.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (urllib.error.URLError, ConnectionError):
        return 0


def test_a_process_whose_broker_dies_under_load_ends_by_itself(
    own_broker: RealBroker, topic_prefix: str, tmp_path: Path
) -> None:
    config = configuration(own_broker.bootstrap, topic_prefix, tmp_path, sketch={"flush_interval": "500ms"})
    with (
        traffic(own_broker.bootstrap, f"{topic_prefix}-predictions"),
        workers_of(config, tmp_path / "logs") as workers,
    ):
        worker = workers.start("all", "only")

        def flushed() -> bool:
            worker.expect_running()
            return worker.metric("driftline_flushed_events_total") > 0

        wait_until(flushed, 60, lambda: f"a flush\n{workers.logs()}")
        assert health(worker) == HTTPStatus.OK
        own_broker.kill()
        wait_until(lambda: health(worker) == HTTPStatus.SERVICE_UNAVAILABLE, 30, lambda: f"a 503\n{workers.logs()}")
        assert worker.process.wait(patient(END_DEADLINE_S)) == ExitCode.BROKER, worker.log()
        assert message_of(worker).startswith(" Expected Kafka to complete the request, got "), worker.log()
        assert "start the process again when the brokers answer" in message_of(worker)
        assert "Traceback" not in worker.log()
        assert len(worker.log().splitlines()) < MAX_LINES


def test_a_worker_with_nothing_to_commit_notices_too_that_its_broker_is_gone(
    own_broker: RealBroker, topic_prefix: str, tmp_path: Path
) -> None:
    config = configuration(own_broker.bootstrap, topic_prefix, tmp_path)
    n_written = write_and_count(own_broker.bootstrap, f"{topic_prefix}-predictions")
    with workers_of(config, tmp_path / "logs") as workers:
        worker = workers.start("sketch", "only")

        def flushed() -> bool:
            worker.expect_running()
            return worker.metric("driftline_flushed_events_total") == n_written

        wait_until(flushed, 60, lambda: f"a flush of all\n{workers.logs()}")
        own_broker.kill()
        assert worker.process.wait(patient(6 + END_DEADLINE_S)) == ExitCode.BROKER, worker.log()
        assert "partitions lost" in worker.log()
        assert "flush aborted" not in worker.log(), "there was nothing to flush"
        assert message_of(worker).startswith(" Expected Kafka to complete the request, got "), worker.log()
