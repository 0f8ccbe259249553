"""Reads driftline's events and alerts without driftline: an ordinary Kafka client, JSON, and the published schemas.

Every record is held to its JSON Schema and to the headers of CloudEvents, then said in one line: which model, which
feature, since when and how bad. Reads both topics from the beginning to the end, or with ``--follow`` for ever.

    python examples/foreign_reader.py --brokers localhost:9092 --prefix driftline --schemas schemas

Needs ``aiokafka`` (with ``cramjam``, for lz4) and ``jsonschema``. Exit code 1 when a record is not as it should be.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from jsonschema import Draft202012Validator, FormatChecker

SCHEMAS = {
    "io.driftline.window.v1": "window.json",
    "io.driftline.finding.v1": "finding.json",
    "io.driftline.performance.v1": "performance.json",
    "io.driftline.estimate.v1": "estimate.json",
    "io.driftline.label_arrival.v1": "label_arrival.json",
    "io.driftline.label_stream.v1": "label_stream.json",
    "io.driftline.alert.v1": "alert.json",
}
ATTRIBUTES = {"ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "ce_subject", "content-type"}
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
WAIT_MS = 1_000


class Reader:
    """Validates records and says what they mean."""

    def __init__(self, schemas: Path) -> None:
        self._validators = {
            kind: Draft202012Validator(json.loads((schemas / name).read_text()), format_checker=FormatChecker())
            for kind, name in SCHEMAS.items()
        }
        self._seen: dict[str, bytes] = {}
        self.n_problems = 0

    def take(self, topic: str, key: bytes | None, value: bytes | None, headers: dict[str, str]) -> None:
        """Print one line for a record, and one for each thing that is wrong with it."""
        if value is None:
            print(f"FORGET alert {(key or b'').decode()}")
            return
        problems = self._problems(topic, value, headers)
        kind = headers.get("ce_type", "")
        if problems:
            self.n_problems += len(problems)
            for problem in problems:
                print(f"INVALID {topic} {kind} {headers.get('ce_id')}: {problem}", file=sys.stderr)
            return
        print(described(kind, json.loads(value)))

    def _problems(self, topic: str, value: bytes, headers: dict[str, str]) -> list[str]:
        missing = ATTRIBUTES - headers.keys()
        if missing:
            return [f"no header {', '.join(sorted(missing))}"]
        problems = []
        if headers["ce_specversion"] != "1.0":
            problems.append(f"CloudEvents {headers['ce_specversion']}")
        if headers["content-type"] != "application/json":
            problems.append(f"content type {headers['content-type']}")
        if not RFC3339.fullmatch(headers["ce_time"]):
            problems.append(f"time {headers['ce_time']}")
        validator = self._validators.get(headers["ce_type"])
        if validator is None:
            return [*problems, "a type without a schema"]
        if (headers["ce_type"] == "io.driftline.alert.v1") != topic.endswith(".alerts"):
            problems.append("on the wrong topic")
        data = json.loads(value, parse_constant=lambda name: problems.append(f"{name} is no JSON"))
        problems += [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(data)]
        if data["window"]["end"] > headers["ce_time"] and headers["ce_type"] != "io.driftline.alert.v1":
            problems.append("said before its window ended")
        if self._seen.setdefault(headers["ce_id"], value) != value:
            problems.append("said before with other words under the same id")
        return problems


def described(kind: str, data: dict[str, Any]) -> str:
    """Return an event in one line."""
    model = data["model"] + (f"@{data['model_version']}" if data["model_version"] else "")
    since, until = data["window"]["start"], data["window"]["end"]
    if kind == "io.driftline.alert.v1":
        worst = ", ".join(f"{f['column'] or 'model'} ({f['effect']} {f['value']:.3g})" for f in data["findings"])
        own = data["incident"] == data["alert_id"]
        incident = "" if own else f", part of incident {data['incident']}"
        what = f"{data['cause']} in {worst}{incident}"
        return f"ALERT {data['state']} {data['severity']} {model}: {what} since {data['since']}"
    if kind == "io.driftline.finding.v1":
        effect, statistic, level = data["effect"], data["statistic"], data["level"]
        change = "no size" if effect is None else f"{effect['name']} {effect['corrected']:.3g}"
        p = "" if statistic["p_value"] is None else f", p = {statistic['p_value']:.2g}"
        against = "" if level is None else f" at level {level['level']:.2g}"
        where = f"{data['column'] or 'the model'} by {data['check']}"
        return f"FINDING {data['severity']} {model}: {where} since {data['since']}: {change}{p}{against}"
    if kind == "io.driftline.performance.v1":
        figures = ", ".join(f"{name} {value:.4g}" for name, value in data["metrics"].items() if value is not None)
        return f"PERFORMANCE {model} {since} to {until}, {data['coverage']:.0%} labelled: {figures}"
    if kind == "io.driftline.estimate.v1":
        bands = {name: each for name, each in data["metrics"].items() if each is not None}
        figures = ", ".join(f"{name} {each['lower']:.4g} to {each['upper']:.4g}" for name, each in bands.items())
        return f"ESTIMATE {model} {since} to {until}, revision {data['revision']}: {figures}"
    if kind.startswith("io.driftline.label_"):
        return f"LABELS {model} {since} to {until}" + arrived(data)
    names = ", ".join(column["name"] for column in data["columns"])
    return f"WINDOW {model} {since} to {until}: {data['n']} events beside {data['n_reference']}: {names}"


def arrived(data: dict[str, Any]) -> str:
    """Return how many labels there were: of a cohort by an age, or of a day of the topic."""
    if "n_orphans" in data:
        return f": {data['n_joined']} joined, {data['n_orphans']} without a prediction"
    return f", {data['age_ms'] / 3_600_000:g} h later: {data['share']:.0%} are there"


async def partitions(brokers: str, topics: list[str]) -> list[TopicPartition]:
    """Return the partitions of topics that exist."""
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        described = await admin.describe_topics(topics)
    finally:
        await admin.close()
    return [TopicPartition(topic["topic"], each["partition"]) for topic in described for each in topic["partitions"]]


async def read(brokers: str, prefix: str, reader: Reader, *, follow: bool) -> None:
    """Give the reader every record of both topics."""
    topics = [f"{prefix}.events", f"{prefix}.alerts"]
    places = await partitions(brokers, topics)
    if not places:
        sys.exit(f"no topics {' and '.join(topics)} on {brokers}")
    consumer = AIOKafkaConsumer(bootstrap_servers=brokers, enable_auto_commit=False, isolation_level="read_committed")
    await consumer.start()
    try:
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        while follow or any([await consumer.position(place) < end for place, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=WAIT_MS)).values():
                for record in records:
                    headers = {name: text.decode() for name, text in record.headers}
                    reader.take(record.topic, record.key, record.value, headers)
    finally:
        await consumer.stop()


def main() -> int:
    """Read, and return the exit code."""
    parser = argparse.ArgumentParser(description="Read driftline's events and alerts without driftline.")
    parser.add_argument("--brokers", default="localhost:9092")
    parser.add_argument("--prefix", default="driftline")
    parser.add_argument("--schemas", type=Path, default=Path("schemas"))
    parser.add_argument("--follow", action="store_true", help="go on when the end is reached")
    options = parser.parse_args()
    reader = Reader(options.schemas)
    asyncio.run(read(options.brokers, options.prefix, reader, follow=options.follow))
    return 1 if reader.n_problems else 0


if __name__ == "__main__":
    sys.exit(main())
