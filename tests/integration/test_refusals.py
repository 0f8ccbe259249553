"""A topic whose every record is refused, on a real broker: the log, readyz and the flush records say so."""

from __future__ import annotations

import json
import struct
from collections import Counter

import structlog

from driftline.monitoring.partition_monitor import PartitionMonitor
from driftline.profiles.profiles import Profiles
from tests.support.sketch_harness import START_MS, SketchRun

HOUR_MS = 3_600_000
N = 150


def framed(number: int) -> bytes:
    """Return what an Avro serializer with a schema registry writes."""
    return b"\x00" + struct.pack(">I", 299) + b"\x08p-17" + struct.pack("<q", number)


def test_a_topic_of_avro_is_said_everywhere_and_alerted(real_broker: str, topic_prefix: str) -> None:
    run = SketchRun(real_broker, topic_prefix)
    with structlog.testing.capture_logs() as lines, run.worker() as worker:
        for number in range(2 * N):
            run.send("predictions", number % 2, framed(number), START_MS + number)
        run.await_committed(worker)
        said = worker.worker.all_refused()
        assert said is not None
        assert f"none of the last {2 * N} records of `{topic_prefix}-predictions` could be used" in said
        assert "Schema Registry: a zero byte, schema id 299, then Avro" in said
    begun = [line for line in lines if line["event"] == "records are refused"]
    assert {(line["log_level"], line["topic"]) for line in begun} == {("warning", f"{topic_prefix}-predictions")}
    newest = START_MS + 2 * N - 1
    assert run.committed()["predictions", 1] == (N, f"v2::{newest}"), "no event time, but a time of records"

    with run.worker() as worker:
        good = {"prediction_id": "p", "model": "m", "ts": START_MS + HOUR_MS, "features": {"x": 1}}
        for partition in range(2):
            run.send("predictions", partition, json.dumps(good).encode(), START_MS + HOUR_MS)
        run.await_committed(worker)
        assert worker.worker.all_refused() is None

    monitors = [PartitionMonitor(number, run.settings, Profiles()) for number in range(2)]
    outputs = [
        output
        for record in sorted(run.read("panes"), key=lambda record: record[:2])
        for output in monitors[record.partition].apply(record.value, record.offset)
    ]
    alerts = [json.loads(output.value or b"") for output in outputs if output.channel == "alerts"]
    assert [(alert["cause"], alert["severity"], alert["n"]) for alert in alerts] == [("intake", "critical", 2 * N)]
    assert f"({topic_prefix}-predictions-0@0)" in alerts[0]["message"], "the first of the least partition"
    reasons = Counter(record.headers["driftline_reason"] for record in run.read("dead-letters"))
    assert sum(reasons.values()) == 2 * N
