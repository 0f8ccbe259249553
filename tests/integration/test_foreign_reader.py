"""A program that shares no code with driftline understands what a real run wrote, by the published schemas alone."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from confluent_kafka import Producer

from tests.support.real_broker import ROOT, create_topics, patient, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

READER = ROOT / "examples" / "foreign_reader.py"
WITHOUT_DRIFTLINE = """
import runpy, sys
sys.modules["driftline"] = None
try:
    import driftline
except ImportError:
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
"""
START_MS = 1_772_366_400_000
MINUTE_MS = 60_000
DRIFT = "2026-03-01T15:00:00.000Z"
DRIFT_MS = START_MS + 180 * MINUTE_MS
DRIFTED = 180 * 30  # the first event after it
N_EVENTS = 9_000  # one each two seconds: five hours
BAD_EVERY = 60
PARTITIONS = 2


def reader(bootstrap: str, prefix: str, schemas: Path | None = None) -> subprocess.CompletedProcess[str]:
    options = ["--brokers", bootstrap, "--prefix", prefix, "--schemas", str(schemas or ROOT / "schemas")]
    command = [sys.executable, "-I", "-c", WITHOUT_DRIFTLINE, str(READER), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=patient(120))


def configuration(bootstrap: str, prefix: str) -> dict[str, Any]:
    return {
        "kafka": {"brokers": bootstrap, "prefix": prefix, "panes_partitions": 1},
        "predictions": {"topic": f"{prefix}-predictions"},
        "labels": {"topic": f"{prefix}-labels"},
        "time": {"pane": "10s", "lateness": "20s", "idle_timeout": "1d"},
        "telemetry": {"log_format": "json", "port": 0},
        "defaults": {
            "windows": {"verdict": ["20m"], "display": "20m", "hop": "10m", "performance": "20m", "min_samples": 200},
            "labels": {"horizon": "1h", "revisions": ["20m"]},
            "checks": {"dispersion": {"mode": "independent"}},
            "bootstrap": {"sample": 500, "events": 2_000},
        },
    }


def bad_values() -> list[bytes | None]:
    """Records that a bootstrap must survive too: no profile is known yet when the first of them come."""
    features = ["9" * 5_000, "[" * 900 + "]" * 900, "NaN", "1e999", '"text"', "{}"]
    counted = [
        f'{{"prediction_id": "bad{i}", "model": "risk", "features": {{"x": {v}}}}}' for i, v in enumerate(features)
    ]
    megabyte = f'{{"prediction_id": "large", "model": "risk", "features": {{"x": 1, "note": "{"n" * 1_000_000}"}}}}'
    return [*(text.encode() for text in counted), megabyte.encode(), b"\xff", None]


class Traffic:
    """Predictions whose feature x moves at a known moment, labels ten minutes later, and bad records in between."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self._prefix = prefix
        self._rng = random.Random(7)
        self._bad = bad_values()
        self._written = 0
        topics = {f"{prefix}-predictions": PARTITIONS, f"{prefix}-labels": PARTITIONS}
        create_topics(bootstrap, topics, {"retention.ms": "-1"})
        self._producer = Producer({"bootstrap.servers": bootstrap, "message.max.bytes": 2 << 20, "linger.ms": 20})

    def _send(self, kind: str, number: int, value: bytes | None, time_ms: int) -> None:
        self._producer.produce(f"{self._prefix}-{kind}", value, partition=number % PARTITIONS, timestamp=time_ms)
        self._producer.poll(0)

    def write(self, until: int) -> None:
        """Write events up to a number."""
        rng = self._rng
        for number in range(self._written, until):
            at = START_MS + number * 2_000
            x, truth = rng.gauss(5.0 if at >= DRIFT_MS else 0.0, 1.0), rng.randint(0, 1)
            event = {"prediction_id": f"p{number}", "model": "risk", "model_version": "3", "ts": at}
            event |= {"features": {"x": x, "c": rng.choice("aab")}, "prediction": truth, "score": 0.2 + 0.6 * truth}
            self._send("predictions", number, json.dumps(event).encode(), at)
            label = {"prediction_id": f"p{number}", "label": truth if rng.random() < 0.9 else 1 - truth}
            self._send("labels", number, json.dumps(label).encode(), at + 10 * MINUTE_MS)
            if number % BAD_EVERY == 0:
                value = self._bad[number // BAD_EVERY % len(self._bad)]
                self._send("predictions", number, value, at)
                self._send("labels", number, None if value is None else value[:100], at)
        self._written = until
        assert self._producer.flush(patient(60)) == 0

    def close(self) -> None:
        """Write the last event of each partition, which closes all windows before it."""
        end = START_MS + N_EVENTS * 2_000 + 600 * MINUTE_MS
        for partition in range(PARTITIONS):
            closing = {"prediction_id": f"end{partition}", "model": "risk", "model_version": "3", "ts": end}
            self._send("predictions", partition, json.dumps(closing).encode(), end)
            label = {"prediction_id": f"end{partition}", "label": 1}
            self._send("labels", partition, json.dumps(label).encode(), end)
        assert self._producer.flush(patient(60)) == 0


@contextmanager
def driftline(config: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Give a whole driftline; end it in good order."""
    command = [sys.executable, "-m", "driftline", "run", "--config", str(config), "--name", "w1"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), stdout=output, stderr=subprocess.STDOUT)
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            assert process.wait(patient(60)) == 0, log.read_text()[-6_000:]
        finally:
            process.kill()
            process.wait(patient(30))


@pytest.mark.slow
def test_what_a_run_says_is_understood_by_the_schemas_alone(
    real_broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    traffic = Traffic(real_broker, topic_prefix)
    config, log = tmp_path / "driftline.yaml", tmp_path / "driftline.log"
    config.write_text(yaml.safe_dump(configuration(real_broker, topic_prefix)))
    said: dict[str, list[str]] = {}

    def everything_said() -> bool:
        assert process.poll() is None, log.read_text()[-6_000:]
        done = reader(real_broker, topic_prefix)
        if "no topics" in done.stderr:
            return False
        assert done.returncode == 0, done.stderr[-6_000:]
        assert done.stderr == ""
        said.clear()
        for line in done.stdout.splitlines():
            said.setdefault(line.split()[0], []).append(line)
        return said.keys() == {"ALERT", "FINDING", "LABELS", "PERFORMANCE", "WINDOW"}

    def await_profiles(n: int) -> None:
        """The bootstrap's grid, then its reference: each is made of events that come after the one before."""
        wait_until(lambda: log.read_text().count('"profile loaded"') >= n, 60, lambda: log.read_text()[-6_000:])

    with driftline(config, log) as process:
        traffic.write(1_000)
        await_profiles(1)
        traffic.write(DRIFTED // 2 + 1_500)
        await_profiles(2)
        traffic.write(N_EVENTS)
        traffic.close()
        wait_until(everything_said, 120, lambda: f"all kinds of events, got {said.keys()}\n{log.read_text()[-6_000:]}")

    alert = next(line for line in said["ALERT"] if line.startswith("ALERT open"))
    assert re.match(r"ALERT open \w+ risk@3: data drift in x \(mean_shift \d[\d.]*\)", alert), alert
    assert alert.endswith(f" since {DRIFT}"), alert
    findings = [line for line in said["FINDING"] if "x by distribution.pearson" in line]
    assert re.search(rf"risk@3: x by distribution.pearson since {DRIFT}: psi [\d.]+, p = \S+ at level \S+", findings[0])
    assert any(re.search(r"100% labelled: accuracy 0\.[89]", line) for line in said["PERFORMANCE"])
    assert any(line.endswith((" joined, 0 without a prediction", "later: 100% are there")) for line in said["LABELS"])
    assert any("events beside 2" in line and line.endswith(": c, x, prediction, score") for line in said["WINDOW"])


def test_the_reader_is_strict(real_broker: str, topic_prefix: str, tmp_path: Path) -> None:
    create_topics(real_broker, {f"{topic_prefix}.events": 1, f"{topic_prefix}.alerts": 1})
    example = json.loads((ROOT / "schemas" / "examples" / "alert.json").read_text())[0]
    names = {"specversion", "id", "type", "source", "time", "subject"}
    headers = [(f"ce_{name}", example[name]) for name in sorted(names)] + [("content-type", "application/json")]
    wrong = {
        "as published": example["data"],
        "another state": example["data"] | {"state": "ajar"},
        "a field less": {name: value for name, value in example["data"].items() if name != "severity"},
        "not a number": example["data"] | {"n": float("nan")},
    }
    producer = Producer({"bootstrap.servers": real_broker})
    for data in wrong.values():
        producer.produce(f"{topic_prefix}.alerts", json.dumps(data).encode(), key=b"a", headers=headers)
    producer.produce(f"{topic_prefix}.alerts", b"{}", key=b"a", headers=headers[1:])
    producer.produce(f"{topic_prefix}.alerts", None, key=b"a")
    assert producer.flush(patient(30)) == 0

    done = reader(real_broker, topic_prefix)

    assert done.returncode == 1
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["ALERT", "FORGET"]
    problems = done.stderr
    assert "$.state: 'ajar' is not one of ['open', 'resolved']" in problems
    assert "'severity' is a required property" in problems
    assert "NaN is no JSON" in problems
    assert "said before with other words under the same id" in problems
    assert "no header ce_id" in problems
    assert reader(real_broker, topic_prefix, tmp_path).returncode == 1, "without schemas nothing is understood"
