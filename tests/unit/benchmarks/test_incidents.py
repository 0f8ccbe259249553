"""The incidents benchmark: its streams are what it says, its judge is strict, and some scenarios end to end."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from benchmarks.incidents import in_process, page
from benchmarks.incidents.encoding import labels, predictions
from benchmarks.incidents.judge import Result, results
from benchmarks.incidents.population import OF_ORDER
from benchmarks.incidents.reference import reference
from benchmarks.incidents.scenario import DAY_MS, HOUR_MS, ONSET_MS, START_MS, Scenario
from benchmarks.incidents.scenarios import SCENARIOS, STEADY
from benchmarks.incidents.splits import splits_in
from benchmarks.incidents.stream import LATENESS_MS, make
from driftline.events.cloudevents import rfc3339
from driftline.events.model_key import ModelKey

BY_NAME = {each.model: each for each in SCENARIOS}


def shortened(name: str, rate: float = 60.0, days: float = 3.0) -> Scenario:
    return replace(BY_NAME[name], rate=rate, days=days)


def test_there_are_twelve_incidents_and_one_that_needs_no_page() -> None:
    assert [each.number for each in SCENARIOS] == list(range(1, 14))
    assert [each.number for each in SCENARIOS if not each.roots] == [13]
    assert all(each.onset_ms is not None and START_MS < each.onset_ms < each.end_ms for each in SCENARIOS if each.roots)


@pytest.mark.parametrize("name", [each.model for each in SCENARIOS])
def test_a_stream_is_the_same_each_time_and_changes_at_its_onset(name: str) -> None:
    scenario = BY_NAME[name]
    stream, again = make(replace(scenario, rate=20)), make(replace(scenario, rate=20))
    assert stream.names == again.names
    assert all(np.array_equal(stream.rows[each], again.rows[each], equal_nan=True) for each in stream.rows)
    assert len({*stream.names}) == len(stream.names)
    assert (np.diff(stream.sent[0]) >= 0).all()
    late = stream.sent[0] - stream.times_ms[stream.sent[1]]
    assert 0 <= late.min() <= late.max() <= LATENESS_MS + 2_000
    if scenario.onset_ms is not None:
        assert not stream.changed[stream.times_ms < scenario.onset_ms].any()


def test_a_broken_join_takes_twenty_features() -> None:
    events = [msgspec.json.decode(each.value) for each in predictions(make(shortened("broken-join")))]
    assert {len(each["features"]) for each in events} == {25}
    late = [each for each in events if each["ts"] >= ONSET_MS]
    present = {name for each in late for name, value in each["features"].items() if value is not None}
    assert present == {*OF_ORDER}


def test_one_producer_of_three_writes_another_schema() -> None:
    records = predictions(make(shortened("wrong-schema")))
    strange = {each.producer for each in records if b"discount_ratio" in each.value}
    assert strange == {2}


def test_labels_stop_and_duplicates_repeat() -> None:
    last = max(each.sent_ms for each in labels(make(replace(BY_NAME["no-labels"], rate=20))))
    assert BY_NAME["no-labels"].onset_ms is not None
    assert last < BY_NAME["no-labels"].onset_ms
    records = predictions(make(shortened("duplicates")))
    repeated = len(records) - len({each.key for each in records})
    after = sum(each.producer == 1 and b'"ts"' in each.value for each in records if each.sent_ms > ONSET_MS + HOUR_MS)
    assert 0.4 * after < repeated < 0.6 * after


def alert(**fields: object) -> bytes:
    usual: dict[str, object] = {
        "model": "cents",
        "alert_id": "a",
        "notify": True,
        "state": "open",
        "root": "unit change",
    }
    usual |= {"title": "amount: x 100 (cents instead of euros?)", "updated_at": rfc3339(ONSET_MS + HOUR_MS)}
    onset = {"from": rfc3339(ONSET_MS - ONSET_MS % HOUR_MS), "to": rfc3339(ONSET_MS)}
    return msgspec.json.encode(usual | {"onset": onset} | fields)


def judged(*alerts: bytes) -> Result:
    return results([BY_NAME["cents"], STEADY], alerts)[0]


def test_the_judge_wants_one_page_with_the_cause_near_the_onset() -> None:
    right = judged(alert())
    assert right.is_right
    assert right.delay_h == 1.0
    assert right.onset_error == pytest.approx(1 / 3)
    assert not judged().is_right
    assert not judged(alert(), alert(alert_id="b")).is_right
    assert not judged(alert(root="feature shift")).is_right
    assert not judged(alert(title="income: x 100")).is_right
    early = {"from": rfc3339(ONSET_MS - DAY_MS), "to": rfc3339(ONSET_MS)}
    assert not judged(alert(onset=early)).is_right
    assert judged(alert(), alert(notify=False, root="feature shift")).is_right


def test_splits_that_do_not_add_up_are_told() -> None:
    part = {"value": 0.25, "standard_error": 0.0, "fraction": 0.5}
    of_segment = {"segment": "country=DE", "mix": part, "within": part}
    mix = [{"field": "country", "mix": part, "within": part, "segments": [of_segment]}]
    explained = {"mix": mix, "compared": {"change": 0.5}, "change": 0.5, "data": part, "concept": part}
    event = {"model": "cents", "explained": [explained]}
    assert splits_in([msgspec.json.encode(event)]) == (1, 1, 0.0, frozenset({"cents"}))
    explained["change"] = 0.6
    assert splits_in([msgspec.json.encode(event)]).worst == pytest.approx(0.1)
    assert splits_in([b"{}"]).worst == 0.0


@pytest.mark.slow
def test_some_incidents_make_one_page_with_the_right_cause() -> None:
    chosen = [
        replace(BY_NAME[name], days=2.0, onset_ms=START_MS + DAY_MS + 14 * HOUR_MS + HOUR_MS // 3)
        for name in ("frozen-feature", "cents", "wrong-schema")
    ]
    steady = replace(STEADY, days=0.1)  # its day's window holds the first hours of the night alone
    built = reference(seasonal=False, weeks=2, rate=150)
    profiles = [replace(built, key=ModelKey(each.model, "1")) for each in (*chosen, steady)]
    outputs = [*in_process.run([*chosen, steady], profiles)]
    found = results([*chosen, steady], [each.value for each in outputs if each.channel == "alerts" and each.value])
    assert [each.scenario.model for each in found if not each.is_right] == [], "\n".join(page.table(found))
