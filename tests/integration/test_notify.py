"""``driftline notify`` with a real broker, a real SMTP server and HTTP servers: nothing is lost, and all in order."""

from __future__ import annotations

import json
import os
import socket
import time
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from tests.support.alerts import HOSTILE, alert_fields, resolved, updated
from tests.support.command import driftline
from tests.support.fleets import fleet_alert, fleet_resolved
from tests.support.http_server import Answer
from tests.support.notifier import QUICK, HttpSink, Notified, NotifierProcess
from tests.support.reading import read_topic
from tests.support.real_broker import RealBroker, create_topics, wait_until
from tests.support.smtp_server import SmtpServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

OUTAGE_S = float(os.environ.get("DRIFTLINE_TEST_OUTAGE_S") or 0)
"""How long sinks are down at least: a minute takes `DRIFTLINE_TEST_OUTAGE_S=60`; else as long as a test needs."""


@pytest.fixture
def notified(real_broker: str, topic_prefix: str, tmp_path: Path) -> Notified:
    return Notified(real_broker, topic_prefix, tmp_path)


@pytest.fixture
def sink() -> Iterator[HttpSink]:
    with HttpSink() as found:
        yield found


def life(alert_id: str = "a1") -> list[dict[str, Any]]:
    """Opening, a change without a notification, a notification, resolution."""
    worse = alert_fields(alert_id, revision=3, notification=2, notified_for="more severe")
    return [alert_fields(alert_id), updated(alert_id), worse, resolved(alert_id, revision=4)]


def keys_of(*alert_ids: str) -> list[str]:
    return [f"{each}/{news}" for each in alert_ids for news in ("notification-1", "notification-2", "resolved")]


def mail_sink(port: int) -> dict[str, Any]:
    email = {"host": "127.0.0.1", "port": port, "security": "none", "to": ["a@example.com"], "sender": "d@example.com"}
    return {"email": email, "retry": QUICK}


def webhook(sink: HttpSink, **more: Any) -> dict[str, Any]:  # noqa: ANN401  # any setting of a sink
    return {"webhook": {"url": sink.url}, "retry": QUICK} | more


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def arrive(count: Callable[[], int], expected: int, process: NotifierProcess) -> None:
    def shown() -> str:
        return f"{expected} messages, got {count()}; {process.log}"

    wait_until(lambda: count() >= expected or process.has_ended, 60, shown)
    assert count() >= expected, f"the process has ended: {shown()}"


def test_each_sink_is_told_of_opening_change_and_end_once_each(notified: Notified, sink: HttpSink) -> None:
    with SmtpServer() as server:
        config = notified.configuration(
            {
                "mail": mail_sink(server.port),
                "all": webhook(sink, updates=True, webhook={"url": f"{sink.url}/all", "secret_env": "HOOK_SECRET"}),
                "duty": {"pagerduty": {"routing_key_env": "DUTY_KEY", "url": f"{sink.url}/duty"}},
            }
        )
        environment = {"HOOK_SECRET": "correct horse", "DUTY_KEY": "battery staple"}
        with NotifierProcess(config, environment=environment) as process:
            process.ready()
            notified.write(*life())
            arrive(lambda: len(sink.requests), 7, process)
            arrive(lambda: len(server.mails), 3, process)
            assert process.terminate() == 0
            shown = json.dumps(process.log)
            assert not any(secret in shown for secret in environment.values())
    told = {
        path: [request.headers["Idempotency-Key"] for request in sink.requests if request.path == path]
        for path in ("/all", "/duty")
    }
    assert told["/all"] == ["a1/notification-1", "a1/revision-2", "a1/notification-2", "a1/resolved"]
    assert told["/duty"] == keys_of("a1")
    assert [mail["Idempotency-Key"] for mail in server.mails] == keys_of("a1")
    assert {mail["In-Reply-To"] for mail in server.mails[1:]} == {server.mails[0]["Message-ID"]}
    actions = [json.loads(each.body)["event_action"] for each in sink.requests if each.path == "/duty"]
    assert actions == ["trigger", "trigger", "resolve"]
    assert all("webhook-signature" in each.headers for each in sink.requests if each.path == "/all")


@pytest.mark.timeout(180 + 2 * OUTAGE_S)
def test_what_sinks_miss_while_they_are_down_arrives_later_in_order_though_the_notifier_is_killed(
    notified: Notified, sink: HttpSink
) -> None:
    mail_port, hook_port = free_port(), free_port()
    down = {"webhook": {"url": f"http://127.0.0.1:{hook_port}"}, "retry": QUICK}
    config = notified.configuration({"mail": mail_sink(mail_port), "down": down, "hook": webhook(sink)})
    missed = keys_of("a1", "a2")[1:]
    with NotifierProcess(config) as process:
        with SmtpServer(mail_port) as mails, HttpSink(hook_port) as hooks:
            process.ready()
            notified.write(alert_fields("a1"))
            arrive(lambda: min(len(mails.mails), len(hooks.requests), len(sink.requests)), 1, process)
        began_s = time.monotonic()
        notified.write(*life("a1")[1:], *life("a2"))
        arrive(lambda: len(sink.requests), 6, process)
        wait_until(lambda: in_vain(process, 5), 60, "attempts in vain")
        status, answer = process.ask("/readyz")
        assert status == 503
        assert "the sink `mail` does not take messages: ConnectionRefusedError" in answer
        assert "the sink `down` does not take messages: " in answer
        assert process.metric("waiting_records", "mail") == process.metric("waiting_records", "down") == 6
        wait_until(lambda: time.monotonic() >= began_s + OUTAGE_S / 2, OUTAGE_S, "half of the outage")
        process.kill()
    with NotifierProcess(config) as process:
        wait_until(lambda: in_vain(process, 1), 60, "attempts in vain again")
        wait_until(lambda: time.monotonic() >= began_s + OUTAGE_S, OUTAGE_S, "the end of the outage")
        with SmtpServer(mail_port) as later_mails, HttpSink(hook_port) as later_hooks:
            arrive(lambda: len(later_mails.mails), 5, process)
            arrive(lambda: len(later_hooks.requests), 5, process)
            wait_until(lambda: process.ask("/readyz")[0] == 200, 30, "readiness")
            assert process.metric("waiting_records", "mail") == process.metric("waiting_records", "down") == 0
            assert process.terminate() == 0
    assert [mail["Idempotency-Key"] for mail in mails.mails] == hooks.keys == ["a1/notification-1"]
    assert [mail["Idempotency-Key"] for mail in later_mails.mails] == later_hooks.keys == missed
    assert list(dict.fromkeys(sink.keys)) == ["a1/notification-1", *missed], "the other sink did not wait"


def in_vain(process: NotifierProcess, least: int) -> bool:
    """Return whether so many attempts of the sinks that are down were in vain."""
    return all(process.metric("failed_attempts_total", name) >= least for name in ("mail", "down"))


def test_a_slow_sink_holds_nobody_up_and_a_restart_of_the_broker_loses_nothing(
    own_broker: RealBroker, topic_prefix: str, tmp_path: Path, sink: HttpSink
) -> None:
    notified = Notified(own_broker.bootstrap, topic_prefix, tmp_path)
    with HttpSink() as slow:
        slow.holding.clear()
        config = notified.configuration({"hook": webhook(sink), "slow": webhook(slow, timeout="2m")})
        with NotifierProcess(config) as process:
            process.ready()
            notified.write(*life("a1"))
            arrive(lambda: len(sink.requests), 3, process)
            own_broker.stop()
            own_broker.start()
            notified.write(*life("a2"))
            arrive(lambda: len(sink.requests), 6, process)
            assert set(slow.keys) == {"a1/notification-1"}, "it has answered none yet"
            slow.holding.set()
            # It was thrown out of its group while the broker was away, so what was under way is sent again.
            arrive(lambda: len(set(slow.keys)), 6, process)
            assert process.terminate() == 0
    expected = keys_of("a1", "a2")
    assert sorted(expected, key=sink.keys.index) == sorted(expected, key=slow.keys.index) == expected


def test_a_kill_between_reading_and_delivering_loses_nothing(notified: Notified, sink: HttpSink) -> None:
    config = notified.configuration({"hook": webhook(sink, timeout="60s")})
    expected = keys_of("a1", "a2", "a3")
    with NotifierProcess(config) as process:
        process.ready()
        notified.write(*life("a1"))
        arrive(lambda: len(sink.requests), 3, process)
        sink.holding.clear()
        notified.write(*life("a2"))
        arrive(lambda: len(sink.requests), 4, process)
        process.kill()
    notified.write(*life("a3"))
    sink.holding.set()
    with NotifierProcess(config) as process:
        wait_until(lambda: set(sink.keys) == set(expected), 90, lambda: f"{expected}, got {sink.keys}; {process.log}")
        assert process.terminate() == 0
    # Only what was under way is sent twice: what was answered had been committed, or is the last before the kill.
    repeated = [key for key in sink.keys if sink.keys.count(key) > 1]
    assert set(repeated) <= {"a1/resolved", "a2/notification-1"}
    assert "a2/notification-1" in repeated
    assert sorted(expected, key=sink.keys.index) == expected


def test_a_second_process_stands_by_and_takes_over(notified: Notified, sink: HttpSink) -> None:
    config = notified.configuration({"hook": webhook(sink)})
    with NotifierProcess(config) as first, NotifierProcess(config) as second:
        first.ready()
        second.ready()
        notified.write(*life("a1"))
        arrive(lambda: len(sink.requests), 3, first)
        assert first.terminate() == 0
        notified.write(*life("a2"))
        arrive(lambda: len(sink.requests), 6, second)
        assert second.terminate() == 0
    expected = keys_of("a1", "a2")
    assert sorted(expected, key=sink.keys.index) == expected
    # A rebalance can come between a delivery and its commit; then that message alone is sent again.
    assert len(sink.keys) <= len(expected) + 1


def test_a_new_notifier_tells_of_what_is_open_and_not_of_what_is_over(notified: Notified, sink: HttpSink) -> None:
    notified.write(*life("over"), alert_fields("open"), updated("open"))
    config = notified.configuration({"hook": webhook(sink)})
    with NotifierProcess(config) as process:
        arrive(lambda: len(sink.requests), 1, process)
        notified.write(resolved("open", revision=3))
        arrive(lambda: len(sink.requests), 2, process)
        assert process.terminate() == 0
    with NotifierProcess(config) as process:
        process.ready()
        notified.write(alert_fields("later"))
        arrive(lambda: len(sink.requests), 3, process)
    assert sink.keys == ["open/notification-1", "open/resolved", "later/notification-1"]
    assert sink.bodies[0]["alerts"][0]["alert"]["revision"] == 2


def test_what_a_sink_refuses_becomes_a_dead_letter_and_the_stream_goes_on(notified: Notified, sink: HttpSink) -> None:
    quick_end = {**QUICK, "give_up_after": "0s"}
    with HttpSink() as broken:
        broken.answer = Answer(500, b"nonsense\x00")
        sinks = {"hook": webhook(sink), "broken": {**webhook(broken), "retry": quick_end}}
        with NotifierProcess(notified.configuration(sinks)) as process:
            process.ready()
            sink.answer = Answer(400, b"no")
            notified.write(alert_fields("a1"))
            arrive(lambda: len(sink.requests), 1, process)
            wait_until(lambda: process.metric("dead_letters_total", "hook") == 1, 30, "a dead letter")
            sink.answer = Answer(200)
            notified.write(b"no alert", alert_fields("a2"))
            arrive(lambda: len(sink.requests), 2, process)
            arrive(lambda: len(broken.requests), 2, process)
            letters = f"{notified.prefix}.dead-letters"
            wait_until(lambda: len(read_topic(notified.bootstrap, letters)) == 5, 60, lambda: f"letters; {process.log}")
    assert sink.keys == broken.keys == ["a1/notification-1", "a2/notification-1"]
    found = {
        (headers["driftline_sink"], headers["driftline_offset"]): (headers, record.value)
        for record in read_topic(notified.bootstrap, letters)
        for headers in [{name: value.decode() for name, value in record.headers}]
    }
    assert found.keys() == {("hook", "0"), ("hook", "1"), ("broken", "0"), ("broken", "1"), ("broken", "2")}
    assert {headers["driftline_reason"] for headers, _ in found.values()} == {"notify_failed"}
    refused, value = found["hook", "0"]
    assert refused["driftline_message"] == (
        "The sink `hook` did not take `a1/notification-1`: HTTP 400 no (it would be refused again)"
    )
    assert value is not None
    assert json.loads(value) == alert_fields("a1")
    assert "no alert that this version can read" in found["broken", "1"][0]["driftline_message"]
    assert "HTTP 500 nonsense (tried for 0 s)" in found["broken", "2"][0]["driftline_message"]


def test_alertmanager_is_reminded_of_what_is_open_also_after_a_restart(notified: Notified, sink: HttpSink) -> None:
    config = notified.configuration({"manager": {"alertmanager": {"url": sink.url, "interval": "500ms"}}})

    def posts() -> list[dict[str, Any]]:
        return [each for body in sink.bodies for each in body if each["labels"]["severity"] == "critical"]

    with NotifierProcess(config) as process:
        process.ready()
        notified.write(alert_fields("a1"))
        arrive(lambda: len(posts()), 4, process)
        process.kill()
    n_before = len(posts())
    with NotifierProcess(config) as process:
        arrive(lambda: len(posts()), n_before + 2, process)
        assert len({each["endsAt"] for each in posts()}) > 3
        assert all(each["startsAt"] == "2026-03-01T13:00:00.000Z" < each["endsAt"] for each in posts())
        assert process.metric("open_alerts", "manager") == 1
        notified.write(resolved("a1"))
        ended = "2026-03-01T15:00:00.000Z"
        wait_until(lambda: posts()[-1]["endsAt"] == ended, 30, lambda: f"the end of the alert, got {posts()[-1]}")
        wait_until(lambda: process.metric("open_alerts", "manager") == 0, 30, "no open alert")
    assert [each["endsAt"] for each in posts()].count(ended) == 1


def test_openings_together_make_one_message_and_a_digest_survives_a_kill(notified: Notified, sink: HttpSink) -> None:
    sinks = {"hook": webhook(sink, digest={"every": "36500d"})}
    routes = [{"sinks": ["hook"], "group_wait": "1s"}]
    with NotifierProcess(notified.configuration(sinks, routes=routes)) as process:
        process.ready()
        notified.write(
            alert_fields("mild", severity="warning"),
            alert_fields("a1"),
            alert_fields("a2"),
            alert_fields("mild2", severity="info"),
        )
        arrive(lambda: len(sink.requests), 1, process)
        wait_until(lambda: process.metric("waiting_records", "hook") == 2, 30, "the digest alone to wait")
        notified.write(updated("a2"))
        process.kill()
    sinks = {"hook": webhook(sink, digest={"every": "1ms"})}
    with NotifierProcess(notified.configuration(sinks, routes=routes)) as process:
        arrive(lambda: len(sink.requests), 2, process)
        wait_until(lambda: process.metric("waiting_records", "hook") == 0, 30, "nothing to wait")
    group, digest = sink.bodies
    assert (group["kind"], group["subject"]) == ("group", "[critical] 2 alerts opened: credit-risk")
    assert (digest["kind"], [each["key"] for each in digest["alerts"]]) == (
        "digest",
        ["mild/notification-1", "mild2/notification-1"],
    )


def test_a_problem_of_many_models_is_one_page_to_its_end_whatever_is_killed(notified: Notified, sink: HttpSink) -> None:
    duty = {"pagerduty": {"routing_key_env": "DUTY_KEY", "url": f"{sink.url}/duty"}, "retry": QUICK}
    sinks = {"hook": webhook(sink), "duty": duty}
    config = notified.configuration(sinks, routes=[{"sinks": list(sinks), "group_wait": "1s"}])
    environment = {"DUTY_KEY": "battery staple"}
    with NotifierProcess(config, environment=environment) as process:
        process.ready()
        notified.write(*(fleet_alert(number) for number in range(12)))
        arrive(lambda: len(sink.requests), 2, process)
        for name in sinks:
            wait_until(lambda: process.metric("waiting_records", name) == 0, 30, "nothing to wait")  # noqa: B023
        process.kill()
    notified.write(fleet_alert(12))
    with NotifierProcess(config, environment=environment) as process:
        arrive(lambda: len(sink.requests), 3, process)
        notified.write(*(fleet_resolved(number) for number in range(13)))
        arrive(lambda: len(sink.requests), 5, process)
        assert process.terminate() == 0
    told = {
        path: [body for body, request in zip(sink.bodies, sink.requests, strict=True) if request.path == path]
        for path in ("/", "/duty")
    }
    assert [(each["key"], each["group"]["n_models"]) for each in told["/"]] == [
        ("a000/notification-1", 12),
        ("a000/page-resolved", 13),
    ]
    assert [(each["event_action"], each["dedup_key"]) for each in told["/duty"]] == [
        ("trigger", "a000"),
        ("trigger", "a000"),
        ("resolve", "a000"),
    ]
    assert [each["payload"]["summary"].split(":")[0] for each in told["/duty"]] == [
        "[critical] 12 models",
        "[critical] 13 models",
        "[critical] 13 models",
    ]


def test_a_sink_of_the_fleets_set_hears_of_what_is_in_it_whatever_is_killed(notified: Notified, sink: HttpSink) -> None:
    def about(alert_id: str, e_value: float) -> dict[str, Any]:
        evidence = {"months": [{"month": "2026-03", "e_value": e_value}], "without": []}
        return {"model": f"model-{alert_id}", "incident": alert_id, "evidence": evidence}

    def alert(alert_id: str, e_value: float) -> dict[str, Any]:
        return alert_fields(alert_id, **about(alert_id, e_value))

    sinks = {
        "all": webhook(sink, webhook={"url": f"{sink.url}/all"}),
        "set": webhook(sink, webhook={"url": f"{sink.url}/set"}, fleet=True),
    }
    config = notified.configuration(sinks)
    create_topics(notified.bootstrap, {f"{notified.prefix}.references": 1}, {"cleanup.policy": "compact"})
    producer = Producer({"bootstrap.servers": notified.bootstrap})
    for number in range(10):
        producer.produce(f"{notified.prefix}.references", b"a block", key="\0".join((f"m{number}", "1", "p", "0")))
    assert producer.flush(30) == 0
    # thirteen models, these ten and those of the alerts, may expect 13.4 false alarms: one needs 134, two need 67 each
    with NotifierProcess(config) as process:
        process.ready()
        notified.write(alert("a1", 100.0), alert("a2", 1.0), resolved("a2", 2, **about("a2", 1.0)))
        arrive(lambda: len(sink.requests), 3, process)
        wait_until(lambda: process.metric("held_back_alerts", "set") == 1, 30, "an alert to be held back")
        assert process.metric("held_back_alerts", "all") == 0
        process.kill()
    rows = driftline("notify", "--config", str(config), "--dry-run").stdout.splitlines()
    assert ["all, set (held back)" in row for row in rows] == [False, True]
    with NotifierProcess(config) as process:
        process.ready()
        wait_until(lambda: process.metric("held_back_alerts", "set") == 1, 30, "it to be held back again")
        notified.write(alert("a3", 100.0))
        arrive(lambda: len(sink.requests), 6, process)
        assert process.terminate() == 0
    told = {
        path: [body["key"] for body, request in zip(sink.bodies, sink.requests, strict=True) if request.path == path]
        for path in ("/all", "/set")
    }
    assert told["/set"] == ["a1/notification-1", "a3/notification-1"]
    assert told["/all"] == ["a1/notification-1", "a2/notification-1", "a2/resolved", "a3/notification-1"]


def test_a_dry_run_says_what_would_go_where_and_leaves_no_trace(notified: Notified, sink: HttpSink) -> None:
    sinks = {"hook": webhook(sink), "mail": mail_sink(1)}
    routes = [{"name": "urgent", "sinks": ["hook", "mail"], "severities": ["critical"]}]
    config = notified.configuration(sinks, routes=routes)
    command = ("notify", "--config", config, "--dry-run")
    empty = driftline(*command)
    assert (empty.returncode, empty.stdout) == (0, f"No alert is open on {notified.alerts}; nothing would be sent.\n")
    notified.write(*life("over"), alert_fields("a1", model=HOSTILE), alert_fields("a2", severity="info"), b"no alert")
    shown = driftline(*command)
    assert shown.returncode == 0, shown.stderr
    rows = [line.split() for line in shown.stdout.splitlines()]
    assert len(rows) == 3
    assert rows[0] == ["alert", "route", "sinks", "subject"]
    assert [row[:4] for row in rows[1:]] == [["a1", "urgent", "hook,", "mail"], ["a2", "none", "none", "data"]]
    assert "\x1b" not in shown.stdout
    assert "no alert that this version can read" in shown.stderr
    follower = {"notify": False, "notification": 0, "notified_for": "none", "incident": "a1"}
    notified.write(fleet_alert(1), fleet_alert(2), alert_fields("a3", title="accuracy", **follower))
    only = [line.split() for line in driftline(*command, "--sink", "mail").stdout.splitlines()]
    assert ["a1", "urgent", "mail"] in [row[:3] for row in only]
    assert [row[3:6] for row in only if row[0] == "a001"] == [["[critical]", "2", "models:"]]
    assert not any(row[0] == "a002" for row in only)
    assert ["a3", "none", "none", "follows", "from", "a1:", "accuracy"] in only
    groups = AdminClient({"bootstrap.servers": notified.bootstrap}).list_consumer_groups().result().valid
    assert not any(group.group_id.startswith(f"{notified.prefix}-notify") for group in groups)
    assert sink.requests == []


def test_what_is_missing_ends_the_command_with_a_message(real_broker: str, topic_prefix: str, tmp_path: Path) -> None:
    options = ("-b", real_broker, "--prefix", topic_prefix)
    none = driftline("notify", *options)
    assert (none.returncode, "Expected at least one sink" in none.stderr) == (2, True)
    config = tmp_path / "driftline.yaml"
    config.write_text("notify: {port: 0, sinks: {a: {webhook: {url_env: ABSENT}}}}", encoding="utf-8")
    absent = driftline("notify", *options, "--config", config)
    assert absent.returncode == 2
    assert "Expected an environment variable that is set, got 'ABSENT'" in absent.stderr
    unknown = driftline("notify", *options, "--config", config, "--sink", "b")
    assert (unknown.returncode, "Expected one of `a`, got 'b' - at `--sink`" in unknown.stderr) == (2, True)
    config.write_text("notify: {port: 0, sinks: {a: {webhook: {url: 'http://localhost:1'}}}}", encoding="utf-8")
    topicless = driftline("notify", *options, "--config", config)
    assert topicless.returncode == 3
    assert f"Expected topic {topic_prefix}.alerts, got none" in topicless.stderr
    create_topics(real_broker, {f"{topic_prefix}.alerts": 1})
    without_letters = driftline("notify", *options, "--config", config)
    assert f"Expected topic {topic_prefix}.dead-letters, got none" in without_letters.stderr
