"""Everything bad between good traffic, through the real worker: counted or a dead letter, and none stops it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import pytest

from driftline.config.durations import Duration
from driftline.config.model import ModelSettings
from driftline.config.settings import TimeSettings
from driftline.events import dead_letter as reasons
from driftline.events.dead_letter import MAX_VALUE_BYTES
from driftline.events.identity import MAX_ID
from driftline.events.model_key import ModelKey
from driftline.events.source import Source
from driftline.profiles.building.build import build_profile
from driftline.profiles.building.table import ReferenceTable
from driftline.sketches.scores import DUPLICATES, LABELLED, PREDICTED
from tests.support.sketch_harness import START_MS, SketchRun, cells, joined

LATENESS_MS = 60_000
STEP_MS = 1_000
MEGABYTE = 1_000_000
POSTGRESQL = datetime.fromtimestamp(START_MS / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S+00")
BEYOND_64_BITS = str(10**30)
PROFILE = build_profile(
    ModelKey("risk", "1"),
    ReferenceTable(
        400,
        {"x": np.linspace(0, 1, 400), "c": ["a", "b"] * 200},
        prediction=[0, 1] * 200,
        score=np.linspace(0.1, 0.9, 400).tolist(),
    ),
    ModelSettings(task="binary"),
    START_MS - 3_600_000,
    "training",
)


class Case(NamedTuple):
    """A bad record, and what becomes of it.

    ``outcome`` is the reason of its dead letter, or the cells where it is counted instead of those of a good event.
    """

    name: str
    value: bytes | None
    outcome: str | dict[str, str]


def record(**fields: str) -> bytes:
    """Return a prediction at the record's Kafka timestamp; fields are JSON text, an empty one is left out."""
    whole = {
        "prediction_id": '"bad"',
        "model": '"risk"',
        "model_version": "1",
        "features": '{"x": 0.5, "c": "a"}',
        "prediction": "1",
        "score": "0.7",
    } | fields
    return ("{" + ", ".join(f'"{name}": {text}' for name, text in whole.items() if text) + "}").encode()


def features(text: str) -> bytes:
    return record(features=text)


def label(**fields: str) -> bytes:
    whole = {"prediction_id": '"p0"', "label": "1"} | fields
    return ("{" + ", ".join(f'"{name}": {text}' for name, text in whole.items() if text) + "}").encode()


NESTED = "[" * 200 + "]" * 200
TOO_DEEP = "[" * 100_000 + "]" * 100_000
COUNTED = [
    Case("a null feature", features('{"x": null, "c": "a"}'), {"x": "missing"}),
    Case("a feature that vanished", features('{"c": "a"}'), {"x": "missing"}),
    Case("a new feature", features('{"x": 0.5, "c": "a", "new": 1}'), {"": "unexpected_features"}),
    Case("NaN", features('{"x": NaN, "c": "a"}'), {"x": "not_a_number"}),
    Case("Infinity", features('{"x": Infinity, "c": "a"}'), {"x": "infinite"}),
    Case("-Infinity", features('{"x": -Infinity, "c": "a"}'), {"x": "infinite"}),
    Case("1e999", features('{"x": 1e999, "c": "a"}'), {"x": "infinite"}),
    Case('"NaN"', features('{"x": "NaN", "c": "a"}'), {"x": "not_a_number"}),
    Case('"-Infinity"', features('{"x": "-Infinity", "c": "a"}'), {"x": "infinite"}),
    Case("a number as text", features('{"x": "0.5", "c": "a"}'), {"x": "wrong_type"}),
    Case("a truth value", features('{"x": true, "c": "a"}'), {"x": "wrong_type"}),
    Case("a list", features('{"x": [1], "c": "a"}'), {"x": "wrong_type"}),
    Case("nesting", features(f'{{"x": {NESTED}, "c": "a"}}'), {"x": "wrong_type"}),
    Case("an integer beyond 64 bits", features(f'{{"x": {BEYOND_64_BITS}, "c": "a"}}'), {}),
    Case("an integer beyond doubles", features(f'{{"x": {"9" * 400}, "c": "a"}}'), {"x": "infinite"}),
    Case("an integer beyond Python", features(f'{{"x": {"9" * 5_000}, "c": "a"}}'), {"x": "infinite"}),
    Case("a category never seen", features('{"x": 0.5, "c": "z"}'), {"c": "unlisted"}),
    Case("a long category", features(f'{{"x": 0.5, "c": "{"z" * 100_000}"}}'), {"c": "unlisted"}),
    Case("a category that is no text", features('{"x": 0.5, "c": {"a": 1}}'), {"c": "wrong_type"}),
    Case("a category that is no number", features('{"x": 0.5, "c": NaN}'), {"c": "wrong_type"}),
    Case("a null category", features('{"x": 0.5, "c": null}'), {"c": "missing"}),
    Case("no features", features("{}"), {"x": "missing", "c": "missing"}),
    Case("null features", features("null"), {"x": "missing", "c": "missing"}),
    Case("absent features", features(""), {"x": "missing", "c": "missing"}),
    Case("duplicate keys", features('{"x": "text", "x": 0.5, "x": null, "c": "a"}'), {"x": "missing"}),
    Case("a duplicate field", record()[:-1] + b', "prediction": null}', {"prediction": "missing"}),
    Case(
        "a megabyte in a feature",
        features(f'{{"x": 0.5, "c": "a", "blob": "{"b" * MEGABYTE}"}}'),
        {"": "unexpected_features"},
    ),
    Case("a megabyte beside", record(comment=f'"{"b" * MEGABYTE}"'), {}),
    Case("a byte-order mark", b"\xef\xbb\xbf" + record(), {}),
    Case("no prediction", record(prediction="null"), {"prediction": "missing"}),
    Case("a prediction that is no number", record(prediction="NaN"), {"prediction": "wrong_type"}),
    Case("a class never seen", record(prediction="7"), {"prediction": "unlisted"}),
    Case("no score", record(score=""), {"score": "missing"}),
    Case("a list as prediction", record(prediction="[1]"), {"prediction": "wrong_type"}),
    Case("a prediction beyond 64 bits", record(prediction=BEYOND_64_BITS), {"prediction": "unlisted"}),
    Case("a long class", record(prediction=f'"{"c" * MEGABYTE}"'), {"prediction": "wrong_type"}),
    Case("a score that is no number", record(score="NaN"), {"score": "not_a_number"}),
    Case("a score beyond doubles", record(score="1e999"), {"score": "infinite"}),
    Case("a truth value as score", record(score="true"), {"score": "wrong_type"}),
    Case("a word as score", record(score='"high"'), {"score": "wrong_type"}),
    Case("a score above 1 by rounding", record(score="1.0000001192092896"), {}),
    Case("a score as text", record(score='"0.5"'), {}),
    Case("a score above 1", record(score="1.7"), {}),
    Case("a map of text", record(score='{"1": "0.5"}'), {}),
    Case("an id that is a whole number with a fraction of 0", record(prediction_id="1000017.0"), {}),
    Case("a time as PostgreSQL writes it", record(ts=f'"{POSTGRESQL}"'), {}),
    Case("digits as text", record(ts=f'"{START_MS}"'), {}),
    Case("epoch milliseconds with a fraction", record(ts=f"{START_MS + 0.5}"), {}),
    Case("1970", record(ts='"1970-01-01T00:00:00Z"'), {"": "late"}),
    Case("before 1970", record(ts="-1"), {"": "late"}),
]
REFUSED = [
    Case("not JSON", b"prediction_id=1", reasons.NOT_JSON),
    Case("cut JSON", record()[:-1], reasons.NOT_JSON),
    Case("two values", record() + record(), reasons.NOT_JSON),
    Case("not UTF-8", record(comment='"?"').replace(b"?", b"\xff"), reasons.NOT_UTF8),
    Case("UTF-16", record().decode().encode("utf-16"), reasons.NOT_UTF8),
    Case("a megabyte of garbage", b"\xff" * MEGABYTE, reasons.NOT_UTF8),
    Case("half a surrogate pair", features('{"x": 0.5, "c": "\\ud800"}'), reasons.NOT_JSON),
    Case("half a surrogate pair as id", record(prediction_id='"\\udc00"'), reasons.NOT_JSON),
    Case("nesting without end", features(f'{{"x": {TOO_DEEP}}}'), reasons.NOT_JSON),
    Case("no object", b"[1, 2]", reasons.INVALID_TYPE),
    Case("nothing", b"", reasons.EMPTY),
    Case("a tombstone", None, reasons.EMPTY),
    Case("no id", record(prediction_id=""), reasons.MISSING_FIELD),
    Case("no id beside NaN", record(prediction_id="", score="NaN"), reasons.MISSING_FIELD),
    Case("no model", record(model=""), reasons.MISSING_FIELD),
    Case("a null id", record(prediction_id="null"), reasons.INVALID_TYPE),
    Case("a fraction as id", record(prediction_id="1.5"), reasons.INVALID_TYPE),
    Case("an empty id", record(prediction_id='""'), reasons.INVALID_VALUE),
    Case("a long id", record(prediction_id=f'"{"i" * (MAX_ID + 1)}"'), reasons.INVALID_VALUE),
    Case("a megabyte as id", record(prediction_id=f'"{"i" * MEGABYTE}"'), reasons.INVALID_VALUE),
    Case("a long model", record(model=f'"{"m" * 300}"'), reasons.INVALID_VALUE),
    Case("features as a list", features("[1, 2]"), reasons.INVALID_TYPE),
    Case("features as text", features('"x=1"'), reasons.INVALID_TYPE),
    Case("a truth value as version", record(model_version="true"), reasons.INVALID_TYPE),
    Case("seconds", record(ts=f"{START_MS // 1000}"), reasons.IMPLAUSIBLE_TIME),
    Case("nanoseconds", record(ts=f"{START_MS * 1_000_000}"), reasons.IMPLAUSIBLE_TIME),
    Case("2100", record(ts='"2100-01-01T00:00:00Z"'), reasons.FUTURE),
    Case("2100 in milliseconds", record(ts="4102444800000.0"), reasons.FUTURE),
    Case("the year 1", record(ts='"0001-01-01T00:00:00Z"'), reasons.INVALID_VALUE),
    Case("a time beyond all years", record(ts="1e300"), reasons.INVALID_VALUE),
    Case("a time beyond 64 bits", record(ts=BEYOND_64_BITS), reasons.INVALID_VALUE),
    Case("a time that is none", record(ts='"yesterday"'), reasons.INVALID_VALUE),
    Case("a truth value as time", record(ts="true"), reasons.INVALID_TYPE),
]
REFUSED_LABELS = [
    Case("not JSON", b"label=1", reasons.NOT_JSON),
    Case("not UTF-8", b'{"prediction_id": "p0", "label": "\xfe"}', reasons.NOT_UTF8),
    Case("a tombstone", None, reasons.EMPTY),
    Case("no id", label(prediction_id=""), reasons.MISSING_FIELD),
    Case("a list", label(label="[1]"), reasons.INVALID_TYPE),
    Case("no number", label(label="NaN"), reasons.INVALID_VALUE),
    Case("beyond 64 bits", label(label=BEYOND_64_BITS), reasons.INVALID_VALUE),
    Case("a megabyte", label(label=f'"{"c" * MEGABYTE}"'), reasons.INVALID_VALUE),
    Case("2100", label(ts='"2100-01-01T00:00:00Z"'), reasons.FUTURE),
]


class Sent(NamedTuple):
    """Where a refused record went."""

    topic: str
    partition: int
    offset: int
    case: Case


class Traffic:
    """Good events, and between any two of them a bad one, on two partitions in turn."""

    def __init__(self, run: SketchRun) -> None:
        self._run = run
        self._offsets: Counter[tuple[str, int]] = Counter()
        self.refused: list[Sent] = []
        self.n_good = 0
        self.now_ms = START_MS

    def send(self, kind: str, partition: int, value: bytes | None) -> int:
        self._run.send(kind, partition, value, self.now_ms)
        self._offsets[kind, partition] += 1
        return self._offsets[kind, partition] - 1

    def good(self, partition: int, *, labelled: bool = True) -> None:
        """Send a prediction, with its label before or after it."""
        self.now_ms += STEP_MS
        name = f"p{self.n_good}"
        value = {
            "prediction_id": name,
            "model": "risk",
            "model_version": "1",
            "ts": self.now_ms,
            "features": {"x": 0.25, "c": "b"},
            "prediction": self.n_good % 2,
            "score": 0.25,
        }
        truth = label(prediction_id=f'"{name}"', label="0", ts=str(self.now_ms))
        if labelled and self.n_good % 3 == 0:
            self.send("labels", partition, truth)
        self.send("predictions", partition, json.dumps(value).encode())
        if labelled and self.n_good % 3:
            self.send("labels", partition, truth)
        self.n_good += 1

    def bad(self, kind: str, partition: int, case: Case) -> None:
        value = case.value
        if isinstance(case.outcome, dict) and value is not None:  # an id of its own: duplicates are a case of their own
            value = value.replace(b'"bad"', json.dumps(case.name).encode())
        offset = self.send(kind, partition, value)
        if isinstance(case.outcome, str):
            self.refused.append(Sent(self._run.inputs[kind], partition, offset, case))


def expected_cells(n_good: int, cases: list[Case]) -> Counter[str]:
    """Return what must be counted, given that a good event has a value in each column."""
    columns = ("x", "c", "prediction", "score")
    counted = Counter({"events": n_good} | {f"{column}.binned": n_good for column in columns})
    for case in cases:
        assert isinstance(case.outcome, dict)
        head = case.outcome.get("")
        if head is not None:
            counted[head] += 1
        if head == "late":
            continue
        counted["events"] += 1
        counted.update(f"{column}.{case.outcome.get(column, 'binned')}" for column in columns)
    return counted


def test_bad_input_is_counted_or_refused_and_stops_nothing(real_broker: str, topic_prefix: str) -> None:
    time = TimeSettings(lateness=Duration(LATENESS_MS))
    run = SketchRun(real_broker, topic_prefix, [PROFILE], time=time)
    traffic = Traffic(run)
    for partition in (0, 1):
        traffic.good(partition)
    for number, case in enumerate([*COUNTED, *REFUSED]):
        traffic.bad("predictions", number % 2, case)
        traffic.good(number % 2)
    for number, case in enumerate(REFUSED_LABELS):
        traffic.bad("labels", number % 2, case)
        traffic.good(number % 2)
    n_labelled = traffic.n_good
    traffic.send("labels", 0, label(prediction_id='"never seen"'))
    traffic.send(
        "labels", 0, label(prediction_id='"p0"', label='"no such class"')
    )  # p0 is on partition 0: a correction
    traffic.send("labels", 1, label(prediction_id='"p1"', label="null"))  # and this takes one back
    traffic.good(0, labelled=False)
    traffic.n_good -= 1
    traffic.good(0, labelled=False)  # the same id again
    traffic.n_good += 1  # both are counted as events
    for partition in (0, 1):
        traffic.good(partition, labelled=False)

    with run.worker() as worker:
        run.await_committed(worker)

    flushes = run.flushes()
    assert cells(flushes, PROFILE) == expected_cells(traffic.n_good, COUNTED)
    head = joined(flushes, PROFILE)
    # A prediction that is missing, or no number, is judged by its score. In 1970 there was no profile to join under.
    n_joinable = sum(case.outcome != {"": "late"} for case in COUNTED)
    assert head[PREDICTED] == traffic.n_good - 1 + n_joinable
    assert head[DUPLICATES] == 1
    assert head[LABELLED] == n_labelled - 1
    marks = {mark.source: mark.time_ms for flush in flushes for mark in flush.watermarks}
    assert marks[Source("predictions", 1)] == traffic.now_ms - LATENESS_MS, "2100 moved the watermark"
    expect_dead_letters(run, traffic.refused)


def expect_dead_letters(run: SketchRun, refused: list[Sent]) -> None:
    letters = {
        (r.headers["driftline_topic"], int(r.headers["driftline_partition"]), int(r.headers["driftline_offset"])): r
        for r in run.read("dead-letters")
    }
    assert len(letters) == len(run.read("dead-letters")), "one letter a record"
    assert letters.keys() == {sent[:3] for sent in refused}
    for topic, partition, offset, case in refused:
        letter = letters[topic, partition, offset]
        raw = case.value or b""
        assert letter.headers["driftline_reason"] == case.outcome, (case.name, letter.headers["driftline_message"])
        assert letter.headers["driftline_message"].endswith(f" ({topic}-{partition}@{offset})"), case.name
        assert len(letter.headers["driftline_message"]) < 500, case.name
        assert letter.headers["driftline_size"] == str(len(raw)), case.name
        assert letter.headers["driftline_sha256"] == hashlib.sha256(raw).hexdigest(), case.name
        assert letter.value == raw[:MAX_VALUE_BYTES], case.name
        assert letter.key == topic.encode()
    assert any(len(sent.case.value or b"") > MAX_VALUE_BYTES for sent in refused)


@pytest.mark.parametrize("lines", [COUNTED, REFUSED, REFUSED_LABELS])
def test_no_case_is_there_twice(lines: list[Case]) -> None:
    assert len({case.name for case in lines}) == len(lines)
    assert len({case.value for case in lines}) == len(lines)
