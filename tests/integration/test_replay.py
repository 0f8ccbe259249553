"""``driftline replay`` against what real workers have said: nothing changes without a change of the configuration."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from driftline.events.cloudevents import epoch_ms
from tests.support.command import driftline
from tests.support.expected import alerts_of, expected
from tests.support.reading import committed_offsets, end_offsets
from tests.support.real_broker import patient, topics_on, wait_until
from tests.support.stream import Input, Stream
from tests.support.traffic import PARTITIONS

if TYPE_CHECKING:
    from pathlib import Path
    from subprocess import CompletedProcess

pytestmark = pytest.mark.slow
SPAN = ("--from", "2026-03-01T00:00:00Z", "--to", "2026-03-05T00:00:00Z")
HOUR = 3_600_000


@pytest.fixture(scope="module")
def worked(real_broker: str, tmp_path_factory: pytest.TempPathFactory) -> Stream:
    """Return a stream that workers have watched to its end, with drift in the middle, and with labels."""
    name = f"replay-{uuid.uuid4().hex[:8]}"
    given = Input(real_broker, name)
    given.write()
    stream = Stream(given, name, tmp_path_factory.mktemp("replay"), {"flush_interval": "500ms"}, commands_too=True)
    with stream.workers() as workers:
        workers.start("all", "only")
        stream.settle(workers, expected(commands_too=True))
    return stream


def replay(stream: Stream, *options: object, **changes: dict[str, Any]) -> CompletedProcess[str]:
    """Replay the stream, with changed settings of all models where there are some."""
    config = yaml.safe_load(stream.config.read_text())
    for name, section in changes.items():
        config["defaults"][name] = config["defaults"].get(name, {}) | section
    path = stream.folder / "changed.yaml"
    path.write_text(yaml.safe_dump(config))
    return driftline("replay", "--config", path, *options)


def differences(done: CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def latest() -> dict[str, dict[str, Any]]:
    """Return the alerts that workers left on the topic, by id."""
    states: dict[str, dict[str, Any]] = {}
    for alert in sorted(alerts_of(expected(commands_too=True)), key=lambda each: each["revision"]):
        states[alert["alert_id"]] = alert
    return states


def test_the_same_configuration_gives_no_difference_and_leaves_no_trace(worked: Stream) -> None:
    bootstrap = worked.input.bootstrap
    admin = AdminClient({"bootstrap.servers": bootstrap})
    places = [(topic, number) for topic in worked.input.ends for number in range(PARTITIONS)]

    def traces() -> object:
        listed = admin.list_consumer_groups().result().valid
        groups = {group.group_id for group in listed if group.group_id.startswith(worked.prefix)}
        own = [topic for topic in sorted(topics_on(bootstrap)) if topic.startswith(worked.prefix)]
        committed = [place.offset for place in committed_offsets(bootstrap, f"{worked.prefix}-sketch", places)]
        return groups, {topic: end_offsets(bootstrap, topic, "read_uncommitted") for topic in own}, committed

    before = traces()
    done = replay(worked, *SPAN, "--check")
    assert done.returncode == 0, done.stdout + done.stderr
    opened = [alert for alert in latest().values() if alert["opened_at"] < "2026-03-05"]
    n_notifications = sum(alert["notification"] for alert in opened)
    assert done.stdout.startswith(f"no difference: {len(opened)} alerts, {n_notifications} notifications, from ")
    assert len(opened) > 5
    causes = {cause for alert in opened for cause in alert["causes"]}
    assert causes >= {"data drift", "performance"}, "labels count too"
    assert "records cannot be used" in done.stderr
    silent = replay(worked, *SPAN, "--json", "--check")
    assert (silent.returncode, silent.stdout) == (0, "")
    assert traces() == before


def test_a_slower_opening_moves_alerts_or_keeps_them_from_coming(worked: Stream) -> None:
    done = replay(worked, *SPAN, "--json", "--check", alerts={"open_after": {"findings": 3, "windows": 4}})
    assert done.returncode == 1, done.stderr
    found = differences(done)
    assert {each["difference"] for each in found} & {"moved", "gone"}
    standing = latest()
    for each in found:
        if each["difference"] == "new":
            continue  # what opened too late to be a part of the incident that stands
        assert each["topic"]["severity"] == standing[each["topic"]["alert_id"]]["severity"]


def test_gates_that_nothing_passes_leave_no_drift(worked: Stream) -> None:
    done = replay(worked, *SPAN, "--json", checks={"min_psi": 50.0, "min_share_change": 1.0})
    assert done.returncode == 0, done.stderr
    found = differences(done)
    gone = {each["topic"]["alert_id"] for each in found if each["difference"] == "gone"}
    drifts = {name for name, alert in latest().items() if alert["causes"] == ["data drift"]}
    assert drifts <= gone
    assert not any(each["cause"] == "data drift" and each["difference"] != "gone" for each in found)


def test_a_larger_budget_brings_alerts_or_brings_them_sooner(worked: Stream) -> None:
    done = replay(worked, *SPAN, "--json", alerts={"false_alarm_budget": "300 per 30d"})
    assert done.returncode == 0, done.stderr
    assert {"new", "moved"} & {each["difference"] for each in differences(done)}


def test_a_span_reports_its_own_alerts_alone(worked: Stream) -> None:
    start, end = "2026-03-01T19:00:00Z", "2026-03-01T22:00:00Z"
    done = replay(worked, "--from", start, "--to", end, "--json", alerts={"open_after": {"findings": 3, "windows": 4}})
    found = differences(done)
    assert found
    for each in found:
        opened = [epoch_ms(side["opened_at"]) for side in (each["topic"], each["replay"]) if side is not None]
        assert any(epoch_ms(start) <= moment < epoch_ms(end) for moment in opened)
    assert f"From {start} to {end}" in done.stderr


def test_a_warm_up_reads_less_and_says_what_that_costs(worked: Stream) -> None:
    late = ("--from", "2026-03-02T06:00:00Z")
    done = replay(worked, *late, "--warm-up", "1h")
    assert done.returncode == 0, done.stderr
    assert "records from before the warm-up of 1h were not read" in done.stderr
    assert "labels come up to 12h after their predictions" in done.stderr
    long = replay(worked, *late, "--warm-up", "2w")
    assert long.stdout.startswith("no difference: "), "all records are within the warm-up"


@pytest.fixture
def cut(real_broker: str, topic_prefix: str, tmp_path: Path) -> tuple[Path, Input]:
    """Return the configuration of topics whose oldest records have been deleted; driftline has its topics there."""
    given = Input(real_broker, topic_prefix)
    given.write([0])
    stream = Stream(given, topic_prefix, tmp_path)
    admin = AdminClient({"bootstrap.servers": real_broker})
    half = [TopicPartition(f"{topic_prefix}-predictions", 0, given.ends[f"{topic_prefix}-predictions"][0] // 2)]
    for future in admin.delete_records(half).values():
        future.result(timeout=patient(30))
    return stream.config, given


def test_times_whose_records_are_deleted_are_refused_with_the_first_that_can_be_replayed(
    cut: tuple[Path, Input],
) -> None:
    config, given = cut
    done = driftline("replay", "-c", config, "--from", "2026-03-01T06:00:00Z")
    assert done.returncode == 3
    topic = f"{given.name}-predictions"
    message = " ".join(done.stderr.split())
    assert f"Records of {topic} from before 2026-03-01T" in message
    assert "have been deleted in partition 0 (`retention.ms`)" in message
    assert "Choose a later --from" in message
    later = driftline("replay", "-c", config, "--from", "2026-03-02T06:00:00Z")
    assert later.returncode == 0, later.stderr
    assert "the topics keep all records from 2026-03-01T" in " ".join(later.stderr.split())


def test_another_prefix_has_no_alerts_to_compare_with(real_broker: str, topic_prefix: str) -> None:
    done = driftline("replay", "-b", real_broker, "--prefix", topic_prefix, "--from", "beginning")
    assert done.returncode == 3
    assert f"There is no topic {topic_prefix}.alerts at {real_broker}" in done.stderr


# --- a reference that was learnt, and labels that were silent -------------------------------------------------------

START_MS = epoch_ms("2026-03-01T00:00:00Z")
SILENT_MS, BACK_MS, END_MS = START_MS + 3 * HOUR, START_MS + 5 * HOUR, START_MS + 7 * HOUR
STEP_MS = 1_500


def events() -> dict[str, list[tuple[int, int, dict[str, Any]]]]:
    """Return predictions and labels as (Kafka timestamp, partition, event); the last two hours have drifted.

    Labels from between ``SILENT_MS`` and ``BACK_MS`` come later, all at once.
    """
    made: dict[str, list[tuple[int, int, dict[str, Any]]]] = {"predictions": [], "labels": []}
    for i in range((END_MS - START_MS) // STEP_MS):
        time_ms, partition = START_MS + i * STEP_MS, i % PARTITIONS
        shift = 40 if time_ms >= BACK_MS else 0
        features = {"x": (i * 7919 + 13) % 101 + shift, "c": "abc"[(i * 31) % 3]}
        event = {"prediction_id": f"p{i}", "model": "loan", "model_version": "1", "ts": time_ms, "features": features}
        made["predictions"].append((time_ms, partition, {**event, "prediction": "yes" if i % 2 else "no"}))
        label_ms = time_ms + 60_000
        if label_ms < END_MS:
            sent_ms = BACK_MS + 1 if SILENT_MS <= label_ms < BACK_MS else label_ms
            label = {"prediction_id": f"p{i}", "label": "yes" if i % 2 or i % 5 == 0 else "no", "ts": label_ms}
            made["labels"].append((sent_ms, partition, label))
    made["labels"].sort(key=lambda each: each[0])
    return made


def send(given: Input, kind: str, from_ms: int, until_ms: int) -> None:
    """Write the events of a stretch of Kafka timestamps."""
    producer = Producer({"bootstrap.servers": given.bootstrap, "linger.ms": 20})
    topic = f"{given.name}-{kind}"
    for sent_ms, partition, event in events()[kind]:
        if from_ms <= sent_ms < until_ms:
            key = event["prediction_id"]
            producer.produce(topic, json.dumps(event), key, partition, timestamp=sent_ms)
            given.ends[topic][partition] += 1
            producer.poll(0)
    assert producer.flush(patient(60)) == 0


def alerts_on(stream: Stream) -> list[dict[str, Any]]:
    return [json.loads(record.value) for record in stream.read("alerts") if record.value is not None]


def test_learnt_references_and_silent_labels_are_replayed_as_they_were(
    real_broker: str, topic_prefix: str, tmp_path: Path
) -> None:
    given = Input(real_broker, topic_prefix)
    stream = Stream(
        given,
        topic_prefix,
        tmp_path,
        {"flush_interval": "200ms"},
        join={"repartition": True},
        time={"pane": "1m", "lateness": "1m", "idle_timeout": "2s"},
        defaults={
            "windows": {"verdict": ["20m"], "performance": "20m", "display": "20m", "hop": "20m", "min_samples": 100},
            "checks": {"dispersion": {"mode": "independent"}},
            "labels": {"horizon": "3h", "wait": "10m", "revisions": ["30m"], "stall_after": "30m"},
            "bootstrap": {"sample": 1_000, "events": 2_000},
        },
    )
    with stream.workers() as workers:
        workers.start("sketch", "sketch")
        detect = workers.start("detect", "detect")
        for kind in ("predictions", "labels"):
            send(given, kind, 0, SILENT_MS)
        stream.await_committed(workers, stream.n_input())
        send(given, "predictions", SILENT_MS, BACK_MS)
        wait_until(lambda: any(each["cause"] == "labels" for each in alerts_on(stream)), 60, workers.logs)
        for kind in ("predictions", "labels"):
            send(given, kind, BACK_MS, END_MS)
        stream.await_committed(workers, stream.n_input())
        for worker in workers.running("sketch"):
            worker.stop()
        n_panes = len(stream.read("panes"))
        wait_until(lambda: detect.metric("driftline_records_applied_total") == n_panes, 60, workers.logs)
        detect.stop()
    assert {each["cause"] for each in alerts_on(stream)} >= {"labels", "data drift"}
    assert stream.read("references"), "some reference was learnt"
    done = replay(stream, "--from", "beginning", "--check")
    assert done.returncode == 0, done.stdout + done.stderr
    patient_labels = replay(stream, "--from", "beginning", "--json", labels={"stall_after": "6h"})
    assert [(each["difference"], each["cause"]) for each in differences(patient_labels)] == [("gone", "labels")]
