"""One finite input, read in different ways: the same set of events and alerts, byte for byte."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from driftline.runtime.references.profile_files import write_profile
from tests.support.command import driftline
from tests.support.expected import (
    Output,
    alerts_of,
    backtest_configuration,
    events_of,
    expected,
    write_commands,
    write_files,
)
from tests.support.real_broker import wait_until
from tests.support.stream import Input, Stream
from tests.support.traffic import CALIBRATED_MS, DRIFT_MS, HOUR, profiles

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.workers import Workers

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wanted() -> frozenset[Output]:
    return expected(commands_too=True)


def test_the_traffic_is_worth_comparing(wanted: frozenset[Output]) -> None:
    types = {dict(output.headers)["ce_type"].decode().split(".")[2] for output in wanted}
    assert types == {
        "window",
        "finding",
        "performance",
        "estimate",
        "label_arrival",
        "label_stream",
        "control",
        "alert",
    }
    alerts = alerts_of(wanted)
    assert {alert["model"] for alert in alerts} == {"credit", "price", "intent"}
    assert {alert["state"] for alert in alerts} == {"open", "resolved"}
    assert {cause for alert in alerts for cause in alert["causes"]} >= {"data drift", "data quality", "performance"}
    followed = [alert for alert in alerts if alert["incident"] != alert["alert_id"]]
    assert {"performance"} <= {alert["cause"] for alert in followed} <= {"performance", "duplicates"}
    assert {alert["incident"] for alert in followed} < {alert["alert_id"] for alert in alerts}
    assert any(alert["revision"] > 5 for alert in alerts)


def test_errors_by_feature_are_worth_comparing(wanted: frozenset[Output]) -> None:
    found = [each for each in events_of("finding", wanted) if each["check"].startswith("concept.")]
    of_age = [
        each for each in found if (each["model"], each["check"], each["column"]) == ("credit", "concept.errors", "age")
    ]
    assert of_age
    assert all(_ms(each["window"]["end"]) > DRIFT_MS for each in found)
    assert all(each["group"]["values"].startswith(">=") for each in of_age)
    events = [each["by_feature"] for each in events_of("performance", wanted) if "by_feature" in each]
    assert {each["baseline"] for each in events} == {"reference"}
    assert sum(each["limit"] is not None for each in events) > 10, "of the regression"


def test_the_commands_are_worth_comparing(wanted: frozenset[Output]) -> None:
    answers = events_of("control", wanted)
    assert [each["status"] for each in answers].count("refused") == 2
    assert {each["status"] for each in answers} == {"accepted", "refused"}
    alerts = alerts_of(wanted)
    assert {alert["notified_for"] for alert in alerts} >= {"opened", "mute over"}
    assert any("acknowledged" in alert for alert in alerts)
    assert any("was replaced by" in alert["sentence"] for alert in alerts)
    assert any("set a new baseline" in alert["sentence"] for alert in alerts)
    assert any("maintenance" in event["flags"] for event in events_of("window", wanted))


def test_the_burn_in_ends_before_the_drift_and_pages_nobody(wanted: frozenset[Output]) -> None:
    hour, six_hours = HOUR, 6 * HOUR
    statuses: dict[tuple[int, bool], set[str]] = {}
    for event in events_of("window", wanted):
        if event["window"]["kind"] == "tumbling":
            since = event["window"]["size_ms"], _ms(event["window"]["start"]) >= CALIBRATED_MS
            tested = [column["test"]["dispersion"] for column in event["columns"] if column["test"] is not None]
            statuses.setdefault(since, set()).update(dispersion["status"] for dispersion in tested)
    assert statuses.pop((hour, False)) == {"calibrating"}
    assert statuses.pop((hour, True)) == {"widened"}, "known, from little"
    assert set().union(*statuses.values()) == {"calibrating"}, "of six hours there are too few windows"

    findings = [found for found in events_of("finding", wanted) if found["check"] == "distribution.pearson"]
    calibrating = [found for found in findings if found["dispersion"]["status"] == "calibrating"]
    assert {found["window"]["size_ms"] for found in calibrating} == {six_hours}
    assert {(found["severity"], found["level"]["in_budget"]) for found in calibrating} == {("info", False)}
    paging = [found for found in findings if found["severity"] != "info"]
    assert {found["model"] for found in paging} == {"credit", "price", "intent"}
    assert {found["dispersion"]["source"] for found in paging} == {"production"}
    assert all(_ms(found["window"]["start"]) >= DRIFT_MS for found in paging)

    alerts = alerts_of(wanted)
    named = {found["finding_id"] for alert in alerts for found in alert["findings"]}
    assert named & {found["finding_id"] for found in paging}
    assert not named & {found["finding_id"] for found in calibrating}
    drifted = [alert for alert in alerts if "data drift" in alert["causes"]]
    assert {alert["model"] for alert in drifted} == {"credit", "price", "intent"}
    assert all(_ms(alert["opened_at"]) > DRIFT_MS for alert in drifted)


def _ms(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)


def test_one_worker_with_large_batches(
    real_broker: str, topic_prefix: str, tmp_path: Path, wanted: frozenset[Output]
) -> None:
    given = Input(real_broker, topic_prefix)
    given.write()
    stream = Stream(given, topic_prefix, tmp_path, {"batch": 10_000, "flush_interval": "2s"}, commands_too=True)
    with stream.workers() as workers:
        workers.start("all", "only")
        stream.settle(workers, wanted)
    assert stream.expect(wanted) == 0, "nobody failed, so nothing is repeated"
    stream.expect_all_counted()


def test_three_workers_of_each_role_with_small_batches(
    real_broker: str, topic_prefix: str, tmp_path: Path, wanted: frozenset[Output]
) -> None:
    given = Input(real_broker, topic_prefix)
    stream = Stream(given, topic_prefix, tmp_path, {"batch": 100, "flush_interval": "200ms"}, commands_too=True)
    with stream.workers() as workers:
        for number in range(3):
            workers.start("sketch", f"sketch-{number}")
            workers.start("detect", f"detect-{number}")
        wait_until(lambda: _own_a_partition_each(workers), 90, workers.logs)
        given.write()
        stream.await_committed(workers, stream.n_input())
        for worker in workers.running("sketch"):
            assert worker.metric("driftline_flushed_events_total") > 0, worker.log()
        wait_until(
            lambda: all(w.metric("driftline_records_applied_total") for w in workers.running("detect")), 60, "work"
        )
        stream.settle(workers, wanted)
    stream.expect(wanted)
    stream.expect_all_counted()


def _own_a_partition_each(workers: Workers) -> bool:
    """Return whether each sketch worker owns one partition of both topics, and one of them the commands."""
    owned = []
    for worker in workers.running("sketch"):
        worker.expect_running()
        said = [line for line in worker.log().splitlines() if '"assigned"' in line]
        owned += [json.loads(said[-1])["partitions"]] if said else []
    return sorted(len(partitions) for partitions in owned) == [2, 2, 3]


def test_partitions_drained_a_day_of_event_time_apart(
    real_broker: str, topic_prefix: str, tmp_path: Path, wanted: frozenset[Output]
) -> None:
    given = Input(real_broker, topic_prefix)
    given.write([1])
    stream = Stream(given, topic_prefix, tmp_path, {"batch": 1_000, "flush_interval": "300ms"}, commands_too=True)
    with stream.workers() as workers:
        workers.start("all", "only")
        stream.await_committed(workers, stream.n_input([1]), [1])
        given.write([2])
        stream.await_committed(workers, stream.n_input([1, 2]), [1, 2])
        answers = [output for output in stream.outputs() if b"command_id" in (output.value or b"")]
        assert stream.n_outputs() == len(answers), "nothing closes before the last partition has spoken"
        given.write([0])
        stream.settle(workers, wanted)
    assert stream.expect(wanted) == 0
    stream.expect_all_counted()


def test_the_backtest_command_writes_the_same_events(tmp_path: Path, wanted: frozenset[Output]) -> None:
    files = write_files(tmp_path)
    credit = next(profile for profile in profiles() if profile.key.model == "credit")
    write_profile(tmp_path / "credit.profile", credit)
    options = {
        "--config": backtest_configuration(tmp_path),
        "--reference": tmp_path / "credit.profile",
        "--predictions": files["predictions"],
        "--labels": files["labels"],
        "--control": write_commands(tmp_path),
        "--out": tmp_path / "events.ndjson",
    }
    done = driftline("backtest", *(part for pair in options.items() for part in pair))
    assert done.returncode == 0, done.stdout + done.stderr
    written = [line.partition(b'"data":')[2][:-1] for line in (tmp_path / "events.ndjson").read_bytes().splitlines()]
    data = [value for value in written if json.loads(value)["model"] == "credit"]  # and the label stream has its own
    of_credit = {output.value for output in wanted if json.loads(output.value or b"{}")["model"] == "credit"}
    assert len(data) == len(of_credit)
    assert set(data) == of_credit
